# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m unet_seg_ros.nodes.recorder`, and `ros2 run unet_seg_ros recorder_node`."""

import sys

from unet_seg_ros.nodes.start import start


def main() -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    return start("unet_seg_ros.nodes.recorder.node")


if __name__ == "__main__":
    sys.exit(main())
