# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The work before and behind the network, in operations that a device does by itself.

It gives the masks that `CpuEngine` makes with OpenCV: frames are resized by a product with two
matrices, label maps by picking rows and columns by index.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unet_seg_ros.inference.frames import Request
from unet_seg_ros.inference.options import Upsample
from unet_seg_ros.labels.label_set import group_table
from unet_seg_ros.pictures.geometry import Size, nearest_indices, network_size, resize_matrix


class NetworkShape(NamedTuple):
    """The sizes of what goes into the network and comes out, (height, width).

    `logits_size` is what the logits are resized to, None where they are not; `confidence` whether
    probabilities come out as well.
    """

    input_size: tuple[int, int]
    logits_size: tuple[int, int] | None
    confidence: bool


class FrameLayout:
    """How frames of one size become what the network sees, and its label maps theirs."""

    def __init__(
        self,
        frame_size: Size,
        input_size: Size,
        enlarge: bool,
        upsample: Upsample,
        device: torch.device,
    ) -> None:
        width, height = frame_size
        seen_width, seen_height = network_size(frame_size, input_size, enlarge)
        self._is_resized = (seen_width, seen_height) != frame_size
        self._seen = seen_height, seen_width
        self._logits_size = (height, width) if upsample == "logits" else None
        # Single precision whatever the network has: in half, every twentieth grey value is off.
        self._to_rows = torch.from_numpy(resize_matrix(height, seen_height)).to(device)
        self._to_columns = torch.from_numpy(resize_matrix(width, seen_width).T.copy()).to(device)
        self._rows = torch.from_numpy(nearest_indices(seen_height, height)).to(device)
        self._columns = torch.from_numpy(nearest_indices(seen_width, width)).to(device)

    def network_shape(self, confidence: bool) -> NetworkShape:
        """Return what the network has to do for such frames."""
        return NetworkShape(self._seen, self._logits_size, confidence)

    def to_network(self, rgb: Tensor) -> Tensor:
        """Return `(N, H, W, 3)` uint8 frames as the network's input, `(N, 3, h, w)` uint8."""
        image = rgb.permute(0, 3, 1, 2)
        if self._is_resized:
            # Halves go up, as in OpenCV's shrinking by two.
            resized = (self._to_rows @ image.float() @ self._to_columns + 0.5).floor()
            image = resized.to(torch.uint8)
        return image.contiguous(memory_format=torch.channels_last)

    def to_frame(self, seen: Tensor) -> Tensor:
        """Return what comes out of the network, `(N, ...)` uint8, at the frames' size."""
        if self._logits_size is not None:
            return seen
        return seen.index_select(1, self._rows).index_select(2, self._columns)


class Painter:
    """Makes every other mask from label maps.

    Args:
        color_table: The label set's, `(256, 3)` uint8 RGB, on the device.
    """

    def __init__(self, color_table: Tensor) -> None:
        self._color_table = color_table
        self._groups: dict[str, tuple[int, ...]] = {}
        self._group_tables = color_table.new_empty((0, 256))

    def paint(self, labels: Tensor, rgb: Tensor, request: Request) -> dict[str, Tensor]:
        """Return the masks that `request` names, by name.

        Args:
            labels: `(N, H, W)` uint8.
            rgb: The frames, `(N, H, W, 3)` uint8.
            request: What is wanted.

        Returns:
            `(N, H, W)` or `(N, H, W, 3)` uint8 each; "groups" has one more dimension, first.
        """
        masks = {}
        ids = labels.int().flatten()
        if request.color_mask or request.overlay:
            color_mask = self._color_table.index_select(0, ids).view(*labels.shape, 3)
            if request.color_mask:
                masks["color_mask"] = color_mask
            if request.overlay:
                # No torch.where between numbers: it would copy both to the device, and wait.
                opacity = torch.full(labels.shape, request.overlay_opacity, device=labels.device)
                opacity.masked_fill_(_outlines(labels), 1.0)
                blend = torch.lerp(rgb.float(), color_mask.float(), opacity[..., None])
                masks["overlay"] = blend.round().to(torch.uint8)
        if request.groups:
            tables = self._tables(dict(request.groups))
            masks["groups"] = tables.index_select(1, ids).view(-1, *labels.shape)
        return masks

    def _tables(self, groups: dict[str, tuple[int, ...]]) -> Tensor:
        """Return `(G, 256)` uint8, from ids to 0 or 255."""
        if groups != self._groups:
            tables = np.stack([group_table(ids) for ids in groups.values()])
            self._group_tables = torch.from_numpy(tables).to(self._color_table.device)
            self._groups = groups
        return self._group_tables


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
