# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Topics whose publishers send another message type than a node subscribes with.

The middleware never connects the two and says nothing: the node would wait for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node


class TypeWatch:
    """Compares what a node subscribes to with what is published there, and logs what differs once.

    Args:
        node: The node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._logged: set[str] = set()

    def problems(self) -> dict[str, str]:
        """Return a sentence about each topic that has a publisher of another type, by topic."""
        found = {}
        for subscription in self._node.subscriptions:
            expected = _type_name(subscription.msg_type)
            topic = subscription.topic_name
            publishers = self._node.get_publishers_info_by_topic(topic)
            others = sorted({item.topic_type for item in publishers} - {expected})
            if others:
                found[topic] = (
                    f"{topic} is published as {' and '.join(others)}, but {expected} is expected "
                    "here: such messages are not received"
                )
        for sentence in found.values():
            if sentence not in self._logged:
                self._logged.add(sentence)
                self._node.get_logger().warning(sentence)
        return found


def published_type(node: Node, topic: str, type_names: Sequence[str]) -> str:
    """Return the type that a topic is published as, of those that its publishers and others name.

    Whoever subscribes with a wrong type names that one as well.
    """
    if len(type_names) == 1:
        return type_names[0]
    published = {item.topic_type for item in node.get_publishers_info_by_topic(topic)}
    return next((name for name in type_names if name in published), type_names[0])


def _type_name(message_type: type) -> str:
    package, kind, *_ = message_type.__module__.split(".")
    return f"{package}/{kind}/{message_type.__name__}"
