# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a drive is divided into pictures to learn from and pictures to be measured on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Split:
    """Positions in a data set: to train on, and to validate on."""

    train: tuple[int, ...]
    validation: tuple[int, ...]


def block_split(count: int, block: int = 125, every: int = 5, margin: int = 10) -> Split:
    """Hold whole blocks of consecutive frames apart, since neighbours in a drive look alike.

    Args:
        count: How many frames the drive has, in the order they were recorded.
        block: Frames in a block.
        every: Every so-many-th block validates, the first one being block `every - 1`.
        margin: Frames beside a validation block that are used for nothing.
    """

    def validates(position: int) -> bool:
        return position >= 0 and position // block % every == every - 1

    return Split(
        train=tuple(
            position
            for position in range(count)
            if not any(validates(position + offset) for offset in (-margin, 0, margin))
        ),
        validation=tuple(position for position in range(count) if validates(position)),
    )
