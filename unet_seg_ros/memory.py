# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a process handles memory that it frees and soon needs again."""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt(3), from malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8

_KEPT_BYTES = 1 << 30
_GROWTH_BYTES = 16 << 20


def keep_freed_memory() -> None:
    """Let glibc keep up to a gigabyte that was freed, in the whole process, for good.

    By default it returns megabytes to the kernel at once, which hands them out anew, zeroed, with a
    page fault for every 4 KiB. Networks on the CPU free megabytes after every layer, nodes
    with every picture (benchmarks/training.py, benchmarks/transport.py). With another C library
    nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    # mmap is what is given back at once; without it only the first arena grows beyond 64 MiB.
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_TOP_PAD, _GROWTH_BYTES)
