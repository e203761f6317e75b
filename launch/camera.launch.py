# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plays pictures as a CARLA camera, for use without a simulator.

ros2 launch unet_seg_ros camera.launch.py source:=my_drive/
ros2 launch unet_seg_ros camera.launch.py source:=town semantic:=palette
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription
from unet_seg_ros.nodes.launching import check_arguments, end_where_it_fails, parameters

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
PARAMETERS = {
    "source": str,
    "role_name": str,
    "camera": str,
    "semantic": str,
    "rate": float,
    "clock": bool,
}


def generate_launch_description() -> LaunchDescription:
    values = parameters(PARAMETERS)
    node = Node(
        package="unet_seg_ros",
        executable="camera_node",
        name="camera",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        # Where it does not tell the time itself, nobody else may do so.
        parameters=[{**values, "use_sim_time": values["clock"]}],
    )
    return LaunchDescription(
        [*ARGUMENTS, check_arguments(PARAMETERS), end_where_it_fails(node), node]
    )
