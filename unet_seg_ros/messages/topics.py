# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics beside a camera: their names, the pictures on them, the encodings of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.frames import Segmentation

LABELS = "labels"
COLOR_MASK = "color_mask"
OVERLAY = "overlay"
CONFIDENCE = "confidence"
MASKS = "masks"
OUTPUTS = (LABELS, COLOR_MASK, OVERLAY, CONFIDENCE, MASKS)
CAMERA_INFO = "camera_info"
LABEL_INFO = "label_info"
LEGEND = "legend"
LEGEND_IMAGE = "legend_image"

ENCODINGS = {
    LABELS: "mono8",
    COLOR_MASK: "rgb8",
    OVERLAY: "rgb8",
    CONFIDENCE: "mono8",
    MASKS: "mono8",
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
        """Return the topic of an output: `/front/segmentation/labels` for `labels`."""
        return f"{self.camera}segmentation/{name}"

    def mask(self, group: str) -> str:
        """Return the topic of a group's mask: `/front/segmentation/masks/lane` for `lane`."""
        return self.output(f"{MASKS}/{group}")


@dataclass(frozen=True)
class Picture:
    """One of the pictures that the network's answer holds, and the topic that it goes to."""

    topic: str
    pixels: Uint8Array
    encoding: str


def pictures_of(camera: CameraTopics, segmentation: Segmentation) -> Iterator[Picture]:
    """Yield every picture that `segmentation` holds, with its topic and encoding."""
    pixels = {
        LABELS: segmentation.labels,
        COLOR_MASK: segmentation.color_mask,
        OVERLAY: segmentation.overlay,
        CONFIDENCE: segmentation.confidence,
    }
    for output, picture in pixels.items():
        if picture is not None:
            yield Picture(camera.output(output), picture, ENCODINGS[output])
    for group, mask in segmentation.group_masks.items():
        yield Picture(camera.mask(group), mask, ENCODINGS[MASKS])


def is_camera(image_topic: str) -> bool:
    """Tell by its name whether an image topic shows a camera's pictures, not masks or depths."""
    return not any(part in image_topic for part in _NO_CAMERA)
