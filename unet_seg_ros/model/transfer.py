# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network for other classes, or with another decoder, that keeps what a trained one learnt."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from unet_seg_ros.model.encoder_unet import EncoderUNet
from unet_seg_ros.model.networks import Network, NetworkConfig, make_network


def transfer(
    network: Network, names: Sequence[str], config: NetworkConfig, new_names: Sequence[str]
) -> Network:
    """Return a network that has what fits of a trained one and is untrained in the rest.

    What fits are layers of the same name and shape and, of the head, classes of the same name.

    Args:
        network: The trained network; it is not changed.
        names: Of its classes, in their order.
        config: The new network's configuration.
        new_names: Of its classes.
    """
    new = make_network(config)
    if isinstance(new, EncoderUNet) and len(new.detail) > 1:
        # Where the trained stem has one convolution, which halves the size, the first of these two
        # becomes it, and the second at first does nothing but leave out every other pixel.
        nn.init.dirac_(new.detail[1].get_parameter("0.weight"))
    trained = network.state_dict()
    state = new.state_dict()
    for name in trained.keys() & state.keys():
        values, found = state[name], trained[name]
        if name.startswith("head."):
            _copy_classes(found, names, values, new_names)
        elif values.shape == found.shape:
            values.copy_(found)
    return new.train(network.training)


def _copy_classes(
    source: Tensor, names: Sequence[str], target: Tensor, new_names: Sequence[str]
) -> None:
    """Copy the rows of the classes that both heads have; a class has all its rows together."""
    rows, new_rows = (
        source.unflatten(0, (len(names), -1)),
        target.unflatten(0, (len(new_names), -1)),
    )
    if rows.shape[1:] != new_rows.shape[1:]:
        return
    for index, name in enumerate(new_names):
        if name in names:
            new_rows[index].copy_(rows[names.index(name)])
