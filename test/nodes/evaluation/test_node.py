# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation node on a real graph: known truth and known label maps give the known score."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from drawn_pictures import write_picture
from ending import end
from graph import Graph
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image
from std_msgs.msg import String

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.nodes.evaluation import node as evaluation_node
from unet_seg_ros.nodes.evaluation.node import EvaluationNode
from unet_seg_ros.nodes.evaluation.parameters import PARAMETERS
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.legend import legend_message
from unet_seg_ros.ros.parameters import ParameterError

CARLA29 = LabelSet.load("carla29")
ROADS, SIDEWALKS, CAR = (CARLA29.class_id(name) for name in ("Roads", "SideWalks", "Car"))
TRUTH_TOPIC = "/carla/ego_vehicle/semantic_segmentation_front/image"
LABELS_TOPIC = "/carla/ego_vehicle/rgb_front/segmentation/labels"
LEGEND_TOPIC = "/carla/ego_vehicle/rgb_front/segmentation/legend"
COMMAND = [sys.executable, "-m", "unet_seg_ros.nodes.evaluation"]

# 8x4 pixels: the left half road, the right half car; predicted one column of car as sidewalk.
TRUTH = np.full((4, 8), ROADS, np.uint8)
TRUTH[:, 4:] = CAR
LABELS = TRUTH.copy()
LABELS[:, 7] = SIDEWALKS


def palette(labels: np.ndarray, label_set: LabelSet = CARLA29) -> np.ndarray:
    """Return a label map as ros-bridge's semantic camera draws it, bgra8."""
    pixels = np.full((*labels.shape, 4), 255, np.uint8)
    pixels[..., :3] = label_set.color_table[labels][..., ::-1]
    return pixels


def tags(labels: np.ndarray) -> np.ndarray:
    """Return a label map as native CARLA's semantic camera sends it, bgra8."""
    pixels = np.zeros((*labels.shape, 4), np.uint8)
    pixels[..., 2] = labels
    return pixels


class Bench:
    """An evaluation node between publishers of truth, label maps and legend."""

    def __init__(self, graph: Graph, legend: LabelSet | None = CARLA29, **parameters: Any) -> None:
        self.graph = graph
        values = {"report_period": 0.1, **parameters}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        self.reports = graph.collect(DiagnosticArray, "/diagnostics")
        self.scores = graph.collect(String, "/evaluation/score", qos.latched())
        self.node = graph.add(EvaluationNode(context=graph.context, parameter_overrides=overrides))
        self.legend: Publisher | None = None
        if legend:
            self.publish_legend(legend)
        self.truth = graph.publisher(Image, TRUTH_TOPIC)
        self.labels = graph.publisher(Image, LABELS_TOPIC)

    def publish_legend(self, label_set: LabelSet) -> None:
        """Say what the label maps mean, as the segmentation node does."""
        if self.legend is None:
            self.legend = self.graph.publisher(String, LEGEND_TOPIC, qos.latched())
        self.legend.publish(legend_message(label_set, {}, "test"))

    def send_truth(self, stamp_ns: int, pixels: np.ndarray) -> None:
        """Publish a picture of the semantic camera."""
        self.truth.publish(write_image(Header(stamp_ns, "semantic"), pixels, "bgra8"))

    def send_labels(self, stamp_ns: int, labels: np.ndarray = LABELS) -> None:
        """Publish a label map."""
        self.labels.publish(write_image(Header(stamp_ns, "rgb"), labels, "mono8"))

    def score_when(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first score from now on that `condition` is true of."""
        self.scores.clear()
        self.reports.clear()
        self.graph.spin_until(
            lambda: any(condition(json.loads(item.data)) for item in self.scores),
            "such a score",
        )
        return json.loads(self.scores[-1].data)


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


@pytest.mark.parametrize(("encoding", "draw"), [("palette", palette), ("tags", tags)])
def test_known_pictures_give_the_known_score(graph, encoding, draw):
    bench = Bench(graph, truth_encoding=encoding)
    for i in range(5):
        bench.send_truth(i, draw(TRUTH))
        bench.send_labels(i)
    score = bench.score_when(lambda item: item["frames"]["scored"] == 5)

    assert score["label_set"] == "carla29"
    assert score["coverage"] == 1
    assert score["pixel_accuracy"] == 28 / 32
    assert score["miou"] == (1 + 12 / 16) / 2
    assert score["frequency_weighted_iou"] == (1 + 12 / 16) / 2
    ious = score["per_class_iou"]
    assert set(ious) == set(CARLA29.names)
    assert {name: iou for name, iou in ious.items() if iou is not None} == {
        "Roads": 1,
        "Car": 12 / 16,
    }
    assert score["truth_unknown"] == 0
    assert score["frames"] == {
        "truth": 5,
        "labels": 5,
        "scored": 5,
        "refused": 0,
        "skipped": 0,
        "unmatched_truth": 0,
        "unmatched_labels": 0,
    }


def test_the_own_car_is_not_scored(graph, tmp_path):
    mask = np.zeros(TRUTH.shape, np.uint8)
    mask[:, 6:] = 1
    path = write_picture(tmp_path / "mask.png", mask)
    bench = Bench(graph, ego_mask=[f"rgb_front={path}", "rgb_rear=" + str(path)])
    bench.send_truth(1, palette(TRUTH))
    bench.send_labels(1, np.where(mask, np.uint8(255), LABELS))
    score = bench.score_when(lambda item: item["frames"]["scored"] == 1)
    assert (score["pixel_accuracy"], score["truth_unknown"]) == (1, 0)


def test_diagnostics_say_the_same(graph):
    bench = Bench(graph, truth_encoding="tags")
    bench.send_truth(1, tags(TRUTH))
    bench.send_labels(1)
    bench.score_when(lambda item: item["frames"]["scored"] == 1)
    bench.reports.clear()
    graph.spin_until(lambda: bench.reports, "a report")
    [status] = bench.reports[-1].status
    values = {item.key: item.value for item in status.values}
    assert status.level == DiagnosticStatus.OK
    assert status.name == "evaluation: /carla/ego_vehicle/rgb_front/image"
    assert status.message == "mIoU 0.875, pixel accuracy 0.875, 1 frames, 100.0% of the truth"
    assert values["miou"] == values["pixel_accuracy"] == "0.8750"
    assert values["frames.scored"] == "1"
    assert values["per_class_iou.Car"] == "0.7500"
    assert "per_class_iou.Train" not in values


def test_only_equal_stamps_are_scored(graph):
    bench = Bench(graph, truth_encoding="tags", max_waiting_frames=3)
    for i in range(10):
        bench.send_truth(i, tags(TRUTH))
    for i in range(10):
        bench.send_labels(100 + i)
    bench.send_truth(109, tags(TRUTH))
    score = bench.score_when(lambda item: item["frames"]["scored"] == 1)
    assert score["frames"]["unmatched_truth"] == 7
    assert score["frames"]["unmatched_labels"] == 7
    assert score["coverage"] == pytest.approx(1 / 11)


def test_late_and_swapped_frames_are_scored(graph):
    bench = Bench(graph, truth_encoding="tags")
    for stamp in (1, 2, 3):
        bench.send_truth(stamp, tags(TRUTH))
    for stamp in (3, 1, 2):
        bench.send_labels(stamp)
    score = bench.score_when(lambda item: item["frames"]["scored"] == 3)
    assert score["miou"] == 0.875


def test_frames_from_before_the_legend_are_scored(graph):
    bench = Bench(graph, legend=None, truth_encoding="tags")
    bench.send_truth(1, tags(TRUTH))
    bench.send_labels(1)
    score = bench.score_when(lambda item: item["frames"]["labels"] == 1)
    assert score["label_set"] is None
    assert score["miou"] is None
    bench.publish_legend(CARLA29)
    score = bench.score_when(lambda item: item["frames"]["scored"] == 1)
    assert score["miou"] == 0.875


def test_truth_of_an_older_carla_is_matched_by_name(graph):
    """Predicted in the 29 tags, true in the 23: same names, other ids; Car is its Vehicle."""
    carla23 = LabelSet.load("carla23")
    truth = np.full((4, 8), carla23.class_id("Road"), np.uint8)
    truth[:, 4:] = carla23.class_id("Vehicle")
    bench = Bench(graph, truth_label_set="carla23")
    bench.send_truth(1, palette(truth, carla23))
    bench.send_labels(1)
    score = bench.score_when(lambda item: item["frames"]["scored"] == 1)
    assert score["label_set"] == "carla23"
    assert score["per_class_iou"]["Road"] == 1
    assert score["per_class_iou"]["Vehicle"] == 12 / 16
    assert score["miou"] == 0.875


def test_the_label_set_may_be_a_parameter(graph):
    bench = Bench(graph, legend=None, truth_encoding="tags", prediction_label_set="carla29")
    bench.send_truth(1, tags(TRUTH))
    bench.send_labels(1)
    assert bench.score_when(lambda item: item["frames"]["scored"] == 1)["miou"] == 0.875


def test_another_legend_begins_another_score(graph):
    bench = Bench(graph, truth_encoding="tags")
    bench.send_truth(1, tags(TRUTH))
    bench.send_labels(1)
    bench.score_when(lambda item: item["frames"]["scored"] == 1)
    bench.publish_legend(CARLA29)  # the same again: a new checkpoint for the same classes
    bench.publish_legend(LabelSet.load("carla23"))
    score = bench.score_when(lambda item: item["label_set"] == "carla23")
    assert score["miou"] is None
    assert set(score["frames"].values()) == {0}


def test_an_exchanged_checkpoint_is_told_in_the_report(tmp_path):
    with Graph() as graph:
        bench = Bench(graph, truth_encoding="tags", report=str(tmp_path))
        bench.send_truth(1, tags(TRUTH))
        bench.send_labels(1)
        bench.score_when(lambda item: item["frames"]["scored"] == 1)
        assert bench.legend
        bench.legend.publish(legend_message(CARLA29, {}, "a better one"))
        assert bench.legend.wait_for_all_acked(Duration(seconds=30))
        bench.score_when(lambda _: True)
        bench.score_when(lambda _: True)
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["checkpoints"][0]["name"] == "a better one"
    assert document["data"][0]["warnings"] == ["a better one took the place of test on the way"]


def test_bad_frames_are_refused_and_the_rest_is_scored(graph):
    bench = Bench(graph, truth_encoding="tags")
    bench.truth.publish(write_image(Header(1, ""), tags(TRUTH), "bgra8")[:-20])  # cut off
    bench.send_truth(2, tags(TRUTH[:2]))  # of another size
    bench.send_labels(2)
    bench.send_truth(3, tags(TRUTH))
    bench.send_labels(3)
    score = bench.score_when(lambda item: item["frames"]["scored"] == 1)
    assert score["frames"]["refused"] == 2
    assert score["miou"] == 0.875


def test_no_more_waits_than_there_is_memory_for(graph, monkeypatch):
    monkeypatch.setattr(evaluation_node, "MAX_WAITING_BYTES", 0)
    bench = Bench(graph, truth_encoding="tags")
    add, may_go_on = bench.node._scorer.add, threading.Event()

    def add_slowly(side: str, data: bytes) -> None:
        assert may_go_on.wait(60)
        add(side, data)

    monkeypatch.setattr(bench.node._scorer, "add", add_slowly)
    for stamp in (1, 2, 3):
        bench.send_truth(stamp, tags(TRUTH))
    bench.score_when(lambda item: item["frames"]["skipped"] == 2)
    may_go_on.set()
    graph.spin_until(lambda: bench.node._taken_bytes == bench.node._received_bytes, "work")
    bench.send_labels(1)
    score = bench.score_when(lambda item: item["frames"]["scored"] == 1)
    assert (score["frames"]["truth"], score["frames"]["skipped"]) == (1, 2)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({}, "nothing scored: no label maps arrive"),
        ({"labels": [1]}, "nothing scored: no truth arrives"),
        ({"labels": [1], "truth": [2]}, "nothing scored: no stamps are equal"),
    ],
)
def test_what_is_in_the_way_is_said(graph, frames, message):
    bench = Bench(graph, truth_encoding="tags")
    for stamp in frames.get("labels", ()):
        bench.send_labels(stamp)
    for stamp in frames.get("truth", ()):
        bench.send_truth(stamp, tags(TRUTH))

    def is_said() -> bool:
        statuses = [item for report in bench.reports for item in report.status]
        return any(
            item.level == DiagnosticStatus.WARN and item.message.startswith(message)
            for item in statuses
        )

    graph.spin_until(is_said, message)


def message_when(bench: Bench, said: str) -> str:
    """Return the first message from now on that has `said` in it."""

    def messages() -> list[str]:
        texts = [item.message for report in bench.reports for item in report.status]
        return [text for text in texts if said in text]

    bench.graph.spin_until(messages, said)
    return messages()[0]


def test_label_maps_that_come_too_late_are_told_from_such_as_do_not_belong(graph):
    bench = Bench(graph, truth_encoding="tags", max_waiting_frames=3)
    for stamp in range(10):
        bench.send_truth(stamp, tags(TRUTH))
    bench.score_when(lambda item: item["frames"]["unmatched_truth"] == 7)
    bench.send_labels(2)
    said = message_when(bench, "nothing scored: /carla/ego_vehicle/rgb_front/segmentation/labels")
    assert said.endswith("give a larger max_waiting_frames")


def test_a_stamp_that_came_twice_does_not_hide_the_score(graph):
    bench = Bench(graph, truth_encoding="tags")
    for stamp in (1, 2, 2):
        bench.send_truth(stamp, tags(TRUTH))
    message_when(bench, f"{TRUTH_TOPIC}: the stamp 0.000 s came twice")
    bench.send_labels(1)
    said = message_when(bench, "mIoU 0.875, pixel accuracy 0.875, 1 frames")
    assert f"; {TRUTH_TOPIC}: the stamp 0.000 s came twice; such frames" in said


def test_a_truth_that_is_read_wrongly_is_noticed(graph):
    """Colours where tags are expected: the score would be junk."""
    bench = Bench(graph, truth_encoding="tags")
    bench.send_truth(1, palette(TRUTH[:, :4]))  # the road's red, 128, is no tag
    bench.send_labels(1, LABELS[:, :4])
    score = bench.score_when(lambda item: item["frames"]["scored"] == 1)
    assert score["truth_unknown"] == 1
    graph.spin_until(
        lambda: "truth_encoding and truth_label_set right?" in bench.reports[-1].status[0].message,
        "the warning",
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"truth_encoding": "colours"}, "truth_encoding: 'colours' is not possible; give one of"),
        ({"image_topic": "my camera"}, "image_topic: 'my camera' is refused"),
        ({"truth_topic": "/truth//image"}, "truth_topic: '/truth//image' is refused"),
        ({"truth_label_set": "carla99"}, "truth_label_set: no label set 'carla99'"),
        ({"ego_mask": ["nowhere.png"]}, "ego_mask: nowhere.png: cannot be read"),
        ({"prediction_label_set": "nuclei2"}, "prediction_label_set: .* no class name in common"),
    ],
)
def test_impossible_parameters_are_refused(graph, parameters, message):
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    with pytest.raises(ParameterError, match=message):
        EvaluationNode(context=graph.context, parameter_overrides=overrides)


def test_every_parameter_is_described(graph):
    node = graph.add(EvaluationNode(context=graph.context))
    for spec in PARAMETERS:
        assert node.describe_parameter(spec.name).description


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_last_line(graph, number):
    scores = graph.collect(String, "/evaluation/score", qos.latched())
    process = subprocess.Popen(
        COMMAND,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ROS_DOMAIN_ID": str(graph.domain_id)},
    )
    try:
        graph.spin_until(lambda: scores, "a score")
        output = end(process, number)
    finally:
        process.kill()
    assert "nothing scored: no label maps arrive" in output


def test_a_wrong_start_is_one_sentence():
    process = subprocess.run(
        [*COMMAND, "--ros-args", "-p", "report_period:=1000.0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "report_period" in process.stderr
    assert "Traceback" not in process.stderr
