# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plays pictures as a CARLA camera, for use without a simulator.

ros2 launch unet_seg_ros camera.launch.py source:=my_drive/
ros2 launch unet_seg_ros camera.launch.py source:=town semantic:=palette
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

ARGUMENTS = (
    DeclareLaunchArgument(
        "source",
        default_value="town",
        description="What is played: town or town:SEED, a folder of pictures, a data set, a video.",
    ),
    DeclareLaunchArgument(
        "role_name",
        default_value="ego_vehicle",
        description="The vehicle that carries the camera; part of its topics.",
    ),
    DeclareLaunchArgument(
        "camera", default_value="rgb_front", description="The camera's id; part of its topics."
    ),
    DeclareLaunchArgument(
        "semantic",
        default_value="none",
        choices=["none", "palette", "tags"],
        description="What a semantic camera beside it shows, where the source has ground truth.",
    ),
    DeclareLaunchArgument(
        "rate", default_value="20.0", description="Pictures a second; 0: as a video has them."
    ),
    DeclareLaunchArgument(
        "clock",
        default_value="false",
        choices=["true", "false"],
        description="Whether pictures have simulation time, which /clock then tells.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="The node's namespace."),
)


def generate_launch_description() -> LaunchDescription:
    node = Node(
        package="unet_seg_ros",
        executable="camera_node",
        name="camera",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            {
                "source": _parameter("source", str),
                "role_name": _parameter("role_name", str),
                "camera": _parameter("camera", str),
                "semantic": _parameter("semantic", str),
                "rate": _parameter("rate", float),
                "clock": _parameter("clock", bool),
                # Where it does not tell the time itself, nobody else may do so.
                "use_sim_time": _parameter("clock", bool),
            }
        ],
    )
    return LaunchDescription([*ARGUMENTS, node])


def _parameter(argument: str, value_type: type) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(argument), value_type=value_type)
