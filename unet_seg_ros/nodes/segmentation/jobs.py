# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One frame's way through the segmentation node: decoded, grouped with others, published."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError
from unet_seg_ros.inference.frames import Frame, Request, Segmentation
from unet_seg_ros.messages.images import BadImage, Image, read_any_image
from unet_seg_ros.nodes.segmentation.camera import Camera, RawFrame, Workload
from unet_seg_ros.nodes.segmentation.forms import Form, offer_of
from unet_seg_ros.nodes.segmentation.parameters import Settings
from unet_seg_ros.units import NS_PER_S

if TYPE_CHECKING:  # it brings torch, which takes seconds to import: the loader's thread does that
    from unet_seg_ros.inference.segmenter import Segmenter

LOG_PERIOD_S = 1.0
# The cause under which frames are counted that the camera's ego mask does not fit.
MISFIT = "ego_mask"

# A stamp further than this from the node's clock is not on the node's clock: a simulator's stamps
# read without use_sim_time, say.
COMPARABLE_S = 60.0


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
        groups, forms = offer_of(settings, segmenter.label_set)
        return cls(segmenter, groups, settings, forms)

    @property
    def batch(self) -> int:
        """How many cameras' frames are worked on together."""
        return min(self.settings.max_batch, self.segmenter.batch_limit)


@dataclass
class Job:
    """A decoded frame on its way through the worker, and how long each stage took."""

    camera: Camera
    raw: RawFrame
    image: Image
    forms: Mapping[str, Form]  # of the outputs that somebody listens to
    request: Request
    times_ms: dict[str, float]

    @property
    def frame(self) -> Frame:
        """The frame as the engine takes it."""
        return Frame(self.image.pixels, self.image.color_order, self.camera.ego_mask)


def decode(camera: Camera, raw: RawFrame, plan: Plan, node: Node) -> Job | None:
    """Return the job that a frame makes; None, counted, when it is bad or nobody listens."""
    watched = camera.outputs.watched()
    forms = {output: form for output, form in plan.forms.items() if output in watched}
    if not forms:
        camera.statistics.frame_dropped("unwatched")
        camera.watchdog.nothing_due()
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
        camera.watchdog.nothing_due()
        node.get_logger().warning(
            f"{camera.topic}: bad frame refused: {error}", throttle_duration_sec=LOG_PERIOD_S
        )
        return None
    times_ms = {"wait": _ms(begin - raw.received_s), "decode": ms_since(begin)}
    wanted = {form.picture for form in forms.values()}
    request = Request.of(wanted, plan.groups, plan.settings.overlay_opacity)
    camera.workload = Workload((width, height), request.confidence)
    return Job(camera, raw, image, forms, request, times_ms)


def batches(jobs: Iterable[Job]) -> list[list[Job]]:
    """Put jobs together that the engine computes in one go; their order stays.

    The same request, because nothing is computed that nobody listens to; the same shape and colour
    order, so that the masks of one camera do not wait for the pictures of another.
    """
    together: list[list[Job]] = []
    for job in jobs:
        for batch in together:
            if _key(batch[0]) == _key(job):
                batch.append(job)
                break
        else:
            together.append([job])
    return together


def publish(job: Job, segmentation: Segmentation, plan: Plan, node: Node) -> None:
    """Publish the masks of a frame that somebody listens to, and count it."""
    header, outputs = job.image.header, job.camera.outputs
    encode_s = publish_s = 0.0
    info = job.camera.info
    if info and _fits(info, job.image.pixels):
        outputs.publish_camera_info(info, header)
    pictures = dict(segmentation.pictures())
    for output, form in job.forms.items():
        begin = time.monotonic()
        message = form.write(header, pictures[form.picture])
        encoded = time.monotonic()
        outputs.publish(output, message)
        encode_s += encoded - begin
        publish_s += time.monotonic() - encoded
    job.times_ms.update(
        encode=_ms(encode_s), publish=_ms(publish_s), latency=ms_since(job.raw.received_s)
    )
    job.times_ms.update(_times_by_stamp(job, now_ns(node)))
    job.camera.statistics.frame_published(job.times_ms)
    job.camera.watchdog.masks_went_out(job.times_ms["latency"], plan.settings.max_latency_ms)


def now_ns(node: Node) -> int:
    """Return the time of the node's clock."""
    return int(node.get_clock().now().nanoseconds)


def ms_since(begin_s: float) -> float:
    """Return the milliseconds since a time of the monotonic clock."""
    return _ms(time.monotonic() - begin_s)


def _fits(info: CameraInfo, pixels: Uint8Array) -> bool:
    """Return whether `info` may be about such a picture; one of another size says wrong things."""
    height, width = pixels.shape[:2]
    # Of a part of the picture, or of pixels put together, it tells the size of the whole.
    is_whole = not (info.roi.width or info.roi.height)
    is_whole &= max(info.binning_x, info.binning_y, 1) == 1
    tells = info.width and info.height and is_whole
    return not tells or (info.width, info.height) == (width, height)


def _key(job: Job) -> tuple[Request, tuple[int, ...], str]:
    return job.request, job.image.pixels.shape, job.image.color_order


def _times_by_stamp(job: Job, now_ns: int) -> dict[str, float]:
    """Return the time from the stamp to here and to the callback, by the node's clock."""
    stamp_ns = job.image.header.stamp_ns
    times_s = {
        "receive": (job.raw.received_ns - stamp_ns) / NS_PER_S,
        "age": (now_ns - stamp_ns) / NS_PER_S,
    }
    return {name: _ms(time) for name, time in times_s.items() if abs(time) < COMPARABLE_S}


def _ms(seconds: float) -> float:
    return seconds * 1e3
