# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How old a process is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A name with a parenthesis and spaces must not confuse it.
PRINT = """
import pathlib
pathlib.Path("/proc/self/comm").write_text("a) 1 2")
from unet_seg_ros.process import age_s
print(age_s())
"""


def test_a_process_is_as_old_as_its_start_is_ago() -> None:
    begin = time.monotonic()
    printed = subprocess.run(
        [sys.executable, "-c", PRINT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    ).stdout
    # The kernel counts hundredths of a second.
    assert 0 < float(printed) < time.monotonic() - begin + 0.02
