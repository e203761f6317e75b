# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engine of devices that work on batches beside the processor.

Camera bytes go up, masks come down; all between is the device's. Only the network is recorded
(`recordings`), so cameras of any colour order, masks that come and go, and frame sizes that shrink
to the same share a recording; masks are painted behind it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.device_errors import first_line, is_out_of_memory
from unet_seg_ros.inference.errors import DeviceLost, SegmenterError
from unet_seg_ros.inference.frames import Request, Segmentation
from unet_seg_ros.inference.network import InferenceNetwork
from unet_seg_ros.inference.options import Upsample
from unet_seg_ros.inference.pipeline import FrameLayout, NetworkShape, Painter
from unet_seg_ros.inference.recordings import BATCHES, MAX_BATCH, Key, Recordings, padded
from unet_seg_ros.labels.label_set import ColorOrder
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.pictures.geometry import Size

# What belongs to the frame sizes that were used longest ago is dropped.
_MAX_SIZES = 16

Work = Callable[[Tensor], "tuple[Tensor, Tensor | None]"]
"""From `(N, 3, h, w)` uint8 to class ids and, perhaps, probabilities x 255, `(N, ...)` uint8."""

_Record = Callable[[Key], "Recording"]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Recording:
    """Work that `replay` does once more: from what `image` holds to `labels` and `confidence`."""

    image: Tensor
    labels: Tensor
    confidence: Tensor | None
    replay: Callable[[], None]


class Device(Protocol):
    """What a device must offer beside torch's operations."""

    device: torch.device

    def at_work(self) -> AbstractContextManager[object]:
        """Within, operations go to the engine's own queue."""

    def unrecorded(self) -> AbstractContextManager[object]:
        """Within, the network runs without a recording."""

    def finish(self) -> None:
        """Wait for the engine's queue."""

    def host_memory(self, count: int) -> Tensor:
        """Return `(count,)` uint8 on the host, to copy from and to while others work."""

    def record(self, work: Work, shape: tuple[int, int, int, int]) -> Recording:
        """Record `work` on a `(N, 3, h, w)` uint8 picture, channels-last."""

    def forget(self) -> None:
        """Drop every recording, and free the memory that is kept for later."""

    def why_lost(self) -> str | None:
        """Return why the device does no more work in this process, None if it does."""


class Runtime(Protocol):
    """Another program that runs networks, in place of the device's recordings."""

    name: str

    def record(self, work: Work, shape: NetworkShape, batch: int) -> Recording:
        """Return what does `work` on `(batch, 3, h, w)` uint8 pictures.

        Raises:
            SegmenterError: It cannot, for a reason that will stay.
        """


class BatchedEngine:
    """Segments batches of frames of one shape.

    Attributes:
        compiled, is_compiling: Always False: there is no compiler.
        batch_limit: How many frames gain from being segmented in one call.
        notes: What a user should know, one sentence each.
        out_of_memory_count: How often memory was full.

    Args:
        checkpoint: The network and what belongs to it.
        device: What it runs on.
        dtype: Of the network.
        input_size: (width, height) that frames are brought to fit in.
        upsample: As `Segmenter` has it.
        adapts: As `Segmenter` has it.
        runtime: What runs the network where the device would record it; None where it does.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: Device,
        dtype: torch.dtype,
        input_size: Size,
        upsample: Upsample,
        adapts: bool,
        runtime: Runtime | None = None,
    ) -> None:
        self.compiled = self.is_compiling = False
        self.batch_limit = MAX_BATCH
        self.notes: list[str] = []
        self.out_of_memory_count = 0
        self._device = device
        self._runtime = runtime
        self._network = InferenceNetwork(checkpoint, dtype).to(device.device)
        color_table = torch.from_numpy(checkpoint.label_set.color_table.copy())
        self._painter = Painter(color_table.to(device.device))
        self._channels = {
            order: torch.tensor([order.index(color) for color in "rgb"], device=device.device)
            for order in get_args(ColorOrder)
        }
        self._layout = functools.lru_cache(_MAX_SIZES)(
            lambda size: FrameLayout(size, input_size, checkpoint.enlarge, upsample, device.device)
        )
        # Those of frames that come in one call differ in size, colour order or place.
        self._buffers = functools.lru_cache(_MAX_SIZES)(
            lambda _shape, _order, _start: _Buffers(device.host_memory)
        )
        self._recordings: Recordings[Recording] = Recordings(adapts)
        self._limits: dict[Size, int] = {}
        # Of two sets of masks in the host's memory, the one that is written to.
        self._turn = 0

    def is_warm(self, size: Size, batch: int, confidence: bool) -> bool:
        """Return whether `warm_up` would make such frames no faster."""
        keys = self._keys(size, batch, confidence)
        return all(self._recordings.is_settled(key) for key in keys)

    def warm_up(self, size: Size, batch: int, confidence: bool) -> None:
        """Record the network for up to `batch` frames of `size`, and run all of it once.

        Raises:
            DeviceLost, MemoryError, SegmenterError: As in `segment`.
        """
        for key in self._keys(size, batch, confidence):
            self._attempt(self._recordings.prepare, key)
        black = np.zeros((size[1], size[0], 4), np.uint8)
        everything = Request(True, True, confidence, {"": ()})
        self.segment([black] * batch, "bgra", everything)

    def segment(
        self, pictures: Sequence[Uint8Array], color_order: ColorOrder, request: Request
    ) -> list[Segmentation]:
        """Segment `(H, W, 3|4)` uint8 pictures of one shape and colour order.

        Raises:
            DeviceLost: the device does no more work in this process.
            MemoryError: not even one frame fits in the device's memory.
            SegmenterError: the runtime cannot run the network.
        """
        results: list[Segmentation] = []
        while len(results) < len(pictures):
            start = len(results)
            batch = pictures[start : start + self._limit(pictures)]
            begin = functools.partial(self._begin_batch, batch, color_order, request, start)
            if wait := self._with_room(begin, batch):
                results += self._with_room(wait, batch) or ()
        return results

    def begin(
        self, pictures: Sequence[Uint8Array], color_order: ColorOrder, request: Request
    ) -> Callable[[], list[Segmentation]]:
        """Begin with what `segment` does, and return what waits for the results and gives them.

        They last until the second `begin` from here, so that they can be read while the device
        works on the next. Before that, wait for these.

        Raises:
            DeviceLost, MemoryError, SegmenterError: as `segment`, here or where the results are
                waited for.
        """
        self._turn = 1 - self._turn
        wait = None
        if len(pictures) <= self._limit(pictures):
            begin = functools.partial(self._begin_batch, pictures, color_order, request, start=0)
            wait = self._with_room(begin, pictures)

        def results() -> list[Segmentation]:
            found = self._with_room(wait, pictures) if wait else None
            return found or self.segment(pictures, color_order, request)

        return results

    def close(self) -> None:
        """Free the recordings and what they hold on the device."""
        self._recordings.restart()
        self._limits.clear()
        self.notes.clear()
        self._layout.cache_clear()
        self._buffers.cache_clear()
        self._device.forget()

    def _begin_batch(
        self, pictures: Sequence[Uint8Array], color_order: ColorOrder, request: Request, start: int
    ) -> Callable[[], list[Segmentation]]:
        shape = pictures[0].shape
        layout = self._layout((shape[1], shape[0]))
        key = Key(padded(len(pictures)), layout.network_shape(request.confidence))
        self._attempt(self._recordings.use, key)
        buffers = self._buffers(shape, color_order, start)
        with self._device.at_work(), torch.inference_mode():
            frames = self._upload(pictures, buffers)
            rgb = frames.index_select(3, self._channels[color_order])
            small, confidence = self._run_network(layout.to_network(rgb), key)
            masks = {"labels": layout.to_frame(small)}
            if confidence is not None:
                masks["confidence"] = layout.to_frame(confidence)
            masks |= self._painter.paint(masks["labels"], rgb, request)
            arrays = {
                name: buffers.get(f"{name} {self._turn}", *mask.shape)
                .copy_(mask, non_blocking=True)
                .numpy()
                for name, mask in masks.items()
            }
        count = len(pictures)

        def results() -> list[Segmentation]:
            self._device.finish()
            return [_segmentation(arrays, request, index) for index in range(count)]

        return results

    def _upload(self, pictures: Sequence[Uint8Array], buffers: _Buffers) -> Tensor:
        shape = (len(pictures), *pictures[0].shape)
        staging = buffers.get("frames", *shape)
        frames = torch.empty(shape, dtype=torch.uint8, device=self._device.device)
        # While one frame goes up, the next is gathered.
        for index, picture in enumerate(pictures):
            np.copyto(staging[index].numpy(), picture)
            frames[index].copy_(staging[index], non_blocking=True)
        return frames

    def _run_network(self, image: Tensor, key: Key) -> tuple[Tensor, Tensor | None]:
        """Run the network on `(N, 3, h, w)` uint8; N is at most the batch of `key`."""
        recording = self._recordings.find(key)
        if recording is None:
            with self._device.unrecorded():
                return self._work(key)(image)
        count = len(image)
        recording.image[:count].copy_(image)
        recording.replay()
        confidence = recording.confidence
        return recording.labels[:count], None if confidence is None else confidence[:count]

    def _record(self, key: Key) -> Recording:
        if self._runtime:
            return self._runtime.record(self._work(key), key.shape, key.batch)
        return self._device.record(self._work(key), (key.batch, 3, *key.shape.input_size))

    def _work(self, key: Key) -> Work:
        shape = key.shape
        network = self._network  # and not self, which a recording would keep alive
        return lambda image: network(image, shape.logits_size, shape.confidence)

    def _keys(self, size: Size, batch: int, confidence: bool) -> list[Key]:
        """Return what frames of `size` need recorded that come up to `batch` at a time."""
        shape = self._layout(size).network_shape(confidence)
        largest = padded(min(batch, MAX_BATCH))
        return [Key(count, shape) for count in BATCHES if count <= largest]

    def _attempt(self, step: Callable[[Key, _Record], None], key: Key) -> None:
        """Take a step that may record, or go on without recordings.

        Raises:
            SegmenterError: The runtime that was asked for cannot do it.
        """
        try:
            step(key, self._record)
            return
        except Exception as error:
            self._raise_if_lost(error)
            if isinstance(error, SegmenterError):
                raise
            full = is_out_of_memory(error)
            reason = f"recording failed ({first_line(error)})"
        self._device.forget()
        if full:
            self.out_of_memory_count += 1
            reason = f"the memory of {self._device.device} was full"
        self._note_unrecorded(reason)

    def _limit(self, pictures: Sequence[Uint8Array]) -> int:
        height, width = pictures[0].shape[:2]
        return self._limits.get((width, height), MAX_BATCH)

    def _with_room(
        self, step: Callable[[], _Result], pictures: Sequence[Uint8Array]
    ) -> _Result | None:
        """Take a step of the work on `pictures`; where memory is full, make room and return None.

        Raises:
            DeviceLost, MemoryError, SegmenterError: as `segment`.
        """
        try:
            return step()
        except Exception as error:
            self._raise_if_lost(error)
            if not is_out_of_memory(error):
                raise
        # Outside the handler: its traceback holds the tensors of the failed batch.
        height, width = pictures[0].shape[:2]
        self._make_room((width, height), len(pictures))
        return None

    def _make_room(self, size: Size, count: int) -> None:
        """Give up the recordings or, where there are none, half of a batch.

        Raises:
            MemoryError: There is nothing left to give up.
        """
        self.out_of_memory_count += 1
        device, (width, height) = self._device.device, size
        had_recordings = self._recordings.stop()
        self._device.forget()
        if had_recordings:
            self._note_unrecorded(f"the memory of {device} was full")
        elif count > 1:
            self._limits[size] = count // 2
            self.notes = [
                f"runs at most {count // 2} frames of {width}x{height} at a time: the memory of "
                f"{device} was too small for {count}"
            ]
        else:
            raise MemoryError(
                f"a {width}x{height} frame does not fit in the memory of {device}; use a smaller "
                "input_size or network, or the cpu"
            )

    def _note_unrecorded(self, reason: str) -> None:
        missed = self._runtime.name if self._runtime else "recorded graphs"
        self.notes = [f"runs without {missed}, which is slower: {reason}"]

    def _raise_if_lost(self, error: Exception) -> None:
        if not is_out_of_memory(error) and (reason := self._device.why_lost()):
            raise DeviceLost(
                f"{self._device.device} does no more work in this process ({reason}); start it "
                "again"
            ) from error


class _Buffers:
    """Host memory by name, made at first use and kept."""

    def __init__(self, make: Callable[[int], Tensor]) -> None:
        self._make = make
        self._arrays: dict[str, Tensor] = {}

    def get(self, name: str, *shape: int) -> Tensor:
        """Return uint8 of this shape; what it had before under this name is overwritten."""
        count = math.prod(shape)
        if name not in self._arrays or len(self._arrays[name]) < count:
            self._arrays[name] = self._make(count)
        return self._arrays[name][:count].view(shape)


def _segmentation(masks: dict[str, Uint8Array], request: Request, index: int) -> Segmentation:
    """Return the masks of one frame of a batch."""

    def of_frame(name: str) -> Uint8Array | None:
        return masks[name][index] if name in masks else None

    return Segmentation(
        labels=masks["labels"][index],
        color_mask=of_frame("color_mask"),
        overlay=of_frame("overlay"),
        confidence=of_frame("confidence"),
        group_masks={
            name: masks["groups"][group, index] for group, name in enumerate(request.groups)
        },
    )
