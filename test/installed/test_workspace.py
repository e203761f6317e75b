# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a sourced workspace offers: the command, files where launch looks, and nodes that work.

`colcon test` runs this (`make build`). Where no installation is sourced, there is nothing to see.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from ament_index_python.packages import get_package_prefix
from graph import Graph
from sensor_msgs.msg import Image

from unet_seg_ros import __version__

NODES = {"camera_node", "carla_node", "evaluation_node", "recorder_node", "segmentation_node"}
WIDTH, HEIGHT = 64, 48

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def prefix() -> Path:
    """Return the folder that `colcon build` installed the package into."""
    try:
        return Path(get_package_prefix("unet_seg_ros"))
    except (LookupError, OSError):
        pytest.skip("no workspace with this package is sourced")


def test_the_command_on_the_path_is_that_of_the_workspace(prefix: Path) -> None:
    command = shutil.which("unet-seg")
    assert command == str(prefix / "bin" / "unet-seg")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"unet-seg {__version__}\n"


def test_launch_and_configuration_are_where_ros_looks(prefix: Path) -> None:
    share = prefix / "share" / "unet_seg_ros"
    for file in ("package.xml", "launch/carla.launch.py", "config/segmentation.yaml"):
        assert (share / file).is_file(), file


def test_ros2_run_finds_every_node(prefix: Path) -> None:
    folder = prefix / "lib" / "unet_seg_ros"
    assert {file.name for file in folder.iterdir() if os.access(file, os.X_OK)} >= NODES


@pytest.fixture
def running_nodes(prefix: Path, tmp_path: Path) -> Iterator[Graph]:
    """Yield the graph of a camera node and a segmentation node, started as `ros2 run` does."""
    cv2.imwrite(str(tmp_path / "street.png"), np.full((HEIGHT, WIDTH, 3), 128, np.uint8))
    parameters = {
        "camera_node": [f"source:={tmp_path}", "loop:=true"],
        "segmentation_node": ["autostart:=true", "device:=cpu", "compile:=off"],
    }
    with Graph() as graph:
        environment = {**os.environ, "ROS_DOMAIN_ID": str(graph.domain_id)}
        processes = []
        for name, values in parameters.items():
            options = [option for value in values for option in ("-p", value)]
            command = [str(prefix / "lib" / "unet_seg_ros" / name), "--ros-args", *options]
            processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
        try:
            yield graph
        finally:
            for process in processes:
                process.send_signal(signal.SIGINT)
            statuses = [process.wait() for process in processes]
        assert statuses == [0, 0]


def test_nodes_of_the_workspace_turn_pictures_into_masks(running_nodes: Graph) -> None:
    masks = running_nodes.collect(Image, "/carla/ego_vehicle/rgb_front/segmentation/labels")
    running_nodes.spin_until(lambda: masks, "a label map", deadline_s=120)
    assert (masks[0].width, masks[0].height, masks[0].encoding) == (WIDTH, HEIGHT, "mono8")
