# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch file with the real launch packages; they are not on PyPI, only in ROS itself."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is only in a ROS 2 installation")

from launch.actions import DeclareLaunchArgument
from launch_ros.actions import LifecycleNode

from launch import LaunchContext, LaunchDescription

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "segmentation.launch.py"


@pytest.fixture(scope="module")
def description() -> LaunchDescription:
    spec = importlib.util.spec_from_file_location("segmentation_launch", LAUNCH_FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def test_every_argument_says_what_it_is_for(description: LaunchDescription) -> None:
    arguments = {item.name: item for item in description.get_launch_arguments()}
    assert arguments.keys() == {
        "image_topics",
        "checkpoint",
        "device",
        "ego_mask",
        "params_file",
        "use_sim_time",
        "namespace",
    }
    assert all(item.description for item in arguments.values())


def test_it_starts_one_managed_node(description: LaunchDescription) -> None:
    nodes = [entity for entity in description.entities if isinstance(entity, LifecycleNode)]
    assert [node.node_executable for node in nodes] == ["segmentation_node"]


def test_use_sim_time_has_choices(description: LaunchDescription) -> None:
    for entity in description.entities:
        if isinstance(entity, DeclareLaunchArgument) and entity.name == "use_sim_time":
            context = LaunchContext()
            context.launch_configurations["use_sim_time"] = "maybe"
            with pytest.raises(RuntimeError, match="maybe"):
                entity.execute(context)
