# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives a rig of cameras through a running CARLA and publishes what they see.

    ros2 launch unet_seg_ros carla_node.launch.py town:=Town03 rig:=surround driver:=autopilot

Where the node cannot go on, such as without a simulator, the launch ends with it, with status 1.
Where CARLA's client aborts it, as the autopilot may when the simulator goes away, it is started
again every few seconds until the simulator is back.
"""

from __future__ import annotations

import signal

from launch.actions import DeclareLaunchArgument, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import Action, LaunchContext, LaunchDescription
from unet_seg_ros.nodes.launching import (
    begin_again,
    check_arguments,
    end_after_failure,
    parameters,
)

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
        "8010 of all interfaces.",
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
PARAMETERS = {
    "host": str,
    "port": int,
    "town": str,
    "weather": str,
    "role_name": str,
    "rig": str,
    "spawn_point": int,
    "driver": str,
    "semantic": str,
    "use_sim_time": bool,
}

# How the client's own threads end the process.
ABORTS = (-signal.SIGABRT, -signal.SIGSEGV)
RETRY_S = 5.0


def generate_launch_description() -> LaunchDescription:
    node = Node(
        package="unet_seg_ros",
        executable="carla_node",
        name="carla",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[LaunchConfiguration("params_file"), parameters(PARAMETERS)],
    )
    ending = RegisterEventHandler(OnProcessExit(target_action=node, on_exit=_begin_again_or_end))
    return LaunchDescription([*ARGUMENTS, check_arguments(PARAMETERS), ending, node])


def _begin_again_or_end(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
    if event.returncode in ABORTS and not context.is_shutdown:
        return _retry(event, context)
    return end_after_failure(event, context)


def _retry(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
    """Start the process again, until it ends well or the launch does."""
    if not event.returncode or context.is_shutdown:
        return None
    return begin_again(event, "CARLA's client aborted it, now or before", RETRY_S, _retry)
