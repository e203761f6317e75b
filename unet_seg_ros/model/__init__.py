# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network and its file format."""

import torch

from unet_seg_ros.packages import check_torch

# Here, because nothing uses torch without a network.
check_torch(torch.__version__)
