# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m unet_seg_ros.nodes.camera`."""

import sys

from unet_seg_ros.nodes.camera.node import main

sys.exit(main())
