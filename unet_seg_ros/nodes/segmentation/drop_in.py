# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics in the place of others: of the simulator's semantic camera, and of Nav2's tutorial.

Nodes that were written against these run unchanged on what the network says.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.semantic import PALETTE, TAGS, NothingInCommon, prediction_table
from unet_seg_ros.messages.topics import NAV2_TOPICS, SEMANTIC_CAMERA, CameraTopics
from unet_seg_ros.ros.parameters import (
    Changeable,
    ParameterError,
    ParameterSpec,
    check_topic,
    read_choice,
)

OFF = "off"
# The label sets of CARLA, by which the tags and colours of its versions are known.
TAG_TABLES = ("carla29", "carla23", "carla13")

DROP_IN_PARAMETERS = (
    ParameterSpec(
        "semantic_camera",
        OFF,
        "Whether the prediction is published as pictures of CARLA's semantic camera as well, bgra8 "
        "with camera_info beside: in CARLA's colours, as carla_ros_bridge has them, or with the "
        "tag in the red channel, as CARLA's own ROS 2 interface.",
        f"One of {OFF}, {PALETTE}, {TAGS}.",
        # YAML takes a bare off for a boolean.
        is_dynamically_typed=True,
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "semantic_camera_topics",
        [""],
        "Where: an image topic for each of image_topics, such as the simulator's where the vehicle "
        "has no semantic camera; empty for <camera>/segmentation/semantic_camera/image.",
        "For example /carla/ego_vehicle/semantic_segmentation_front/image.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "semantic_camera_tags",
        TAG_TABLES[0],
        "Whose tags and colours: carla29 those of CARLA 0.9.14 and later, carla23 of 0.9.10 to "
        "0.9.13, carla13 of older ones.",
        f"One of {', '.join(TAG_TABLES)}.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "nav2_topics",
        False,
        "Whether the first camera's label maps, confidence, overlay and class names are published "
        f"as {', '.join(NAV2_TOPICS.values())} as well, the names of Nav2's tutorial.",
        changeable=Changeable.UNCONFIGURED,
    ),
)


@dataclass(frozen=True)
class OutputTopics:
    """The topics of one camera's outputs.

    Attributes:
        camera: The camera.
        semantic_camera: The image topic of its semantic camera; empty where there is none.
        nav2: Whether some are published under the names of Nav2's tutorial as well.
    """

    camera: CameraTopics
    semantic_camera: str = ""
    nav2: bool = False

    def of(self, output: str) -> list[str]:
        """Return the topics of an output, by its name: `labels`, `masks/lane`."""
        if output == SEMANTIC_CAMERA:
            return [self.semantic_camera]
        names = [self.camera.output(output)]
        if self.nav2 and output in NAV2_TOPICS:
            names.append(NAV2_TOPICS[output])
        return list(dict.fromkeys(names))


@dataclass(frozen=True)
class DropIn:
    """What the parameters of this module mean.

    Attributes:
        semantic_camera: What a semantic camera shows: `PALETTE`, `TAGS`, or `OFF` for none.
        tags: The name of the label set whose tags and colours these are.
        semantic_topics: Its image topic, by the camera's image topic.
        nav2_camera: The image topic of the camera with Nav2's topics; empty for none.
    """

    semantic_camera: str = OFF
    tags: str = TAG_TABLES[0]
    semantic_topics: Mapping[str, str] = field(default_factory=dict)
    nav2_camera: str = ""

    def topics_of(self, camera: CameraTopics) -> OutputTopics:
        """Return the topics of a camera's outputs."""
        semantic_camera = self.semantic_topics.get(camera.image, "")
        return OutputTopics(camera, semantic_camera, nav2=camera.image == self.nav2_camera)

    def semantic_table(self, label_set: LabelSet) -> Uint8Array | None:
        """Return what the semantic camera shows for each class id, `(256, 4)` uint8 BGRA, if any.

        Raises:
            ParameterError: None of the label set's classes is one of CARLA's.
        """
        if self.semantic_camera == OFF:
            return None
        try:
            return prediction_table(self.semantic_camera, label_set, _load(self.tags))
        except NothingInCommon as error:
            raise ParameterError(f"semantic_camera: {error}") from error


def read_drop_in(values: Mapping[str, Any], cameras: Sequence[CameraTopics]) -> DropIn:
    """Return what the parameters' `values` mean.

    Raises:
        ParameterError: One of them is not possible.
    """
    shown = {False: OFF}.get(values["semantic_camera"], values["semantic_camera"])
    semantic_camera = read_choice("semantic_camera", shown, (OFF, PALETTE, TAGS))
    topics = _read_topics(values["semantic_camera_topics"] or [], cameras)
    return DropIn(
        semantic_camera,
        read_choice("semantic_camera_tags", values["semantic_camera_tags"], TAG_TABLES),
        {} if semantic_camera == OFF else topics,
        cameras[0].image if values["nav2_topics"] else "",
    )


def _read_topics(texts: Sequence[str], cameras: Sequence[CameraTopics]) -> dict[str, str]:
    name = "semantic_camera_topics"
    given = list(texts) if any(texts) else [""] * len(cameras)
    if len(given) != len(cameras):
        raise ParameterError(
            f"{name}: has {len(given)} entries, image_topics has {len(cameras)}; give one for each "
            "camera, an empty one for a name of its own"
        )
    taken = {camera.camera for camera in cameras}
    topics = {}
    for camera, text in zip(cameras, given, strict=True):
        topic = text or camera.output(f"{SEMANTIC_CAMERA}/image")
        check_topic(name, topic)
        place = CameraTopics(topic).camera
        if place in taken:
            raise ParameterError(
                f"{name}: {topic!r} would have its camera_info where another camera has it; "
                "give it a place of its own, such as "
                "/carla/ego_vehicle/semantic_segmentation_front/image"
            )
        taken.add(place)
        topics[camera.image] = topic
    return topics


@functools.cache
def _load(label_set: str) -> LabelSet:
    return LabelSet.load(label_set)
