# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""This source tree, installed for ros2 launch."""

from __future__ import annotations

from pathlib import Path

import pytest
from ros2_launch import Workspace, find_ros2


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    find_ros2()
    return Workspace(tmp_path / "workspace")
