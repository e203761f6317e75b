# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How fast pictures are learnt from."""

from __future__ import annotations

import time


class Speed:
    """Counts pictures a second from one `restart` to the next."""

    def __init__(self) -> None:
        self._pictures = 0
        self._begin = time.monotonic()

    def add(self, pictures: int) -> None:
        """Count pictures."""
        self._pictures += pictures

    def restart(self) -> float:
        """Return the pictures a second since the last restart."""
        now = time.monotonic()
        pictures_per_s = self._pictures / (now - self._begin)
        self._begin, self._pictures = now, 0
        return pictures_per_s
