# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the engine is right on a GPU, and how fast: every answer in one call of a few minutes.

    python benchmarks/gpu.py                  all sections, those that matter most first
    python benchmarks/gpu.py agree cameras    these alone

Each section has a process of its own, since an illegal address ends a process's CUDA for good, and
at most so many seconds; what it found until then counts. With --device cpu the sections that need
no GPU run on the processor, as a check of this script.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpu_checks
import gpu_speed
import gpu_tensorrt
import torch
from gpu_facts import Say
from machine import machine

from unet_seg_ros.weights import checkpoint_for


@dataclass(frozen=True)
class Section:
    """A part of the answers.

    `limit_s` is the most that it may take, `needs_gpu` whether there is nothing to see without one.
    """

    run: Callable[[Say, str], None]
    limit_s: int
    needs_gpu: bool = True

    @property
    def title(self) -> str:
        """What it is about."""
        return (self.run.__doc__ or "").partition("\n")[0].rstrip(".")


# Where time is short, what comes last is left out.
SECTIONS = {
    "tests": Section(gpu_checks.tests, 150),
    "agree": Section(gpu_checks.agree, 90, needs_gpu=False),
    "cameras": Section(gpu_speed.cameras, 60, needs_gpu=False),
    "shapes": Section(gpu_checks.shapes, 60),
    "swaps": Section(gpu_checks.swaps, 60),
    "first": Section(gpu_checks.first_frames, 40, needs_gpu=False),
    "memory": Section(gpu_checks.memory, 60),
    "tensorrt": Section(gpu_tensorrt.tensorrt, 180, needs_gpu=False),
    "stages": Section(gpu_speed.stages, 40),
    "ways": Section(gpu_speed.ways, 90),
    "training": Section(gpu_speed.training, 60),
}

Facts = list[tuple[str, Any]]


def main() -> None:
    """Run the sections and print what they found as a table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="sections: " + "; ".join(f"{name}: {s.title}" for name, s in SECTIONS.items()),
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="default: all")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu (default: cuda)")
    parser.add_argument("--seconds", type=float, default=470, help="of all (default: %(default)g)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := [name for name in options.sections if name not in SECTIONS]:
        parser.error(f"there is no section {unknown[0]!r}; choose from {', '.join(SECTIONS)}")
    on_cpu = options.device == "cpu"
    if not on_cpu and not torch.cuda.is_available():
        sys.exit("there is no GPU that torch can use here; run this where there is one")
    if on_cpu and (gpu_only := [name for name in options.sections if SECTIONS[name].needs_gpu]):
        parser.error(f"section {gpu_only[0]} needs a GPU")
    device = "cuda:0" if options.device == "cuda" else options.device
    if options.alone:
        if not on_cpu:
            torch.cuda.set_device(device)
        SECTIONS[options.sections[0]].run(_say, device)
        return

    possible = [name for name, section in SECTIONS.items() if not (on_cpu and section.needs_gpu)]
    names = options.sections or possible
    end = time.monotonic() + options.seconds
    report: dict[str, Any] = {"machine": machine(), **device_facts(device), "sections": {}}
    if not options.json:
        print(", ".join(str(value) for value in list(report.values())[:-1]))
    for name in names:
        facts = run_section(name, device, end - time.monotonic())
        report["sections"][name] = dict(facts)
        if not options.json:
            print(f"\n{name}: {SECTIONS[name].title}")
            for fact, value in facts:
                print(f"  {fact:62}{value}", flush=True)
    if options.json:
        print(json.dumps(report, indent=2))


def device_facts(device: str) -> dict[str, str]:
    """Return what a reader needs to know beside the machine's processor."""
    network = f"{checkpoint_for('cuda:0').stem} where no other is named"
    facts = {"torch": f"torch {torch.__version__}", "network": network, "device": device}
    if device.startswith("cuda"):
        major, minor = torch.cuda.get_device_capability(device)
        memory_gib = torch.cuda.get_device_properties(device).total_memory / 2**30
        facts["device"] = (
            f"{torch.cuda.get_device_name(device)} ({memory_gib:.0f} GiB, capability "
            f"{major}.{minor}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()})"
        )
    return facts


def run_section(name: str, device: str, left_s: float) -> Facts:
    """Run a section in a process of its own; return what it found, in order."""
    limit_s = min(SECTIONS[name].limit_s, left_s)
    if limit_s < 5:
        return [("left out", "no time was left")]
    command = [sys.executable, str(Path(__file__)), name, "--alone", "--device", device]
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # to end those that it starts together with it
    )
    ending = ""
    try:
        out, err = process.communicate(timeout=limit_s)
        if process.returncode:
            ending = (err.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        ending = f"cut off after {limit_s:.0f} s"
    facts: Facts = [tuple(json.loads(line)) for line in out.splitlines() if line.startswith("[")]
    if ending:
        facts.append(("FAILED", ending))
    facts.append(("took, s", round(time.monotonic() - begin)))
    return facts


def _say(name: str, value: object) -> None:
    print(json.dumps([name, value]), flush=True)


if __name__ == "__main__":
    main()
