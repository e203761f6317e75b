# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics in the place of others: of the simulator's semantic camera, and of Nav2's tutorial.

Nodes that were written against these run unchanged on what the network says.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.semantic import PALETTE, TAGS, NothingInCommon, prediction_table
from unet_seg_ros.messages.topics import NAV2_TOPICS, SEMANTIC_CAMERA, CameraTopics
from unet_seg_ros.ros.parameters import (
    Changeable,
    ParameterError,
    ParameterSpec,
    as_word,
    check_topic,
    read_choice,
)

OFF = "off"
# The label sets of CARLA, by which the tags and colours of its versions are known.
TAG_TABLES = ("carla29", "carla23", "carla13")
_TOPICS = "semantic_camera_topics"

DROP_IN_PARAMETERS = (
    ParameterSpec(
        "semantic_camera",
        OFF,
        "Whether the prediction is published as pictures of CARLA's semantic camera as well, bgra8 "
        "with camera_info beside: in CARLA's colours, as carla_ros_bridge has them, or with the "
        "tag in the red channel, as CARLA's own ROS 2 interface.",
        f"One of {OFF}, {PALETTE}, {TAGS}.",
        is_dynamically_typed=True,  # see as_word
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        _TOPICS,
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
        semantic_topics: Its image topic, for each camera; empty for one beside the camera.
        tags: The name of the label set whose tags and colours these are.
        nav2: Whether the first camera has Nav2's topics as well.
    """

    semantic_camera: str
    semantic_topics: tuple[str, ...]
    tags: str
    nav2: bool

    def topics_of(self, cameras: Sequence[CameraTopics]) -> list[OutputTopics]:
        """Return the topics of each camera's outputs.

        Raises:
            ParameterError: The semantic cameras' topics do not fit the cameras.
        """
        semantic = [""] * len(cameras) if self.semantic_camera == OFF else self._semantic(cameras)
        return [
            OutputTopics(camera, topic, nav2=self.nav2 and camera is cameras[0])
            for camera, topic in zip(cameras, semantic, strict=True)
        ]

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

    def _semantic(self, cameras: Sequence[CameraTopics]) -> list[str]:
        given = self.semantic_topics if any(self.semantic_topics) else [""] * len(cameras)
        if len(given) != len(cameras):
            raise ParameterError(
                f"{_TOPICS}: has {len(given)} entries, image_topics has {len(cameras)}; give one "
                "for each camera, an empty one for a name of its own"
            )
        taken = {camera.camera for camera in cameras}
        topics = []
        for camera, text in zip(cameras, given, strict=True):
            topic = text or camera.output(f"{SEMANTIC_CAMERA}/image")
            place = CameraTopics(topic).camera
            if place in taken:
                raise ParameterError(
                    f"{_TOPICS}: {topic!r} would have its camera_info where another camera has it; "
                    "give it a place of its own, such as "
                    "/carla/ego_vehicle/semantic_segmentation_front/image"
                )
            taken.add(place)
            topics.append(topic)
        return topics


def read_drop_in(values: Mapping[str, Any]) -> DropIn:
    """Return what the parameters' `values` mean.

    Raises:
        ParameterError: One of them is not possible.
    """
    topics = tuple(values[_TOPICS] or ())
    for topic in filter(None, topics):
        check_topic(_TOPICS, topic)
    return DropIn(
        semantic_camera=read_choice(
            "semantic_camera", as_word(values["semantic_camera"]), (OFF, PALETTE, TAGS)
        ),
        semantic_topics=topics,
        tags=read_choice("semantic_camera_tags", values["semantic_camera_tags"], TAG_TABLES),
        nav2=values["nav2_topics"],
    )


@functools.cache
def _load(label_set: str) -> LabelSet:
    return LabelSet.load(label_set)
