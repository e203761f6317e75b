# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network for other classes, or with another decoder, that keeps what a trained one learnt."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.model.encoder_unet import EncoderUNet
from unet_seg_ros.model.networks import Network, NetworkConfig, make_network


def transfer(
    network: Network, label_set: LabelSet, config: NetworkConfig, new_set: LabelSet
) -> tuple[Network, list[str]]:
    """Return a network that has what fits of a trained one and is untrained in the rest.

    What fits are layers of the same name and shape and, of the head, classes of the same name or
    those that one label set lists among the other's aliases.

    Args:
        network: The trained network; it is not changed.
        label_set: Its classes.
        config: The new network's configuration.
        new_set: Its classes.

    Returns:
        The network, and the names of those of its classes that it has to learn from nothing.
    """
    new = make_network(config)
    trained = network.state_dict()
    state = new.state_dict()
    sources = _sources(label_set, new_set)
    known = set(sources)
    for name in trained.keys() & state.keys():
        values, found = state[name], trained[name]
        if name.startswith("head."):
            rows = found.unflatten(0, (len(label_set), -1))
            new_rows = values.unflatten(0, (len(new_set), -1))
            if rows.shape[1:] != new_rows.shape[1:]:
                known = set()
                continue
            for index, source in sources.items():
                new_rows[index].copy_(rows[source])
        elif values.shape == found.shape:
            values.copy_(found)
    stems = [item.detail for item in (network, new) if isinstance(item, EncoderUNet)]
    if [len(stem) for stem in stems] == [1, 2]:
        _pass_on(*stems[1])
    untaught = [item.name for item in new_set.classes if item.id not in known]
    return new.train(network.training), untaught


def _sources(label_set: LabelSet, new_set: LabelSet) -> dict[int, int]:
    """Return for the classes of one label set the classes of another that mean the same."""
    back, forth = label_set.table_to(new_set), new_set.table_to(label_set)
    # The first of several: a Vehicle begins as a Car.
    found = {int(back[source]): source for source in reversed(range(len(label_set)))}
    found |= {
        index: int(forth[index]) for index in range(len(new_set)) if forth[index] != UNKNOWN_ID
    }
    found.pop(UNKNOWN_ID, None)
    return found


def _pass_on(before: nn.Module, after: nn.Module) -> None:
    """Let a stem's second convolution begin by passing on every other pixel of the first one's.

    The trained stem has one convolution, which leaves out those pixels itself. Batch
    normalisation is set to undo what it does to what comes out of a ReLU behind another one
    (Net2DeeperNet, https://arxiv.org/abs/1511.05641): a normal distribution without its negative
    half.
    """
    nn.init.dirac_(after.get_parameter("0.weight"))
    center = before.get_parameter("1.bias").detach()
    spread = before.get_parameter("1.weight").detach().abs().clamp(min=1e-6)
    ratio = center / spread
    above = torch.special.ndtr(ratio)
    density = spread * torch.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    mean = center * above + density
    variance = ((center**2 + spread**2) * above + center * density - mean**2).clamp(min=0)
    norm = after.get_submodule("1")
    assert isinstance(norm, nn.BatchNorm2d)
    values: dict[str, Tensor] = {
        "weight": (variance + norm.eps).sqrt(),
        "bias": mean,
        "running_mean": mean,
        "running_var": variance,
    }
    norm.load_state_dict({**norm.state_dict(), **values})
