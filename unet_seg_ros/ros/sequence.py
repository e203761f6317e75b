# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that a subscription never saw, told by the gaps in their publishers' counting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_PUBLISHERS = 64


class SequenceGaps:
    """Counts what the middleware lost or overwrote on one topic, publisher by publisher.

    A best-effort subscription of depth 1 loses messages without a word. rclpy names a message's
    publisher from Kilted on; before that, nothing is counted.
    """

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}

    def missed_before(self, info: Mapping[str, Any]) -> int:
        """Return how many messages of its publisher are missing before the one with this `info`.

        Args:
            info: What rclpy hands a subscription's callback beside the message.
        """
        publisher = info.get("publisher_gid")
        if not publisher:
            return 0
        number = int(info["publication_sequence_number"])
        if len(self._last) >= _MAX_PUBLISHERS:
            self._last.clear()
        # The first message begins the count: a publisher may have published before we came.
        last = self._last.get(publisher["data"], number - 1)
        self._last[publisher["data"]] = number
        return max(0, number - last - 1)
