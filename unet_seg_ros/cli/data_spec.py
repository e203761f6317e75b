# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command line argument that names a data set."""

from __future__ import annotations

import argparse

from unet_seg_ros.datasets.spec import DataSpec

__all__ = ["METAVAR", "DataSpec", "parse_data_spec"]

METAVAR = "DATA[,KEY=VALUE]..."


def parse_data_spec(text: str) -> DataSpec:
    """Return what `text` says, for example carla_pairs/tags13,label-set=carla13,share=2."""
    try:
        return DataSpec.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error
