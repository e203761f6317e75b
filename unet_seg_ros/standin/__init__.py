# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stand-in for the simulator: a server that shows CARLA's clients the town of `town`."""
