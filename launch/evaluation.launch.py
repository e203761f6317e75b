# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scores the label maps of a camera against a semantic camera at the same pose.

ros2 launch unet_seg_ros evaluation.launch.py report:=evaluation keep_worst:=100
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from unet_seg_ros.nodes.launching import check_arguments, end_where_it_fails, parameters

ARGUMENTS = (
    DeclareLaunchArgument(
        "image_topic",
        default_value="/carla/ego_vehicle/rgb_front/image",
        description="The image topic of the camera whose label maps are scored.",
    ),
    DeclareLaunchArgument(
        "truth_topic",
        default_value="/carla/ego_vehicle/semantic_segmentation_front/image",
        description="The image topic of the semantic camera.",
    ),
    DeclareLaunchArgument(
        "truth_encoding",
        default_value="palette",
        choices=["palette", "tags"],
        description="What it shows: colours as ros-bridge does, or tags as native CARLA does.",
    ),
    DeclareLaunchArgument(
        "truth_label_set",
        default_value="carla29",
        description="Its label set: carla29 from CARLA 0.9.14 on, carla23 from 0.9.10, carla13 "
        "before; or the path of a YAML file.",
    ),
    DeclareLaunchArgument(
        "ego_mask",
        default_value="['']",
        description="Files that say where the cameras see the own car, which is not scored; as "
        "segmentation.launch.py takes them.",
    ),
    DeclareLaunchArgument(
        "report",
        default_value="",
        description="The folder of the report that is written at the end; empty for none.",
    ),
    DeclareLaunchArgument(
        "keep_worst",
        default_value="0",
        description="How many of the frames that were scored worst are saved beside the report.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution(
            [FindPackageShare("unet_seg_ros"), "config", "segmentation.yaml"]
        ),
        description="A file with further parameters, under the name of the node: evaluation.",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="true",
        choices=["true", "false"],
        description="Whether /clock tells the time, as it does with CARLA.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="The node's namespace."),
)
PARAMETERS = {
    "image_topic": str,
    "truth_topic": str,
    "truth_encoding": str,
    "truth_label_set": str,
    "ego_mask": list[str],
    "report": str,
    "keep_worst": int,
    "use_sim_time": bool,
}

# With a report it has files to write before it ends.
GRACE_S = "60"


def generate_launch_description() -> LaunchDescription:
    node = Node(
        package="unet_seg_ros",
        executable="evaluation_node",
        name="evaluation",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        sigterm_timeout=GRACE_S,
        parameters=[LaunchConfiguration("params_file"), parameters(PARAMETERS)],
    )
    return LaunchDescription(
        [*ARGUMENTS, check_arguments(PARAMETERS), end_where_it_fails(node), node]
    )
