# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When a process began, how one ends, and what its exit status says."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NoReturn

TRY_AGAIN = os.EX_TEMPFAIL
"""The exit status of a process that cannot go on where a new one may be able to: 75."""


def age_s() -> float:
    """Return how long ago this process began, in seconds; on Linux."""
    # Behind the name in parentheses, which may hold anything, starttime is the 20th: proc(5).
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    began_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began_s


def leave(status: int) -> NoReturn:
    """End the process at once, with all that was printed.

    Handlers registered with `atexit` do not run, and what only the interpreter's end would destroy
    is not destroyed. Three libraries need it:

    * Once a server was lost, threads of CARLA's client may still hold callbacks while the
      interpreter ends, and abort the process with a core dump.
    * A thread that comes back from OpenCV while the interpreter ends aborts the process.
    * With torch imported, tidying up takes seconds, a minute while a thread compiles, and can crash
      under one that runs.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
