# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the process that decide how fast pictures travel (benchmarks/transport.py)."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.resources
import os
import sys

_PROFILES_VARIABLE = "FASTDDS_DEFAULT_PROFILES_FILE"
_OLD_PROFILES_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
_KILTED_RCLPY = 9  # major version; Kilted came with Fast DDS 3 and the new name of the variable
# Where one of these is set, the user has decided about transports.
_TRANSPORT_VARIABLES = (
    _PROFILES_VARIABLE,
    _OLD_PROFILES_VARIABLE,
    "FASTDDS_BUILTIN_TRANSPORTS",
)

# Parameters of mallopt(3), from malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MIB = 1 << 20


def prepare_for_pictures() -> None:
    """Make this process fit for messages of megabytes. Call it before rclpy.init.

    * Fast DDS gets the shared memory of fastdds.xml, unless the environment says otherwise. Where
      that much shared memory is not to be had, Fast DDS says so and uses UDP.
    * glibc keeps up to 256 MiB that was freed, instead of returning it to the kernel and faulting
      it in again, page by page, with every picture.
    """
    if not any(name in os.environ for name in _TRANSPORT_VARIABLES):
        profiles = importlib.resources.files("unet_seg_ros.ros") / "fastdds.xml"
        os.environ[_profiles_variable()] = str(profiles)
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, 32 * _MIB)  # the largest that glibc accepts
            mallopt(_M_TRIM_THRESHOLD, 256 * _MIB)
            mallopt(_M_TOP_PAD, 16 * _MIB)


def _profiles_variable() -> str:
    """Return the name that this Fast DDS reads; each one warns about or ignores the other's."""
    try:
        major = int(importlib.metadata.version("rclpy").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return _PROFILES_VARIABLE
    return _PROFILES_VARIABLE if major >= _KILTED_RCLPY else _OLD_PROFILES_VARIABLE
