# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the launch files take, against what the nodes that they start take."""

from __future__ import annotations

from pathlib import Path

import pytest
from launch.actions import DeclareLaunchArgument
from launch.launch_description_sources import get_launch_description_from_python_launch_file
from launch.utilities import perform_substitutions

from launch import LaunchContext
from unet_seg_ros.nodes.camera import parameters as camera
from unet_seg_ros.nodes.evaluation import parameters as evaluation
from unet_seg_ros.nodes.segmentation import parameters
from unet_seg_ros.ros.parameters import ParameterSpec

LAUNCH = Path(__file__).parents[2] / "launch"
# Their defaults are other ones than the node's, or the node has none.
COMMON = {"use_sim_time", "params_file", "namespace", "autostart"}
REQUIRED = {
    *("host", "port", "town", "role_name", "rig", "source", "checkpoint", "device", "rviz"),
    *("record", "evaluate", "use_sim_time", "params_file", "namespace", "image_topics", "ego_mask"),
}


def arguments(name: str) -> dict[str, DeclareLaunchArgument]:
    description = get_launch_description_from_python_launch_file(str(LAUNCH / name))
    return {item.name: item for item in description.get_launch_arguments()}


@pytest.fixture(autouse=True)
def _installed(workspace):
    """Let launch files find those that they include."""
    workspace.add_nodes()


@pytest.mark.parametrize("path", sorted(LAUNCH.glob("*.launch.py")), ids=lambda path: path.name)
def test_every_argument_says_what_it_is_for(path):
    items = arguments(path.name)
    assert items
    assert "no description given" not in {item.description for item in items.values()}
    assert all(item.default_value is not None for item in items.values())


def test_carla_has_its_own_arguments_and_those_of_what_it_includes():
    items = arguments("carla.launch.py")
    assert items.keys() >= REQUIRED
    for name in ("carla_node", "segmentation", "evaluation"):
        assert items.keys() >= arguments(f"{name}.launch.py").keys()


@pytest.mark.parametrize("name", ["use_sim_time", "rviz", "record", "evaluate", "source"])
def test_what_is_no_choice_is_refused(name):
    context = LaunchContext()
    context.launch_configurations[name] = "maybe"
    with pytest.raises(RuntimeError, match="maybe"):
        arguments("carla.launch.py")[name].execute(context)


def specs_of_carla() -> tuple[ParameterSpec, ...]:
    return pytest.importorskip("unet_seg_ros.nodes.carla.parameters").PARAMETERS


@pytest.mark.parametrize(
    ("file", "specs"),
    [
        ("camera.launch.py", lambda: camera.PARAMETERS),
        ("carla_node.launch.py", specs_of_carla),
        ("evaluation.launch.py", lambda: evaluation.PARAMETERS),
        ("segmentation.launch.py", lambda: parameters.PARAMETERS),
    ],
)
def test_arguments_are_parameters_of_the_node_and_have_their_defaults(file, specs):
    by_name = {spec.name: spec for spec in specs()}
    for name, item in arguments(file).items():
        if name not in COMMON:
            default = perform_substitutions(LaunchContext(), item.default_value)
            assert default in (str(by_name[name].default), str(by_name[name].default).lower())
