# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The U-Net of Ronneberger, Fischer and Brox (2015, https://arxiv.org/abs/1505.04597).

Two things differ from the paper, as in most implementations since: convolutions are
zero-padded, so that the logits have the size of the picture, and batch normalisation
is available.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from unet_seg_ros.model.shape import UShaped, double_conv, initialise, require_int

# A configuration may come from a file somebody sent. These limits keep the largest
# network at 31 million parameters (125 MB), the paper's size.
MAX_CLASSES = 255
MAX_IN_CHANNELS = 4
MAX_LEVELS = 7
MAX_FILTERS = 1024


@dataclass(frozen=True)
class UNetConfig:
    """Everything that determines the shape of a `UNet`.

    Attributes:
        classes: Number of classes, 1 to 255 (id 255 means "unknown").
        in_channels: Channels of the picture, 3 for RGB.
        base_filters: Filters of the first block; every level down doubles them.
        levels: Number of max-pools; a picture is padded to a multiple of `2**levels`.
        batch_norm: Batch normalisation between each convolution and its ReLU.
        dropout: Probability with which the two deepest encoder blocks drop an activation.

    Raises:
        ValueError: a value is outside its range.
    """

    classes: int
    in_channels: int = 3
    base_filters: int = 16
    levels: int = 4
    batch_norm: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_int("classes", self.classes, 1, MAX_CLASSES)
        require_int("in_channels", self.in_channels, 1, MAX_IN_CHANNELS)
        require_int("levels", self.levels, 1, MAX_LEVELS)
        require_int("base_filters", self.base_filters, 1, MAX_FILTERS >> self.levels)
        if not isinstance(self.batch_norm, bool):
            raise ValueError(f"batch_norm must be true or false, not {self.batch_norm!r}")
        if isinstance(self.dropout, bool) or not isinstance(self.dropout, (int, float)):
            raise ValueError(f"dropout must be a number, not {self.dropout!r}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout}")

    @property
    def size_multiple(self) -> int:
        """Pictures whose width and height are multiples of this need no padding."""
        return 1 << self.levels

    @property
    def summary(self) -> str:
        """The network in words."""
        return f"A U-Net with {self.base_filters} filters and {self.levels} levels"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON-able values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> UNetConfig:
        """Build a configuration from untrusted values.

        Raises:
            ValueError: a field is missing, unknown, or outside its range.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"a network configuration must be a mapping, not {values!r:.60}")
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(str(key) for key in values.keys() - known):
            raise ValueError(f"unknown field(s) in the network configuration: {unknown}")
        if "classes" not in values:
            raise ValueError("the network configuration does not say how many classes there are")
        return cls(**values)


_PRESETS: dict[str, dict[str, Any]] = {
    # The U-Net of Coursera's Convolutional Neural Networks course (self-driving assignment).
    "coursera": {"base_filters": 32, "batch_norm": False, "dropout": 0.3},
    "small": {"base_filters": 16},
    "medium": {"base_filters": 32},
    # The widths of the 2015 paper.
    "large": {"base_filters": 64},
}
PRESET_NAMES = tuple(_PRESETS)


def preset(name: str, classes: int) -> UNetConfig:
    """Return the configuration called `name` (one of `PRESET_NAMES`) for `classes` classes.

    Raises:
        ValueError: no preset has that name.
    """
    if name not in _PRESETS:
        raise ValueError(f"no network preset is called {name!r}; choose {', '.join(PRESET_NAMES)}")
    return UNetConfig(classes=classes, **_PRESETS[name])


class UNet(UShaped):
    """U-Net: two 3x3 convolutions a block, max-pool down, transposed convolution up, skips.

    Weights start He-normal, biases at zero.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.size_multiple = config.size_multiple
        # Filters of each level, from the full-size one to the bottleneck.
        widths = [config.base_filters * 2**level for level in range(config.levels + 1)]
        inputs = [config.in_channels, *widths]
        self.encoder: nn.ModuleList = nn.ModuleList(
            double_conv(
                inputs[level],
                width,
                config.batch_norm,
                dropout=config.dropout if level >= config.levels - 1 else 0.0,
            )
            for level, width in enumerate(widths)
        )
        upward = list(reversed(widths[:-1]))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2) for width in upward
        )
        self.decoder = nn.ModuleList(
            double_conv(2 * width, width, config.batch_norm) for width in upward
        )
        self.head = nn.Conv2d(config.base_filters, config.classes, kernel_size=1)
        self.apply(initialise)

    def encode(self, image: Tensor) -> list[Tensor]:
        """Return the skips, the largest first, and the bottleneck."""
        *blocks, bottleneck = self.encoder
        found = []
        x = image
        for block in blocks:
            found.append(block(x))
            x = F.max_pool2d(found[-1], 2)
        return [*found, bottleneck(x)]
