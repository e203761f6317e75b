# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the evaluation node, as a process, leaves when it ends: report and worst frames.

Twelve frames a second apart, the n-th of which has n of its 16 columns wrong.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
from graph import Graph
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_compressed_image, write_image
from unet_seg_ros.messages.semantic import PALETTE, look_up, semantic_table
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.legend import legend_message

CARLA29 = LabelSet.load("carla29")
CAMERA = "/carla/ego_vehicle/rgb_front"
TRUTH_TOPIC = "/carla/ego_vehicle/semantic_segmentation_front/image"
SECOND = 1_000_000_000
FRAMES = 12
ROADS, CAR = (CARLA29.class_id(name) for name in ("Roads", "Car"))
TRUTH = np.full((8, 16), ROADS, np.uint8)


def labels(wrong_columns: int) -> np.ndarray:
    pixels = TRUTH.copy()
    pixels[:, :wrong_columns] = CAR
    return pixels


def picture(number: int) -> np.ndarray:
    """Return the camera's picture of a frame, `(8, 16, 4)` BGRA."""
    return np.random.default_rng(number).integers(0, 256, (8, 16, 4)).astype(np.uint8)


@contextmanager
def evaluation_node(graph: Graph, **parameters: object) -> Iterator[subprocess.Popen[str]]:
    """Run the node as a process; it is ended with the context."""
    values = [["-p", f"{name}:={json.dumps(value)}"] for name, value in parameters.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "unet_seg_ros.nodes.evaluation", "--ros-args", *chain(*values)],
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ROS_DOMAIN_ID": str(graph.domain_id)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
    """End the node with a signal and return what it printed."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    return output


def drive(graph: Graph, is_compressed: bool = False) -> None:
    """Publish the frames, and wait until all are scored."""
    scores = graph.collect(String, "/evaluation/score", qos.latched())
    legend = graph.publisher(String, f"{CAMERA}/segmentation/legend", qos.latched())
    legend.publish(legend_message(CARLA29, {}, "fancy"))
    image_topic = f"{CAMERA}/image/compressed" if is_compressed else f"{CAMERA}/image"
    cameras = graph.publisher(CompressedImage if is_compressed else Image, image_topic)
    truths = graph.publisher(Image, TRUTH_TOPIC)
    masks = graph.publisher(Image, f"{CAMERA}/segmentation/labels")
    table = semantic_table(PALETTE, CARLA29)
    for number in range(1, FRAMES + 1):
        header = Header(number * SECOND, "camera")
        if is_compressed:
            png = cv2.imencode(".png", picture(number)[..., :3])[1]
            cameras.publish(write_compressed_image(header, png, "png"))
        else:
            cameras.publish(write_image(header, picture(number), "bgra8"))
        truths.publish(write_image(header, look_up(table, TRUTH), "bgra8"))
        masks.publish(write_image(header, labels(number), "mono8"))
    truths.publish(write_image(Header(99 * SECOND, "alone"), look_up(table, TRUTH), "bgra8"))

    def is_scored() -> bool:
        frames = json.loads(scores[-1].data)["frames"] if scores else {}
        return (frames.get("scored"), frames.get("truth")) == (FRAMES, FRAMES + 1)

    graph.spin_until(is_scored, "the score of all frames")


@dataclass(frozen=True)
class Left:
    """What a node left in its folder, and what it printed."""

    folder: Path
    output: str

    @property
    def worst_frames(self) -> Path:
        """The folder of the worst frames."""
        return self.folder / "worst_frames"


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("left") / "report"
    parameters = {"report": str(folder), "keep_worst": 4, "report_period": 0.1}
    with Graph() as graph, evaluation_node(graph, **parameters) as process:
        drive(graph)
        return Left(folder, end(process))


def test_it_leaves_the_report_of_evaluate(left):
    assert f"the report is {left.folder}/report.html" in left.output
    document = json.loads((left.folder / "report.json").read_text())
    [network], [data] = document["checkpoints"], document["data"]
    [result] = data["results"]
    right = 1 - sum(range(1, FRAMES + 1)) / (FRAMES * 16)
    assert network["name"] == result["checkpoint"] == "fancy"
    assert (network["label_set"], network["classes"]) == ("carla29", len(CARLA29))
    assert (data["frames"], data["available"]) == (FRAMES, FRAMES + 1)
    assert data["source"] == TRUTH_TOPIC
    assert data["sizes"] == [{"width": 16, "height": 8, "frames": FRAMES}]
    assert result["pixel_accuracy"] == pytest.approx(right, abs=1e-6)
    assert result["miou"] == pytest.approx(right, abs=1e-6)
    assert result["groups"]["drivable"]["recall"] == pytest.approx(right, abs=1e-6)
    first = {"name": "1.000000000", "miou": 15 / 16, "pixel_accuracy": 15 / 16}
    assert result["per_frame"][0] == first
    assert len(result["per_frame"]) == FRAMES
    # What no message tells has no value.
    assert result["expected_calibration_error"] is None
    assert result["frames_per_second"] is None
    assert any("unet-seg evaluate measures both" in note for note in data["notes"])
    assert not data["warnings"]


def test_its_page_shows_the_best_and_the_worst(left):
    page = (left.folder / "report.html").read_text()
    best, median, worst = (page.index(f"<h3>{kind}</h3>") for kind in ("Best", "Median", "Worst"))
    for frame in (1, 2, 3):
        assert best < page.index(f"{frame}.000000000: mIoU") < median
    for frame in (10, 11, 12):
        assert page.index(f"{frame}.000000000: mIoU") > worst
    assert page.count("<img ") == 4 * 9
    assert "Calibration" not in page


def test_it_leaves_the_worst_frames_as_a_data_set(left):
    assert f"4 frames that were scored worst are in {left.worst_frames}" in left.output
    pictures = open_dataset(str(left.worst_frames))
    assert pictures.label_set == CARLA29
    assert [sample.name for sample in pictures] == [
        f"worst_frames/{number}.000000000" for number in (9, 10, 11, 12)
    ]
    assert (pictures[3].image == picture(12)[..., 2::-1]).all()
    assert (pictures[3].labels == TRUTH).all()


def test_data_check_passes_on_the_worst_frames(left, tmp_path):
    check = [sys.executable, "-m", "unet_seg_ros.cli.main", "data", "check"]
    checked = subprocess.run(
        [*check, str(left.worst_frames), "--sheets", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "carla29" in checked.stdout


def test_it_listens_to_compressed_cameras(graph, tmp_path):
    topic = f"{CAMERA}/image/compressed"
    parameters = {"image_topic": topic, "report": str(tmp_path), "keep_worst": 1}
    with evaluation_node(graph, **parameters, report_period=0.1) as process:
        drive(graph, is_compressed=True)
        end(process, signal.SIGTERM)
    [worst] = open_dataset(str(tmp_path / "worst_frames"))
    assert (worst.image == picture(12)[..., 2::-1]).all()


def test_without_a_score_there_is_no_report(graph, tmp_path):
    parameters = {"report": str(tmp_path), "keep_worst": 4, "report_period": 0.1}
    scores = graph.collect(String, "/evaluation/score", qos.latched())
    with evaluation_node(graph, **parameters) as process:
        graph.spin_until(lambda: scores, "a score")
        output = end(process)
    assert "there is no report, as nothing was scored" in output
    assert not list(tmp_path.iterdir())


def run_refused(*parameters: str, prelude: str = "pass") -> str:
    """Start the node in a way that it refuses and return the sentence that says why."""
    start = "from unet_seg_ros.nodes.evaluation.node import main; sys.exit(main())"
    code = f"import sys; {prelude}; {start}"
    process = subprocess.run(
        [sys.executable, "-c", code, "--ros-args", *parameters],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    return process.stderr


def test_what_is_not_possible_is_one_sentence(tmp_path):
    taken = tmp_path / "worst_frames"
    taken.mkdir()
    file = tmp_path / "file"
    file.touch()
    assert "keep_worst: needs report" in run_refused("-p", "keep_worst:=5")
    assert "worst_frames exists already; move it away" in run_refused(
        "-p", f"report:={tmp_path}", "-p", "keep_worst:=5"
    )
    refused = run_refused("-p", f"report:={file}")
    assert f"report: {file}: cannot be written: {file}: Not a directory" in refused


def test_a_missing_package_is_named(tmp_path):
    assert "pip install jinja2" in run_refused(
        "-p", f"report:={tmp_path}", prelude="sys.modules['jinja2'] = None"
    )


def test_without_a_report_it_does_without_torch():
    code = "import sys, unet_seg_ros.nodes.evaluation.node; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_report_that_cannot_be_written_is_a_failure(graph, tmp_path):
    report = tmp_path / "report"
    with evaluation_node(graph, report=str(report), report_period=0.1) as process:
        drive(graph)
        report.rmdir()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert str(report) in output
    assert "Traceback" not in output
    assert not Path(report).exists()
