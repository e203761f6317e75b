# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the segmentation node, which takes itself to active.

    ros2 launch unet_seg_ros segmentation.launch.py checkpoint:=/path/to/mine.safetensors

It does so once, when it starts; later transitions are yours. A node that cannot be configured stays
unconfigured and says why: correct the parameter, configure and activate it. One that cannot start
at all ends the launch.
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from unet_seg_ros.nodes.launching import check_arguments, end_where_it_fails, parameters

ARGUMENTS = (
    DeclareLaunchArgument(
        "image_topics",
        default_value="['/carla/ego_vehicle/rgb_front/image']",
        description="The cameras' image topics, as a list.",
    ),
    DeclareLaunchArgument(
        "checkpoint",
        default_value="carla29-small",
        description="A checkpoint in the box by name, or the path of a .safetensors file.",
    ),
    DeclareLaunchArgument("device", default_value="auto", description="auto, cpu, cuda or cuda:N."),
    DeclareLaunchArgument(
        "ego_mask",
        default_value="['']",
        description="Files that say where the cameras see the own car, as a list: "
        "\"['bonnet.png']\", or \"['rgb_front=front.png', 'rgb_rear=rear.png']\".",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution(
            [FindPackageShare("unet_seg_ros"), "config", "segmentation.yaml"]
        ),
        description="A file with the node's other parameters.",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="true",
        choices=["true", "false"],
        description="Whether /clock tells the time, as it does with CARLA.",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=["true", "false"],
        description="Whether the node configures and activates itself when it starts; otherwise "
        "that is left to you, or to a lifecycle manager.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="The node's namespace."),
)
PARAMETERS = {
    "image_topics": list[str],
    "checkpoint": str,
    "device": str,
    "ego_mask": list[str],
    "use_sim_time": bool,
    "autostart": bool,
}


def generate_launch_description() -> LaunchDescription:
    # Not a LifecycleNode: launch would wait for its services for ever where it cannot start, and
    # cannot tell the first configuration, which is its own, from a later one.
    node = Node(
        package="unet_seg_ros",
        executable="segmentation_node",
        name="unet_segmentation",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[LaunchConfiguration("params_file"), parameters(PARAMETERS)],
    )
    return LaunchDescription(
        [*ARGUMENTS, check_arguments(PARAMETERS), end_where_it_fails(node), node]
    )
