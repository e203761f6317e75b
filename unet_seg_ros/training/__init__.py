# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training: how a checkpoint is made of labelled pictures."""
