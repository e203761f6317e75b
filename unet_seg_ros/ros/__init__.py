# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that knows ROS types: messages, QoS, parameters, diagnostics. No torch."""
