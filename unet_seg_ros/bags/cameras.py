# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras in a bag: which topics they are, and their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unet_seg_ros.bags.writer import BagError, Topic
from unet_seg_ros.messages.images import COMPRESSED_IMAGE, IMAGE, Image, read_any_image
from unet_seg_ros.messages.topics import CameraTopics, is_camera, is_output
from unet_seg_ros.pictures.files import MAX_PIXELS

_SEMANTIC = "semantic"
# How carla_ros_bridge calls cameras that stand at one place.
_SEMANTIC_CAMERA, _RGB_CAMERA = "semantic_segmentation", "rgb"
# image_transport's plugins that publish sensor_msgs/CompressedImage, but no JPEG or PNG.
_FOREIGN_TRANSPORTS = frozenset({"compressedDepth", "zstd", "theora", "ffmpeg", "avif", "h264"})


def choose_cameras(topics: Mapping[str, Topic], wanted: Sequence[str] = ()) -> list[CameraTopics]:
    """Return the cameras among the topics of a bag.

    Args:
        topics: By name, those that have messages.
        wanted: The image topics to take. Without, all but masks, semantic and depth cameras; where
            a camera has raw and compressed pictures, the raw ones.

    Raises:
        BagError: There are none, a wanted one is no such image topic, or the masks of two
            would have the same topics.
    """
    names = list(dict.fromkeys(_existing(topics, wanted))) or camera_topics(topics)
    if not names:
        raise BagError(
            "no camera among the image topics, "
            f"{', '.join(_images(topics)) or 'of which there are none'}; name one with --camera"
        )
    by_place: dict[str, CameraTopics] = {}
    for item in map(CameraTopics, names):
        other = by_place.setdefault(item.camera, item)
        if other is not item:
            raise BagError(
                f"{other.image} and {item.image} are of one camera, and their masks would have "
                "the same topics; name the one to take with --camera"
            )
    return list(by_place.values())


def pair_cameras(topics: Mapping[str, Topic], wanted: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return the image topics of cameras, each with that of the semantic camera at its place.

    Args:
        topics: By name, those that have messages.
        wanted: The cameras to take, `TOPIC` or `TOPIC:SEMANTIC_TOPIC`; without, all of which the
            names tell that a semantic camera stands at their place, or the only one.

    Raises:
        BagError: There are none, or it cannot be told which belong together.
    """
    cameras, semantics = camera_topics(topics), _semantics(topics)
    if wanted:
        # Each once: its pictures would come twice under one name.
        return list(dict.fromkeys(_wanted_pair(topics, text, semantics) for text in wanted))
    pairs = [(name, twin) for name in cameras if (twin := _semantic_beside(name, semantics))]
    if not pairs and len(semantics) == len(cameras) == 1:
        pairs = [(cameras[0], semantics[0])]
    if not pairs:
        raise BagError(
            f"cannot tell which cameras belong together: {', '.join(cameras) or 'no camera'} and "
            f"{', '.join(semantics) or 'no semantic camera'}; .../{_RGB_CAMERA}_front/image and "
            f".../{_SEMANTIC_CAMERA}_front/image would, or name them with --camera "
            "(in a data spec cameras=): CAMERA_TOPIC:SEMANTIC_TOPIC"
        )
    return pairs


def camera_topics(topics: Mapping[str, Topic]) -> list[str]:
    """Return the image topics of cameras, of each the raw one where there is one."""
    names = [name for name in _images(topics) if is_camera(name) and not is_foreign(name)]
    cameras = [CameraTopics(name) for name in names]
    return [item.image for item in cameras if not item.compressed or item.raw not in names]


def passed_over(topics: Mapping[str, Topic]) -> list[str]:
    """Return a sentence about each topic with pictures in a form that is not read here."""
    return [
        f"{name} has pictures of a transport that is not read here: it is passed over"
        for name, topic in topics.items()
        if topic.type_name == COMPRESSED_IMAGE and is_foreign(name)
    ]


def is_foreign(name: str) -> bool:
    """Tell by its name whether a CompressedImage topic is of a plugin other than `compressed`."""
    return name.rpartition("/")[2] in _FOREIGN_TRANSPORTS


def _wanted_pair(
    topics: Mapping[str, Topic], text: str, semantics: Sequence[str]
) -> tuple[str, str]:
    name, _, twin = text.partition(":")
    _existing(topics, [name, twin] if twin else [name])
    only = semantics[0] if len(semantics) == 1 else ""
    twin = twin or _semantic_beside(name, semantics) or only
    if not twin:
        raise BagError(
            f"cannot tell which semantic camera belongs to {name}: "
            f"{', '.join(semantics) or 'there is none'}; name it with --camera (in a data spec "
            f"cameras=): {name}:SEMANTIC_TOPIC"
        )
    return name, twin


def _images(topics: Mapping[str, Topic]) -> list[str]:
    return [name for name, topic in topics.items() if is_image(topic)]


def _semantics(topics: Mapping[str, Topic]) -> list[str]:
    """Return the topics of semantic cameras; JPEG would have mixed their classes.

    Not those that show the prediction: it would be scored against itself.
    """
    return [
        name
        for name, topic in topics.items()
        if topic.type_name == IMAGE and _SEMANTIC in name and not is_output(name)
    ]


def _semantic_beside(name: str, semantics: Sequence[str]) -> str:
    raw = CameraTopics(name).raw
    beside = (item for item in semantics if item.replace(_SEMANTIC_CAMERA, _RGB_CAMERA) == raw)
    return next(beside, "")


def _existing(topics: Mapping[str, Topic], wanted: Sequence[str]) -> Sequence[str]:
    images = _images(topics)
    if missing := set(wanted) - set(images):
        raise BagError(
            f"{', '.join(sorted(missing))}: no image topic with messages in the bag; it has "
            f"{', '.join(images) or 'none'}"
        )
    return wanted


def is_image(topic: Topic) -> bool:
    """Tell whether a topic has pictures, raw or compressed."""
    return topic.type_name in (IMAGE, COMPRESSED_IMAGE)


def read_picture(topic: Topic, data: bytes, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture that a message of an image topic holds.

    Raises:
        BadImage: It holds none of at most `max_pixels` pixels.
    """
    return read_any_image(data, max_pixels, compressed=topic.type_name == COMPRESSED_IMAGE)
