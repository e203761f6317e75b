# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engine on the CPU: OpenCV around a channels-last network, compiled where possible."""

from __future__ import annotations

import os
import shutil
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
import torch

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.compiling import CompiledNetworks, Network
from unet_seg_ros.inference.device_errors import first_line
from unet_seg_ros.inference.errors import SegmenterError
from unet_seg_ros.inference.frames import Request, Segmentation
from unet_seg_ros.inference.network import InferenceNetwork
from unet_seg_ros.inference.options import Compile, Upsample
from unet_seg_ros.labels.label_set import TO_RGB, ColorOrder, group_table
from unet_seg_ros.memory import keep_freed_memory
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.pictures.geometry import Size, enlarge_labels, network_size, resize
from unet_seg_ros.pictures.overlay import lay_over

# A camera that changes its size for ever must not fill the memory: what belongs to the sizes that
# were used longest ago is dropped.
MAX_SIZES = 8

_Frames = tuple[tuple[int, ...], ColorOrder]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Buffers:
    """The arrays that one picture needs on its way, made at first use and kept."""

    def __init__(self) -> None:
        self._arrays: dict[str, Uint8Array] = {}

    def get(self, name: str, *shape: int) -> Uint8Array:
        if name not in self._arrays:
            self._arrays[name] = np.empty(shape, np.uint8)
        return self._arrays[name]


class CpuEngine:
    """Segments frames one after the other.

    A batch would gain nothing: one picture already keeps every core busy, and a network compiled
    for one picture serves any number of cameras.

    Attributes:
        compiled: Whether `warm_up` compiles the network; in the background, it does not wait for
            that, and frames run uncompiled meanwhile.
        batch_limit: 1, so that no frame waits for another to be ready.
        notes: What a user should know about the speed, one sentence each.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        dtype: torch.dtype,
        input_size: Size,
        upsample: Upsample,
        compile_: Compile,
    ) -> None:
        keep_freed_memory()
        self.compiled = compile_ != "off"
        self.batch_limit = 1
        self.notes: list[str] = []
        self.out_of_memory_count = 0
        self._color_table = checkpoint.label_set.color_table.reshape(256, 1, 3)
        self._input_size = input_size
        self._enlarge = checkpoint.enlarge
        self._upsample = upsample
        self._insists = compile_ == "on"
        self._network = InferenceNetwork(checkpoint, dtype)
        self._compiled = CompiledNetworks(
            self._network, compile_ == "background", MAX_SIZES, self._stop_compiling
        )
        self._buffers: OrderedDict[_Frames, list[_Buffers]] = OrderedDict()

    def is_warm(self, size: Size, batch: int, confidence: bool) -> bool:
        """Return whether the network is compiled for such frames or, uncompiled, ran on some."""
        if self.compiled:
            return self._network_key(size, confidence) in self._compiled
        return any(
            shape[1::-1] == size and len(buffers) >= batch
            for (shape, _), buffers in self._buffers.items()
        )

    @property
    def is_compiling(self) -> bool:
        """Whether frames run uncompiled until the compiler is done."""
        return self._compiled.is_compiling

    def warm_up(self, size: Size, batch: int, confidence: bool) -> None:
        """Compile the network for frames of `size`, (width, height), and run all of it once.

        Raises:
            SegmenterError: It cannot be compiled, and must be.
        """
        if self.compiled:
            width, height = self._network_size(size)
            black = np.zeros((height, width, 3), np.uint8)
            self._compiled.prepare(
                self._network_key(size, confidence),
                lambda network: self._run(network, black, size, confidence),
            )
        if self._insists and not self.compiled:
            raise SegmenterError(f"compile is on, but the network {self.notes[-1]}")
        frame = np.zeros((size[1], size[0], 3), np.uint8)
        self.segment([frame] * batch, "rgb", Request(confidence=confidence))

    def segment(
        self, pictures: Sequence[Uint8Array], color_order: ColorOrder, request: Request
    ) -> list[Segmentation]:
        """Segment `(H, W, 3|4)` uint8 pictures of one shape and colour order."""
        key = (pictures[0].shape, color_order)
        buffers = self._buffers.get(key, [])
        _remember(self._buffers, key, buffers)
        while len(buffers) < len(pictures):
            buffers.append(_Buffers())
        return [
            self._segment_one(picture, color_order, request, own_buffers)
            for picture, own_buffers in zip(pictures, buffers, strict=False)
        ]

    def close(self) -> None:
        """Free the compiled networks and the buffers."""
        self._compiled.clear()
        self._buffers.clear()

    def _segment_one(
        self, picture: Uint8Array, color_order: ColorOrder, request: Request, buffers: _Buffers
    ) -> Segmentation:
        height, width, channels = picture.shape
        size = (width, height)
        seen = self._network_size(size)
        resized = resize(picture, seen, buffers.get("resized", seen[1], seen[0], channels))
        rgb = _to_rgb(resized, color_order, buffers.get("rgb", seen[1], seen[0], 3))

        ids, probabilities = self._run_network(rgb, size, request.confidence)

        labels = enlarge_labels(ids, size, buffers.get("labels", height, width))
        confidence = color_mask = overlay = None
        if probabilities is not None:
            confidence = buffers.get("confidence", height, width)
            enlarge_labels(probabilities, size, confidence)
        if request.color_mask or request.overlay:
            color_mask = buffers.get("color_mask", height, width, 3)
            # A third of the time of np.take.
            cv2.applyColorMap(labels, self._color_table, color_mask)
            if request.overlay:
                overlay = _to_rgb(picture, color_order, buffers.get("overlay", height, width, 3))
                scratch = buffers.get("scratch", height, width)
                lay_over(overlay, color_mask, labels, request.overlay_opacity, scratch)
        masks = {}
        for index, (name, group) in enumerate(request.groups.items()):
            masks[name] = buffers.get(f"group {index}", height, width)
            cv2.LUT(labels, group_table(group), masks[name])
        if not request.color_mask:
            color_mask = None
        return Segmentation(labels, color_mask, overlay, confidence, masks)

    def _run_network(
        self, rgb: Uint8Array, size: Size, confidence: bool
    ) -> tuple[Uint8Array, Uint8Array | None]:
        """Return the ids and probabilities of an `(h, w, 3)` picture, at its size or at `size`."""
        compiled = self._compiled.get(self._network_key(size, confidence))
        if compiled is not None:
            try:
                return self._run(compiled, rgb, size, confidence)
            except Exception as error:
                self._stop_compiling(error)
        return self._run(self._network, rgb, size, confidence)

    def _run(
        self, network: Network, rgb: Uint8Array, size: Size, confidence: bool
    ) -> tuple[Uint8Array, Uint8Array | None]:
        image = torch.from_numpy(rgb).permute(2, 0, 1).unsqueeze(0)
        logits_size = size[::-1] if self._upsample == "logits" else None
        with torch.inference_mode():
            labels, probabilities = network(image, logits_size, confidence)
        return labels[0].numpy(), None if probabilities is None else probabilities[0].numpy()

    def _stop_compiling(self, error: Exception) -> None:
        self.compiled = False
        self._compiled.clear()
        self.notes.append(
            f"runs uncompiled: compiling the network failed ({first_line(error)}); check that g++ "
            "and the headers of Python (python3-dev) are installed"
        )

    def _network_size(self, size: Size) -> Size:
        return network_size(size, self._input_size, self._enlarge)

    def _network_key(self, size: Size, confidence: bool) -> tuple[object, ...]:
        """Return what a compiled network is made for: the shapes in and out."""
        seen = self._network_size(size)
        return seen, size if self._upsample == "logits" else None, confidence


def missing_compiler() -> str | None:
    """Return why networks cannot be compiled on this machine, or None if they can."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"runs uncompiled: there is no C++ compiler ({compiler}); install g++"
    return None


def _to_rgb(picture: Uint8Array, color_order: ColorOrder, out: Uint8Array) -> Uint8Array:
    conversion = TO_RGB[color_order]
    if conversion is None:
        np.copyto(out, picture)
    else:
        cv2.cvtColor(picture, conversion, out)
    return out


def _remember(entries: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Put `value` among the `MAX_SIZES` entries used last."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > MAX_SIZES:
        entries.popitem(last=False)
