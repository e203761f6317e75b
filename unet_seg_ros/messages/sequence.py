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
    publisher from Kilted on; before that, messages are only counted where there is one publisher.
    """

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}

    def missed_before(self, info: Mapping[str, Any], has_one_publisher: bool = False) -> int:
        """Return how many messages of its publisher are missing before the one with this `info`.

        Args:
            info: What rclpy hands a subscription's callback beside the message.
            has_one_publisher: Whether the topic is known to have no more than one publisher.
        """
        publisher, number = info.get("publisher_gid"), info["publication_sequence_number"]
        if number is None or not (publisher or has_one_publisher):
            return 0
        number = int(number)
        name = publisher["data"] if publisher else b""
        if len(self._last) >= _MAX_PUBLISHERS:
            self._last.clear()
        # The first message begins the count: a publisher may have published before we came.
        last = self._last.get(name, number - 1)
        self._last[name] = number
        return max(0, number - last - 1)

    def knows(self, info: Mapping[str, Any]) -> bool:
        """Tell whether messages of the publisher of the one with this `info` have been counted."""
        publisher = info.get("publisher_gid")
        return publisher is not None and publisher["data"] in self._last
