# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serialized ROS messages as data, for whoever has no ROS installation."""
