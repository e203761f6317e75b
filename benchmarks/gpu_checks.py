# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sections of gpu.py: whether the engine is right, under load, beside another, in little memory."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from gpu_facts import Say, attempt, everything, frames, load, picture

from unet_seg_ros.inference.options import Precision
from unet_seg_ros.inference.recordings import MAX_RECORDINGS
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter, SegmenterError
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.weights import checkpoint_names

_PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "bfloat16")
_TESTS = ("test_cuda.py", "test_batched.py", "test_agreement.py")


def tests(say: Say, device: str) -> None:  # noqa: ARG001
    """The package's own tests of the engine on this device."""
    root = Path(__file__).parent.parent
    paths = [f"test/inference/{name}" for name in _TESTS]
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *paths], cwd=root, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or ["pytest said nothing"]
    for number, line in enumerate(line for line in lines if line.startswith(("FAILED", "ERROR"))):
        say(f"failure {number + 1}", line[:170])
    say("summary", lines[-1])


def agree(say: Say, device: str, sizes: tuple[Size, ...] = ((800, 600), (1920, 1080))) -> None:
    """The same masks as on the processor in float32: every checkpoint, precision and way."""
    for name in checkpoint_names():
        checkpoint = load(name)
        wanted = everything(checkpoint)
        given = [frame for size in sizes for frame in frames(size, 2)]
        expected = Segmenter(checkpoint, "cpu", "float32", "off")(given, wanted)
        for precision in _PRECISIONS:
            try:
                segmenter = Segmenter(checkpoint, device, precision, "off", adapts=False)
            except SegmenterError as error:
                say(f"{name} {precision}", f"refused: {error}")
                continue
            for way in ("unrecorded", "warmed up"):
                if way == "warmed up":
                    segmenter.warm_up(sizes, 2, confidence=True)
                shares, offsets = [], []
                for result, reference in zip(segmenter(given, wanted), expected, strict=True):
                    assert result.confidence is not None
                    assert reference.confidence is not None
                    same = result.labels == reference.labels
                    offset = np.abs(result.confidence.astype(int) - reference.confidence)
                    shares.append(same.mean())
                    offsets.append(offset[same].mean())
                say(
                    f"{name} {precision} {way}: least share of equal labels",
                    f"{min(shares):.5f}, confidence off by {max(offsets):.2f} of 255",
                )
            segmenter.close()


def shapes(say: Say, device: str) -> None:
    """More shapes than graphs are kept, in turn: no other's memory goes with a graph."""
    checkpoint = load()
    segmenter = Segmenter(checkpoint, device, adapts=False)
    plain = Segmenter(checkpoint, device, adapts=False)
    count = MAX_RECORDINGS + 8
    sizes = [(224 + 24 * (step % 8), 160 + 16 * (step // 8)) for step in range(count)]
    given = [frames(size, 1) for size in sizes]
    expected = [plain(frame)[0].labels.copy() for frame in given]
    worst = 0.0
    for step, size in enumerate(sizes):
        segmenter.warm_up([size])
        for number in range(step + 1):
            (result,) = segmenter(given[number])
            worst = max(worst, float((result.labels != expected[number]).mean()))
    say(f"{count} shapes: largest share of labels unlike those unrecorded", f"{worst:.5f}")
    say("notes", segmenter.notes)
    segmenter.close()
    (result,) = segmenter(given[0])
    say("after close", f"{float((result.labels != expected[0]).mean()):.5f}")


def swaps(say: Say, device: str, seconds: float = 12) -> None:
    """Hot swaps: another thread makes engines ready and closes them; and two record at once."""
    checkpoint = load()
    frame = frames((800, 600), 1)
    in_use = Segmenter(checkpoint, device, adapts=False)
    in_use.warm_up([(800, 600)])
    expected = in_use(frame)[0].labels.copy()
    for title, loaders in (("one loader", 1), ("two loaders", 2)):
        end = time.monotonic() + seconds
        errors: list[str] = []
        loaded = [0]

        def load_over_and_over(
            end: float = end, errors: list[str] = errors, loaded: list[int] = loaded
        ) -> None:
            step = 0
            while time.monotonic() < end:
                step += 1
                engine = Segmenter(checkpoint, device, adapts=False)
                size = (320 + 16 * (step % 20), 300)
                error = attempt(partial(engine.warm_up, [size], 4))
                errors.extend([error] * (error != "ok") + list(engine.notes))
                engine.close()
                loaded[0] += 1

        threads = [threading.Thread(target=load_over_and_over) for _ in range(loaders)]
        for thread in threads:
            thread.start()
        calls, wrong, slowest_ms = 0, 0, 0.0
        while any(thread.is_alive() for thread in threads):
            begin = time.perf_counter()
            error = attempt(lambda: in_use(frame))
            slowest_ms = max(slowest_ms, 1e3 * (time.perf_counter() - begin))
            errors.extend([error] * (error != "ok"))
            wrong += not np.array_equal(in_use(frame)[0].labels, expected)
            calls += 1
        say(f"{title}: calls, wrong ones, slowest", f"{calls}, {wrong}, {slowest_ms:.1f} ms")
        say(f"{title}: engines made ready", loaded[0])
        say(f"{title}: errors and notes", sorted(set(errors))[:3])
    say("afterwards, a new size", attempt(lambda: in_use(frames((500, 222), 1))))
    say("afterwards, closing", attempt(in_use.close))


def first_frames(say: Say, device: str, size: Size = (800, 600), cameras: int = 6) -> None:
    """What the first frames wait for although the network was made ready, in another thread."""
    checkpoint = load()
    begin = time.perf_counter()
    segmenter = Segmenter(checkpoint, device, compile="off", adapts=False)
    say("engine made, ms", round(1e3 * (time.perf_counter() - begin)))
    begin = time.perf_counter()
    segmenter.warm_up([size], cameras, confidence=True)
    say(f"warmed up for {cameras} cameras, ms", round(1e3 * (time.perf_counter() - begin)))

    def call(count: int, request: Request, title: str) -> None:
        given, taken = frames(size, count), []
        for _ in range(2):
            begin = time.perf_counter()
            segmenter(given, request)
            taken.append(1e3 * (time.perf_counter() - begin))
        say(f"{count} frames, {title}", f"first {taken[0]:.1f} ms, again {taken[1]:.2f} ms")

    def work() -> None:
        call(cameras, Request(), "labels")
        call(cameras, Request(color_mask=True, overlay=True), "mask and overlay")
        call(cameras, everything(checkpoint), "everything")
        for count in range(1, cameras):
            call(count, Request(color_mask=True, overlay=True), "mask and overlay")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    unknown = frames((size[0] + 40, size[1]), 1)
    for title in ("first", "again"):
        begin = time.perf_counter()
        segmenter(unknown)
        say(f"unknown size, {title}, ms", f"{1e3 * (time.perf_counter() - begin):.1f}")


def memory(say: Say, device: str) -> None:
    """Memory: left behind, given back, and what is given up when it is full."""
    checkpoint = load()
    left: list[str] = []
    base = torch.cuda.memory_allocated()
    for step in range(20):
        segmenter = Segmenter(checkpoint, device)
        segmenter.warm_up([(800, 600)], 2)
        segmenter.close()
        del segmenter
        gc.collect()
        if step in (0, 4, 19):
            left.append(f"{(torch.cuda.memory_allocated() - base) / 2**20:.1f}")
    say("MiB left behind by 1, 5 and 20 engines", ", ".join(left))
    say("MiB reserved after them", f"{torch.cuda.memory_reserved() / 2**20:.1f}")

    big = (3000, 2000)
    torch.cuda.reset_peak_memory_stats()
    segmenter = Segmenter(checkpoint, device, "float32", input_size=big, adapts=False)
    segmenter(frames(big, 1))
    need = torch.cuda.max_memory_reserved()
    segmenter.close()
    say("MiB for one frame of 3000x2000 in float32", f"{need / 2**20:.0f}")
    with _limited_to(1.5 * need):
        segmenter.warm_up([big])
        for width in range(2990, 2900, -10):
            segmenter.warm_up([(width, 2000)])
        say("ten sizes in half as much again: times full", segmenter.out_of_memory_count)
        say("   notes", segmenter.notes)
        say("   all frames after that", attempt(lambda: segmenter(frames(big, 1))))
        say("   eight at a time", attempt(lambda: segmenter(frames(big, 8))))
        say("   times full, notes", [segmenter.out_of_memory_count, *segmenter.notes])
    segmenter.close()
    say("after close, eight at a time", attempt(lambda: segmenter(frames(big, 8))))
    say("   notes", segmenter.notes)
    segmenter.close()
    with _limited_to(0.3 * need):
        one = [Frame(picture(big), "bgra")]
        say("too little for one frame", attempt(lambda: segmenter(one)))


@contextmanager
def _limited_to(count: float) -> Iterator[None]:
    """Leave the process so many bytes of the device."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, count / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
