# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that come with the package, each with a model card."""

from __future__ import annotations

from pathlib import Path

DEFAULT = "carla29-small"
"""The one that the node and the commands take where none is named."""

_FOLDER = Path(__file__).parent


def find_checkpoint(name_or_path: str) -> Path:
    """Return the file of a checkpoint in the box by its name, or any other by its path.

    Whether the file is there is seen when it is loaded.

    Raises:
        ValueError: the text is empty.
    """
    if not name_or_path:
        raise ValueError("is empty; give a name or the path of a .safetensors file")
    if "/" in name_or_path or name_or_path.endswith(".safetensors"):
        return Path(name_or_path).expanduser()
    return _FOLDER / f"{name_or_path}.safetensors"
