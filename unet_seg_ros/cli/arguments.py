# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Types of command line arguments that several commands have."""

from __future__ import annotations

import argparse

from unet_seg_ros.inference import geometry


def parse_size(text: str) -> geometry.Size:
    """Return the (width, height) that `text` says, for example 800x600."""
    try:
        return geometry.parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
