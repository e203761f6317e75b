# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sections of gpu.py: how fast the engine is, where its time goes, and what else could be had."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from functools import partial

import torch
from gpu_facts import Say, attempt, everything, frames, load, percentiles, times_ms, wait
from torch import Tensor

from unet_seg_ros.inference.batched import BatchedEngine, Work
from unet_seg_ros.inference.cuda import Cuda
from unet_seg_ros.inference.network import InferenceNetwork
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter
from unet_seg_ros.pictures.geometry import Size

# Of Isaac ROS's published figures.
_ISAAC_SIZE = (960, 544)


def cameras(
    say: Say,
    device: str,
    sizes: tuple[Size, ...] = (_ISAAC_SIZE, (800, 600), (1920, 1080)),
    rate_hz: float = 20,
    seconds: float = 2,
) -> None:
    """One, six and eight cameras: as fast as it goes, and at 20 Hz."""
    checkpoint = load()
    for size in sizes:
        # At 960x544 the network sees every pixel, as in what it is compared with.
        input_size = size if size == _ISAAC_SIZE else None
        for title, request in (("labels", Request()), ("everything", everything(checkpoint))):
            segmenter = Segmenter(
                checkpoint, device, compile="off", input_size=input_size, adapts=False
            )
            segmenter.warm_up([size], 8, request.confidence)
            for count in (1, 6, 8):
                given = frames(size, count)
                name = f"{size[0]}x{size[1]} x{count} {title}"
                times = times_ms(partial(segmenter, given, request), seconds / 4)
                rate = count * len(times) / sum(times) * 1e3
                say(f"{name}: flat out", f"{percentiles(times)}, {rate:.0f} frames/s")
                late, times = paced(segmenter, given, request, rate_hz, seconds)
                say(f"{name}: at {rate_hz:g} Hz", f"{percentiles(times)}, {late} late")
            segmenter.close()


def paced(
    segmenter: Segmenter, given: list[Frame], request: Request, rate_hz: float, seconds: float
) -> tuple[int, list[float]]:
    """Segment frames when they are due; return how many calls came too late, and all times."""
    times, late = [], 0
    begin = time.perf_counter()
    for tick in range(max(2, int(seconds * rate_hz))):
        due = begin + tick / rate_hz
        time.sleep(max(0.0, due - time.perf_counter()))
        segmenter(given, request)
        taken = time.perf_counter() - due
        late += taken > 1 / rate_hz
        times.append(1e3 * taken)
    return late, sorted(times)


def stages(say: Say, device: str) -> None:
    """Where the time of a call goes."""
    checkpoint = load()
    for size, count in (((800, 600), 1), ((800, 600), 8), ((1920, 1080), 8)):
        segmenter = Segmenter(checkpoint, device, adapts=False)
        segmenter.warm_up([size], count, confidence=True)
        given = frames(size, count)
        name = f"{size[0]}x{size[1]} x{count}"
        for title, request in (
            ("labels", Request()),
            ("labels, color_mask", Request(color_mask=True)),
            ("labels, color_mask, overlay", Request(color_mask=True, overlay=True)),
            ("everything", everything(checkpoint)),
        ):
            times = times_ms(partial(segmenter, given, request), 0.3)
            say(f"{name} {title}", percentiles(times))
            say(f"{name} {title}, waiting", percentiles(waits_ms(segmenter, given, request, 0.3)))
        engine = segmenter._engine
        assert isinstance(engine, BatchedEngine)
        for key, recording in engine._recordings._kept.items():

            def replay(play: Callable[[], None] = recording.replay) -> None:
                play()
                wait(device)

            say(f"{name} graph of {key.batch} alone", percentiles(times_ms(replay, 0.3)))
        segmenter.close()


def waits_ms(
    segmenter: Segmenter, given: list[Frame], request: Request, seconds: float
) -> list[float]:
    """Return how long of each call the processor only waits, sorted: the node publishes then."""
    waits: list[float] = []
    stop = time.perf_counter() + seconds
    while not waits or time.perf_counter() < stop:
        end = segmenter.begin(given, request)
        begin = time.perf_counter()
        end()
        waits.append(1e3 * (time.perf_counter() - begin))
    return sorted(waits)


def ways(say: Say, device: str) -> None:
    """The network alone at 800x600's input size: recorded, not, compiled, by TensorRT."""
    checkpoint = load()
    width, height = checkpoint.input_size
    for batch in (1, 8):
        network = InferenceNetwork(checkpoint, torch.float16).to(device)
        image = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, device=device)
        image = image.contiguous(memory_format=torch.channels_last)

        def work(image: Tensor, network: InferenceNetwork = network) -> tuple[Tensor, None]:
            return network(image, None, False)[0], None

        compiled = torch.compile(work, mode="max-autotune-no-cudagraphs", dynamic=False)
        candidates: list[tuple[str, Work, bool]] = [
            ("unrecorded", work, False),
            ("recorded", work, True),
            ("compiled and recorded", compiled, True),
        ]
        if importlib.util.find_spec("torch_tensorrt"):
            tensorrt = torch.compile(work, backend="torch_tensorrt", dynamic=False)
            candidates.append(("by TensorRT", tensorrt, False))
        for title, way, is_recorded in candidates:
            say(f"x{batch} {title}", _time_of(way, image, device, is_recorded))


def _time_of(way: Work, image: Tensor, device: str, is_recorded: bool) -> str:
    def run() -> None:
        with torch.inference_mode():
            way(image)

    def prepare() -> None:
        nonlocal run
        run()
        if is_recorded:
            count, channels, height, width = image.shape
            shape = (count, channels, height, width)
            run = Cuda(device, exact=False).record(way, shape).replay

    outcome = attempt(prepare)
    if outcome != "ok":
        return outcome

    def run_and_wait() -> None:
        run()
        wait(device)

    return percentiles(times_ms(run_and_wait, 1.0))


def training(say: Say, device: str) -> None:  # noqa: ARG001
    """Training steps: how often one waits for the device, and how long they take."""
    from lightning.fabric import Fabric

    from unet_seg_ros.model.checkpoint import Normalization
    from unet_seg_ros.model.unet import UNet, preset
    from unet_seg_ros.training.loss import SegmentationLoss
    from unet_seg_ros.training.trainer import Learner, Optimization

    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (4, 3, 192, 320), dtype=torch.uint8, generator=random)
    pictures = pictures.contiguous(memory_format=torch.channels_last).pin_memory()
    rows = torch.randint(0, 30, (4, 192, 320), dtype=torch.uint8, generator=random).pin_memory()
    for title, precision, compiled, is_taught in (
        ("bf16-mixed", "bf16-mixed", False, False),
        ("bf16-mixed, taught", "bf16-mixed", False, True),
        ("bf16-mixed, compiled", "bf16-mixed", True, False),
        ("16-mixed", "16-mixed", False, False),
    ):
        fabric = Fabric(accelerator="cuda", devices=1, precision=precision)  # type: ignore[arg-type]
        fabric.launch()
        admissible = torch.eye(30, dtype=torch.bool)
        learner = Learner(
            fabric,
            UNet(preset("small", 30)),
            SegmentationLoss(admissible, dice=0.5, lovasz=0.0 if compiled else 0.5),
            Normalization(),
            Optimization(steps=1000),
            compiled=compiled,
        )
        batch: tuple[Tensor, ...] = (pictures, rows)
        if is_taught:
            learner.learn_from(None, admissible, confidence=0.5, first_step=0)
            batch = (pictures, rows, pictures, pictures, rows)
        say(f"{title}: first step", attempt(partial(learner.learn, *batch)))
        for _ in range(7):
            learner.learn(*batch)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            learner.learn(*batch)
        torch.cuda.set_sync_debug_mode("default")
        places = sorted(f"{w.filename.rpartition('/')[2]}:{w.lineno}" for w in caught)
        say(f"{title}: waits in a step, where", [len(caught), *sorted(set(places))[:4]])
        times = times_ms(partial(learner.learn, *batch), 2.0)
        torch.cuda.synchronize()
        say(f"{title}: a step, mean", f"{sum(times) / len(times):.2f} ms")
