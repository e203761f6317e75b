# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration from start to end: simulator, nodes, drive, recording, report."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from unet_seg_ros.bags.drive import DriveTopics
from unet_seg_ros.datasets.sources import open_source
from unet_seg_ros.demo.monitor import Monitor
from unet_seg_ros.demo.processes import NodeProcesses
from unet_seg_ros.demo.report import RecordedDrive, write_report
from unet_seg_ros.demo.simulator import start_simulator
from unet_seg_ros.demo.sizing import Pace, affordable_pace
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.model.checkpoint import load_checkpoint
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.progress import make_bar
from unet_seg_ros.ros.domain import free_domain_id

IMAGE_TOPIC = "/carla/ego_vehicle/rgb_front/image"
TRUTH_TOPIC = "/carla/ego_vehicle/semantic_segmentation_front/image"
CAMERA = topics.CameraTopics(IMAGE_TOPIC)
LABELS_TOPIC = CAMERA.output(topics.LABELS)

STAND_IN = "standin"
"""The source that is no pictures but a simulator: the stand-in for CARLA."""
_STAND_IN_LABEL_SET = "carla29"

# What tells that a folder is a demonstration's, to be replaced by the next one.
_FILES = ("report.json", "summary.png", "overlay.mp4")

# Loading torch, compiling the network and drawing the drive take their time on a slow machine.
_START_TIMEOUT_S = 300.0
_ANSWER_TIMEOUT_S = 20.0
# Pictures, bgra8 with a byte of truth a pixel, that are read before the drive begins.
_AHEAD_BYTES = 1 << 30
_BYTES_PER_PX = 5
# On two cores the network shares them with those who only look on: they can wait, masks cannot.
_ONLOOKERS_NICENESS = 10
# A last frame is through the network and scored well within this.
_SETTLE_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Options:
    """What to demonstrate.

    Attributes:
        source: `STAND_IN`, or what `datasets.sources.open_source` opens.
        seconds: How long to drive.
        rates_hz: The camera's pictures per second; of several, the first that the machine keeps up
            with.
        size: (width, height) of the simulator's or the town's camera; pictures of the user's own
            keep theirs.
        checkpoint: The network's file.
        device: What the network runs on.
        input_size: (width, height) that the network sees; None for what the machine keeps up with.
        output: The folder to write; an earlier demonstration's is replaced.
    """

    source: str
    seconds: float
    rates_hz: Sequence[float]
    size: Size
    checkpoint: Path
    device: str
    input_size: Size | None
    output: Path


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Drive, segment, score, record; return the report, which is in `report.json` as well.

    Args:
        options: What to demonstrate.
        say: Called with sentences for the user.

    Raises:
        ValueError: a node failed, or the source or the checkpoint cannot be used.
        TimeoutError: a node did not do its part in time.
        OSError: the output folder is not an earlier demonstration's, or cannot be written.
    """
    _refuse_foreign_output(options.output)
    network = load_checkpoint(options.checkpoint)
    source = _look_at(options)
    partial = _begin_output(options.output)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(free_domain_id()))
    say(f"nodes run in ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']}")
    rate_hz, input_size = options.rates_hz[0], options.input_size
    if input_size is None or len(options.rates_hz) > 1:
        say("measuring how much of a picture this machine's network keeps up with")
        pace = affordable_pace(
            options.checkpoint, options.device, source.frame_size, options.rates_hz, input_size
        )
        say(_about_pace(pace, network.input_size))
        rate_hz, input_size = pace.rate_hz, pace.input_size
    plan = _Plan(source, _frames(options.seconds, rate_hz, source), rate_hz, input_size)
    seen = _drive(options, plan, partial, say)
    say("drawing the overlay video and the summary")
    drive = RecordedDrive(
        bag=partial / "drive",
        topics=DriveTopics(IMAGE_TOPIC, LABELS_TOPIC, TRUTH_TOPIC if source.truth_set else ""),
        label_set=network.label_set,
        truth_set=source.truth_set,
        rate_hz=rate_hz,
    )
    with make_bar(unit="frame") as bar:

        def after_frame(total: int) -> None:
            bar.total = total
            bar.update()

        figures = write_report(drive, partial, after_frame)
    report = {
        **figures,
        "miou": seen.score.get("miou"),
        "pixel_accuracy": seen.score.get("pixel_accuracy"),
        "per_class_iou": _present(seen.score.get("per_class_iou")),
        "device": seen.engine["device"],
        "precision": seen.engine["precision"],
        "compiled": seen.engine["compiled"] == "yes",
        "input_size": list(input_size),
        "checkpoint": str(options.checkpoint),
        "source": options.source,
        "bag": str(options.output / "drive"),
    }
    (partial / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _finish_output(partial, options.output)
    return report


@dataclass(frozen=True)
class _Source:
    """What the camera shows.

    Attributes:
        frame_size: (width, height) of the pictures.
        truth_set: The label set of their truth, where they have one.
        length: How many there are, where they have an end.
    """

    frame_size: Size
    truth_set: LabelSet | None
    length: int | None = None


@dataclass(frozen=True)
class _Plan:
    """How many frames of the source are played, how fast, and what the network sees of them.

    `ahead` is how many of them are read before the drive begins, so that the CPU is the network's.
    """

    source: _Source
    frames: int
    rate_hz: float
    input_size: Size

    @property
    def ahead(self) -> int:
        width, height = self.source.frame_size
        return max(1, min(self.frames, _AHEAD_BYTES // (width * height * _BYTES_PER_PX)))


@dataclass(frozen=True)
class _Seen:
    """The last reports of the network and of the scorer (empty without ground truth)."""

    engine: Mapping[str, str]
    score: Mapping[str, Any]


def _look_at(options: Options) -> _Source:
    if options.source == STAND_IN:
        return _Source(options.size, LabelSet.load(_STAND_IN_LABEL_SET))
    source = open_source(options.source, size=options.size)
    height, width = next(iter(source)).image.shape[:2]
    return _Source(
        (width, height), source.label_set, len(source) if isinstance(source, Sized) else None
    )


def _frames(seconds: float, rate_hz: float, source: _Source) -> int:
    frames = max(1, round(seconds * rate_hz))  # 0 would have no end
    return frames if source.length is None else min(frames, source.length)


def _drive(
    options: Options,
    plan: _Plan,
    folder: Path,
    say: Callable[[str], None],
) -> _Seen:
    """Start the nodes, play the drive, end the nodes in order."""
    logs = folder / "nodes"
    logs.mkdir()
    camera = "carla" if options.source == STAND_IN else "camera"
    with NodeProcesses(logs) as nodes, Monitor() as monitor:

        def wait_for(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
            monitor.wait_for(condition, what, timeout_s, nodes.require_running)

        if options.source == STAND_IN:
            say("starting the stand-in for CARLA")
            start_simulator(nodes, logs, options.size, plan.rate_hz, plan.frames)
        else:
            _start_camera(nodes, options, plan)
        _start_others(nodes, options, plan, folder)
        say("starting the camera, the network, the scorer and the recorder")
        wait_for(lambda: _is_active(monitor), "the network", _START_TIMEOUT_S)
        wait_for(lambda: _is_connected(monitor, plan), "the nodes", _START_TIMEOUT_S)
        monitor.set_parameter(
            f"/{camera}", "playing", True, _ANSWER_TIMEOUT_S, nodes.require_running
        )
        with make_bar(total=plan.frames, unit="frame", desc="driving") as bar:

            def camera_has_ended() -> bool:
                _show(bar, monitor)
                return nodes.has_ended(camera)

            wait_for(camera_has_ended, "the drive", options.seconds * 3 + _START_TIMEOUT_S)
            monitor.forget()  # reports of up to a second ago, in which the last frames are missing
            wait_for(lambda: _is_settled(monitor, plan), "the last frame", _SETTLE_TIMEOUT_S)
            _show(bar, monitor)
        for name in ("recorder", "evaluation", "segmentation"):
            if name != "evaluation" or plan.source.truth_set:
                nodes.stop(name)
        return _Seen(_engine(monitor), monitor.score)


def _start_camera(nodes: NodeProcesses, options: Options, plan: _Plan) -> None:
    nodes.start(
        "camera",
        "camera",
        {
            "source": options.source,
            "rate": plan.rate_hz,
            "width": plan.source.frame_size[0],
            "height": plan.source.frame_size[1],
            "semantic": "palette" if plan.source.truth_set else "none",
            "count": plan.frames,
            "ahead": plan.ahead,
            "playing": False,
        },
    )


def _start_others(nodes: NodeProcesses, options: Options, plan: _Plan, folder: Path) -> None:
    (width, height), seen = plan.source.frame_size, plan.input_size
    nodes.start(
        "segmentation",
        "segmentation",
        {
            "image_topics": [IMAGE_TOPIC],
            "checkpoint": str(options.checkpoint.absolute()),
            "device": options.device,
            "compile": "auto",  # no frame is lost to the compiler
            "input_size": f"{seen[0]}x{seen[1]}",
            "warm_up_sizes": [f"{width}x{height}"],
            "outputs": [topics.LABELS, topics.COLOR_MASK],
            "autostart": True,
        },
    )
    recorded = [IMAGE_TOPIC, CAMERA.camera_info, LABELS_TOPIC, CAMERA.output(topics.COLOR_MASK)]
    recorded += [CAMERA.output(topics.LEGEND), topics.DIAGNOSTICS]
    if plan.source.truth_set:
        recorded += [TRUTH_TOPIC, "/evaluation/score"]
        # A data set of the user's has one of its own, of which the scorer knows no name.
        truth_set = folder / "nodes" / "truth_label_set.yaml"
        document = yaml.safe_dump(plan.source.truth_set.to_dict(), sort_keys=False)
        truth_set.write_text(document, encoding="utf-8")
        nodes.start(
            "evaluation",
            "evaluation",
            {
                "image_topic": IMAGE_TOPIC,
                "truth_topic": TRUTH_TOPIC,
                "truth_label_set": str(truth_set.absolute()),
            },
            niceness=_ONLOOKERS_NICENESS,
        )
    nodes.start(
        "recorder",
        "recorder",
        {"topics": recorded, "output": str((folder / "drive").absolute())},
        niceness=_ONLOOKERS_NICENESS,
    )


def _is_active(monitor: Monitor) -> bool:
    return _engine(monitor).get("state") == "active"


def _is_connected(monitor: Monitor, plan: _Plan) -> bool:
    """Return whether everybody who is to get the pictures listens: recorder and consumer each."""
    listeners = {IMAGE_TOPIC: 2, LABELS_TOPIC: 1}
    if plan.source.truth_set:
        listeners = {IMAGE_TOPIC: 2, LABELS_TOPIC: 2, TRUTH_TOPIC: 2}
    return all(monitor.listeners(topic) >= count for topic, count in listeners.items())


def _is_settled(monitor: Monitor, plan: _Plan) -> bool:
    """Return whether every frame that reached the network has been accounted for, and scored."""
    camera = _camera(monitor)
    given_up = sum(
        int(value) for key, value in camera.items() if key.startswith(("dropped.", "refused."))
    )
    frames_out = int(camera.get("frames_out", 0))
    is_through = frames_out + given_up == int(camera.get("frames_in", -1))
    if not plan.source.truth_set or not is_through:
        return is_through
    return bool(monitor.score) and monitor.score["frames"]["labels"] >= frames_out


def _engine(monitor: Monitor) -> Mapping[str, str]:
    return monitor.diagnostics.get("unet_segmentation: engine", {})


def _camera(monitor: Monitor) -> Mapping[str, str]:
    return monitor.diagnostics.get(f"unet_segmentation: {IMAGE_TOPIC}", {})


def _show(bar: tqdm[Any], monitor: Monitor) -> None:
    """Bring the progress bar up to what the nodes last reported."""
    camera = _camera(monitor)
    bar.n = int(camera.get("frames_out", 0))
    latency = "/".join(camera.get(f"latency_ms.{name}", "?") for name in ("p50", "p95", "p99"))
    miou = monitor.score.get("miou")
    bar.set_postfix_str(
        f"{float(camera.get('rate_out_hz', 0)):.1f} Hz, latency p50/p95/p99 {latency} ms, "
        f"{int(camera.get('frames_in', 0)) - bar.n} behind or dropped, "
        f"mIoU {'?' if miou is None else f'{miou:.3f}'}"
    )


def _present(ious: Mapping[str, float | None] | None) -> dict[str, float] | None:
    """Return the classes that have an IoU."""
    if ious is None:
        return None
    return {name: iou for name, iou in ious.items() if iou is not None}


def _about_pace(pace: Pace, own_size: Size) -> str:
    (width, height), (own_width, own_height) = pace.input_size, own_size
    less = "" if pace.input_size == own_size else f" instead of {own_width}x{own_height}"
    return (
        f"the network takes {pace.frame_ms:.0f} ms a frame at its own size; it will see "
        f"{width}x{height}{less}, {pace.rate_hz:g} times a second"
    )


def _refuse_foreign_output(output: Path) -> None:
    # An evaluation has a report.json, too.
    if output.exists() and not all((output / name).is_file() for name in _FILES):
        raise FileExistsError(
            f"{output}: exists and is not the output of a demonstration; give another --output"
        )


def _begin_output(output: Path) -> Path:
    """Return a new folder to write into, which becomes `output` when it is whole."""
    partial = output.with_name(f"{output.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    return partial


def _finish_output(partial: Path, output: Path) -> None:
    if output.exists():
        shutil.rmtree(output)
    partial.rename(output)
