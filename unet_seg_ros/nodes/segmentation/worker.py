# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node's worker thread: frames in, masks out, nothing in between waits for ROS."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from unet_seg_ros.inference.errors import DeviceLost
from unet_seg_ros.inference.frames import Segmentation
from unet_seg_ros.messages.sequence import SequenceGaps
from unet_seg_ros.nodes.segmentation.camera import Camera, RawFrame
from unet_seg_ros.nodes.segmentation.jobs import (
    LOG_PERIOD_S,
    Job,
    Plan,
    batches,
    decode,
    ms_since,
    now_ns,
    publish,
)
from unet_seg_ros.nodes.segmentation.outputs import CameraOutputs
from unet_seg_ros.nodes.segmentation.parameters import Settings
from unet_seg_ros.nodes.slots import NewestFrames
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.process import age_s
from unet_seg_ros.processors import usable_processors

if TYPE_CHECKING:  # it brings torch, which takes seconds to import: the loader's thread does that
    from unet_seg_ros.inference.segmenter import Segmenter

# A batch takes seconds at most, on the slowest processor with the largest pictures.
STUCK_S = 30.0


class WorkerError(ValueError):
    """The worker cannot begin; the message says why and what to do."""


@dataclass(frozen=True)
class _Finished:
    """A batch whose masks are there and not published yet."""

    jobs: list[Job]
    segmentations: list[Segmentation]
    plan: Plan


class Worker:
    """What the node has while it is configured: cameras with their topics, a network, a thread.

    The thread runs between `start` and `stop`. Every method is for the executor's thread; the
    worker's own thread sees what they leave: waiting frames, and the plan.

    Attributes:
        first_mask_s: When the first mask was published, in seconds from the process's start.

    Args:
        node: The node, for topics, log and clock.
        segmenter: The network; the worker closes it.
        settings: The parameters.
        ego_masks: Where the cameras see the own car, by image topic.
        on_death: Called in the worker's thread when it ends without having been told to.

    Raises:
        ParameterError: the settings do not fit the segmenter's label set.
    """

    def __init__(
        self,
        node: Node,
        segmenter: Segmenter,
        settings: Settings,
        ego_masks: Mapping[str, EgoMask],
        on_death: Callable[[], None],
    ) -> None:
        self._node = node
        self._plan = self._described = Plan.of(segmenter, settings)
        self._on_death = on_death
        self.cameras: dict[str, Camera] = {}
        self._waiting: NewestFrames[RawFrame] = NewestFrames()
        self._thread: threading.Thread | None = None
        self._busy_since_s: float | None = None
        self._finished: _Finished | None = None
        self._death: BaseException | None = None
        self._replaced: deque[Segmenter] = deque()
        self._failures: deque[str] = deque()
        self.first_mask_s: float | None = None
        try:
            for names in settings.drop_in.topics_of(settings.cameras):
                image = names.camera.image
                self.cameras[image] = Camera(CameraOutputs(node, names), ego_masks.get(image))
            self._offer(self._plan)
            self._describe(self._plan)
        except Exception:  # an impossible QoS override
            self._take_topics_away()
            raise

    @property
    def segmenter(self) -> Segmenter:
        """The network of the next batch."""
        return self._plan.segmenter

    @property
    def death(self) -> BaseException | None:
        """What ended the thread, where it was not told to end."""
        return self._death

    def problem(self) -> str:
        """Return why no masks are made while they should be; empty where all is well."""
        if self._death:
            return f"the worker died of {_reason(self._death)}"
        begin_s = self._busy_since_s
        if begin_s is not None and (busy_s := time.monotonic() - begin_s) > STUCK_S:
            return f"the worker is stuck: it has worked on the same frames for {busy_s:.0f} s"
        return ""

    def use(self, segmenter: Segmenter, settings: Settings) -> None:
        """Work with `segmenter` and `settings` from the next batch on; close a replaced segmenter.

        Raises:
            ParameterError: the settings do not fit the segmenter's label set; nothing is changed.
        """
        plan = Plan.of(segmenter, settings)
        self._offer(plan)
        replaced, self._plan = self._plan.segmenter, plan
        if replaced is not segmenter:
            self._replaced.append(replaced)
        if self._thread:  # which may be in the middle of a batch of the plan before
            self._waiting.wake()
        else:
            self._go_over()

    def start(self) -> None:
        """Begin to work on the frames that are `put`.

        Raises:
            WorkerError: the thread still hangs in a batch from before it was stopped.
        """
        if self._thread and self._thread.is_alive():
            reason = self.problem() or "the worker has not ended yet"
            raise WorkerError(f"{reason}; wait for it, or start the node anew")
        self._waiting = NewestFrames()
        self._death = None
        for camera in self.cameras.values():
            camera.gaps = SequenceGaps()  # what was sent while nobody listened is not missed
        work = functools.partial(self._run, self._waiting)
        self._thread = threading.Thread(target=work, name="segmentation", daemon=True)
        self._thread.start()

    def put(self, image_topic: str, data: bytes, info: Mapping[str, Any]) -> None:
        """Leave a serialized image message for the thread; a waiting older one is given up."""
        frame = RawFrame(data, time.monotonic(), now_ns(self._node))
        camera = self.cameras[image_topic]
        camera.statistics.frame_received(missed=camera.gaps.missed_before(info))
        camera.watchdog.frame_came()
        if self._waiting.put(image_topic, frame):
            camera.statistics.frame_dropped("replaced")

    def stop(self, is_worth_waiting: Callable[[], bool]) -> bool:
        """Let the batch in work end, then the thread; return whether they did in time."""
        for image_topic in self._waiting.close():
            self.cameras[image_topic].statistics.frame_dropped("stopped")
        for camera in self.cameras.values():
            camera.watchdog.nothing_due()
        while self._thread and self._thread.is_alive():
            if not is_worth_waiting():
                return False
            self._thread.join(timeout=0.05)
        self._thread = None
        self._go_over()
        return True

    def close(self) -> None:
        """Take the topics away and let the network go; only while stopped."""
        self._take_topics_away()
        if not self._thread:  # one that is stuck still uses it
            self._plan.segmenter.close()

    def take_failures(self) -> list[str]:
        """Return how the engine failed since the last call, one sentence for each batch."""
        return [self._failures.popleft() for _ in range(len(self._failures))]

    def _offer(self, plan: Plan) -> None:
        """Offer the topics of `plan`."""
        for camera in self.cameras.values():
            camera.outputs.offer(plan.forms)

    def _describe(self, plan: Plan) -> None:
        """Say what the class ids of `plan` mean."""
        label_set, checkpoint = plan.segmenter.label_set, plan.segmenter.checkpoint
        for camera in self.cameras.values():
            camera.outputs.describe(label_set, plan.groups, checkpoint.name)

    def _take_topics_away(self) -> None:
        for camera in self.cameras.values():
            camera.outputs.destroy()

    # In the worker's own thread

    def _run(self, waiting: NewestFrames[RawFrame]) -> None:
        try:
            self._work_off(waiting)
        except BaseException as error:  # whatever it is, a thread must not end without a word
            self._death = error
            self._on_death()
        finally:
            self._busy_since_s = None

    def _work_off(self, waiting: NewestFrames[RawFrame]) -> None:
        """Work until `waiting` is closed."""
        with self._decoders() as pool:
            try:
                while not waiting.is_closed:
                    self._work_once(waiting, pool)
            finally:  # the device may have been lost in the batch after it
                self._publish_finished()

    def _work_once(self, waiting: NewestFrames[RawFrame], pool: ThreadPoolExecutor | None) -> None:
        """Wait for frames and work on them; while it waits, nothing holds a replaced network.

        Where a device does the work and further frames wait already, the last masks are left to
        go out while it works on those. No mask waits for frames that are yet to come.
        """
        frames = waiting.take(self._plan.batch)
        plan = self._go_over()
        if not frames:
            return
        self._busy_since_s = time.monotonic()
        before = self._finished
        self._work(frames, plan, pool)
        is_next_there = plan.segmenter.works_beside and not waiting.is_empty
        if self._finished is before or not is_next_there:
            self._publish_finished()
            self._busy_since_s = None

    def _decoders(self) -> contextlib.AbstractContextManager[ThreadPoolExecutor | None]:
        """Return threads that decode JPEGs beside each other, where several come at a time."""
        compressed = [item for item in self.cameras.values() if item.outputs.camera.compressed]
        count = min(len(compressed), self._plan.batch, usable_processors())
        return ThreadPoolExecutor(count, "decoder") if count > 1 else contextlib.nullcontext()

    def _work(
        self, frames: Mapping[str, RawFrame], plan: Plan, pool: ThreadPoolExecutor | None
    ) -> None:
        """Make masks of `frames`; publish all but those of the last batch, which are left."""
        decode_one = functools.partial(self._decode, frames=frames, plan=plan)
        jobs = pool.map(decode_one, frames) if pool else map(decode_one, frames)
        for batch in batches(filter(None, jobs)):
            lost = {job.camera.topic for job in batch}
            with self._survived(lost):
                begin = time.monotonic()
                try:
                    end = plan.segmenter.begin([job.frame for job in batch], batch[0].request)
                finally:  # while the device works; also where it does not: the next `begin` may
                    self._publish_finished()  # write into the masks that are still to go out
                segmentations = end()
                infer_ms = ms_since(begin)
                for job in batch:
                    job.times_ms["infer"] = infer_ms
                self._finished = _Finished(batch, segmentations, plan)

    def _publish_finished(self) -> None:
        """Publish the masks of the batch that is finished, where there is one."""
        finished, self._finished = self._finished, None
        if finished is None:
            return
        lost = {job.camera.topic for job in finished.jobs}
        with self._survived(lost):
            for job, segmentation in zip(finished.jobs, finished.segmentations, strict=True):
                publish(job, segmentation, finished.plan, self._node)
                self._note_first_mask()
                lost.remove(job.camera.topic)

    def _note_first_mask(self) -> None:
        if self.first_mask_s is None:
            self.first_mask_s = age_s()
            self._node.get_logger().info(f"first masks {self.first_mask_s:.1f} s after the start")

    def _decode(self, image_topic: str, frames: Mapping[str, RawFrame], plan: Plan) -> Job | None:
        with self._survived({image_topic}):
            return decode(self.cameras[image_topic], frames[image_topic], plan, self._node)
        return None

    def _go_over(self) -> Plan:
        """Return the plan of the next batch; nothing of the one before it is left.

        No mask with the ids of one label set goes out after the legend of another.
        """
        while self._replaced:
            self._publish_finished()
            with self._survived(()):
                self._replaced.popleft().close()
        plan = self._plan
        if plan is not self._described:
            self._publish_finished()
            self._described = plan
            with self._survived(()):
                self._describe(plan)
        return plan

    @contextlib.contextmanager
    def _survived(self, lost: Collection[str]) -> Iterator[None]:
        """Let an error cost the frames of the cameras that are left in `lost`, not the node.

        Whatever a driver, a compiler or the middleware comes up with, a person sees it in the log
        and in the diagnostics.
        """
        try:
            yield
        except Exception as error:
            self._report_failure(lost, error)
            if isinstance(error, DeviceLost):  # nothing will ever succeed again
                raise

    def _report_failure(self, lost: Collection[str], error: Exception) -> None:
        if not self._node.context.ok():  # after a Ctrl-C every call into ROS fails; that is no news
            return
        reason = _reason(error)
        self._failures.append(reason)
        for image_topic in lost:
            self.cameras[image_topic].statistics.frame_dropped("failed")
        self._node.get_logger().error(
            f"frames of {', '.join(lost) or 'no camera'} lost: {reason}",
            throttle_duration_sec=LOG_PERIOD_S,
        )


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
