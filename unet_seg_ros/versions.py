# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which versions of packages made a file."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version(package: str) -> str | None:
    """Return the version of an installed package; None where it runs from its folder."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
