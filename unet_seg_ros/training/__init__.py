# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training and scoring: what the figures mean, and how a checkpoint is made."""
