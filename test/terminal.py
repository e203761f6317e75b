# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Processes whose standard error is a terminal, where progress bars are drawn over and over."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROWS, COLUMNS = 24, 80


@contextmanager
def on_terminal(
    command: Sequence[str | Path],
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], bytes]]]:
    """Start a process; yield it, and what returns what it shows next, b"" once it has ended."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read() -> bytes:
        try:
            return os.read(ours, 1 << 16)
        except OSError:  # as Linux says that the other end is closed
            return b""

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        yield process, read
    os.close(ours)
