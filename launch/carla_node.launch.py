# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives a rig of cameras through a running CARLA and publishes what they see.

    ros2 launch unet_seg_ros carla_node.launch.py town:=Town03 rig:=surround driver:=autopilot

Where the node cannot go on, such as without a simulator, the launch ends with it.
"""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, RegisterEventHandler, Shutdown
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

ARGUMENTS = (
    DeclareLaunchArgument(
        "host", default_value="localhost", description="The machine that CARLA runs on."
    ),
    DeclareLaunchArgument("port", default_value="2000", description="CARLA's port."),
    DeclareLaunchArgument(
        "town",
        default_value="",
        description="The town to load, such as Town03; empty for the one that is loaded.",
    ),
    DeclareLaunchArgument(
        "weather",
        default_value="",
        description="One of CARLA's weathers, such as HardRainNoon; empty for what it is.",
    ),
    DeclareLaunchArgument(
        "role_name",
        default_value="ego_vehicle",
        description="The vehicle that carries the cameras; part of topics and frames.",
    ),
    DeclareLaunchArgument(
        "rig",
        default_value="front",
        description="The cameras: front, surround, or the path of an objects.json as "
        "carla_ros_bridge reads it.",
    ),
    DeclareLaunchArgument(
        "spawn_point",
        default_value="-1",
        description="The number of the spawn point of the vehicle; -1 for any free one.",
    ),
    DeclareLaunchArgument(
        "driver",
        default_value="none",
        choices=["none", "autopilot"],
        description="Who drives: nobody of ours, or CARLA's traffic manager, which listens on port "
        "8010 of all interfaces; without the simulator it ends the node.",
    ),
    DeclareLaunchArgument(
        "semantic",
        default_value="palette",
        choices=["palette", "tags"],
        description="What semantic cameras show: colours, or tags in the red channel.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution(
            [FindPackageShare("unet_seg_ros"), "config", "segmentation.yaml"]
        ),
        description="A file with further parameters, under the name of the node: carla.",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="true",
        choices=["true", "false"],
        description="Whether the node's reports have the time that its /clock tells.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="The node's namespace."),
)


def generate_launch_description() -> LaunchDescription:
    node = Node(
        package="unet_seg_ros",
        executable="carla_node",
        name="carla",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("params_file"),
            {
                "host": _parameter("host", str),
                "port": _parameter("port", int),
                "town": _parameter("town", str),
                "weather": _parameter("weather", str),
                "role_name": _parameter("role_name", str),
                "rig": _parameter("rig", str),
                "spawn_point": _parameter("spawn_point", int),
                "driver": _parameter("driver", str),
                "semantic": _parameter("semantic", str),
                "use_sim_time": _parameter("use_sim_time", bool),
            },
        ],
    )
    ending = RegisterEventHandler(OnProcessExit(target_action=node, on_exit=_end_with_failure))
    return LaunchDescription([*ARGUMENTS, ending, node])


def _parameter(argument: str, value_type: type) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(argument), value_type=value_type)


def _end_with_failure(event: ProcessExited, _: LaunchContext) -> Shutdown | None:
    if event.returncode == 0:
        return None
    return Shutdown(reason=f"carla_node ended with status {event.returncode}")
