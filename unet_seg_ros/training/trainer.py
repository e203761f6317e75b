# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: batches in, a network out, on whatever devices Lightning Fabric offers.

Every random number of a step is drawn from (seed, step, rank) and the learning rate follows from
the step, so that the weights, the optimizer's moments and the number of the step are all there is
to a training: one that is resumed goes on exactly as if it had never stopped.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from unet_seg_ros.labels.label_set import UNKNOWN_ID
from unet_seg_ros.memory import keep_freed_memory
from unet_seg_ros.model.checkpoint import Checkpoint, Normalization
from unet_seg_ros.model.networks import Network
from unet_seg_ros.model.unet import UNet
from unet_seg_ros.training.average import MovingAverage
from unet_seg_ros.training.teacher import Teacher, mixed

Decline = Literal["cosine", "poly"]
# Of DeepLab (Chen et al. 2017, https://arxiv.org/abs/1606.00915).
_POLY_POWER = 0.9


@dataclass(frozen=True)
class Optimization:
    """How long and how fast to learn, with AdamW.

    Attributes:
        steps: How many batches.
        learning_rate: The highest one, reached at the end of the warm-up.
        decline: How it falls to zero from there: "cosine" (one cycle) or "poly".
        warm_up: Share of the steps over which it rises from zero.
        weight_decay: Of AdamW.
        average_decay: Of the exponential moving average of the weights, which is what is kept.
        clip_norm: Gradients are scaled down to this norm.
        encoder_rate: Learning rate of an encoder that was trained before, in proportion to that of
            the rest; a plain network learns everywhere alike.
    """

    steps: int
    learning_rate: float = 3e-3
    decline: Decline = "cosine"
    warm_up: float = 0.1
    weight_decay: float = 1e-3
    average_decay: float = 0.998
    clip_norm: float = 5.0
    encoder_rate: float = 0.1

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        rising = max(1, round(self.warm_up * self.steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        progress = (step - rising) / max(1, self.steps - rising)
        if self.decline == "poly":
            return self.learning_rate * math.pow(1 - progress, _POLY_POWER)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def fastest_layout(device: torch.device) -> torch.memory_format:
    """Return how convolutions want their pictures in memory, for training steps on `device`.

    Channels last everywhere but on CPUs whose widest vectors are those of AVX2: there oneDNN
    takes almost twice as long for the gradients of the weights in that layout.
    """
    if device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2":
        return torch.contiguous_format
    return torch.channels_last


class Objective(nn.Module):
    """From pictures and rows to the loss: normalisation, network and loss function in one module.

    In one, so that one call is compiled and, on several devices, synchronised.
    """

    _mean: Tensor
    _std: Tensor

    def __init__(
        self,
        network: Network,
        loss: nn.Module,
        normalization: Normalization,
        layout: torch.memory_format,
    ) -> None:
        super().__init__()
        self.network = network
        self._loss = loss
        self._layout = layout
        scale = torch.tensor([normalization.mean, normalization.std]).view(2, 1, 3, 1, 1) * 255
        self.register_buffer("_mean", scale[0], persistent=False)
        self.register_buffer("_std", scale[1], persistent=False)

    def forward(self, pictures: Tensor, rows: Tensor, *labelled: int) -> Tensor:
        """Return the loss of `(N, 3, H, W)` uint8 RGB pictures with `(N, H, W)` uint8 rows.

        Where so many of them are `labelled`, the first ones, the rows of the others are guessed.
        """
        normalized = (pictures - self._mean) / self._std
        logits = self.network(normalized.contiguous(memory_format=self._layout))
        loss: Tensor = self._loss(logits, rows.long(), *labelled)
        return loss


class Learner:
    """A network that is being trained.

    Attributes:
        step: How many steps have been done.
        labelled_share: The share of the last step's pixels without labels that got one, on the
            device; None where there were none.

    Args:
        fabric: Devices, strategy and precision.
        network: The network to start from; it is changed.
        loss: From logits `(N, C, H, W)` and rows `(N, H, W)` int64 to a scalar.
        normalization: How pixels become numbers.
        optimization: How long and how fast.
        seed: The same seed learns the same on the same device.
        compiled: Whether to compile the step with `torch.compile`.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: Network,
        loss: nn.Module,
        normalization: Normalization,
        optimization: Optimization,
        seed: int = 0,
        compiled: bool = False,
    ) -> None:
        if fabric.device.type == "cpu":
            keep_freed_memory()
        self.step = 0
        self.labelled_share: Tensor | None = None
        self._fabric = fabric
        self._seed = seed
        self._optimization = optimization
        self._normalization = normalization
        layout = fastest_layout(fabric.device)
        self._network = network.to(memory_format=layout)  # type: ignore[call-overload]
        objective: nn.Module = Objective(self._network, loss, normalization, layout).train()
        self._adamw = torch.optim.AdamW(
            _parameter_groups(network, optimization.encoder_rate),
            weight_decay=optimization.weight_decay,
            fused=True,
        )
        if compiled:
            objective.compile()
        self._objective, self._optimizer = fabric.setup(objective, self._adamw)
        self._average = MovingAverage(self._network, optimization.average_decay)
        self._teacher: Teacher | None = None
        self._first_taught_step = 0

    def learn_from(
        self, teacher: Checkpoint | None, admissible: Tensor, confidence: float, first_step: int
    ) -> None:
        """Let a teacher label pictures that have no labels.

        Args:
            teacher: A network with the same classes; None for the moving average.
            admissible: `(R, C)` bool, which classes a pixel of each row may be.
            confidence: How probable a class must be, 0 to 1.
            first_step: Before this step such pictures are left away.
        """
        self._first_taught_step = first_step
        network: nn.Module = self._average.network
        normalization = self._normalization
        if teacher:
            network = teacher.model.to(self._fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            normalization = teacher.normalization
        self._teacher = Teacher(network.eval(), normalization, admissible, confidence)

    def learn(self, pictures: Tensor, rows: Tensor, *twins: Tensor) -> Tensor:
        """Do a step with `(N, 3, H, W)` uint8 pictures and `(N, H, W)` uint8 rows.

        Args:
            pictures: `(N, 3, H, W)` uint8 RGB.
            rows: `(N, H, W)` uint8.
            twins: Pictures without labels, as `twins.TwinViews` makes them; after `learn_from`.

        Returns:
            The loss, still on the device.
        """
        pictures, rows, *twins_there = self._fabric.to_device((pictures, rows, *twins))
        entropy = np.random.SeedSequence((self._seed, self.step, self._fabric.global_rank))
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
        labelled: list[int] = []
        if twins_there and self.step >= self._first_taught_step:
            labelled = [len(pictures)]
            pictures, rows = self._with_twins(pictures, rows, *twins_there)
        for group in self._adamw.param_groups:
            group["lr"] = group["rate"] * self._optimization.learning_rate_at(self.step)
        loss: Tensor = self._objective(pictures, rows, *labelled)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        # What is not finite shows in the next loss; asking here would wait for the device.
        self._fabric.clip_gradients(
            self._objective,
            self._optimizer,
            max_norm=self._optimization.clip_norm,
            error_if_nonfinite=False,
        )
        self._optimizer.step()
        self._average.update(self._network, self.step)
        self.step += 1
        return loss.detach()

    def _with_twins(
        self, pictures: Tensor, rows: Tensor, plain: Tensor, varied: Tensor, known: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the labelled pictures and rows, and after them those that the teacher labels."""
        assert self._teacher
        with self._fabric.autocast():
            guessed = self._teacher(plain, known)
        self.labelled_share = (guessed != UNKNOWN_ID).float().mean()
        more, more_rows = mixed(varied, guessed, pictures, rows)
        return torch.cat([pictures, more]), torch.cat([rows, more_rows])

    def is_finite(self) -> bool:
        """Tell whether every weight is a number; waits for the device."""
        tensors = self._average.network.state_dict().values()
        return all(bool(tensor.isfinite().all()) for tensor in tensors)

    def trained(self) -> Network:
        """Return a copy of the averaged network, on the CPU, in evaluation mode."""
        network: Network = copy.deepcopy(self._average.network)
        return network.cpu().eval()

    def state(self) -> dict[str, Tensor]:
        """Return everything that `restore` needs, by name."""
        moments = self._adamw.state_dict()["state"]
        average = self._average.network.state_dict()
        return {
            "step": torch.tensor(self.step),
            **{f"network/{name}": value for name, value in self._network.state_dict().items()},
            **{f"average/{name}": value for name, value in average.items()},
            **{
                f"moments/{index}/{name}": value
                for index, values in moments.items()
                for name, value in values.items()
            },
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state` of a learner with the same network.

        Raises:
            ValueError: It is the state of another network.
        """
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "moments": {}}
        for name, value in state.items():
            part, _, rest = name.partition("/")
            if rest:
                parts[part][rest] = value
        try:
            self._network.load_state_dict(parts["network"])
            self._average.network.load_state_dict(parts["average"])
        except RuntimeError as error:
            raise ValueError(f"is the state of another network: {error}") from error
        moments: dict[int, dict[str, Tensor]] = {}
        parameters = [
            parameter for group in self._adamw.param_groups for parameter in group["params"]
        ]
        for name, value in parts["moments"].items():
            index, _, moment = name.partition("/")
            parameter = parameters[int(index)]
            if value.shape == parameter.shape:
                # Fused AdamW takes the layout of the parameter for that of its moments.
                value = torch.empty_like(parameter).copy_(value)
            moments.setdefault(int(index), {})[moment] = value
        groups = self._adamw.state_dict()["param_groups"]
        self._adamw.load_state_dict({"state": moments, "param_groups": groups})
        self.step = int(state["step"])


def _parameter_groups(network: Network, encoder_rate: float) -> list[dict[str, Any]]:
    """Return the parameters for an optimizer, with `rate`, the share of the learning rate."""
    if isinstance(network, UNet):
        return [{"params": list(network.parameters()), "rate": 1.0}]
    encoder = list(network.encoder.parameters())
    known = {id(parameter) for parameter in encoder}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    return [{"params": encoder, "rate": encoder_rate}, {"params": rest, "rate": 1.0}]
