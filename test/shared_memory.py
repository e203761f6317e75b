# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a process of a node has in /dev/shm, and what of it stays when it has ended."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FOLDER = "/dev/shm/"
DELETED = " (deleted)"


def present() -> set[str]:
    """Return the files in /dev/shm."""
    return set(os.listdir(FOLDER))


def in_use(process_id: int) -> set[str]:
    """Return the files in /dev/shm that a process has mapped or open."""
    maps = Path(f"/proc/{process_id}/maps").read_text().splitlines()
    paths = {line.partition(FOLDER)[2] for line in maps if FOLDER in line}
    for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed by now
            path = os.readlink(descriptor)
            paths |= {path.removeprefix(FOLDER)} if path.startswith(FOLDER) else set()
    return {path for path in paths if not path.endswith(DELETED)}


def left_of(paths: set[str]) -> set[str]:
    """Return which of these files nobody uses any more, and are there all the same.

    Some are shared by all participants of a domain, or of the machine.
    """
    used: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended by now, or is another user's
            used |= in_use(int(process.name))
    return {path for path in paths - used if Path(FOLDER, path).exists()}
