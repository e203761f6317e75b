# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures per second of training steps against plain eager float32 PyTorch.

All candidates learn from the same batches with the same network and take turns, so that whatever
else the machine does slows all of them; the figures are medians. Each has a process of its own, as
how memory is kept is a matter of the process. The plain one is a training loop as tutorials write
it: contiguous tensors, cross-entropy, AdamW, nothing else. Ours clips gradients and averages
weights on top.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
from lightning.fabric import Fabric
from machine import machine
from torch import Tensor, nn

from unet_seg_ros.inference.segmenter import cpu_has_bfloat16
from unet_seg_ros.model.checkpoint import Normalization
from unet_seg_ros.model.unet import UNet, preset
from unet_seg_ros.training.trainer import Learner, Optimization

CLASSES = 23
# Preset, (width, height) of the pictures, pictures in a batch.
WORK = (("coursera", (128, 96), 8), ("small", (384, 288), 2))

_WARM_UP = 3

Work = tuple[str, tuple[int, int], int]
Step = Callable[[Tensor, Tensor], object]


def plain(name: str, device: torch.device) -> Step:
    """Return a step of eager float32 PyTorch."""
    network = UNet(preset(name, CLASSES)).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss()
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (Normalization().mean, Normalization().std)
    )
    mean, std = mean.to(device), std.to(device)

    def step(pictures: Tensor, labels: Tensor) -> float:
        pictures, labels = pictures.to(device), labels.to(device)
        value = loss(network((pictures / 255 - mean) / std), labels.long())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return float(value.detach())

    return step


def ours(name: str, device: torch.device, precision: str, compiled: bool) -> Step:
    """Return a step of the trainer."""
    learner = Learner(
        Fabric(accelerator=device.type, devices=1, precision=precision),  # type: ignore[arg-type]
        UNet(preset(name, CLASSES)),
        nn.CrossEntropyLoss(),
        Normalization(),
        Optimization(steps=1000),
        compiled=compiled,
    )
    return lambda pictures, labels: float(learner.learn(pictures, labels))


@dataclass(frozen=True)
class Candidate:
    """A way to train; without a precision, plain PyTorch."""

    name: str
    precision: str = ""
    compiled: bool = False

    def step(self, preset_name: str, device: torch.device) -> Step:
        """Return a step of it."""
        if not self.precision:
            return plain(preset_name, device)
        return ours(preset_name, device, self.precision, self.compiled)


def candidates(device: torch.device, compiled: bool) -> list[Candidate]:
    """Return everything that this machine can run, plain PyTorch first."""
    has_bfloat16 = device.type == "cuda" or cpu_has_bfloat16()
    found = [Candidate("plain PyTorch")]
    for precision in ("32-true", "bf16-mixed") if has_bfloat16 else ("32-true",):
        found.append(Candidate(f"ours, {precision}", precision))
        if compiled:
            found.append(Candidate(f"ours, {precision}, compiled", precision, compiled=True))
    return found


class Runner:
    """A candidate in a process of its own, which does a step when it is told to."""

    def __init__(self, candidate: Candidate, work: Work, device: torch.device) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, candidate, work, device, torch.get_num_threads())
        )
        self._process.start()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()

    def step(self) -> float:
        """Return how many seconds a step takes now."""
        self._connection.send(None)
        seconds: float = self._connection.recv()
        return seconds


def _serve(
    connection: Connection,
    candidate: Candidate,
    work: Work,
    device: torch.device,
    threads: int,
) -> None:
    torch.set_num_threads(threads)
    name, (width, height), count = work
    pictures = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (count, height, width), dtype=torch.uint8)
    step = candidate.step(name, device)
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        start = time.perf_counter()
        step(pictures, labels)
        connection.send(time.perf_counter() - start)


def measure(
    found: list[Candidate], work: Work, device: torch.device, rounds: int
) -> dict[str, float]:
    """Let the candidates take turns; return the median seconds of a step."""
    with ExitStack() as stack:
        runners = [stack.enter_context(Runner(item, work, device)) for item in found]
        # The first steps compile, and find the memory that is kept.
        times = [[runner.step() for runner in runners] for _ in range(_WARM_UP + rounds)]
    measured = zip(*times[_WARM_UP:], strict=True)
    return {
        item.name: statistics.median(seconds) for item, seconds in zip(found, measured, strict=True)
    }


def main() -> None:
    """Measure and print tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch-factor", type=int, default=1, help="larger batches, for GPUs")
    parser.add_argument(
        "--compile", action="store_true", help="also torch.compile, which takes minutes"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = candidates(device, options.compile)
    results: list[dict[str, Any]] = []
    for name, size, pictures in WORK:
        count = pictures * options.batch_factor
        seconds = measure(found, (name, size, count), device, options.rounds)
        results.append(
            {
                "preset": name,
                "size": size,
                "batch": count,
                "pictures_per_s": {key: count / value for key, value in seconds.items()},
            }
        )
    report = {
        "machine": torch.cuda.get_device_name() if device.type == "cuda" else machine(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "results": results,
    }
    print(json.dumps(report, indent=2) if options.json else as_table(report))


def as_table(report: dict[str, Any]) -> str:
    """Return the report for people."""
    lines = [f"{report['machine']}, {report['threads']} threads, torch {report['torch']}; medians"]
    for result in report["results"]:
        width, height = result["size"]
        lines += ["", f"{result['preset']}, {result['batch']} pictures of {width}x{height}"]
        lines.append(f"{'':32}{'pictures/s':>12}{'ratio':>8}")
        slowest = result["pictures_per_s"]["plain PyTorch"]
        for name, value in result["pictures_per_s"].items():
            lines.append(f"{name:32}{value:12.2f}{value / slowest:8.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
