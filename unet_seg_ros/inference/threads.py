# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How many threads compute: as many as this process has processors for."""

from __future__ import annotations

import cv2
import torch

from unet_seg_ros.processors import usable_processors


def use_threads(count: int = 0) -> int:
    """Let torch and OpenCV compute with `count` threads from now on; return how many that is.

    It holds for the whole process, but for networks that are compiled: they keep the number that
    they were compiled for. 0 is as many as the process has processors for
    (`processors.usable_processors`), and no more than torch has now: torch leaves out the second
    half of each hyperthreaded core, and heeds OMP_NUM_THREADS.
    """
    count = count or min(torch.get_num_threads(), usable_processors())
    if count != torch.get_num_threads():
        torch.set_num_threads(count)
    # It counts processors too, but of quotas it knows those of cgroups version 1 alone.
    cv2.setNumThreads(count)
    return count
