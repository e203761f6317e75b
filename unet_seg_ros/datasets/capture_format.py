# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Capture folders: pictures of a CARLA camera with the raw tags beside them.

    capture.json         the label set of the tags, the rig, the versions
    frames.jsonl         a JSON object a frame and line, in the order of the drive
    rgb/<name>.png       the picture
    tags/<name>.png      the tags of a semantic camera of the same size and pose, in the only
                         channel or in red, as CARLA has them

docs/datasets.md says what every key means; here are those that a reader needs. `capture_writer`
adds frames: pictures first, then their lines, so that a capture is sound at any moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_seg_ros.datasets.json_files import json_object, read_json_object
from unet_seg_ros.errors import DataError

VERSION = 1

DESCRIPTION_FILE = "capture.json"
FRAMES_FILE = "frames.jsonl"
PICTURES = "rgb"
TAGS = "tags"
SUFFIX = ".png"
UNKNOWN_TOWN = "unknown"  # of recorded drives: no topic tells

_MAX_DESCRIPTION_BYTES = 1 << 20
_MAX_LINE_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class CapturedFrame:
    """A frame: the name of its files, its town, and its run, that is the spawn and weather.

    Weather, by CARLA's name, and camera are empty in lines without them.
    """

    name: str
    town: str
    run: int
    weather: str = ""
    camera: str = ""


def read_label_set_name(capture: Path) -> str:
    """Return the name of the label set that the tags of a capture are of.

    Raises:
        DataError: The description is missing, not JSON, of another version, or does not say it.
    """
    name = read_description(capture).get("label_set")
    if not isinstance(name, str):
        raise DataError(f"{capture / DESCRIPTION_FILE}: has no text under label_set")
    return name


def read_description(capture: Path) -> dict[str, Any]:
    """Return what the description of a capture says.

    Raises:
        DataError: It is missing, not JSON, or of another version.
    """
    path = capture / DESCRIPTION_FILE
    description = read_json_object(path, _MAX_DESCRIPTION_BYTES)
    if description.get("format") != VERSION:
        raise DataError(f"{path}: has format {description.get('format')!r:.20}, not {VERSION}")
    return description


def read_frames(capture: Path) -> tuple[list[CapturedFrame], list[str]]:
    """Return the frames of a capture, and what is wrong with lines that cannot be used.

    Raises:
        DataError: The file with the frames cannot be read.
    """
    path = capture / FRAMES_FILE
    frames: dict[str, CapturedFrame] = {}
    faults = []
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            lines = iter(lambda: stream.readline(_MAX_LINE_CHARACTERS), "")
            for number, line in enumerate(lines, 1):
                try:
                    frame = _frame(line)
                    if frame.name in frames:
                        raise ValueError(f"{frame.name!r:.80} is in an earlier line already")
                    frames[frame.name] = frame
                except ValueError as error:
                    faults.append(f"{path}, line {number}: {error}")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return list(frames.values()), faults


def _frame(line: str) -> CapturedFrame:
    document = json_object(line)
    name, town, run = document.get("name"), document.get("town"), document.get("run")
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise ValueError(f"name must be that of a file, not {name!r:.80}")
    if not isinstance(town, str) or type(run) is not int:
        raise ValueError("town must be a text and run a whole number")
    told = (document.get(key) for key in ("weather", "camera"))
    return CapturedFrame(name, town, run, *(it if isinstance(it, str) else "" for it in told))
