# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How restless label maps are: pixels whose class changes where the picture does not."""

from __future__ import annotations

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.evaluation.metrics import ratio
from unet_seg_ros.labels.label_set import UNKNOWN_ID

# Grey values: what noise and compression change of a picture in which nothing moves.
_STILL = 3
_BLUR = (5, 5)


class FlickerCounts:
    """Pixels of pictures that follow each other.

    A pixel is still where the blurred grey picture differs by at most three values from the one
    before. Truth is not needed. Pixels without a class in both pictures, such as those of the own
    car, count nowhere.

    Attributes:
        still_px: Pixels that were still.
        changed_px: Those of them whose class changed.
    """

    def __init__(self) -> None:
        self.still_px = 0
        self.changed_px = 0
        self._last: dict[str, tuple[Uint8Array, Uint8Array]] = {}

    def update(
        self, image: Uint8Array, labels: Uint8Array, follows: bool, camera: str = ""
    ) -> None:
        """Count one frame.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            labels: `(H, W)` uint8, what the network said.
            follows: Whether the picture before in this drive was the one of the last call.
            camera: The one of the drive that took it.
        """
        grey = cv2.blur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), _BLUR).astype(np.uint8, copy=False)
        if not follows:
            self._last.clear()
        last_grey, last = self._last.get(camera, (None, labels))
        if last_grey is not None and last_grey.shape == grey.shape:
            has_class = (labels != UNKNOWN_ID) | (last != UNKNOWN_ID)
            still = (cv2.absdiff(grey, last_grey) <= _STILL) & has_class
            self.still_px += int(np.count_nonzero(still))
            self.changed_px += int(np.count_nonzero(still & (labels != last)))
        self._last[camera] = grey, labels.copy()

    def share(self) -> float:
        """Return the share of still pixels whose class changed; NaN where nothing followed."""
        return ratio(self.changed_px, self.still_px)
