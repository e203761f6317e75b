# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Units of measurement. Times are whole nanoseconds, as ROS has them."""

NS_PER_S = 1_000_000_000
