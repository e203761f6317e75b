# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks for a running CARLA: vehicle, cameras, network, and on request RViz, a score, a recording.

    ros2 launch unet_seg_ros carla.launch.py driver:=autopilot rviz:=true
    ros2 launch unet_seg_ros carla.launch.py rig:=surround evaluate:=true report:=evaluation
    ros2 launch unet_seg_ros carla.launch.py source:=ros_bridge record:=true

`source` says where the pictures come from:

    carla       carla_node, started here, drives a rig through the simulator
    ros_bridge  carla_ros_bridge, which is running, with cameras called as in the rig
    native      CARLA itself, started with --ros2, with cameras called as in the rig
    topics      whoever publishes image_topics

The arguments of the included files (carla_node, segmentation, evaluation) are this one's as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import yaml
from ament_index_python.packages import get_packages_with_prefixes
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, PythonExpression
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import Action, LaunchContext, LaunchDescription
from unet_seg_ros.carla.rig_file import RigFile, load_rig
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.nodes.launching import check_arguments, end_where_it_fails, parameters

SHARE = FindPackageShare("unet_seg_ros")
# The vehicle whose cameras config/*.rviz show.
RVIZ_ROLE = "ego_vehicle"
RVIZ_OUTPUTS = (topics.COLOR_MASK, topics.OVERLAY, topics.LEGEND_IMAGE)
# What is needed to segment or score the drive again, and what config/*.rviz and
# foxglove_layout.json show of it.
RECORDED_OUTPUTS = (
    topics.LABELS,
    topics.COLOR_MASK,
    topics.OVERLAY,
    topics.CONFIDENCE,
    topics.CAMERA_INFO,
    topics.LEGEND_IMAGE,
    topics.LEGEND,
    topics.LABEL_INFO,
)
# The packages without which `ros2 bag record --storage mcap` does nothing.
ROSBAG2 = {"ros2bag", "rosbag2_storage_mcap"}
# A bag is complete once what waits for the disk is written.
GRACE_S = "30"
FROM_TOPICS = PythonExpression(["'", LaunchConfiguration("source"), "' == 'topics'"])

ARGUMENTS = (
    DeclareLaunchArgument(
        "source",
        default_value="carla",
        choices=["carla", "ros_bridge", "native", "topics"],
        description="Where the pictures come from: carla_node, started here; carla_ros_bridge; "
        "CARLA with --ros2; whoever publishes image_topics.",
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
        "image_topics",
        default_value="['/carla/ego_vehicle/rgb_front/image']",
        description="With source:=topics the cameras' image topics, as a list; otherwise the rig "
        "tells them.",
    ),
    DeclareLaunchArgument(
        "rviz",
        default_value="false",
        choices=["true", "false"],
        description="Whether RViz shows the cameras and their masks.",
    ),
    DeclareLaunchArgument(
        "record",
        default_value="false",
        choices=["true", "false"],
        description="Whether cameras and masks are recorded into a new folder here: by ros2 bag, "
        "or, where that or its MCAP storage is not installed, by recorder_node.",
    ),
    DeclareLaunchArgument(
        "evaluate",
        default_value="false",
        choices=["true", "false"],
        description="Whether label maps of the first camera that has a semantic one are scored.",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value=PythonExpression(["'false' if ", FROM_TOPICS, " else 'true'"]),
        choices=["true", "false"],
        description="Whether /clock tells the time, as it does with CARLA; by default with every "
        "source but topics.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "segmentation.yaml"]),
        description="A file with further parameters, under the names of the nodes: carla, "
        "unet_segmentation, evaluation.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="The nodes' namespace."),
)

# What the included files check too late: others of them have started something by then.
INCLUDED = {
    "port": int,
    "spawn_point": int,
    "ego_mask": list[str],
    "semantic_camera_topics": list[str],
    "keep_worst": int,
}


class Cameras(NamedTuple):
    """The cameras that are segmented, by their image topics.

    `scored` is the first of them that has a semantic camera, and `truth` is that one; both are
    empty where none has. `semantic` are the topics that the semantic camera of each would have;
    empty where it has one.
    """

    images: tuple[str, ...]
    scored: str = ""
    truth: str = ""
    semantic: tuple[str, ...] = ()


def generate_launch_description() -> LaunchDescription:
    from_carla = PythonExpression(["'", LaunchConfiguration("source"), "' == 'carla'"])
    return LaunchDescription(
        [
            *ARGUMENTS,
            check_arguments(INCLUDED),
            # Which topics a rig has is in its file, where no substitution reads.
            OpaqueFunction(function=_follow_cameras),
            _include("carla_node", IfCondition(from_carla)),
            _include("segmentation"),
            _include("evaluation", IfCondition(LaunchConfiguration("evaluate"))),
        ]
    )


def _include(name: str, condition: IfCondition | None = None) -> IncludeLaunchDescription:
    path = PathJoinSubstitution([SHARE, "launch", f"{name}.launch.py"])
    return IncludeLaunchDescription(PythonLaunchDescriptionSource(path), condition=condition)


def _follow_cameras(context: LaunchContext) -> list[Action]:
    """Tell the included files the topics, and return what else depends on the cameras."""
    arguments = context.launch_configurations
    cameras = _cameras(arguments)
    if arguments["evaluate"] == "true" and not cameras.scored:
        raise ValueError(
            f"rig {arguments['rig']}: none of its cameras has a semantic camera with the same "
            "pose, size and field of view to be scored against; leave evaluate:=true away"
        )
    settings = {
        "image_topics": json.dumps(cameras.images),
        "image_topic": cameras.scored,
        "truth_topic": cameras.truth,
        "truth_encoding": _truth_encoding(arguments),
    }
    if any(cameras.semantic) and "semantic_camera_topics" not in arguments:
        settings["semantic_camera_topics"] = json.dumps(cameras.semantic)
    actions: list[Action] = [
        SetLaunchConfiguration(name, value) for name, value in settings.items() if value
    ]
    seen = _seen_from_outside(cameras, arguments)
    if arguments["rviz"] == "true":
        actions.append(_rviz(seen, arguments))
    if arguments["record"] == "true":
        actions += _recording(seen, arguments)
    return actions


def _cameras(arguments: Mapping[str, str]) -> Cameras:
    if arguments["source"] != "topics":
        return _cameras_of_rig(load_rig(arguments["rig"]), arguments["role_name"])
    images = yaml.safe_load(arguments["image_topics"])
    if not isinstance(images, list) or not images:
        raise ValueError(f"image_topics: {images!r} is no list of topics, such as ['/front/image']")
    return Cameras(tuple(images), images[0], arguments.get("truth_topic", ""))


def _cameras_of_rig(rig: RigFile, role_name: str) -> Cameras:
    def topic(camera_id: str) -> str:
        return f"/carla/{role_name}/{camera_id}/image"

    colored = [camera for camera in rig.cameras if not camera.is_semantic]
    images = tuple(topic(camera.id) for camera in colored)
    free = map(rig.free_twin_id, colored)
    semantic = tuple(topic(camera_id) if camera_id else "" for camera_id in free)
    for camera in colored:
        if twin := rig.twin(camera):
            return Cameras(images, topic(camera.id), topic(twin.id), semantic)
    return Cameras(images, semantic=semantic)


def _seen_from_outside(cameras: Cameras, arguments: Mapping[str, str]) -> Cameras:
    """Return the cameras with the names that their topics have outside of the nodes' namespace."""
    images = tuple(_full_name(image, arguments) for image in cameras.images)
    truth = cameras.truth and _full_name(cameras.truth, arguments)
    return cameras._replace(images=images, truth=truth)


def _full_name(topic: str, arguments: Mapping[str, str]) -> str:
    namespace = arguments["namespace"].strip("/")
    return topic if topic.startswith("/") else f"/{namespace}/{topic}".replace("//", "/")


def _truth_encoding(arguments: Mapping[str, str]) -> str:
    """Return how semantic cameras show classes; empty to leave it to the user."""
    if arguments["source"] == "carla":
        return arguments.get("semantic", "palette")
    return {"ros_bridge": "palette", "native": "tags"}.get(arguments["source"], "")


def _rviz(cameras: Cameras, arguments: Mapping[str, str]) -> Node:
    """Return RViz, with the topics of its configuration led to those that there are."""
    is_surround = arguments["rig"] == "surround" and arguments["source"] != "topics"
    shown = _cameras_of_rig(load_rig("surround" if is_surround else "front"), RVIZ_ROLE)
    pairs = [(shown.truth, cameras.truth), *zip(shown.images, cameras.images, strict=False)]
    for shown_image, image in zip(shown.images, cameras.images, strict=False):
        shown_camera, camera = CameraTopics(shown_image), CameraTopics(image)
        pairs += [(shown_camera.output(name), camera.output(name)) for name in RVIZ_OUTPUTS]
    config = f"{'surround' if is_surround else 'carla'}.rviz"
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", PathJoinSubstitution([SHARE, "config", config])],
        remappings=[(old, new) for old, new in pairs if new and new != old],
        parameters=[parameters({"use_sim_time": bool})],
    )


def _recording(cameras: Cameras, arguments: Mapping[str, str]) -> list[Action]:
    recorded = ["/clock", "/tf", "/tf_static", topics.DIAGNOSTICS, cameras.truth]
    recorded.append(_full_name("evaluation/score", arguments))
    for image in cameras.images:
        camera = CameraTopics(image)
        recorded += [image, camera.camera_info, *map(camera.output, RECORDED_OUTPUTS)]
    # Topics by name are given in one way until Jazzy and in another one since; patterns are not.
    pattern = f"^({'|'.join(filter(None, recorded))})$"
    has_rosbag2 = get_packages_with_prefixes().keys() >= ROSBAG2
    recorder = _rosbag2(pattern, arguments) if has_rosbag2 else _own_recorder(pattern)
    return [end_where_it_fails(recorder), recorder]


def _rosbag2(pattern: str, arguments: Mapping[str, str]) -> ExecuteProcess:
    sim_time = ["--use-sim-time"] if arguments["use_sim_time"] == "true" else []
    return ExecuteProcess(
        cmd=[
            *("ros2", "bag", "record", "--storage", "mcap"),
            # What camera pictures do not gain costs little; masks shrink to a fiftieth.
            *("--storage-preset-profile", "zstd_fast"),
            "--qos-profile-overrides-path",
            PathJoinSubstitution([SHARE, "config", "record_qos.yaml"]),
            *("--regex", pattern),
            *sim_time,
        ],
        output="screen",
        sigterm_timeout=GRACE_S,
    )


def _own_recorder(pattern: str) -> Node:
    return Node(
        package="unet_seg_ros",
        executable="recorder_node",
        name="recorder",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        sigterm_timeout=GRACE_S,
        parameters=[
            {
                # As ros2 bag calls its folders.
                "output": f"{datetime.now():rosbag2_%Y_%m_%d-%H_%M_%S}",
                "pattern": pattern,
                **parameters({"use_sim_time": bool}),
            }
        ],
    )
