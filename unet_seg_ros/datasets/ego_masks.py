# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of the own car, as users name them: files, one for all cameras or one for each.

A file is a PNG, other than 0 on the own car, or a file of labelme whose regions lie on it, whatever
their labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.labelme import draw_inside
from unet_seg_ros.errors import DataError
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.files import read_label_picture

_LABELME = ".json"


@dataclass(frozen=True)
class EgoMasks:
    """The masks of some cameras.

    Attributes:
        everywhere: That of every camera that has none of its own.
        by_camera: By what a user calls a camera: `rgb_front`, `/carla/hero/rgb_front`, or its image
            topic.
    """

    everywhere: EgoMask | None = None
    by_camera: Mapping[str, EgoMask] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Sequence[str]) -> EgoMasks:
        """Read the files that `texts` name, each as `split_text` has it.

        Raises:
            DataError: A file is no mask, or two are for the same camera.
        """
        masks: dict[str, EgoMask] = {}
        for camera, path in map(split_text, texts):
            if camera in masks:
                whose = f"camera {camera!r}" if camera else "all cameras"
                raise DataError(f"there are two masks for {whose}; give one")
            masks[camera] = read_ego_mask(path)
        return cls(masks.pop("", None), masks)

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.by_camera)

    def of(self, image_topics: Iterable[str]) -> dict[str, EgoMask]:
        """Return the masks of cameras by their image topics; those that have none are left out.

        Raises:
            DataError: There is a mask for a camera that is none of these.
        """
        topics = list(image_topics)
        known = {name for topic in topics for name in _names(topic)}
        if unknown := [name for name in self.by_camera if name not in known]:
            names = ", ".join(_names(topic)[0] for topic in topics)
            raise DataError(f"no camera is called {unknown[0]!r}; there are {names}")
        return {topic: mask for topic in topics if (mask := self.of_camera(topic))}

    def of_camera(self, image_topic: str) -> EgoMask | None:
        """Return the mask of one camera; those of others may be among these."""
        # What names it most exactly counts: others may have the same last part.
        names = reversed(_names(image_topic))
        own = (self.by_camera[name] for name in names if name in self.by_camera)
        return next(own, self.everywhere)


def split_text(text: str) -> tuple[str, Path]:
    """Return the camera, empty for all, and the file that `CAMERA=FILE` or `FILE` name.

    Raises:
        DataError: One of them is missing.
    """
    camera, equals, path = text.partition("=")
    if not equals:
        camera, path = "", text
    if not path or (equals and not camera):
        raise DataError(f"{text!r} names no mask; write FILE or CAMERA=FILE")
    return camera, Path(path).expanduser()


def read_ego_mask(path: Path) -> EgoMask:
    """Read a mask.

    Raises:
        DataError: The file is no PNG and none of labelme, is too large, or marks no own car.
    """
    if path.suffix.lower() == _LABELME:
        return EgoMask(draw_inside(path), str(path))
    pixels = read_label_picture(path)
    colors = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)  # without alpha
    return EgoMask(colors, str(path))


def unknown_inside(labels: Uint8Array, mask: EgoMask) -> Uint8Array:
    """Return a `(H, W)` uint8 label map that is 255 on the own car.

    Raises:
        DataError: The mask does not fit it.
    """
    placed = mask.at((labels.shape[1], labels.shape[0]))
    unknown = labels.copy()
    unknown[placed.rows] |= placed.inside
    return unknown


def _names(image_topic: str) -> tuple[str, str, str]:
    camera = CameraTopics(image_topic).camera.rstrip("/")
    return camera.rpartition("/")[2], camera, image_topic
