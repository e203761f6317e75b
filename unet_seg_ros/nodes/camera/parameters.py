# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The camera node's parameters."""

from __future__ import annotations

from unet_seg_ros.nodes.camera.shots import CONVERSIONS
from unet_seg_ros.ros.parameters import Changeable, ParameterSpec

TOWN_SIZE = (800, 600)

PARAMETERS = (
    ParameterSpec(
        "source",
        "town",
        "What is played: town or town:SEED, a folder of pictures, a data set with ground truth, "
        "or a video file.",
    ),
    ParameterSpec(
        "label_set",
        "",
        "The label set of the source's ground truth, by name or path, where the source does not "
        "tell.",
    ),
    ParameterSpec(
        "role_name",
        "ego_vehicle",
        "The vehicle that carries the cameras; part of topics and frames.",
    ),
    ParameterSpec(
        "camera",
        "rgb_front",
        "The camera's id: it publishes on /carla/<role_name>/<camera>/image and .../camera_info.",
    ),
    ParameterSpec(
        "semantic_camera",
        "semantic_segmentation_front",
        "The id of the semantic camera beside it.",
    ),
    ParameterSpec(
        "semantic",
        "none",
        "What the semantic camera shows: nothing, the label set's colours like carla_ros_bridge, "
        "or class ids in the red channel like CARLA's own ROS 2 interface.",
        "One of none, palette, tags.",
    ),
    ParameterSpec(
        "rate",
        20.0,
        "Pictures a second; 0 shows every frame of a video as long as the video does, and plays "
        "any other source at 20.",
        range=(0.0, 1000.0),
    ),
    ParameterSpec(
        "width",
        0,
        f"Pictures are scaled to this width in pixels; 0 keeps the source's ({TOWN_SIZE[0]} for "
        "the town).",
        range=(0, 7680),
    ),
    ParameterSpec(
        "height",
        0,
        f"Pictures are scaled to this height in pixels; 0 keeps the source's ({TOWN_SIZE[1]} for "
        "the town).",
        range=(0, 7680),
    ),
    ParameterSpec(
        "fov",
        90.0,
        "Horizontal field of view in degrees, for camera_info and the town.",
        range=(1.0, 170.0),
    ),
    ParameterSpec(
        "encoding",
        "bgra8",
        "The pictures' encoding; jpeg publishes sensor_msgs/CompressedImage on .../compressed.",
        f"One of {', '.join(CONVERSIONS)}.",
    ),
    ParameterSpec(
        "clock",
        False,
        "Whether pictures are stamped with simulation time, which /clock then tells and which "
        "begins at 0; else with the time at which they are published.",
    ),
    ParameterSpec(
        "loop",
        True,
        "Whether the source begins again at its end; otherwise the node ends there.",
    ),
    ParameterSpec(
        "count",
        0,
        "The node ends after so many pictures; 0 for no such end.",
        range=(0, 1_000_000_000),
    ),
    ParameterSpec(
        "ahead",
        8,
        "How many pictures are read ahead and kept in memory, before the first is published and "
        "from then on. An 800x600 one with ground truth takes 2.4 MB as bgra8. As many as count "
        "leaves the CPU to others while the source plays.",
        range=(1, 100_000),
    ),
    ParameterSpec(
        "playing",
        True,
        "Whether pictures are published; false halts the camera where it is.",
        changeable=Changeable.ALWAYS,
    ),
)
