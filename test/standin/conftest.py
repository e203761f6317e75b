# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Towns take a second or two to build, so the tests share them."""

import pytest

from unet_seg_ros.town.camera import CameraModel
from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.town import Town


@pytest.fixture(scope="session")
def town() -> Town:
    return Town(seed=0)


@pytest.fixture(scope="session")
def loop_town() -> Town:
    return Town(seed=0, layout="loop")


@pytest.fixture(scope="session")
def drive(town: Town) -> Drive:
    return Drive(town, camera=CameraModel(320, 240))
