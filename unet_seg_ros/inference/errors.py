# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What engines raise that their users tell apart; without torch, for threads that have none yet."""

from __future__ import annotations


class SegmenterError(ValueError):
    """An engine cannot be made as asked; the message says why and what to do."""


class DeviceLost(RuntimeError):
    """The device refuses all further work of this process; only a new process can go on.

    After an illegal address, a failed kernel or an error of its memory, CUDA answers every call
    with the same error until the process ends.
    """
