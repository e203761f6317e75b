# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Classes and palettes, and what labels of one set say about another."""
