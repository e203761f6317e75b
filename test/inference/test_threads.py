# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How many threads an engine takes, in processes of their own: the number holds for all of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engines import small_checkpoint

from unet_seg_ros.inference.segmenter import Segmenter, SegmenterError

ROOT = Path(__file__).parents[2]
COUNT = """
import os, sys
os.sched_setaffinity(0, eval(sys.argv[2]))
import cv2, torch
if len(sys.argv) > 3:
    os.sched_setaffinity(0, eval(sys.argv[3]))
from unet_seg_ros.inference.threads import use_threads
taken = use_threads(int(sys.argv[1]))
print(taken, torch.get_num_threads(), cv2.getNumThreads())
"""
ALL, FIRST = str(os.sched_getaffinity(0)), str({min(os.sched_getaffinity(0))})


def threads(*arguments: str, **environment: str) -> set[int]:
    """Return what a process takes, and what torch and OpenCV have then."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("OMP_")}
    printed = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        check=True,
        timeout=100,
    ).stdout
    return {int(number) for number in printed.split()}


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        pytest.param(("0", FIRST), {}, 1, id="the affinity counts"),
        pytest.param(("0", ALL, FIRST), {}, 1, id="also one that torch has not seen"),
        pytest.param(("0", ALL), {"OMP_NUM_THREADS": "1"}, 1, id="OpenMP's own variable counts"),
        pytest.param(("3", FIRST), {}, 3, id="what is asked for is taken"),
    ],
)
def test_torch_and_opencv_take_as_many_threads_as_there_are_processors_for(
    arguments: tuple[str, ...], environment: dict[str, str], expected: int
) -> None:
    assert threads(*arguments, **environment) == {expected}


def test_fewer_threads_than_none_are_refused() -> None:
    with pytest.raises(SegmenterError, match="threads must be from 0 on, not -1"):
        Segmenter(small_checkpoint(), "cpu", threads=-1)
