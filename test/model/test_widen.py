# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Wider networks: the same logits at first, and copies that learn different things."""

from __future__ import annotations

import pytest
import torch

from unet_seg_ros.model.unet import UNet, UNetConfig
from unet_seg_ros.model.widen import widen

PICTURES = torch.randn(2, 3, 24, 40, generator=torch.Generator().manual_seed(1))


def trained(**config: object) -> UNet:
    """Return a network whose batch normalisation has seen something."""
    torch.manual_seed(0)
    network = UNet(UNetConfig(classes=5, base_filters=4, levels=2, **config))  # type: ignore[arg-type]
    with torch.no_grad():
        network.train()(PICTURES)
    return network.eval()


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_wider_network_has_the_same_logits(factor: int, batch_norm: bool) -> None:
    network = trained(batch_norm=batch_norm)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wide = widen(network, factor)
    assert wide.config.base_filters == 4 * factor
    assert not wide.training
    with torch.no_grad():
        torch.testing.assert_close(wide(PICTURES), network(PICTURES), atol=1e-5, rtol=1e-4)
    after = network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_copies_of_a_filter_learn_different_things() -> None:
    wide = widen(trained(), 2).train()
    optimizer = torch.optim.AdamW(wide.parameters(), lr=1e-2)
    labels = torch.arange(24 * 40).view(1, 24, 40).expand(2, -1, -1) % 5
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(wide(PICTURES), labels).backward()
        optimizer.step()
    first = wide.encoder[0][0].weight.detach()
    assert (first[0::2] - first[1::2]).abs().max() > 1e-4


def test_more_filters_than_a_network_may_have_are_refused() -> None:
    with pytest.raises(ValueError, match="base_filters must be"):
        widen(trained(), 100)
