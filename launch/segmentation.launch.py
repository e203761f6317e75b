# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the segmentation node and takes it to active.

    ros2 launch unet_seg_ros segmentation.launch.py checkpoint:=/path/to/mine.safetensors

The transitions are driven by events, which works from Humble on. A node that cannot be configured
stays unconfigured and says why; correct the parameter and configure it again.
"""

from launch.actions import DeclareLaunchArgument, EmitEvent, RegisterEventHandler
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.msg import Transition

from launch import LaunchDescription

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
    DeclareLaunchArgument("namespace", default_value="", description="The node's namespace."),
)


def generate_launch_description() -> LaunchDescription:
    node = LifecycleNode(
        package="unet_seg_ros",
        executable="segmentation_node",
        name="unet_segmentation",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("params_file"),
            {
                "image_topics": ParameterValue(
                    LaunchConfiguration("image_topics"), value_type=list[str]
                ),
                "checkpoint": ParameterValue(LaunchConfiguration("checkpoint"), value_type=str),
                "device": ParameterValue(LaunchConfiguration("device"), value_type=str),
                "ego_mask": ParameterValue(LaunchConfiguration("ego_mask"), value_type=list[str]),
                "use_sim_time": ParameterValue(
                    LaunchConfiguration("use_sim_time"), value_type=bool
                ),
            },
        ],
    )
    activate_once_configured = RegisterEventHandler(
        OnStateTransition(
            target_lifecycle_node=node,
            start_state="configuring",
            goal_state="inactive",
            entities=[_change_state(node, Transition.TRANSITION_ACTIVATE)],
        )
    )
    configure = _change_state(node, Transition.TRANSITION_CONFIGURE)
    return LaunchDescription([*ARGUMENTS, activate_once_configured, node, configure])


def _change_state(node: LifecycleNode, transition: int) -> EmitEvent:
    return EmitEvent(
        event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition)
    )
