# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Progress bars, which are lines where nobody looks at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any, TextIO, TypeVar, overload

from tqdm import tqdm

Item = TypeVar("Item")

PERIOD_S = 1.0


@overload
def make_bar(items: None = None, **options: Any) -> tqdm[Any]: ...


@overload
def make_bar(items: Iterable[Item], **options: Any) -> tqdm[Item]: ...


def make_bar(items: Iterable[Any] | None = None, **options: Any) -> tqdm[Any]:
    """Return a progress bar on standard error; in a pipe or a file, lines without carriage returns.

    Lines come at most once a second while the bar grows, and once at its end, unless it is one that
    is not left behind.

    Args:
        items: What is gone through; None for a bar that is updated by hand.
        options: As `tqdm` takes them.
    """
    if sys.stderr.isatty():
        return tqdm(items, dynamic_ncols=True, **options)
    # Bars below each other would be drawn with newlines and control characters.
    return tqdm(items, file=_Lines(sys.stderr), position=0, **options)


class _Lines:
    """A stream for a bar: of what is drawn over and over, a line a second is passed on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = ""
        self._due_s = time.monotonic() + PERIOD_S

    @property
    def encoding(self) -> str:
        return self._stream.encoding

    def write(self, text: str) -> None:
        """Take a drawing, which begins with a carriage return, or the newline at the end."""
        drawn = text.strip()
        self._drawn = drawn or self._drawn
        is_end = text == "\n"
        if is_end or (drawn and time.monotonic() >= self._due_s):
            self._stream.write(f"{self._drawn}\n")
            self._due_s = time.monotonic() + PERIOD_S

    def flush(self) -> None:
        self._stream.flush()
