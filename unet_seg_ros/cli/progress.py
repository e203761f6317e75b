# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands that work on many pictures show: progress, and what was wrong with some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

_FAULTS_SHOWN = 20


@contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the remaining time; call what is yielded with how many are done, of all."""
    from unet_seg_ros.progress import make_bar

    with make_bar(desc=title, unit=unit) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def fault_lines(faults: Sequence[str], effect: str) -> list[str]:
    """Return what people read about damaged pictures, line by line; nothing where there are none.

    Args:
        faults: What is wrong with each.
        effect: What that means for them: "left out".
    """
    if not faults:
        return []
    hidden = len(faults) - _FAULTS_SHOWN
    return [
        f"{len(faults)} damaged, {effect}:",
        *(f"  {fault}" for fault in faults[:_FAULTS_SHOWN]),
        *([f"  and {hidden} more"] if hidden > 0 else []),
    ]
