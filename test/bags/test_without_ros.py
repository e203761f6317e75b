# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Work on bags needs no ROS installation, and no network until one runs."""

from __future__ import annotations

import subprocess
import sys

ABSENT = (
    "rclpy",
    "std_msgs",
    "sensor_msgs",
    "diagnostic_msgs",
    "vision_msgs",
    "ament_index_python",
)
IMPORTS = """
import sys
sys.modules.update(dict.fromkeys({absent!r}))
import unet_seg_ros.offline.cluster
import unet_seg_ros.offline.extract
import unet_seg_ros.offline.segment_bag
import unet_seg_ros.offline.bag_video
assert "torch" not in sys.modules
import unet_seg_ros.evaluation.recorded
"""


def test_bags_are_worked_on_without_ros() -> None:
    subprocess.run([sys.executable, "-c", IMPORTS.format(absent=ABSENT)], check=True)
