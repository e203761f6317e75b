# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m unet_seg_ros.nodes.carla`, and `ros2 run unet_seg_ros carla_node`."""

import sys

from unet_seg_ros.nodes.start import start


def main() -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    return start("unet_seg_ros.nodes.carla.node")


if __name__ == "__main__":
    sys.exit(main())
