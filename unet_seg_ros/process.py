# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a process ends whose libraries cannot be trusted with their own tidying up."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End the process at once, with all that was printed.

    Handlers registered with `atexit` do not run, and what only the interpreter's end would destroy
    is not destroyed. Two libraries need it:

    * Once a server was lost, threads of CARLA's client may still hold callbacks while the
      interpreter ends, and abort the process with a core dump.
    * With torch imported, tidying up takes seconds, a minute while a thread compiles, and can crash
      under one that runs.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
