# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Any convolutional encoder of timm (https://github.com/huggingface/pytorch-image-models), by name.

A checkpoint with such an encoder runs where timm is installed; it is no dependency.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from torch import Tensor, nn

PREFIX = "timm:"
# Only names that timm itself registers: others would make it download something.
_NAME = re.compile(r"timm:[a-z0-9_]{1,60}(\.[a-z0-9_]{1,60})?")
_STRIDES = [2, 4, 8, 16, 32]


class TimmEncoder(nn.Module):
    """An encoder of timm that halves the size five times.

    Attributes:
        widths: Channels of the five feature maps that `forward` returns; the first is 0 for
            encoders that start with a stride of 4.

    Args:
        name: "timm:" and timm's name, as "timm:resnet18".
        is_pretrained: Whether to load timm's weights, which timm may download.

    Raises:
        ValueError: timm is not installed, or does not know such an encoder.
    """

    def __init__(self, name: str, is_pretrained: bool = False) -> None:
        super().__init__()
        timm = _timm(name)
        try:
            self.body = timm.create_model(
                name.removeprefix(PREFIX), features_only=True, pretrained=is_pretrained
            )
            strides = list(self.body.feature_info.reduction())
        except (AttributeError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"timm cannot make an encoder of {name}: {reason:.200}") from error
        if strides not in (_STRIDES, _STRIDES[1:]):
            raise ValueError(
                f"{name} finds maps at strides of {strides}, and a U-Net needs {_STRIDES}; choose "
                "another encoder"
            )
        self._lacks_first = strides != _STRIDES
        self.widths: list[int] = [0] * self._lacks_first + list(self.body.feature_info.channels())

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return what is found at a half, a quarter, ..., a 32nd of the size of `image`.

        Args:
            image: `(N, 3, H, W)` normalised; H and W are multiples of 32.
        """
        found: list[Tensor] = list(self.body(image))
        if self._lacks_first:
            count, _, height, width = image.shape
            found.insert(0, image.new_empty(count, 0, height // 2, width // 2))
        return found


Color = tuple[float, float, float]


def normalization_of(name: str) -> tuple[Color, Color]:
    """Return mean and standard deviation of the pixels, from 0 to 1, that an encoder expects."""
    config = _timm(name).models.get_pretrained_cfg(name.removeprefix(PREFIX))
    return tuple(config.mean), tuple(config.std)


def require_name(name: str) -> None:
    """Raise ValueError unless `name`, perhaps from a file, can be that of an encoder of timm."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r:.80} is no name of an encoder of timm, like timm:resnet18")


def _timm(name: str) -> Any:
    require_name(name)
    try:
        timm = importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise ValueError(f"{name} needs timm: pip install timm") from error
    if not timm.is_model(name.removeprefix(PREFIX)):
        raise ValueError(f"this timm ({timm.__version__}) knows no {name}; timm.list_models() does")
    return timm
