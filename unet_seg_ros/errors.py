# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is raised where what a user gives is not what it must be, whichever room notices."""

from __future__ import annotations


class DataError(ValueError):
    """Pictures or labels that cannot be read or used; the message names the file."""


class PackageError(ValueError):
    """A Python package that is missing or too old; the message says what to install."""
