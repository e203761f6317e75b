# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How data sets lie in folders, and which files of each belong together.

docs/datasets.md shows every layout as a tree.
"""
