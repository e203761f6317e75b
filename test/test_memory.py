# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a process does that keeps its memory; in processes of their own, since it is for good."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

ROUNDS = 10
PAGES = 40_000_000 // 4096  # more than the 32 MiB up to which glibc learns to keep some by itself

_PROGRAM = f"""
import resource, sys
import torch
from unet_seg_ros.memory import keep_freed_memory

def work(rounds):
    for _ in range(rounds):
        tensor = torch.ones(10_000_000)
        del tensor

if sys.argv[1] == "keep":
    keep_freed_memory()
work(10)  # a freed block is a little too small for the next aligned one, at first
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work({ROUNDS})
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    command = [sys.executable, "-c", _PROGRAM, mode]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc has mallopt")
def test_memory_that_is_kept_is_not_asked_for_again_in_every_round() -> None:
    assert faults("default") >= ROUNDS * PAGES
    assert faults("keep") < PAGES
