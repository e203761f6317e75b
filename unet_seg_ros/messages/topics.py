# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics beside a camera, by their names."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

LABELS = "labels"
COLOR_MASK = "color_mask"
OVERLAY = "overlay"
CONFIDENCE = "confidence"
MASKS = "masks"
OUTPUTS = (LABELS, COLOR_MASK, OVERLAY, CONFIDENCE, MASKS)
# Those that are offered compressed as well.
COMPRESSED_OUTPUTS = (LABELS, COLOR_MASK, OVERLAY)
# The prediction as a picture of CARLA's semantic camera.
SEMANTIC_CAMERA = "semantic_camera"
CAMERA_INFO = "camera_info"
LABEL_INFO = "label_info"
LEGEND = "legend"
LEGEND_IMAGE = "legend_image"

# The names that Nav2's tutorial and its semantic segmentation layer have for them.
NAV2_TOPICS = {
    LABELS: "/segmentation/mask",
    CONFIDENCE: "/segmentation/confidence",
    OVERLAY: "/segmentation/overlay",
    LABEL_INFO: "/segmentation/label_info",
}

DIAGNOSTICS = "/diagnostics"

_COMPRESSED = "/compressed"
# Parts of the names of image topics that show no camera's pictures.
_NO_CAMERA = ("semantic", "segmentation", "depth", "instance", "optical_flow", "dvs")


@dataclass(frozen=True)
class CameraTopics:
    """The topics of the camera that publishes its pictures on `image`.

    A topic whose last part is `compressed` carries sensor_msgs/CompressedImage, as image_transport
    names it; any other carries sensor_msgs/Image.
    """

    image: str

    @property
    def compressed(self) -> bool:
        """Whether the pictures are sensor_msgs/CompressedImage."""
        return self.image.endswith(_COMPRESSED)

    @property
    def camera(self) -> str:
        """The image topic without its last part: `/front` for `/front/image_raw/compressed`."""
        head, slash, _ = self.raw.rpartition("/")
        return head + slash

    @property
    def raw(self) -> str:
        """The topic of the uncompressed pictures: `/front/image_raw`, also of its `/compressed`."""
        return self.image.removesuffix(_COMPRESSED)

    @property
    def camera_info(self) -> str:
        """The camera's own camera_info."""
        return f"{self.camera}{CAMERA_INFO}"

    def output(self, name: str) -> str:
        """Return the topic of an output: `/front/segmentation/masks/lane` for `masks/lane`."""
        return f"{self.camera}segmentation/{name}"

    def labels_among(self, names: Container[str]) -> str:
        """Return which of some topics has the label maps, raw or compressed; "" where none has."""
        raw = self.output(LABELS)
        return next((name for name in (raw, compressed_topic(raw)) if name in names), "")


def mask_output(group: str) -> str:
    """Return the name of the output that is a group's mask: `masks/lane` for `lane`."""
    return f"{MASKS}/{group}"


def compressed_topic(topic: str) -> str:
    """Return the topic of compressed pictures beside that of the raw ones, as image_transport."""
    return topic + _COMPRESSED


def is_output(topic: str) -> bool:
    """Tell by its name whether a topic is one of the segmentation node's beside a camera."""
    return "/segmentation/" in f"/{topic}"


def is_label_map(topic: str) -> bool:
    """Tell by its name whether a topic has label maps, raw or compressed."""
    return f"/{topic.removesuffix(_COMPRESSED)}".endswith(f"/segmentation/{LABELS}")


def is_camera(image_topic: str) -> bool:
    """Tell by its name whether an image topic shows a camera's pictures, not masks or depths."""
    return not any(part in image_topic for part in _NO_CAMERA)
