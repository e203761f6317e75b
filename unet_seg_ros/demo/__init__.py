# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration: camera, network, score and recording as real nodes, then pictures of it."""
