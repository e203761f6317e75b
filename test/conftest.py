# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every test shares: a DDS domain of its own, the real pictures, and towns."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from unet_seg_ros.ros.domain import free_domain_id
from unet_seg_ros.town.camera import CameraModel
from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.town import Town

os.environ["ROS_DOMAIN_ID"] = str(free_domain_id())
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

# A script started in the background ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a machine with other work.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder with the real pictures; tests that need it are skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real pictures are not beside this checkout (../shared/data)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def town() -> Town:
    """Return a town, which takes a second or two to build; tests leave it as it is."""
    return Town(seed=0)


@pytest.fixture(scope="session")
def loop_town() -> Town:
    return Town(seed=0, layout="loop")


@pytest.fixture(scope="session")
def drive(town: Town) -> Drive:
    return Drive(town, camera=CameraModel(320, 240))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give tests of nodes a second try, which the summary tells.

    While participants find each other, Fast DDS loses a message now and then. ROS distributions do
    not have the plugin.
    """
    if not config.pluginmanager.hasplugin("rerunfailures"):
        return
    for item in items:
        if "nodes" in item.path.parts:
            item.add_marker(pytest.mark.flaky(reruns=1))
