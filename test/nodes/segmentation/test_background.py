# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Work in a thread of its own: result, exception, and a process that ends without waiting."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unet_seg_ros.nodes.segmentation.background import run_in_background


def test_result_comes_from_a_thread_of_that_name() -> None:
    work = run_in_background(lambda: threading.current_thread().name, "loader")
    assert work.result(timeout=60) == "loader"


def test_exception_arrives() -> None:
    with pytest.raises(ZeroDivisionError):
        run_in_background(lambda: 1 // 0, "divider").result(timeout=60)


def test_process_does_not_wait_for_it() -> None:
    program = (
        "import threading\n"
        "from unet_seg_ros.nodes.segmentation.background import run_in_background\n"
        "run_in_background(threading.Event().wait, 'for ever')\n"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, timeout=60).returncode == 0
