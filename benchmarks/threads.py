# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What frames cost beside busy processes: by threads, by how they wait, and by a cgroup's quota.

Every candidate is a process of its own, since OpenMP reads once how its threads wait. They take
turns, alone and beside processes that never pause; the figures are medians, and 95 % of the frames.
Between frames a candidate pauses as a camera does. "own" is the number of threads that the engine
takes by itself. A quota needs a cgroup that can be made, as root can.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

FRAME_SIZE = (800, 600)
PAUSE_S = 0.02
PERIOD_US = 100_000
FRAMES_A_TURN = 10

_numbers = itertools.count()


class Candidate:
    """A process that segments frames, and what they took.

    Attributes:
        name: What it is called in the table.
        times_ms: By how many busy processes there were, (wall, processor) of every frame.
    """

    def __init__(self, threads: int, spins: bool, quota: float, checkpoint: str) -> None:
        self.name = f"{threads or 'own'}, {'spinning' if spins else 'sleeping'}"
        self.name += f", quota {quota:g}" if quota else ""
        self.times_ms: dict[int, list[tuple[float, float]]] = {}
        self._exit = ExitStack()
        group = self._exit.enter_context(quota_group(quota)) if quota else ""
        environment = {name: v for name, v in os.environ.items() if not name.startswith("OMP_")}
        if not spins:
            environment["OMP_WAIT_POLICY"] = "passive"
        command = [sys.executable, __file__, "--serve", str(group), "--checkpoint", checkpoint]
        pipe = subprocess.PIPE
        self._process = self._exit.enter_context(
            subprocess.Popen(
                [*command, "--threads", str(threads)],
                env=environment, stdin=pipe, stdout=pipe, text=True,
            )
        )  # fmt: skip
        threads_taken = self._answer()
        self.name += f" ({threads_taken})" if not threads else ""

    def take_turn(self, busy: int) -> None:
        """Let the process segment frames beside `busy` processes."""
        with busy_processes(busy):
            assert self._process.stdin
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
            self.times_ms.setdefault(busy, []).extend(self._answer())

    def close(self) -> None:
        """End the process, then take its cgroup away."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._exit.close()

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


def serve(options: argparse.Namespace) -> None:
    """Segment frames at every line that comes, and answer what they took."""
    if options.serve:
        Path(options.serve, "cgroup.procs").write_text(str(os.getpid()))
    import torch

    from unet_seg_ros.inference.segmenter import Frame, Segmenter
    from unet_seg_ros.weights import find_checkpoint

    checkpoint = find_checkpoint(options.checkpoint)
    segmenter = Segmenter.from_checkpoint(checkpoint, "cpu", threads=options.threads[0])
    segmenter.warm_up([FRAME_SIZE])
    frame = Frame(np.zeros((FRAME_SIZE[1], FRAME_SIZE[0], 4), np.uint8), "bgra")
    print(torch.get_num_threads(), flush=True)
    for _ in sys.stdin:
        times_ms = []
        for _ in range(FRAMES_A_TURN):
            wall, processor = time.perf_counter(), time.process_time()
            segmenter([frame])
            wall = time.perf_counter() - wall
            time.sleep(PAUSE_S)  # threads that spin go on while nothing is to do
            times_ms.append((1e3 * wall, 1e3 * (time.process_time() - processor)))
        print(json.dumps(times_ms), flush=True)


@contextmanager
def quota_group(processors: float) -> Iterator[Path]:
    """Make a cgroup, version 2 or 1, with a quota of so many processors."""
    quota_us = int(processors * PERIOD_US)
    for parent, file, text in (
        ("/sys/fs/cgroup", "cpu.max", f"{quota_us} {PERIOD_US}"),
        ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", str(quota_us)),
    ):
        group = Path(parent, f"unet_seg_benchmark_{next(_numbers)}_{os.getpid()}")
        if not Path(parent, "cgroup.procs").exists() or not os.access(parent, os.W_OK):
            continue
        group.mkdir()
        try:
            if (group / file).exists():
                (group / file).write_text(text)
                yield group
                return
        finally:
            group.rmdir()
    sys.exit("no cgroup with a quota can be made here; leave --quota out")


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep `count` processes busy meanwhile."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", default="carla29-small")
    parser.add_argument("--threads", type=int, nargs="+", default=[0, 1, os.cpu_count() or 1])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--quota", type=float, nargs="+", default=[0], help="0 for none")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", help=argparse.SUPPRESS)  # the cgroup to join, or ""
    options = parser.parse_args()
    if options.serve is not None:
        serve(options)
        return
    candidates = [
        Candidate(threads, spins, quota, options.checkpoint)
        for quota in options.quota
        for threads in options.threads
        for spins in ((False,) if threads == 1 else (False, True))
    ]
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        for busy in options.busy:
            for candidate in candidates:
                candidate.take_turn(busy)
    print(f"{machine()}; {options.checkpoint}, frames of {FRAME_SIZE[0]}x{FRAME_SIZE[1]}, ms")
    print(f"{'threads':34}{'busy':>6}{'p50':>8}{'p95':>8}{'processor':>11}")
    for candidate in candidates:
        candidate.close()
        for busy, times_ms in candidate.times_ms.items():
            wall, processor = np.array(times_ms).T
            p50, p95 = np.percentile(wall, [50, 95])
            cpu = np.median(processor)
            print(f"{candidate.name:34}{busy:6}{p50:8.1f}{p95:8.1f}{cpu:11.1f}")


if __name__ == "__main__":
    main()
