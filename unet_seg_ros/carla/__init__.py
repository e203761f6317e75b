# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The simulator, through its official client: a rig of cameras on a vehicle, and captures."""
