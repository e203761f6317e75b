# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network that a training starts from, and its classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, Normalization, load_checkpoint
from unet_seg_ros.model.encoder_unet import EncoderUNet, EncoderUNetConfig
from unet_seg_ros.model.networks import Network
from unet_seg_ros.model.pretrained import encoder_normalization, load_encoder_weights
from unet_seg_ros.model.transfer import transfer
from unet_seg_ros.model.unet import UNet, preset
from unet_seg_ros.model.widen import widen
from unet_seg_ros.training.recipe import Recipe
from unet_seg_ros.weights import find_checkpoint

DEFAULT_LABEL_SET = "carla29"
DEFAULT_SIZE = (400, 300)


@dataclass(frozen=True)
class FirstNetwork:
    """A network before the first step.

    Attributes:
        network: The network.
        normalization: What it expects of its pixels.
        untaught: The classes that a network which starts from a checkpoint learns from nothing.
    """

    network: Network
    normalization: Normalization
    untaught: Sequence[str] = ()


def starting_checkpoint(recipe: Recipe) -> Checkpoint | None:
    """Return the checkpoint to start from, None for a network that has not been trained.

    Raises:
        ValueError: There is no such checkpoint, or the recipe contradicts itself.
    """
    if not 0 < recipe.blend <= 1:
        raise ValueError(f"--blend must be more than 0 and at most 1, not {recipe.blend:g}")
    if not recipe.start:
        if recipe.blend != 1:
            raise ValueError("--blend is with the weights of --init: give a checkpoint there")
        if recipe.widen != 1:
            raise ValueError("--widen widens a trained network: give the one to start from, --init")
        if not recipe.encoder and (recipe.encoder_weights != "none" or recipe.decoder):
            raise ValueError("--encoder-weights and --decoder belong to a network with --encoder")
        return None
    if recipe.encoder:
        raise ValueError("--init and --encoder each say what network to start from; give one")
    if recipe.blend != 1 and recipe.widen != 1:
        raise ValueError("--blend is with the weights of --init, which --widen changes; leave one")
    start = load_checkpoint(find_checkpoint(recipe.start))
    if isinstance(start.model, UNet):
        if recipe.decoder:
            raise ValueError(f"--decoder is for networks with an encoder, {recipe.start} has none")
    elif recipe.widen != 1:
        raise ValueError(f"--widen widens plain networks, and {recipe.start} has an encoder")
    return start


def network_label_set(recipe: Recipe, start: Checkpoint | None) -> LabelSet:
    """Return the classes that the network is to have: those asked for, or those it starts with.

    Raises:
        LabelSetError: There is no such label set.
    """
    if start and not recipe.label_set:
        return start.label_set
    return LabelSet.load(recipe.label_set or DEFAULT_LABEL_SET)


def completed(recipe: Recipe, start: Checkpoint | None) -> Recipe:
    """Return a recipe that says at which size frames are seen, as asked or as by what it starts."""
    if start is None:
        return recipe.seeing(DEFAULT_SIZE, enlarge=False)
    return recipe.seeing(start.input_size, start.enlarge)


def first_network(recipe: Recipe, label_set: LabelSet, start: Checkpoint | None) -> FirstNetwork:
    """Return the network as it is before the first step.

    One that starts from a checkpoint and has other classes than that, or another decoder, keeps
    what fits (`transfer`).

    Raises:
        ValueError: There is no such network, or its encoder's weights are not there.
    """
    first = _of(recipe, label_set, start) if start else _untrained(recipe, len(label_set))
    if recipe.freeze_norm:
        if not isinstance(first.network, EncoderUNet):
            raise ValueError("--freeze-norm is for networks with an encoder; leave it away")
        first.network.has_frozen_statistics = True
    return first


def _of(recipe: Recipe, label_set: LabelSet, start: Checkpoint) -> FirstNetwork:
    network, untaught = start.model, list[str]()
    config = dataclasses.replace(network.config, classes=len(label_set))
    if isinstance(config, EncoderUNetConfig) and recipe.decoder:
        config = dataclasses.replace(config, decoder=recipe.decoder)
    if config != network.config or label_set.names != start.label_set.names:
        if recipe.blend != 1:
            raise ValueError(
                f"--blend is with the weights of --init, and {recipe.start} has other classes or "
                "another decoder; leave it away"
            )
        network, untaught = transfer(network, start.label_set, config, label_set)
    if isinstance(network, UNet):
        network = widen(network, recipe.widen)
    return FirstNetwork(network, start.normalization, untaught)


def _untrained(recipe: Recipe, classes: int) -> FirstNetwork:
    if not recipe.encoder:
        return FirstNetwork(UNet(preset(recipe.preset, classes)), Normalization())
    config = EncoderUNetConfig(classes, recipe.encoder)
    if recipe.decoder:
        config = dataclasses.replace(config, decoder=recipe.decoder)
    network = EncoderUNet(config)
    if recipe.encoder_weights != "none":
        load_encoder_weights(network.encoder, recipe.encoder, recipe.encoder_weights)
    return FirstNetwork(network, encoder_normalization(recipe.encoder))
