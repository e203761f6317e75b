# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What goes into the engine and what comes out: plain data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID, ColorOrder
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.overlay import OPACITY

_COLOR_ORDERS = get_args(ColorOrder)


@dataclass(frozen=True)
class Frame:
    """A camera picture.

    Attributes:
        pixels: `(H, W, 3)` or `(H, W, 4)` uint8; rows may be padded (any strides will do).
        color_order: The order of the channels; an alpha channel is ignored.
        ego_mask: Where it shows the own car, which is unknown in every mask.

    Raises:
        ValueError: the pixels are not of that shape and type.
    """

    pixels: Uint8Array
    color_order: ColorOrder
    ego_mask: EgoMask | None = None

    def __post_init__(self) -> None:
        if self.color_order not in _COLOR_ORDERS:
            raise ValueError(
                f"color_order is {self.color_order!r}; give one of {', '.join(_COLOR_ORDERS)}"
            )
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if dtype != np.uint8 or len(shape) != 3 or shape[2] != len(self.color_order) or 0 in shape:
            raise ValueError(
                f"a {self.color_order} frame must be (H, W, {len(self.color_order)}) uint8, "
                f"not {shape} {dtype}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class Request:
    """What to compute beside the label maps; what is not asked for costs nothing.

    Attributes:
        color_mask: The label map in the label set's colours.
        overlay: The colour mask laid over the frame, outlines at full strength (`overlay`).
        confidence: The probability of the winning class.
        groups: For every name, the class ids whose pixels its mask marks.
        overlay_opacity: Share of the colour mask inside the outlines, 0 to 1.

    Raises:
        ValueError: the opacity or a class id is out of range.
    """

    color_mask: bool = False
    overlay: bool = False
    confidence: bool = False
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    overlay_opacity: float = OPACITY

    @classmethod
    def of(
        cls,
        outputs: Collection[str],
        groups: Mapping[str, tuple[int, ...]],
        overlay_opacity: float = OPACITY,
    ) -> Request:
        """Return the request for pictures by the names that `Segmentation.pictures` gives them."""
        return cls(
            color_mask="color_mask" in outputs,
            overlay="overlay" in outputs,
            confidence="confidence" in outputs,
            groups={name: ids for name, ids in groups.items() if f"masks/{name}" in outputs},
            overlay_opacity=overlay_opacity,
        )

    def __post_init__(self) -> None:
        if not 0.0 <= self.overlay_opacity <= 1.0:
            raise ValueError(f"overlay_opacity must be from 0 to 1, not {self.overlay_opacity}")
        for name, ids in self.groups.items():
            if wrong := [id_ for id_ in ids if not 0 <= id_ < UNKNOWN_ID]:
                raise ValueError(f"group {name!r} has class ids that no class can have: {wrong}")


@dataclass(frozen=True)
class Segmentation:
    """The masks of one frame, all at the frame's size.

    The arrays belong to the segmenter, whose next call overwrites them.

    Attributes:
        labels: Class id per pixel, `(H, W)` uint8; 255 on the own car, where a frame tells it.
        color_mask: `(H, W, 3)` uint8 RGB.
        overlay: `(H, W, 3)` uint8 RGB.
        confidence: Probability of the winning class x 255, `(H, W)` uint8.
        group_masks: For every group asked for, `(H, W)` uint8, 255 inside and 0 outside.
    """

    labels: Uint8Array
    color_mask: Uint8Array | None = None
    overlay: Uint8Array | None = None
    confidence: Uint8Array | None = None
    group_masks: Mapping[str, Uint8Array] = field(default_factory=dict)

    def pictures(self) -> Iterator[tuple[str, Uint8Array]]:
        """Yield every picture that there is, with its name: `labels`, `overlay`, `masks/lane`."""
        yield "labels", self.labels
        for name in ("color_mask", "overlay", "confidence"):
            if (pixels := getattr(self, name)) is not None:
                yield name, pixels
        for group, mask in self.group_masks.items():
            yield f"masks/{group}", mask
