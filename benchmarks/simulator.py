# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stand-in for CARLA, while something is measured against it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def simulator() -> Iterator[int]:
    """Yield the port of a stand-in that runs meanwhile."""
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "standin", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            found = re.search(r":(\d+)$", process.stdout.readline().strip())
            if not found:
                raise SystemExit("the stand-in did not start")
            yield int(found[1])
        finally:
            process.terminate()
