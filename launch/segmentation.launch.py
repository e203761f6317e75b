# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the segmentation node, which takes itself to active.

    ros2 launch unet_seg_ros segmentation.launch.py checkpoint:=/path/to/mine.safetensors

It does so once, when it starts; later transitions are yours, and one that fails leaves the node
unconfigured. A node that cannot start ends, and the launch with it, with status 1. One that loses
its graphics card ends with status 75 and is started again, which takes it to active anew: three
times within ten minutes, after which the launch ends. With autostart:=false the node stays
unconfigured until you, or a lifecycle manager, configure it; one that is started again, too.
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from unet_seg_ros.nodes.launching import check_arguments, parameters, start_again_where_it_asks

ARGUMENTS = (
    DeclareLaunchArgument(
        "image_topics",
        default_value="['/carla/ego_vehicle/rgb_front/image']",
        description="The cameras' image topics, as a list.",
    ),
    DeclareLaunchArgument(
        "checkpoint",
        default_value="auto",
        description="A checkpoint in the box by name, the path of a .safetensors file, or auto: "
        "carla29-large where the network runs on CUDA, carla29-small elsewhere.",
    ),
    DeclareLaunchArgument("device", default_value="auto", description="auto, cpu, cuda or cuda:N."),
    DeclareLaunchArgument(
        "ego_mask",
        default_value="['']",
        description="Files that say where the cameras see the own car, as a list: "
        "\"['bonnet.png']\", or \"['rgb_front=front.png', 'rgb_rear=rear.png']\".",
    ),
    DeclareLaunchArgument(
        "semantic_camera",
        default_value="off",
        choices=["off", "palette", "tags"],
        description="Whether the prediction is published as pictures of CARLA's semantic camera as "
        "well: its colours, or tags in the red channel.",
    ),
    DeclareLaunchArgument(
        "semantic_camera_topics",
        default_value="['']",
        description="Where: an image topic for each camera, as a list; empty for names beside the "
        "cameras.",
    ),
    DeclareLaunchArgument(
        "semantic_camera_tags",
        default_value="carla29",
        choices=["carla29", "carla23", "carla13"],
        description="Whose tags and colours: those of CARLA 0.9.14 and later, of 0.9.10 to 0.9.13, "
        "or of older ones.",
    ),
    DeclareLaunchArgument(
        "nav2_topics",
        default_value="false",
        choices=["true", "false"],
        description="Whether the first camera's masks have the names of Nav2's tutorial as well.",
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
    "semantic_camera": str,
    "semantic_camera_topics": list[str],
    "semantic_camera_tags": str,
    "nav2_topics": bool,
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
        [*ARGUMENTS, check_arguments(PARAMETERS), start_again_where_it_asks(node), node]
    )
