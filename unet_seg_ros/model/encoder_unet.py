# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A U-Net whose encoder is a classifier that was trained on something larger."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unet_seg_ros.model.efficientnet import EFFICIENTNET_NAMES, EfficientNetLite
from unet_seg_ros.model.shape import UShaped, double_conv, initialise, require_int
from unet_seg_ros.model.timm_encoder import PREFIX, TimmEncoder, require_name
from unet_seg_ros.model.unet import MAX_CLASSES

KIND = "encoder-unet"
# The encoder's last feature map is 32 times smaller than the picture: five doublings away.
_DEPTH = 5
MAX_WIDTH = 256


@dataclass(frozen=True)
class EncoderUNetConfig:
    """Everything that determines the shape of an `EncoderUNet`.

    Attributes:
        classes: Number of classes, 1 to 255 (id 255 means "unknown").
        encoder: One of `EFFICIENTNET_NAMES`, or "timm:" and the name of an encoder of timm.
        decoder: Filters of the decoder's blocks, the deepest first: five end at the size of the
            picture, four at half of it, three at a quarter.
        detail: Filters of the light stem, which sees what the encoder's first stride jumps over.

    Raises:
        ValueError: a value is outside its range.
    """

    classes: int
    encoder: str = "efficientnet-lite0"
    decoder: Sequence[int] = (64, 48, 32, 24)
    detail: int = 16

    def __post_init__(self) -> None:
        require_int("classes", self.classes, 1, MAX_CLASSES)
        if isinstance(self.encoder, str) and self.encoder.startswith(PREFIX):
            require_name(self.encoder)
        elif self.encoder not in EFFICIENTNET_NAMES:
            raise ValueError(
                f"no encoder is called {self.encoder!r:.60}; "
                f"choose {', '.join(EFFICIENTNET_NAMES)} or timm:NAME"
            )
        if isinstance(self.decoder, str) or not isinstance(self.decoder, Sequence):
            raise ValueError(f"decoder must be a list of filters, not {self.decoder!r:.60}")
        if not _DEPTH - 2 <= len(self.decoder) <= _DEPTH:
            raise ValueError(f"decoder must have 3 to 5 blocks, not {len(self.decoder)}")
        for filters in self.decoder:
            require_int("a number of filters of the decoder", filters, 1, MAX_WIDTH)
        require_int("detail", self.detail, 1, MAX_WIDTH)
        # Configurations that are equal compare equal, from a file or not.
        object.__setattr__(self, "decoder", tuple(self.decoder))

    @property
    def output_stride(self) -> int:
        """How many times smaller than the picture the decoder's last block is."""
        return 1 << (_DEPTH - len(self.decoder))

    @property
    def summary(self) -> str:
        """The network in words."""
        filters = ", ".join(str(number) for number in self.decoder)
        return f"A U-Net over {self.encoder} with a decoder of {filters} filters"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON-able values, and which kind of network this is."""
        return {"kind": KIND, **dataclasses.asdict(self), "decoder": list(self.decoder)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EncoderUNetConfig:
        """Build a configuration from untrusted values, without their kind.

        Raises:
            ValueError: a field is missing, unknown, or outside its range.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        if values.keys() != fields:
            wrong = sorted(str(key) for key in values.keys() ^ fields)
            raise ValueError(f"field(s) missing or unknown in the network configuration: {wrong}")
        return cls(**values)


class EncoderUNet(UShaped):
    """A U-Net over the feature maps of a classifier, and over those of a light stem of its own.

    The head gives the logits of all pixels that one of the last block stands for: a decoder that
    ends at half the size tells four pixels apart at each place, for a quarter of the work
    (Shi et al. 2016, https://arxiv.org/abs/1609.05158).

    Attributes:
        has_frozen_statistics: Whether training leaves the means and variances of the encoder's
            batch normalisation as they are.
    """

    size_multiple = 1 << _DEPTH
    encoder: EfficientNetLite | TimmEncoder

    def __init__(self, config: EncoderUNetConfig) -> None:
        super().__init__()
        self.config = config
        self.has_frozen_statistics = False
        is_timm = config.encoder.startswith(PREFIX)
        self.encoder = (TimmEncoder if is_timm else EfficientNetLite)(config.encoder)
        *skip_widths, below = self.encoder.widths
        detail = config.detail
        stride = config.output_stride
        self.detail = nn.ModuleList()
        channels = 3
        if stride == 1:
            self.detail.append(_convolution(channels, detail, 1))
            skip_widths.insert(0, detail)
            channels = detail
        if stride <= 2:
            self.detail.append(_convolution(channels, detail, 2))
            skip_widths[-4] += detail
        self.up = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for filters in config.decoder:
            self.up.append(nn.ConvTranspose2d(below, filters, kernel_size=2, stride=2))
            self.decoder.append(double_conv(skip_widths.pop() + filters, filters, True))
            below = filters
        head = nn.Conv2d(below, config.classes * stride**2, 1)
        self.head = nn.Sequential(head, nn.PixelShuffle(stride))
        for part in (self.detail, self.up, self.decoder, self.head):
            part.apply(initialise)
        with torch.no_grad():
            # The pixels of a place start alike, or edges look chequered for thousands of steps
            # (Aitken et al. 2017, https://arxiv.org/abs/1707.02937).
            head.weight.copy_(head.weight[:: stride**2].repeat_interleave(stride**2, dim=0))

    def encode(self, image: Tensor) -> list[Tensor]:
        """Return the skips, the largest first, and the bottleneck."""
        found: list[Tensor] = self.encoder(image)
        details = []
        x = image
        for block in self.detail:
            x = block(x)
            details.append(x)
        if details:
            found[0] = torch.cat((details.pop(), found[0]), dim=1)
        found = details + found
        return found[-len(self.config.decoder) - 1 :]

    def train(self, mode: bool = True) -> EncoderUNet:
        """Set training mode, but for what is frozen."""
        super().train(mode)
        if self.has_frozen_statistics:
            for module in self.encoder.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


def _convolution(channels: int, filters: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(inplace=True),
    )
