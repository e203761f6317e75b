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

A class that the truth never showed has no IoU. `unet_seg_ros.evaluation.scorer.Score` describes the
rest, `unet_seg_ros.evaluation.metrics` the figures.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from unet_seg_ros.evaluation.scorer import (
    LABELS,
    REFUSED,
    SCORED,
    SKIPPED,
    TRUTH,
    TRUTH_ENCODINGS,
    Score,
    Scorer,
)
from unet_seg_ros.labels.label_set import LabelSet, LabelSetError, built_in_label_sets
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.images import read_any_image
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.parameters import ParameterError, ParameterSpec, declare
from unet_seg_ros.ros.run import run
from unet_seg_ros.ros.status import stamped, status

if TYPE_CHECKING:
    from unet_seg_ros.evaluation.frame_keeper import FrameKeeper

IMAGE = "image"
QUEUE_DEPTH = 20  # one second of a camera at 20 Hz may wait for the executor, and for the scorer
THROTTLE_S = 1.0
UNKNOWN_LIMIT = 0.5  # more of the truth unknown than this means that it is read wrongly

PARAMETERS = (
    ParameterSpec(
        "image_topic",
        "/carla/ego_vehicle/rgb_front/image",
        "The camera whose label maps are scored: its image topic, as the segmentation node has it.",
    ),
    ParameterSpec(
        "truth_topic",
        "/carla/ego_vehicle/semantic_segmentation_front/image",
        "The semantic camera: same pose, field of view, size and stamps as the other one.",
    ),
    ParameterSpec(
        "truth_encoding",
        "palette",
        "How the semantic camera shows classes: in colours, as ros-bridge does, or as the class id "
        "in the red channel, as native CARLA does. Nothing in a picture tells.",
        f"One of {', '.join(TRUTH_ENCODINGS)}.",
    ),
    ParameterSpec(
        "truth_label_set",
        "carla29",
        "The label set of the semantic camera: the name of one in the box, or the path of a YAML "
        "file.",
        "carla29 from CARLA 0.9.14 on, carla23 from 0.9.10, carla13 before.",
    ),
    ParameterSpec(
        "prediction_label_set",
        "",
        "The label set of the label maps, given in the same way; empty to take it from the legend "
        "that the segmentation node publishes.",
    ),
    ParameterSpec(
        "max_waiting_frames",
        20,
        "How many frames of either side may wait for the other side's frame of the same stamp.",
        range=(1, 1000),
    ),
    ParameterSpec(
        "max_image_pixels",
        7680 * 4320,
        "The largest picture that is accepted, in pixels; larger ones are refused unread.",
        range=(1, 1 << 28),
    ),
    ParameterSpec(
        "report_period",
        1.0,
        "Seconds between two reports on ~/score and /diagnostics.",
        range=(0.1, 60.0),
    ),
    ParameterSpec(
        "log_period",
        5.0,
        "Seconds between two lines in the log.",
        range=(0.1, 3600.0),
    ),
    ParameterSpec(
        "report",
        "",
        "The folder that a report is written into when the node ends; empty for none.",
        "An earlier report is replaced.",
    ),
    ParameterSpec(
        "keep_worst",
        0,
        "How many of the frames that were scored worst, at most one of every second, are saved as "
        "training data in the folder worst_frames of the report; 0 for none.",
        range=(0, 10_000),
    ),
)


class Evaluation(Node):
    """Feeds a scorer in a thread of its own and publishes what it finds.

    Raises:
        ParameterError: a parameter has an impossible value.
        OSError: when it is destroyed, the report cannot be written.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("evaluation", **kwargs)
        values = declare(self, PARAMETERS)
        self._camera = topics.CameraTopics(values["image_topic"])
        self._max_pixels: int = values["max_image_pixels"]
        truth_set = _load_label_set("truth_label_set", values)
        self._scorer = _make_scorer(values, truth_set)
        self._keeper = _make_keeper(values, truth_set)
        self._prediction_set: LabelSet | None = None
        self._checkpoint = ""
        self._exchanged = ""
        self._last_line = ""
        self._work: queue.Queue[tuple[str, bytes | LabelSet] | None] = queue.Queue(3 * QUEUE_DEPTH)
        if values["prediction_label_set"]:
            prediction_set = _load_label_set("prediction_label_set", values)
            try:
                self._use(prediction_set)
            except ValueError as error:
                raise ParameterError(f"prediction_label_set: {error}") from error
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
        warnings = list(filter(None, (_problem(score), self._exchanged)))
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
        labels = self._camera.output(topics.LABELS)
        sides: dict[str, tuple[type, str]] = {
            TRUTH: (Image, values["truth_topic"]),
            LABELS: (Image, labels),
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
        try:
            self._work.put_nowait((side, data))
        except queue.Full:
            self._scorer.count(SKIPPED)

    def _run(self) -> None:
        while work := self._work.get():
            source, item = work
            with self._refusing(source):
                self._take(source, item)
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
        problem = _problem(score)
        report = status(
            f"{self.get_name()}: {self._camera.image}",
            DiagnosticStatus.WARN if problem else DiagnosticStatus.OK,
            problem or _line(score),
            _texts(figures),
        )
        self._diagnostics.publish(stamped(self, [report]))

    def _log(self) -> None:
        """Log the score, or what is in its way, unless that was logged before."""
        score = self._scorer.score()
        problem = _problem(score)
        line = problem or _line(score)
        if line == self._last_line:
            return
        self._last_line = line
        if problem:
            self.get_logger().warning(problem)
        else:
            self.get_logger().info(line)


def _make_scorer(values: Mapping[str, Any], truth_set: LabelSet) -> Scorer:
    if values["truth_encoding"] not in TRUTH_ENCODINGS:
        raise ParameterError(
            f"truth_encoding: {values['truth_encoding']!r} is not possible; give one of "
            f"{', '.join(TRUTH_ENCODINGS)}"
        )
    return Scorer(
        truth_set,
        values["truth_encoding"],
        values["max_waiting_frames"],
        values["max_image_pixels"],
    )


def _make_keeper(values: Mapping[str, Any], truth_set: LabelSet) -> FrameKeeper | None:
    """Return what writes the report; None where none is wanted, which spares it torch."""
    if not values["report"]:
        if values["keep_worst"]:
            raise ParameterError("keep_worst: needs report, the folder that the frames go into")
        return None
    try:
        from unet_seg_ros.evaluation.frame_keeper import FrameKeeper
        from unet_seg_ros.evaluation.live_report import Drive
    except ImportError as error:
        raise ParameterError(
            f"report: {error}; pip install {error.name}, or leave report empty"
        ) from error
    name = values["truth_label_set"]
    try:
        return FrameKeeper(
            Path(values["report"]).expanduser(),
            Drive(values["image_topic"], values["truth_topic"], truth_set),
            values["keep_worst"],
            name if name in built_in_label_sets() else str(Path(name).absolute()),
            values["max_waiting_frames"],
        )
    except OSError as error:
        raise ParameterError(f"report: {error}") from error


def _load_label_set(parameter: str, values: Mapping[str, Any]) -> LabelSet:
    try:
        return LabelSet.load(values[parameter])
    except LabelSetError as error:
        raise ParameterError(f"{parameter}: {error}") from error


def _problem(score: Score) -> str:
    """Return what is in the way of a score; empty when nothing is."""
    frames = score.frames
    if score.truth_unknown > UNKNOWN_LIMIT:
        return (
            f"{score.truth_unknown:.0%} of the truth's pixels have no known class: are "
            "truth_encoding and truth_label_set right?"
        )
    if frames[SCORED]:
        return ""
    if not frames[LABELS]:
        return "nothing scored: no label maps arrive"
    if not frames[TRUTH]:
        return "nothing scored: no truth arrives"
    if not score.label_set:
        return "nothing scored: the legend of the label maps has not arrived"
    return "nothing scored: no stamps are equal, or every frame was refused"


def _line(score: Score) -> str:
    return (
        f"mIoU {score.matrix.mean_iou():.3f}, pixel accuracy {score.matrix.pixel_accuracy():.3f}, "
        f"{score.frames[SCORED]} frames, {score.coverage:.1%} of the truth"
    )


def _texts(figures: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested figures as the flat texts of a diagnostic status: `frames.scored`, ..."""
    texts: dict[str, str] = {}
    for key, value in figures.items():
        if isinstance(value, Mapping):
            texts.update(_texts(value, f"{prefix}{key}."))
        elif value is not None:
            texts[prefix + key] = f"{value:.4f}" if isinstance(value, float) else str(value)
    return texts


def main(arguments: list[str] | None = None) -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    return run(Evaluation, arguments, expected_errors=(OSError,))


if __name__ == "__main__":
    sys.exit(main())
