# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scores the label maps of a camera, live, against a semantic camera at the same pose.

    ros2 run unet_seg_ros evaluation_node --ros-args -p truth_encoding:=tags

Publishes the running score on `~/score` (std_msgs/String, JSON, latched) and on /diagnostics:

    {"label_set": "carla29",
     "frames": {"truth": 200, "labels": 200, "scored": 199, "refused": 0, "skipped": 0,
                "unmatched_truth": 0, "unmatched_labels": 0},
     "coverage": 0.995, "miou": 0.71, "pixel_accuracy": 0.93, "frequency_weighted_iou": 0.88,
     "per_class_iou": {"Roads": 0.97, "Train": null, ...}, "truth_unknown": 0.0}

With `-p report:=FOLDER` it listens to the camera as well and, when it ends, writes the report of
`unet-seg evaluate` into that folder; with `-p keep_worst:=100` it also saves so many of the frames
that it scored worst, in `FOLDER/worst_frames`, as a data set:

    unet-seg data check FOLDER/worst_frames

A class that the truth never showed has no IoU. `unet_seg_ros.evaluation.scorer.RunningScore`
describes the rest, `unet_seg_ros.evaluation.metrics` the figures.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from unet_seg_ros.evaluation.scorer import LABELS, REFUSED, SKIPPED, TRUTH, RunningScore
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.images import read_any_image
from unet_seg_ros.nodes.evaluation.diagnostics import line_of, problem_of, texts_of
from unet_seg_ros.nodes.evaluation.parameters import (
    PARAMETERS,
    make_keeper,
    make_scorer,
)
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.parameters import check_topic, declare, refusing
from unet_seg_ros.ros.run import run
from unet_seg_ros.ros.status import stamped, status
from unet_seg_ros.ros.type_watch import TypeWatch

if TYPE_CHECKING:
    from unet_seg_ros.evaluation.frame_keeper import FrameKeeper

NODE_NAME = "evaluation"

IMAGE = "image"
QUEUE_DEPTH = 20  # one second of a camera at 20 Hz may wait for the executor, and for the scorer
# So many raw frames in 4K would be gigabytes.
MAX_WAITING_BYTES = 1 << 30
THROTTLE_S = 1.0


class EvaluationNode(Node):
    """Feeds a scorer in a thread of its own and publishes what it finds.

    Raises:
        ParameterError: a parameter has an impossible value.
        OSError: when it is destroyed, the report cannot be written.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(NODE_NAME, **kwargs)
        values = declare(self, PARAMETERS)
        for name in ("image_topic", "truth_topic"):
            check_topic(name, values[name])
        self._camera = topics.CameraTopics(values["image_topic"])
        self._max_pixels: int = values["max_image_pixels"]
        with refusing("truth_label_set"):
            truth_set = LabelSet.load(values["truth_label_set"])
        self._scorer = make_scorer(values, truth_set)
        self._side_topics = {
            TRUTH: values["truth_topic"],
            LABELS: self._camera.output(topics.LABELS),
        }
        self._keeper = make_keeper(values, truth_set)
        self._prediction_set: LabelSet | None = None
        self._checkpoint = ""
        self._exchanged = ""
        self._last_line = ""
        self._work: queue.Queue[tuple[str, bytes | LabelSet] | None] = queue.Queue(3 * QUEUE_DEPTH)
        # What was put in and what was done with, in bytes: each has one thread that counts it.
        self._received_bytes = self._taken_bytes = 0
        if values["prediction_label_set"]:
            with refusing("prediction_label_set"):
                self._use(LabelSet.load(values["prediction_label_set"]))
        # It keeps the node, which therefore must be whole: rclpy destroys what is kept.
        self._types = TypeWatch(self)
        self._publish_reports(values)
        self._subscribe(values)
        self._worker = threading.Thread(target=self._run, name="scorer", daemon=True)
        self._worker.start()

    def destroy_node(self) -> None:
        """Score what has arrived, destroy the node, log the result and write the report."""
        self._work.put(None)
        self._worker.join()
        super().destroy_node()
        self._log()  # to the console only: the node's publisher on /rosout is gone
        if self._keeper:
            self._write_report(self._keeper)

    def _write_report(self, keeper: FrameKeeper) -> None:
        score = self._scorer.score()
        warnings = list(filter(None, (problem_of(score, self._side_topics), self._exchanged)))
        name = self._checkpoint or self._camera.output(topics.LABELS)
        for sentence in keeper.write(name, score, warnings):
            self.get_logger().info(sentence)

    def _publish_reports(self, values: Mapping[str, Any]) -> None:
        self._score_publisher = self.create_publisher(String, "~/score", qos.latched())
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        # Simulation time may stand still; reports go on.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(values["report_period"], self._report, clock=steady)
        self.create_timer(values["log_period"], self._log, clock=steady)

    def _subscribe(self, values: Mapping[str, Any]) -> None:
        if not values["prediction_label_set"]:
            legend = self._camera.output(topics.LEGEND)
            self.create_subscription(String, legend, self._read_legend, qos.latched())
        sides: dict[str, tuple[type, str]] = {
            side: (Image, topic) for side, topic in self._side_topics.items()
        }
        if self._keeper:
            message_type = CompressedImage if self._camera.compressed else Image
            sides[IMAGE] = message_type, self._camera.image
        for side, (message_type, topic) in sides.items():
            every_frame = QoSProfile(depth=QUEUE_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
            self.create_subscription(
                message_type,
                topic,
                partial(self._receive, side),
                every_frame,
                raw=True,
                qos_overriding_options=qos.overridable(),
            )

    def _read_legend(self, message: String) -> None:
        try:
            document = json.loads(message.data)
            label_set = LabelSet.from_dict(document)
        except ValueError as error:
            topic = self._camera.output(topics.LEGEND)
            self.get_logger().error(f"{topic}: this is no legend: {error}")
            return
        checkpoint = str(document.get("checkpoint", ""))
        # A legend comes with every checkpoint; most have the same classes.
        if label_set != self._prediction_set:
            self._prediction_set = label_set
            self._exchanged = ""
            self._work.put((topics.LEGEND, label_set))
        elif checkpoint != self._checkpoint:
            self._exchanged = f"{checkpoint} took the place of {self._checkpoint} on the way"
        self._checkpoint = checkpoint

    def _receive(self, side: str, data: bytes) -> None:
        if self._received_bytes - self._taken_bytes > MAX_WAITING_BYTES:
            self._scorer.count(SKIPPED)
            return
        try:
            self._work.put_nowait((side, data))
            self._received_bytes += len(data)
        except queue.Full:
            self._scorer.count(SKIPPED)

    def _run(self) -> None:
        while work := self._work.get():
            source, item = work
            with self._refusing(source):
                self._take(source, item)
            if isinstance(item, bytes):
                self._taken_bytes += len(item)
            while self._scorer.has_pair:
                with self._refusing(source):
                    frame = self._scorer.score_pair()
                    if self._keeper:
                        self._keeper.add_frame(frame, has_time=self._work.empty())

    @contextmanager
    def _refusing(self, source: str) -> Iterator[None]:
        """Let a frame that breaks something cost that frame, not the score of all the others."""
        try:
            yield
        except OSError as error:
            self.get_logger().error(f"not kept: {error}", throttle_duration_sec=THROTTLE_S)
        except Exception as error:
            self._scorer.count(REFUSED)
            self.get_logger().warning(
                f"{source}: not scored: {error}", throttle_duration_sec=THROTTLE_S
            )

    def _take(self, source: str, item: bytes | LabelSet) -> None:
        if isinstance(item, LabelSet):
            self._use(item)
        elif source != IMAGE:
            self._scorer.add(source, item)
        elif self._keeper:
            compressed = self._camera.compressed
            self._keeper.add_image(read_any_image(item, self._max_pixels, compressed=compressed))

    def _use(self, prediction_set: LabelSet) -> None:
        common = self._scorer.use(prediction_set)
        if self._keeper:
            self._keeper.use(prediction_set, common)

    def _report(self) -> None:
        score = self._scorer.score()
        figures = score.to_dict()
        self._score_publisher.publish(String(data=json.dumps(figures)))
        problem = self._problem(score)
        report = status(
            f"{self.get_name()}: {self._camera.image}",
            DiagnosticStatus.WARN if problem else DiagnosticStatus.OK,
            problem or line_of(score),
            texts_of(figures),
        )
        self._diagnostics.publish(stamped(self, [report]))

    def _problem(self, score: RunningScore) -> str:
        types = self._types.problems()
        return next(iter(types.values()), "") or problem_of(score, self._side_topics)

    def _log(self) -> None:
        """Log the score, or what is in its way, unless that was logged before."""
        score = self._scorer.score()
        problem = self._problem(score)
        line = problem or line_of(score)
        if line == self._last_line:
            return
        self._last_line = line
        if problem:
            self.get_logger().warning(problem)
        else:
            self.get_logger().info(line)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    return run(NODE_NAME, EvaluationNode, arguments, expected_errors=(OSError,))
