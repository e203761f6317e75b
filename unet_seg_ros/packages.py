# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is said where a Python package is missing or too old."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from unet_seg_ros.errors import PackageError

# The first whose torch.compile takes a limit of its own (recompile_limit). As in setup.py.
LOWEST_TORCH = (2, 12)

# The package to install, where it has another name than what is imported.
_NAMES = {
    "cv2": "opencv-python-headless, or apt install python3-opencv",
    "jinja2": "Jinja2",
    "yaml": "PyYAML",
}
_OF_ROS = re.compile(r"rclpy|rcl_interfaces|ament_index_python|.*_msgs")


def missing_package(error: ModuleNotFoundError) -> str:
    """Return one sentence that says which package an import wanted, and how to get it.

    Raises:
        ModuleNotFoundError: `error` itself, where a module of this package is meant: a fault in it.
    """
    name = (error.name or "").partition(".")[0]
    if name in ("", "unet_seg_ros"):
        raise error
    if _OF_ROS.fullmatch(name):
        return (
            f"{name} is not there: source a ROS 2 installation (/opt/ros/.../setup.bash), or "
            "install the wheels in requirements/ros-kilted.txt"
        )
    return f"{name} is not installed for {sys.executable}: pip install {_NAMES.get(name, name)}"


@contextmanager
def needed_packages() -> Iterator[None]:
    """Turn an import within that fails into an error that says what to install.

    Raises:
        PackageError: A package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise PackageError(missing_package(error)) from error


def check_torch(version: str) -> None:
    """Refuse a torch that lacks what the engine uses.

    Raises:
        PackageError: `version`, as `torch.__version__` says it, is too old.
    """
    found = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if found < LOWEST_TORCH:
        lowest = ".".join(map(str, LOWEST_TORCH))
        raise PackageError(
            f"torch {version} is too old for {sys.executable}: pip install 'torch>={lowest}'"
        )
