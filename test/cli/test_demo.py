# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration as a user runs it: a process, four nodes over DDS, files that others read."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader

from unet_seg_ros.datasets.capture_writer import CapturedPair, CaptureWriter, begin_capture
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.ros.domain import free_domain_id

FRAMES = 10
CAMERA = "/carla/ego_vehicle/rgb_front"


# The network is compiled while the simulator plans its town: on two slow cores, minutes.
PATIENCE_S = 300


def command(output: Path, *arguments: str) -> list[str]:
    """Return the command line of a short demonstration that a busy machine keeps up with."""
    demo = [sys.executable, "-m", "unet_seg_ros.cli.main", "demo", "--output", str(output)]
    return [*demo, "--rate", "10", "--seconds", str(FRAMES / 10), "--device", "cpu", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "ROS_DOMAIN_ID": str(free_domain_id())}


def run(output: Path, *arguments: str) -> str:
    """Demonstrate to the end; return what it prints."""
    with subprocess.Popen(
        command(output, *arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            printed, said = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # it ends its nodes, which a kill would leave behind
            printed, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return printed


@pytest.fixture(scope="module")
def town_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("demo") / "output"
    arguments = ["--size", "320x240", "--input-size", "160x120", "--json"]
    printed = run(output, *arguments)
    assert json.loads(printed) == json.loads((output / "report.json").read_text())
    return output


@pytest.mark.timeout(PATIENCE_S + 90)
def test_the_report_says_what_happened(town_demo: Path) -> None:
    report = json.loads((town_demo / "report.json").read_text())
    assert report["frames_in"] == FRAMES
    assert report["frames_out"] == FRAMES - report["dropped"]
    assert report["frames_out"] >= FRAMES // 2
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert 0.2 < report["miou"] < 1
    assert 0.6 < report["pixel_accuracy"] < 1
    assert report["per_class_iou"]["Roads"] > 0.6
    assert (report["device"], report["input_size"]) == ("cpu", [160, 120])


def test_the_bag_is_read_by_both_libraries(town_demo: Path) -> None:
    bag = town_demo / "drive"
    with AnyReader([bag]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
    assert counts[f"{CAMERA}/image"] == FRAMES
    assert counts[f"{CAMERA}/segmentation/legend"] == 1
    with next(bag.glob("*.mcap")).open("rb") as stream:
        labels = list(make_reader(stream).iter_messages(topics=[f"{CAMERA}/segmentation/labels"]))
    assert len(labels) == counts[f"{CAMERA}/segmentation/labels"]


def test_the_pictures_show_the_drive(town_demo: Path) -> None:
    summary = cv2.imread(str(town_demo / "summary.png"))
    report = json.loads((town_demo / "report.json").read_text())
    # Four columns of 400 pixels, six rows of 300, or as many as a busy machine has frames for.
    assert summary.shape[1] > 4 * 400
    assert summary.shape[0] > min(6, report["frames_out"]) * 300
    video = cv2.VideoCapture(str(town_demo / "overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == report["frames_out"]


def test_nothing_half_done_is_left(town_demo: Path) -> None:
    assert [path.name for path in town_demo.parent.iterdir()] == [town_demo.name]


@pytest.mark.timeout(PATIENCE_S + 90)
def test_the_users_own_pictures_need_no_ground_truth(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(4):
        noise = np.random.default_rng(index).integers(0, 256, (90, 120, 3), np.uint8)
        cv2.imwrite(str(pictures / f"{index}.png"), noise)
    output = tmp_path / "output"
    arguments = ["--input", str(pictures), "--input-size", "120x90"]
    printed = run(output, *arguments)
    report = json.loads((output / "report.json").read_text())
    assert report["frames_in"] == 4
    assert report["miou"] is None
    assert "4 frames segmented" in printed
    assert "with carla29-small on cpu (" in printed


@pytest.mark.timeout(PATIENCE_S + 90)
def test_a_data_set_may_have_a_label_set_of_its_own(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    document = {**LabelSet.load("carla29").to_dict(), "name": "own"}
    own.write_text(yaml.safe_dump(document))
    begin_capture(tmp_path / "pictures", {"label_set": str(own)})
    with CaptureWriter(tmp_path / "pictures") as writer:
        for index in range(4):
            line = {"name": f"{index}", "timestamp": index, "town": "here", "run": 0}
            road = np.full((90, 120, 4), 100, np.uint8)
            tags = np.full((90, 120, 4), 1, np.uint8)
            writer.add([CapturedPair(line, road, tags)])
    output = tmp_path / "output"
    run(output, "--input", str(tmp_path / "pictures"), "--input-size", "120x90")
    report = json.loads((output / "report.json").read_text())
    assert report["frames_out"] == 4
    assert report["per_class_iou"].keys() >= {"Roads"}


@pytest.mark.timeout(PATIENCE_S + 90)
def test_interrupted_it_ends_its_nodes_and_leaves_no_output(tmp_path: Path) -> None:
    output = tmp_path / "output"
    process = subprocess.Popen(
        command(output, "--seconds", "60", "--input-size", "120x90"),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if "starting the camera" in line:
            break
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert not output.exists()
    partial = tmp_path / "output.partial"
    marks = [str(path).encode() for path in (partial / "nodes").glob("*.yaml")]
    assert marks
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # a process of somebody else that ends meanwhile
            commands.append(path.read_bytes())
    assert not any(mark in text for mark in marks for text in commands), "a node still runs"
