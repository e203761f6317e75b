# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the process that decide how fast pictures travel (benchmarks/transport.py)."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import os

from unet_seg_ros.memory import keep_freed_memory

_PROFILES_VARIABLE = "FASTDDS_DEFAULT_PROFILES_FILE"
_OLD_PROFILES_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
_KILTED_RCLPY = 9  # major version; Kilted came with Fast DDS 3 and the new name of the variable
# Where one of these is set, the user has decided about transports.
_TRANSPORT_VARIABLES = (
    _PROFILES_VARIABLE,
    _OLD_PROFILES_VARIABLE,
    "FASTDDS_BUILTIN_TRANSPORTS",
)


def prepare_for_pictures() -> None:
    """Make this process fit for messages of megabytes. Call it before rclpy.init.

    * Fast DDS gets the shared memory of fastdds.xml, unless the environment says otherwise. Where
      that much shared memory is not to be had, Fast DDS says so and uses UDP.
    * What is freed is kept for the next picture (`memory`).
    """
    if not any(name in os.environ for name in _TRANSPORT_VARIABLES):
        profiles = importlib.resources.files("unet_seg_ros.ros") / "fastdds.xml"
        os.environ[_profiles_variable()] = str(profiles)
    keep_freed_memory()


def _profiles_variable() -> str:
    """Return the name that this Fast DDS reads; each one warns about or ignores the other's."""
    try:
        major = int(importlib.metadata.version("rclpy").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return _PROFILES_VARIABLE
    return _PROFILES_VARIABLE if major >= _KILTED_RCLPY else _OLD_PROFILES_VARIABLE
