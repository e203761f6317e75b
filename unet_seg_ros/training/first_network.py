# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network that a training starts from."""

from __future__ import annotations

import dataclasses

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, Normalization, load_checkpoint
from unet_seg_ros.model.encoder_unet import EncoderUNet, EncoderUNetConfig
from unet_seg_ros.model.networks import Network
from unet_seg_ros.model.pretrained import encoder_normalization, load_encoder_weights
from unet_seg_ros.model.unet import UNet, preset
from unet_seg_ros.model.widen import widen
from unet_seg_ros.training.recipe import Recipe
from unet_seg_ros.weights import find_checkpoint


def starting_checkpoint(recipe: Recipe, label_set: LabelSet) -> Checkpoint | None:
    """Return the checkpoint to start from, None for a network that has not been trained.

    Raises:
        ValueError: The checkpoint has other classes, or the recipe contradicts itself.
    """
    if not recipe.start:
        if recipe.widen != 1:
            raise ValueError("--widen widens a trained network: give the one to start from, --init")
        if not recipe.encoder and (recipe.encoder_weights != "none" or recipe.decoder):
            raise ValueError("--encoder-weights and --decoder belong to a network with --encoder")
        return None
    if recipe.encoder:
        raise ValueError("--init and --encoder each say what network to start from; give one")
    start = load_checkpoint(find_checkpoint(recipe.start))
    if start.label_set != label_set:
        raise ValueError(
            f"{recipe.start} has the classes of {start.label_set.name!r}, not of "
            f"{label_set.name!r}; start from another checkpoint"
        )
    if recipe.widen != 1 and not isinstance(start.model, UNet):
        raise ValueError(f"--widen widens plain networks, and {recipe.start} has an encoder")
    return start


def first_network(
    recipe: Recipe, classes: int, start: Checkpoint | None
) -> tuple[Network, Normalization]:
    """Return the network as it is before the first step, and what it expects of its pixels.

    Raises:
        ValueError: There is no such network, or its encoder's weights are not there.
    """
    network, normalization = _untrained(recipe, classes) if start is None else _of(recipe, start)
    if recipe.freeze_norm:
        if not isinstance(network, EncoderUNet):
            raise ValueError("--freeze-norm is for networks with an encoder; leave it away")
        network.has_frozen_statistics = True
    return network, normalization


def _of(recipe: Recipe, start: Checkpoint) -> tuple[Network, Normalization]:
    network = start.model
    if isinstance(network, UNet):
        network = widen(network, recipe.widen)
    return network, start.normalization


def _untrained(recipe: Recipe, classes: int) -> tuple[Network, Normalization]:
    if not recipe.encoder:
        return UNet(preset(recipe.preset, classes)), Normalization()
    config = EncoderUNetConfig(classes, recipe.encoder)
    if recipe.decoder:
        config = dataclasses.replace(config, decoder=recipe.decoder)
    network = EncoderUNet(config)
    if recipe.encoder_weights != "none":
        load_encoder_weights(network.encoder, recipe.encoder, recipe.encoder_weights)
    return network, encoder_normalization(recipe.encoder)
