# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a progress bar writes into a pipe, and onto a terminal."""

from __future__ import annotations

import subprocess
import sys

from terminal import on_terminal

# A bar that grows for a good two seconds, however fast the machine; it prints how long that took.
GROWING = """
import time
from unet_seg_ros.progress import make_bar
begin_s = time.monotonic()
with make_bar(desc="working", unit="piece", total=0) as bar:
    while time.monotonic() < begin_s + 2.5:
        bar.total += 1
        bar.update()
        bar.set_postfix_str("well")
    bar.set_postfix_str("well")  # a line is due here, unless one came in the last second
print(time.monotonic() - begin_s)
"""
NESTED = """
from unet_seg_ros.progress import make_bar
with make_bar(desc="outer", total=2) as outer:
    for _ in range(2):
        for _ in make_bar(range(1000), desc="inner", leave=False):
            pass
        outer.set_description("outer")
        outer.update()
"""


def run(script: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    )


def test_a_pipe_gets_a_line_a_second_without_carriage_returns():
    done = run(GROWING)
    lines = done.stderr.decode().splitlines(keepends=True)
    assert b"\r" not in done.stderr
    assert all(line.startswith("working: ") and line.endswith("\n") for line in lines)
    assert 2 <= len(lines) <= float(done.stdout) + 1
    assert "100%" in lines[-1]
    assert "well" in lines[-1]


def test_a_bar_that_is_not_left_behind_leaves_nothing_in_a_pipe():
    lines = run(NESTED).stderr.decode().splitlines()
    assert [line.partition(":")[0] for line in lines if "inner" not in line] == ["outer"]
    assert "2/2" in lines[-1]


def test_a_terminal_gets_a_bar_that_is_drawn_over():
    with on_terminal([sys.executable, "-c", NESTED]) as (process, read):
        drawn = b"".join(iter(read, b""))
    assert process.returncode == 0
    assert drawn.count(b"\r") > 2
    assert b"2/2" in drawn
