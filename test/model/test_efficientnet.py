# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from unet_seg_ros.model.efficientnet import EfficientNetLite

# Of the last convolution, its batch normalisation and the thousand classes, which an encoder lacks.
CLASSIFIER = 1280 * 2 + 1281 * 1000


@pytest.mark.parametrize(
    ("size", "published_millions"), [(0, 4.65), (1, 5.42), (2, 6.09), (3, 8.20), (4, 13.01)]
)
def test_it_has_as_many_parameters_as_published(size: int, published_millions: float) -> None:
    with torch.device("meta"):
        encoder = EfficientNetLite(f"efficientnet-lite{size}")
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    whole = parameters + 1280 * encoder.widths[-1] + CLASSIFIER
    assert whole / 1e6 == pytest.approx(published_millions, abs=0.006)


def test_it_finds_five_maps_each_half_as_large_as_the_one_before() -> None:
    encoder = EfficientNetLite("efficientnet-lite0").eval()
    with torch.inference_mode():
        found = encoder(torch.rand(2, 3, 96, 64))
    assert [tuple(one.shape) for one in found] == [
        (2, 16, 48, 32),
        (2, 24, 24, 16),
        (2, 40, 12, 8),
        (2, 112, 6, 4),
        (2, 320, 3, 2),
    ]
    assert [one.shape[1] for one in found] == encoder.widths
