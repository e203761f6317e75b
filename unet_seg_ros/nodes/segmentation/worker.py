# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node's worker thread: frames in, masks out, nothing in between waits for ROS."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from unet_seg_ros.errors import DataError
from unet_seg_ros.inference.frames import Frame, Request, Segmentation
from unet_seg_ros.messages.images import BadImage, Image, read_any_image
from unet_seg_ros.messages.sequence import SequenceGaps
from unet_seg_ros.nodes.segmentation.forms import Form, forms_of
from unet_seg_ros.nodes.segmentation.outputs import CameraOutputs
from unet_seg_ros.nodes.segmentation.parameters import Settings, resolve_groups
from unet_seg_ros.nodes.slots import NewestFrames
from unet_seg_ros.nodes.statistics import CameraStatistics
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.process import age_s
from unet_seg_ros.units import NS_PER_S

if TYPE_CHECKING:  # it brings torch, which takes seconds to import: the loader's thread does that
    from unet_seg_ros.inference.segmenter import Segmenter

LOG_PERIOD_S = 1.0
# The cause under which frames are counted that the camera's ego mask does not fit.
MISFIT = "ego_mask"

# A stamp further than this from the node's clock is not on the node's clock: a simulator's stamps
# read without use_sim_time, say.
COMPARABLE_S = 60.0


@dataclass(frozen=True, order=True)
class Workload:
    """What a network is made ready for: pictures of a size, with or without confidence."""

    size: Size
    confidence: bool = False

    def __str__(self) -> str:
        width, height = self.size
        return f"{width}x{height}" + (" with confidence" if self.confidence else "")


@dataclass(frozen=True)
class Plan:
    """What the worker does with frames; exchanged whole, between two batches."""

    segmenter: Segmenter
    groups: Mapping[str, tuple[int, ...]]
    settings: Settings
    forms: Mapping[str, Form]

    @classmethod
    def of(cls, segmenter: Segmenter, settings: Settings) -> Plan:
        """Return what `settings` ask for.

        Raises:
            ParameterError: they do not fit the segmenter's label set.
        """
        groups = resolve_groups(settings.groups, segmenter.label_set)
        forms = forms_of(settings, groups, segmenter.label_set)
        return cls(segmenter, groups, settings, forms)


@dataclass(frozen=True)
class RawFrame:
    """A serialized image message, and when it came: on the monotonic and on the node's clock."""

    data: bytes
    received_s: float
    received_ns: int


@dataclass
class Camera:
    """A camera as the worker sees it.

    `ego_mask` is where it sees the own car, `info` its latest CameraInfo, `workload` what it last
    asked for.
    """

    outputs: CameraOutputs
    ego_mask: EgoMask | None = None
    statistics: CameraStatistics = field(default_factory=CameraStatistics)
    gaps: SequenceGaps = field(default_factory=SequenceGaps)
    info: CameraInfo | None = None
    workload: Workload | None = None


@dataclass
class _Job:
    """A decoded frame on its way through the worker, and how long each stage took."""

    camera: Camera
    raw: RawFrame
    image: Image
    forms: Mapping[str, Form]  # of the outputs that somebody listens to
    request: Request
    times_ms: dict[str, float]


class Worker:
    """What the node has while it is configured: cameras with their topics, a network, a thread.

    The thread runs between `start` and `stop`. Every method is for the executor's thread; the
    worker's own thread sees what they leave: waiting frames, and the plan.

    Attributes:
        first_mask_s: When the first mask was published, in seconds from the process's start.

    Raises:
        ParameterError: the settings do not fit the segmenter's label set.
    """

    def __init__(
        self,
        node: Node,
        segmenter: Segmenter,
        settings: Settings,
        ego_masks: Mapping[str, EgoMask],
    ) -> None:
        self._node = node
        self._plan = Plan.of(segmenter, settings)
        self.cameras: dict[str, Camera] = {}
        self._waiting: NewestFrames[RawFrame] = NewestFrames()
        self._thread: threading.Thread | None = None
        self._failures: deque[str] = deque()
        self.first_mask_s: float | None = None
        try:
            for names in settings.drop_in.topics_of(settings.cameras):
                image = names.camera.image
                self.cameras[image] = Camera(CameraOutputs(node, names), ego_masks.get(image))
            self._offer(self._plan)
        except Exception:  # an impossible QoS override
            self._take_topics_away()
            raise

    @property
    def segmenter(self) -> Segmenter:
        """The network of the next batch."""
        return self._plan.segmenter

    def use(self, segmenter: Segmenter, settings: Settings) -> None:
        """Work with `segmenter` and `settings` from the next batch on; close a replaced segmenter.

        Raises:
            ParameterError: the settings do not fit the segmenter's label set; nothing is changed.
        """
        plan = Plan.of(segmenter, settings)
        self._offer(plan)
        replaced, self._plan = self._plan.segmenter, plan
        if replaced is not segmenter and not self._thread:
            replaced.close()

    def start(self) -> None:
        """Begin to work on the frames that are `put`."""
        self._waiting = NewestFrames()
        for camera in self.cameras.values():
            camera.gaps = SequenceGaps()  # what was sent while nobody listened is not missed
        self._thread = threading.Thread(target=self._run, name="segmentation", daemon=True)
        self._thread.start()

    def put(self, image_topic: str, data: bytes, info: Mapping[str, Any]) -> None:
        """Leave a serialized image message for the thread; a waiting older one is given up."""
        frame = RawFrame(data, time.monotonic(), self._now_ns())
        camera = self.cameras[image_topic]
        camera.statistics.frame_received(missed=camera.gaps.missed_before(info))
        if self._waiting.put(image_topic, frame):
            camera.statistics.frame_dropped("replaced")

    def stop(self, is_worth_waiting: Callable[[], bool]) -> bool:
        """Let the batch in work end, then the thread; return whether they did in time."""
        for image_topic in self._waiting.close():
            self.cameras[image_topic].statistics.frame_dropped("stopped")
        while self._thread and self._thread.is_alive():
            if not is_worth_waiting():
                return False
            self._thread.join(timeout=0.05)
        self._thread = None
        return True

    def close(self) -> None:
        """Take the topics away and let the network go; only while stopped."""
        self._take_topics_away()
        self._plan.segmenter.close()

    def take_failures(self) -> list[str]:
        """Return how the engine failed since the last call, one sentence for each batch."""
        return [self._failures.popleft() for _ in range(len(self._failures))]

    def _offer(self, plan: Plan) -> None:
        """Offer the topics of `plan` and say what its class ids mean."""
        for camera in self.cameras.values():
            camera.outputs.offer(plan.forms)
            camera.outputs.describe(
                plan.segmenter.label_set, plan.groups, plan.segmenter.checkpoint.name
            )

    def _take_topics_away(self) -> None:
        for camera in self.cameras.values():
            camera.outputs.destroy()

    def _run(self) -> None:
        in_use = self._plan.segmenter
        # Torch makes threads anew for every thread that calls it; no frame need wait for that.
        in_use.warm_up(self._plan.settings.warm_up_sizes)
        while frames := self._waiting.take(self._plan.settings.max_batch):
            plan = self._plan
            try:
                if plan.segmenter is not in_use:
                    replaced, in_use = in_use, plan.segmenter
                    replaced.close()
                self._work(frames, plan)
            # Whatever a driver, a compiler or the middleware comes up with costs these frames, not
            # the node; a person sees it in the log and in the diagnostics.
            except Exception as error:
                self._report_failure(frames, error)
        if self._plan.segmenter is not in_use:
            in_use.close()

    def _work(self, frames: dict[str, RawFrame], plan: Plan) -> None:
        """Make masks of `frames`; take each one out when it is accounted for."""
        jobs = []
        for image_topic, raw in list(frames.items()):
            job = self._decode(image_topic, raw, plan)
            if job:
                jobs.append(job)
            else:
                del frames[image_topic]
        for batch in _batches(jobs):
            begin = time.monotonic()
            pictures = [
                Frame(job.image.pixels, job.image.color_order, job.camera.ego_mask) for job in batch
            ]
            segmentations = plan.segmenter(pictures, batch[0].request)
            infer_ms = _ms_since(begin)
            for job, segmentation in zip(batch, segmentations, strict=True):
                job.times_ms["infer"] = infer_ms
                self._publish(job, segmentation)
                del frames[job.camera.outputs.camera.image]

    def _decode(self, image_topic: str, raw: RawFrame, plan: Plan) -> _Job | None:
        """Return the job that a frame makes; None, counted, when it is bad or nobody listens."""
        camera = self.cameras[image_topic]
        watched = camera.outputs.watched()
        forms = {output: form for output, form in plan.forms.items() if output in watched}
        if not forms:
            camera.statistics.frame_dropped("unwatched")
            return None
        begin = time.monotonic()
        max_pixels, compressed = plan.settings.max_image_pixels, camera.outputs.camera.compressed
        try:
            image = read_any_image(raw.data, max_pixels, compressed=compressed)
            height, width = image.pixels.shape[:2]
            if camera.ego_mask:
                camera.ego_mask.at((width, height))
        except (BadImage, DataError) as error:
            cause = error.cause if isinstance(error, BadImage) else MISFIT
            camera.statistics.frame_refused(cause, str(error))
            self._node.get_logger().warning(
                f"{image_topic}: bad frame refused: {error}", throttle_duration_sec=LOG_PERIOD_S
            )
            return None
        times_ms = {"wait": _ms(begin - raw.received_s), "decode": _ms_since(begin)}
        wanted = {form.picture for form in forms.values()}
        request = Request.of(wanted, plan.groups, plan.settings.overlay_opacity)
        camera.workload = Workload((width, height), request.confidence)
        return _Job(camera, raw, image, forms, request, times_ms)

    def _publish(self, job: _Job, segmentation: Segmentation) -> None:
        header, outputs = job.image.header, job.camera.outputs
        encode_s = publish_s = 0.0
        outputs.publish_camera_info(job.camera.info, header)
        pictures = dict(segmentation.pictures())
        for output, form in job.forms.items():
            begin = time.monotonic()
            message = form.write(header, pictures[form.picture])
            encoded = time.monotonic()
            outputs.publish(output, message)
            encode_s += encoded - begin
            publish_s += time.monotonic() - encoded
        job.times_ms.update(
            encode=_ms(encode_s), publish=_ms(publish_s), latency=_ms_since(job.raw.received_s)
        )
        job.times_ms.update(self._times_by_stamp(job))
        job.camera.statistics.frame_published(job.times_ms)
        if self.first_mask_s is None:
            self.first_mask_s = age_s()
            self._node.get_logger().info(f"first masks {self.first_mask_s:.1f} s after the start")

    def _times_by_stamp(self, job: _Job) -> dict[str, float]:
        """Return the time from the stamp to here and to the callback, by the node's clock."""
        stamp_ns = job.image.header.stamp_ns
        times_s = {
            "receive": (job.raw.received_ns - stamp_ns) / NS_PER_S,
            "age": (self._now_ns() - stamp_ns) / NS_PER_S,
        }
        return {name: _ms(time) for name, time in times_s.items() if abs(time) < COMPARABLE_S}

    def _report_failure(self, lost: Iterable[str], error: Exception) -> None:
        """Report that `error` cost the frames of the cameras `lost`."""
        if not self._node.context.ok():  # after a Ctrl-C every call into ROS fails; that is no news
            return
        reason = f"{type(error).__name__}: {error}"
        self._failures.append(reason)
        for image_topic in lost:
            self.cameras[image_topic].statistics.frame_dropped("failed")
        self._node.get_logger().error(
            f"frames of {', '.join(lost)} lost: {reason}", throttle_duration_sec=LOG_PERIOD_S
        )

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)


def _batches(jobs: Iterable[_Job]) -> list[list[_Job]]:
    """Put jobs with the same request together: nothing is computed that nobody listens to."""
    batches: list[list[_Job]] = []
    for job in jobs:
        for batch in batches:
            if batch[0].request == job.request:
                batch.append(job)
                break
        else:
            batches.append([job])
    return batches


def _ms(seconds: float) -> float:
    return seconds * 1e3


def _ms_since(begin_s: float) -> float:
    return _ms(time.monotonic() - begin_s)
