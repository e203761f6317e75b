# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all networks of this package have in common: an encoder, a decoder with skips, a head."""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UShaped(nn.Module):
    """A network that goes down through an encoder and up again beside what the encoder found.

    Attributes:
        size_multiple: Pictures whose sides are multiples of this need no padding.
        encoder: Goes down; a training may let it learn more slowly than the rest.
        up: Modules that double height and width, the deepest first.
        decoder: Blocks, one for each of `up`; a block sees the skip and then what came up, side
            by side, and starts with a convolution.
        head: From what the last block gives to the logits of the padded picture.
    """

    size_multiple: int
    encoder: nn.Module
    up: nn.ModuleList
    decoder: nn.ModuleList
    head: nn.Module

    @abstractmethod
    def encode(self, image: Tensor) -> list[Tensor]:
        """Return one skip for each block of the decoder, the largest first, then the bottleneck.

        Args:
            image: `(N, C, H, W)` normalised; H and W are multiples of `size_multiple`.
        """

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `image`.

        Args:
            image: `(N, C, H, W)` floating point, normalised, H and W >= 1.

        Returns:
            `(N, classes, H, W)`, the type of `image`.
        """
        height, width = image.shape[-2:]
        logits = self.unpadded(pad_to_multiple(image, self.size_multiple))
        return logits[..., :height, :width]

    def unpadded(self, image: Tensor) -> Tensor:
        """Do the same for an image whose height and width are multiples of `size_multiple`."""
        *skips, x = self.encode(image)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat((skips.pop(), up(x)), dim=1))
        logits: Tensor = self.head(x)
        return logits


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last column and row of `(N, C, H, W)` until both sizes divide by `multiple`."""
    height, width = image.shape[-2:]
    # Replicated, not reflected: a reflection must be smaller than the picture, which may be 1x1.
    return F.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def double_conv(
    in_channels: int, out_channels: int, batch_norm: bool, dropout: float = 0.0
) -> nn.Sequential:
    """Return two 3x3 convolutions, each with batch normalisation if wanted and a ReLU."""
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        # Batch normalisation subtracts any bias again.
        layers.append(nn.Conv2d(channels, out_channels, 3, padding=1, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(nn.ReLU(inplace=True))
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)


def initialise(module: nn.Module) -> None:
    """Start the weights of a convolution He-normal and its bias at zero.

    On the meta device there are none; to draw them, torch would import its compiler, for seconds.
    """
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and not module.weight.is_meta:
        # A transposed convolution of stride 2 has one input per output channel and filter:
        # its fan-in is the first dimension of the weight alone.
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=(2.0 / module.in_channels) ** 0.5)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def require_int(name: str, value: object, low: int, high: int) -> None:
    """Raise ValueError unless `value`, perhaps from a file, is an int from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r:.60}")
