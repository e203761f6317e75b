# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic masks from CARLA camera topics with a U-Net."""

__version__ = "0.1.0"
