# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m unet_seg_ros.nodes.evaluation`."""

import sys

from unet_seg_ros.nodes.evaluation.node import main

sys.exit(main())
