# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engine on CUDA: camera bytes go up, masks come down, all work between is one CUDA graph."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.frames import Request, Segmentation
from unet_seg_ros.inference.network import InferenceNetwork
from unet_seg_ros.inference.options import Upsample
from unet_seg_ros.labels.label_set import ColorOrder, group_table
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.pictures.geometry import Size, area_matrix, nearest_indices, network_size

# Each graph holds its frames and masks on the device; those used longest ago are dropped.
MAX_GRAPHS = 16


@dataclass(frozen=True)
class Outputs:
    """Which masks a graph computes."""

    color_mask: bool
    overlay: bool
    confidence: bool
    groups: int

    @classmethod
    def of(cls, request: Request) -> Outputs:
        """Return the outputs that `request` asks for."""
        return cls(request.color_mask, request.overlay, request.confidence, len(request.groups))


@dataclass
class Inputs:
    """What a graph reads, at addresses that stay; frames and settings are copied in.

    Attributes:
        frames: `(N, H, W, C)` uint8.
        channels: `(3,)` int64, where red, green and blue are among the C.
        opacity: `()` float32, of the overlay.
        group_tables: `(G, 256)` uint8, from ids to 0 or 255.
    """

    frames: Tensor
    channels: Tensor
    opacity: Tensor
    group_tables: Tensor


class FramePipeline(nn.Module):
    """All the work on frames of one size, in operations that a device does by itself.

    It gives the masks that `CpuEngine` makes with OpenCV: shrinking is a product with the matrices
    of area interpolation, enlarging picks rows and columns by index.
    """

    def __init__(
        self,
        network: InferenceNetwork,
        color_table: Tensor,
        frame_size: Size,
        input_size: Size,
        upsample: Upsample,
    ) -> None:
        super().__init__()
        width, height = frame_size
        small_width, small_height = network_size(frame_size, input_size)
        self.network = network
        self.color_table = color_table
        self.is_shrunk = (small_width, small_height) != frame_size
        self.logits_size = (height, width) if upsample == "logits" else None
        # Camera values are whole numbers up to 255, which half precision holds exactly.
        exact = torch.float32 if network.dtype == torch.float32 else torch.float16
        rows, columns = area_matrix(height, small_height), area_matrix(width, small_width)
        self.shrink_rows = nn.Buffer(torch.from_numpy(rows).to(exact))
        self.shrink_columns = nn.Buffer(torch.from_numpy(columns.T.copy()).to(exact))
        self.rows = nn.Buffer(torch.from_numpy(nearest_indices(small_height, height)))
        self.columns = nn.Buffer(torch.from_numpy(nearest_indices(small_width, width)))

    def forward(self, inputs: Inputs, outputs: Outputs) -> dict[str, Tensor]:
        """Return the masks by name, `(N, H, W)` or `(N, H, W, 3)` uint8; "groups" has G first."""
        rgb = inputs.frames.index_select(3, inputs.channels)
        image = rgb.permute(0, 3, 1, 2).to(self.shrink_rows.dtype)
        if self.is_shrunk:
            # Halves go up, as in OpenCV's shrinking by two.
            image = (self.shrink_rows @ image @ self.shrink_columns + 0.5).floor()
        image = image.contiguous(memory_format=torch.channels_last)
        labels, confidence = self.network(image, self.logits_size, outputs.confidence)
        masks = {"labels": self._enlarge(labels)}
        if confidence is not None:
            masks["confidence"] = self._enlarge(confidence)
        ids = masks["labels"].int().flatten()
        shape = masks["labels"].shape
        if outputs.color_mask or outputs.overlay:
            color_mask = self.color_table.index_select(0, ids).view(*shape, 3)
            if outputs.color_mask:
                masks["color_mask"] = color_mask
            if outputs.overlay:
                outlines = _outlines(masks["labels"])[..., None]
                opacity = torch.where(outlines, 1.0, inputs.opacity)
                blend = torch.lerp(rgb.float(), color_mask.float(), opacity)
                masks["overlay"] = blend.round().to(torch.uint8)
        if outputs.groups:
            masks["groups"] = inputs.group_tables.index_select(1, ids).view(-1, *shape)
        return masks

    def _enlarge(self, small: Tensor) -> Tensor:
        if self.logits_size is not None:
            return small
        return small.index_select(1, self.rows).index_select(2, self.columns)


def _outlines(labels: Tensor) -> Tensor:
    """Return where a neighbour has another class in `(N, H, W)` label maps, bool, as `overlay`."""
    outlines = torch.zeros_like(labels, dtype=torch.bool)
    below = labels[:, 1:] != labels[:, :-1]
    outlines[:, 1:] |= below
    outlines[:, :-1] |= below
    beside = labels[:, :, 1:] != labels[:, :, :-1]
    outlines[:, :, 1:] |= beside
    outlines[:, :, :-1] |= beside
    return outlines


class CudaEngine:
    """Segments batches of frames of one shape, one CUDA graph for each shape and set of masks.

    Attributes:
        compiled: Always False: a graph leaves the compiler little to win.
        notes: What a user should know, one sentence each.
        out_of_memory_count: How often a batch was halved because memory was full.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str,
        dtype: torch.dtype,
        input_size: Size,
        upsample: Upsample,
    ) -> None:
        self.compiled = False
        self.notes: list[str] = []
        self.out_of_memory_count = 0
        self._device = torch.device(device)
        self._input_size = input_size
        self._upsample = upsample
        self._network = InferenceNetwork(checkpoint, dtype).to(self._device)
        self._color_table = torch.from_numpy(checkpoint.label_set.color_table.copy())
        self._color_table = self._color_table.to(self._device)
        self._streams = _Streams(self._device)
        self._graphs: OrderedDict[object, _Graph] = OrderedDict()
        self._max_batch: int | None = None

    def warm_up(self, size: Size, batch: int, confidence: bool) -> None:
        """Record graphs for `batch` frames of `size`, in CARLA's colour order and in the usual one.

        Others are recorded when they are needed; that is quick once the first ones are there.
        """
        width, height = size
        orders: tuple[ColorOrder, ...] = ("bgra", "rgb")
        for color_order in orders:
            black = np.zeros((height, width, len(color_order)), np.uint8)
            self.segment([black] * batch, color_order, Request(confidence=confidence))

    def segment(
        self, pictures: Sequence[Uint8Array], color_order: ColorOrder, request: Request
    ) -> list[Segmentation]:
        """Segment `(H, W, 3|4)` uint8 pictures of one shape and colour order.

        Raises:
            MemoryError: not even one frame fits in the device's memory.
        """
        results: list[Segmentation] = []
        with torch.cuda.device(self._device):
            while len(results) < len(pictures):
                start = len(results)
                batch = pictures[start : start + (self._max_batch or len(pictures))]
                try:
                    results += self._segment_batch(batch, color_order, request, start)
                    continue
                except RuntimeError as error:
                    if not _is_out_of_memory(error):
                        raise
                    if len(batch) == 1:
                        height, width = batch[0].shape[:2]
                        raise MemoryError(
                            f"a {width}x{height} frame does not fit in the memory of "
                            f"{self._device}; use a smaller input_size or network, or the cpu"
                        ) from error
                # Outside the handler: its traceback holds the tensors of the failed batch.
                self._halve(len(batch))
        return results

    def close(self) -> None:
        """Free the graphs and what they hold on the device."""
        self._graphs.clear()
        self._streams = _Streams(self._device)
        torch.cuda.empty_cache()

    def _segment_batch(
        self,
        pictures: Sequence[Uint8Array],
        color_order: ColorOrder,
        request: Request,
        start: int,
    ) -> list[Segmentation]:
        # The results of one call lie in different buffers, hence `start`; so do those of frames
        # that differ in colour order only.
        outputs = Outputs.of(request)
        key = (len(pictures), pictures[0].shape, color_order, outputs, start)
        graph = self._graphs.get(key)
        if graph is None:
            graph = self._record(len(pictures), pictures[0].shape, color_order, outputs)
            self._graphs[key] = graph
            if len(self._graphs) > MAX_GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        masks = graph.run(pictures, request)
        return [_segmentation(masks, request, index) for index in range(len(pictures))]

    def _record(
        self, batch: int, shape: tuple[int, ...], color_order: ColorOrder, outputs: Outputs
    ) -> _Graph:
        height, width, channels = shape
        inputs = Inputs(
            torch.zeros((batch, height, width, channels), dtype=torch.uint8, device=self._device),
            torch.tensor([color_order.index(c) for c in "rgb"], device=self._device),
            torch.zeros((), device=self._device),
            torch.zeros((outputs.groups, 256), dtype=torch.uint8, device=self._device),
        )
        pipeline = FramePipeline(
            self._network, self._color_table, (width, height), self._input_size, self._upsample
        )
        return _Graph(pipeline.to(self._device), inputs, outputs, self._streams)

    def _halve(self, batch: int) -> None:
        self.out_of_memory_count += 1
        self._max_batch = batch // 2
        self.notes = [
            f"runs at most {self._max_batch} frames at a time: the memory of {self._device} "
            f"was too small for {batch}"
        ]
        self.close()


class _Streams:
    """A stream for copies beside the one for work, and the memory that graphs work in."""

    def __init__(self, device: torch.device) -> None:
        self.copies = torch.cuda.Stream(device)
        self.work = torch.cuda.Stream(device)
        # Shared: graphs never run at the same time, and each one's masks are copied out before
        # the next one runs.
        self.pool = torch.cuda.graph_pool_handle()


class _Graph:
    """One recorded CUDA graph, its inputs, its masks, and pinned memory on both ends."""

    def __init__(
        self, pipeline: FramePipeline, inputs: Inputs, outputs: Outputs, streams: _Streams
    ) -> None:
        self._pipeline = pipeline
        self._inputs = inputs
        self._streams = streams
        self._staging = torch.empty(inputs.frames.shape, dtype=torch.uint8, pin_memory=True)
        self._graph = torch.cuda.CUDAGraph()
        self._masks = self._record(outputs)
        self._results = {
            name: torch.empty(mask.shape, dtype=torch.uint8, pin_memory=True)
            for name, mask in self._masks.items()
        }

    @torch.inference_mode()
    def _record(self, outputs: Outputs) -> dict[str, Tensor]:
        streams = self._streams
        # The inputs were filled on the default stream.
        torch.cuda.synchronize()
        # float32 means float32; benchmarking pays because a graph runs thousands of times.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            # Libraries choose their algorithms and get their memory before a graph is recorded.
            with torch.cuda.stream(streams.work):
                for _ in range(2):
                    self._pipeline(self._inputs, outputs)
            # Thread-local: another thread may be using another engine on this device.
            with torch.cuda.graph(
                self._graph,
                pool=streams.pool,
                stream=streams.work,
                capture_error_mode="thread_local",
            ):
                masks: dict[str, Tensor] = self._pipeline(self._inputs, outputs)
        return masks

    @torch.inference_mode()
    def run(self, pictures: Sequence[Uint8Array], request: Request) -> dict[str, Uint8Array]:
        copies, work = self._streams.copies, self._streams.work
        with torch.cuda.stream(copies):
            self._copy_settings(request)
            # While one frame goes up, the next is gathered in pinned memory.
            for index, picture in enumerate(pictures):
                np.copyto(self._staging[index].numpy(), picture)
                self._inputs.frames[index].copy_(self._staging[index], non_blocking=True)
            work.wait_stream(copies)
            with torch.cuda.stream(work):
                self._graph.replay()
            copies.wait_stream(work)
            for name, mask in self._masks.items():
                self._results[name].copy_(mask, non_blocking=True)
            copies.synchronize()
        return {name: result.numpy() for name, result in self._results.items()}

    def _copy_settings(self, request: Request) -> None:
        self._inputs.opacity.fill_(request.overlay_opacity)
        if request.groups:
            tables = np.stack([group_table(ids) for ids in request.groups.values()])
            self._inputs.group_tables.copy_(torch.from_numpy(tables))


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


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether `error`, or the one it was raised in the wake of, means full memory."""
    # A failed recording raises an error of its own over the first.
    while error is not None:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            return True
        error = error.__context__
    return False
