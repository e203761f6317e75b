# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The names of the topics beside a camera and the encodings of the pictures on them."""

from __future__ import annotations

from dataclasses import dataclass

LABELS = "labels"
COLOR_MASK = "color_mask"
OVERLAY = "overlay"
CONFIDENCE = "confidence"
MASKS = "masks"
OUTPUTS = (LABELS, COLOR_MASK, OVERLAY, CONFIDENCE, MASKS)
CAMERA_INFO = "camera_info"
LABEL_INFO = "label_info"
LEGEND = "legend"

ENCODINGS = {
    LABELS: "mono8",
    COLOR_MASK: "rgb8",
    OVERLAY: "rgb8",
    CONFIDENCE: "mono8",
    MASKS: "mono8",
}

DIAGNOSTICS = "/diagnostics"

_COMPRESSED = "/compressed"


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
        head, slash, _ = self.image.removesuffix(_COMPRESSED).rpartition("/")
        return head + slash

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
