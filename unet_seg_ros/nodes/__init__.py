# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One ROS 2 node per folder, thin: wiring between `unet_seg_ros.ros` and the library."""
