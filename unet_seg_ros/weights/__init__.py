# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that come with the package, each with a model card."""

from __future__ import annotations

from pathlib import Path

AUTO = "auto"
"""In the place of a name: the one for the device that the network runs on; the default."""
SMALL = "carla29-small"
"""What AUTO means on a CPU."""
LARGE = "carla29-large"
"""What AUTO means on CUDA."""

_FOLDER = Path(__file__).parent


def checkpoint_names() -> list[str]:
    """Return the names of the checkpoints in the box."""
    return sorted(path.stem for path in _FOLDER.glob("*.safetensors"))


def checkpoint_for(device: str) -> Path:
    """Return the file of the checkpoint that `AUTO` means on a device, "cpu" or "cuda:N".

    It has to be the device that is really used, not the one that was asked for.
    """
    return find_checkpoint(LARGE if device.startswith("cuda") else SMALL)


def find_checkpoint(name_or_path: str) -> Path:
    """Return the file of a checkpoint in the box by its name, or any other by its path.

    Whether a path's file is there is seen when it is loaded.

    Raises:
        ValueError: the text is empty, or a name that none in the box has.
    """
    if not name_or_path:
        raise ValueError("is empty; give a name or the path of a .safetensors file")
    if "/" in name_or_path or name_or_path.endswith(".safetensors"):
        return Path(name_or_path).expanduser()
    if name_or_path not in checkpoint_names():
        raise ValueError(
            f"there is no {name_or_path!r} in the box; there are {', '.join(checkpoint_names())}; "
            "a file of yours is named by its path, which ends in .safetensors"
        )
    return _FOLDER / f"{name_or_path}.safetensors"
