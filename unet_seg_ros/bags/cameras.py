# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras in a bag: which topics they are, and their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unet_seg_ros.bags.writer import BagError, Topic
from unet_seg_ros.messages.images import COMPRESSED_IMAGE, IMAGE, Image, read_any_image
from unet_seg_ros.messages.topics import CameraTopics, is_camera
from unet_seg_ros.pictures.files import MAX_PIXELS


def choose_cameras(topics: Mapping[str, Topic], wanted: Sequence[str] = ()) -> list[CameraTopics]:
    """Return the cameras among the topics of a bag.

    Args:
        topics: By name.
        wanted: The image topics to take. Without, all but masks, semantic and depth cameras; where
            a camera has raw and compressed pictures, the raw ones.

    Raises:
        BagError: There are none, a wanted one is no image topic of the bag, or the masks of two
            would have the same topics.
    """
    images = [name for name, topic in topics.items() if is_image(topic)]
    if missing := set(wanted) - set(images):
        raise BagError(
            f"{', '.join(sorted(missing))}: no image topic of the bag; it has "
            f"{', '.join(images) or 'none'}"
        )
    names = list(dict.fromkeys(wanted)) or [name for name in images if is_camera(name)]
    chosen = [CameraTopics(name) for name in names]
    if not wanted:
        chosen = [item for item in chosen if not item.compressed or item.raw not in names]
    if not chosen:
        raise BagError(
            f"no camera among the image topics, {', '.join(images) or 'of which there are none'}; "
            "name those to take"
        )
    by_place: dict[str, CameraTopics] = {}
    for item in chosen:
        other = by_place.setdefault(item.camera, item)
        if other is not item:
            raise BagError(
                f"{other.image} and {item.image} are of one camera, and their masks would have "
                "the same topics; name the one to take"
            )
    return chosen


def is_image(topic: Topic) -> bool:
    """Tell whether a topic has pictures, raw or compressed."""
    return topic.type_name in (IMAGE, COMPRESSED_IMAGE)


def read_picture(topic: Topic, data: bytes, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture that a message of an image topic holds.

    Raises:
        BadImage: It holds none of at most `max_pixels` pixels.
    """
    return read_any_image(data, max_pixels, compressed=topic.type_name == COMPRESSED_IMAGE)
