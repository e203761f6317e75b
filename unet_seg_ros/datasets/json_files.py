# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON objects, in files and in lines, that anybody may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unet_seg_ros.errors import DataError


def read_json_object(path: Path, at_most_bytes: int) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        DataError: The file is missing, larger than `at_most_bytes`, or holds no JSON object.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(at_most_bytes + 1)
        if len(text) > at_most_bytes:
            raise ValueError(f"larger than {at_most_bytes >> 20} MiB")
        return json_object(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def json_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in a text; raises ValueError where there is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON, or cut short: {error!s:.100}") from error
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document
