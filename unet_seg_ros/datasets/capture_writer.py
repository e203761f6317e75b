# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adds frames to a capture, in threads, so that whoever takes the pictures does not wait for PNG.

A picture has a temporary name until it is whole. A frame's lines are written, all at once, when its
pictures are there, and in order. So a capture is sound whenever the process ends, even if killed.
"""

from __future__ import annotations

import errno
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.capture_format import (
    DESCRIPTION_FILE,
    FRAMES_FILE,
    PICTURES,
    SUFFIX,
    TAGS,
    VERSION,
)
from unet_seg_ros.datasets.json_files import json_object
from unet_seg_ros.errors import DataError
from unet_seg_ros.files import write_whole
from unet_seg_ros.processors import usable_processors

# Frames further apart than this show other places, and may be held apart from each other.
_RUN_GAP_NS = 10_000_000_000

MAX_THREADS = 8
WAITING_FRAMES_PER_THREAD = 2

_RED_OF_BGRA = 2


@dataclass(frozen=True)
class CapturedPair:
    """A picture and its tags, both as CARLA's cameras have them.

    Attributes:
        line: What the frame's line says; `name` is that of the files.
        image: `(H, W, 4)` uint8 BGRA.
        tags: `(H, W, 4)` uint8 BGRA with the tag in R.
    """

    line: Mapping[str, Any]
    image: Uint8Array
    tags: Uint8Array


class CaptureWriter:
    """Adds to a capture that `begin_capture` or `continue_capture` prepared; a context manager.

    However the `with` block is left, frames that were added are written first.
    """

    def __init__(self, capture: Path) -> None:
        self._capture = capture
        self._lines = (capture / FRAMES_FILE).open("ab", buffering=0)
        threads = min(MAX_THREADS, usable_processors())
        self._max_waiting = WAITING_FRAMES_PER_THREAD * threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="png")
        self._waiting: deque[tuple[bytes, list[Future[None]]]] = deque()

    def add(self, pairs: Sequence[CapturedPair]) -> None:
        """Queue the pictures of one frame; wait where too many are queued already.

        Raises:
            OSError: An earlier frame could not be written. It and those after it are left out.
        """
        while len(self._waiting) >= self._max_waiting:
            self._commit_oldest()
        lines = "".join(f"{json.dumps(pair.line)}\n" for pair in pairs).encode()
        writing = [self._threads.submit(self._write_pair, pair) for pair in pairs]
        self._waiting.append((lines, writing))
        while self._waiting and all(future.done() for future in self._waiting[0][1]):
            self._commit_oldest()

    def close(self) -> None:
        """Write what is queued.

        Raises:
            OSError: As `add`.
        """
        try:
            while self._waiting:
                self._commit_oldest()
        finally:
            self._threads.shutdown()
            self._lines.close()

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_pair(self, pair: CapturedPair) -> None:
        image = cv2.cvtColor(pair.image, cv2.COLOR_BGRA2BGR)
        tags = cv2.extractChannel(pair.tags, _RED_OF_BGRA)
        self._write_picture(PICTURES, pair.line["name"], image)
        self._write_picture(TAGS, pair.line["name"], tags)

    def _write_picture(self, folder: str, name: str, pixels: cv2.typing.MatLike) -> None:
        path = self._capture / folder / f"{name}{SUFFIX}"
        # OpenCV's own settings are fast ones: zlib's level 1 for runs only, one filter. With any
        # other level it tries every filter on every row, and takes half as long again.
        _, data = cv2.imencode(SUFFIX, pixels)
        write_whole(path, data.tobytes())

    def _commit_oldest(self) -> None:
        lines, writing = self._waiting.popleft()
        try:
            for future in writing:
                future.result()
            self._append(lines)
        except BaseException:
            self._waiting.clear()  # names have no gaps
            raise

    def _append(self, lines: bytes) -> None:
        """Write the lines of a frame, all of them or none."""
        size = self._lines.tell()
        if self._lines.write(lines) < len(lines):
            self._lines.truncate(size)
            raise OSError(errno.ENOSPC, "no room for all lines of a frame", self._lines.name)


def runs_of(stamps_ns: Iterable[int]) -> Iterator[int]:
    """Yield the number of each frame's run: recorded drives are divided where they have gaps."""
    run, previous_ns = 0, None
    for stamp_ns in stamps_ns:
        if previous_ns is not None and stamp_ns - previous_ns > _RUN_GAP_NS:
            run += 1
        previous_ns = stamp_ns
        yield run


def begin_capture(capture: Path, description: Mapping[str, Any]) -> None:
    """Make the folder of a capture that has no frames yet.

    Args:
        capture: The folder; one that exists must be empty, or have been begun here.
        description: What the capture's description says beside the version of the format.

    Raises:
        OSError: The folder has other files, or cannot be written.
    """
    ours = {PICTURES, TAGS, FRAMES_FILE}
    if capture.is_dir() and any(
        path.name not in ours and not path.name.startswith(".") for path in capture.iterdir()
    ):
        raise FileExistsError(errno.EEXIST, "has files that are not of a capture", str(capture))
    for folder in (PICTURES, TAGS):
        (capture / folder).mkdir(parents=True, exist_ok=True)
    (capture / FRAMES_FILE).touch()
    document = json.dumps({"format": VERSION, **description}, indent=1) + "\n"
    write_whole(capture / DESCRIPTION_FILE, document.encode())


def continue_capture(capture: Path) -> tuple[int, dict[str, Any]]:
    """Return how many lines a capture has, and the last one, `{}` where there is none.

    The beginning of a line that a power failure left is cut off.

    Raises:
        OSError: The lines cannot be read or written.
        DataError: The last line is not a JSON object.
    """
    path = capture / FRAMES_FILE
    with path.open("rb+") as stream:
        count, end, last = 0, 0, b"{}"
        for line in stream:
            if line.endswith(b"\n"):
                count, end, last = count + 1, end + len(line), line
        stream.truncate(end)
    try:
        return count, json_object(last)
    except ValueError as error:
        raise DataError(f"{path}, line {count}: {error}") from error
