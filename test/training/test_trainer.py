# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from unet_seg_ros.model.checkpoint import Normalization
from unet_seg_ros.model.encoder_unet import EncoderUNetConfig
from unet_seg_ros.model.networks import NetworkConfig, make_network
from unet_seg_ros.model.unet import UNetConfig
from unet_seg_ros.training.loss import SegmentationLoss
from unet_seg_ros.training.trainer import Learner, Optimization

CONFIG = UNetConfig(classes=3, base_filters=8, levels=2, dropout=0.2)
WITH_ENCODER = EncoderUNetConfig(classes=3, decoder=(8, 8, 8, 8), detail=4)


def learner(
    steps: int = 6,
    config: NetworkConfig = CONFIG,
    seed: int = 0,
    first_weights: int = 0,
    encoder_rate: float = 0.1,
) -> Learner:
    torch.manual_seed(first_weights)
    return Learner(
        Fabric(accelerator="cpu", devices=1),
        make_network(config),
        nn.CrossEntropyLoss(ignore_index=255),
        Normalization(),
        Optimization(steps, encoder_rate=encoder_rate),
        seed,
    )


def batch(step: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(step)
    pictures = torch.randint(0, 256, (2, 3, 16, 24), dtype=torch.uint8, generator=random)
    return pictures, torch.randint(0, 3, (2, 16, 24), dtype=torch.uint8, generator=random)


def learn(learner: Learner, steps: range) -> list[float]:
    return [float(learner.learn(*batch(step))) for step in steps]


def weights(learner: Learner) -> dict[str, Tensor]:
    return {**learner.state(), **learner.trained().state_dict()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize("config", [CONFIG, WITH_ENCODER])
def test_resumed_equals_uninterrupted(config: NetworkConfig) -> None:
    straight, stopped = learner(config=config), learner(config=config)
    losses = learn(straight, range(6))
    assert learn(stopped, range(3)) == losses[:3]
    # Through a file's bytes, into a network with other weights.
    resumed = learner(config=config, first_weights=1)
    resumed.restore(load(save({name: t.contiguous() for name, t in stopped.state().items()})))
    assert resumed.step == 3
    assert learn(resumed, range(3, 6)) == losses[3:]
    assert_equal(weights(resumed), weights(straight))


class _Operations(TorchDispatchMode):
    """Notes the names of the operations that are done."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.names.add(function.name().partition(".")[0])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("is_taught", [False, True])
def test_a_step_asks_nothing_of_the_device(is_taught: bool) -> None:
    """What depends on values, and so would wait for a GPU at every step, is not among it."""
    admissible = torch.tensor([[1, 0, 0], [0, 1, 1], [1, 1, 1]], dtype=torch.bool)
    step = Learner(
        Fabric(accelerator="cpu", devices=1),
        make_network(CONFIG),
        SegmentationLoss(admissible, dice=0.5),
        Normalization(),
        Optimization(6),
    )
    tensors = batch(0)
    if is_taught:
        step.learn_from(None, admissible, confidence=0.4, first_step=0)
        pictures, rows = batch(1)
        tensors = (*tensors, pictures, pictures, rows)
    with _Operations() as operations:
        step.learn(*tensors)
    waits = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "equal"}
    assert not operations.names & {f"aten::{name}" for name in waits}
    assert "aten::convolution_backward" in operations.names


def test_an_encoder_learns_at_its_own_rate() -> None:
    before = learner(config=WITH_ENCODER).trained().state_dict()
    idle = learner(config=WITH_ENCODER, encoder_rate=0.0)
    learn(idle, range(2))
    after = idle.state()
    changed = {
        name
        for name, value in before.items()
        if name.endswith(("weight", "bias")) and not torch.equal(value, after[f"network/{name}"])
    }
    assert changed == {
        name
        for name in before
        if name.endswith(("weight", "bias")) and not name.startswith("encoder.")
    }


def test_seed_repeats_and_differs() -> None:
    one, same, other = learner(), learner(), learner(seed=1)
    losses = learn(one, range(3))
    assert learn(same, range(3)) == losses
    # Dropout is all that the seed changes here.
    assert learn(other, range(3)) != losses


def test_state_of_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="another network"):
        learner(config=UNetConfig(classes=4)).restore(learner().state())


def test_two_pictures_are_learnt_by_heart() -> None:
    rows, columns = np.mgrid[0:48, 0:64]
    labels = np.stack([(columns // 16 + rows // 24) % 3, (columns - rows) // 20 % 3])
    colors = np.array([[200, 40, 40], [40, 200, 40], [60, 60, 90]])
    noise = np.random.default_rng(0).integers(-30, 31, (2, 48, 64, 3))
    pictures = torch.from_numpy(np.clip(colors[labels] + noise, 0, 255).astype(np.uint8))
    pictures, truth = pictures.permute(0, 3, 1, 2), torch.from_numpy(labels.astype(np.uint8))
    taught = learner(steps=120, config=UNetConfig(classes=3, base_filters=8, levels=2))
    for _ in range(120):
        taught.learn(pictures, truth)
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (Normalization().mean, Normalization().std)
    )
    with torch.inference_mode():
        prediction = taught.trained()((pictures / 255 - mean) / std).argmax(1)
    assert float((prediction == truth).float().mean()) > 0.99


def test_moving_average_follows_and_smooths() -> None:
    taught = learner()
    before = taught.trained().head.weight.clone()
    learn(taught, range(2))
    average, current = taught.trained().head.weight, taught.state()["network/head.weight"]
    assert not torch.equal(average, before)
    assert not torch.equal(average, current)


@pytest.mark.parametrize("decline", ["cosine", "poly"])
def test_learning_rate_rises_and_falls(decline: str) -> None:
    optimization = Optimization(100, learning_rate=1.0, decline=decline, warm_up=0.1)  # type: ignore[arg-type]
    rates = [optimization.learning_rate_at(step) for step in range(100)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[-1] < 0.02


def test_poly_is_deeplabs() -> None:
    optimization = Optimization(100, learning_rate=2.0, decline="poly", warm_up=0)
    assert optimization.learning_rate_at(51) == pytest.approx(2.0 * (1 - 50 / 99) ** 0.9)
