# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is raised where a user's pictures or labels are not what they must be."""

from __future__ import annotations


class DataError(ValueError):
    """Pictures or labels that cannot be read or used; the message names the file."""
