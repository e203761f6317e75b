# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite (Google 2020), as an encoder.

The inverted bottlenecks of EfficientNet (Tan and Le 2019, https://arxiv.org/abs/1905.11946) without
squeeze-and-excite and with ReLU6 for swish, so that they fold, export and quantise well. First and
last stage have one block in all of the five sizes, and the stem always 32 filters.

As published, a convolution of stride 2 is padded on the right and below; here it is padded on all
sides, which no library has to copy the picture for. What it finds is the same, one pixel further
left and up.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

from torch import Tensor, nn

from unet_seg_ros.model.shape import initialise

# Factors of the widths and of the number of blocks.
_SIZES = {
    "efficientnet-lite0": (1.0, 1.0),
    "efficientnet-lite1": (1.0, 1.1),
    "efficientnet-lite2": (1.1, 1.2),
    "efficientnet-lite3": (1.2, 1.4),
    "efficientnet-lite4": (1.4, 1.8),
}
EFFICIENTNET_NAMES = tuple(_SIZES)

# Of all published versions; the momentum of TensorFlow's 0.99.
_EPSILON, _MOMENTUM = 1e-3, 0.01
_STEM_FILTERS = 32


class _Stage(NamedTuple):
    blocks: int
    kernel_size: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite(nn.Module):
    """What the five sizes have before their last convolution, which is for classifying.

    Attributes:
        widths: Channels of the five feature maps that `forward` returns.

    Args:
        name: One of `EFFICIENTNET_NAMES`.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        width_factor, depth_factor = _SIZES[name]
        self.stem = nn.Sequential(
            OrderedDict(_layers("conv_stem", "bn0", nn.Conv2d(3, _STEM_FILTERS, 3, 2, 1), True))
        )
        blocks: list[nn.Module] = []
        self._ends: list[int] = []
        self.widths: list[int] = []
        channels = _STEM_FILTERS
        for number, stage in enumerate(_STAGES):
            if stage.stride == 2:
                self._ends.append(len(blocks))
                self.widths.append(channels)
            filters = _rounded(width_factor * stage.filters)
            is_scaled = 0 < number < len(_STAGES) - 1
            for index in range(math.ceil(depth_factor * stage.blocks) if is_scaled else 1):
                stride = stage.stride if index == 0 else 1
                blocks.append(_Bottleneck(channels, filters, stage, stride))
                channels = filters
        self._ends.append(len(blocks))
        self.widths.append(channels)
        self.blocks = nn.ModuleList(blocks)
        self.apply(initialise)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return what is found at a half, a quarter, ..., a 32nd of the size of `image`.

        Args:
            image: `(N, 3, H, W)` normalised; H and W are multiples of 32.
        """
        x = self.stem(image)
        found = []
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number in self._ends:
                found.append(x)
        return found


class _Bottleneck(nn.Sequential):
    """Wider by a 1x1 convolution, a convolution of each channel for itself, narrow again."""

    def __init__(self, channels: int, filters: int, stage: _Stage, stride: int) -> None:
        wide = channels * stage.expansion
        layers = []
        if stage.expansion > 1:
            layers += _layers("expand_conv", "bn0", nn.Conv2d(channels, wide, 1), True)
        size = stage.kernel_size
        depthwise = nn.Conv2d(wide, wide, size, stride, size // 2, groups=wide)
        layers += _layers("depthwise_conv", "bn1", depthwise, True)
        layers += _layers("project_conv", "bn2", nn.Conv2d(wide, filters, 1), False)
        super().__init__(OrderedDict(layers))
        self.has_shortcut = stride == 1 and channels == filters

    def forward(self, x: Tensor) -> Tensor:
        """Return `(N, filters, H / stride, W / stride)`."""
        output: Tensor = super().forward(x)
        return x + output if self.has_shortcut else output


def _layers(
    name: str, norm_name: str, convolution: nn.Conv2d, is_clipped: bool
) -> list[tuple[str, nn.Module]]:
    """Return a convolution without bias, its batch normalisation and, if wanted, a ReLU6."""
    convolution.bias = None
    norm = nn.BatchNorm2d(convolution.out_channels, eps=_EPSILON, momentum=_MOMENTUM)
    layers: list[tuple[str, nn.Module]] = [(name, convolution), (norm_name, norm)]
    return [*layers, (f"relu_{norm_name}", nn.ReLU6())] if is_clipped else layers


def _rounded(filters: float) -> int:
    """Return the multiple of 8 that is next to `filters`, and not less than nine tenths of it."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * filters else nearest + 8
