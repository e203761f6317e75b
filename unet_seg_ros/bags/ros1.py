# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a ROS 2 bag says about the topics of a ROS 1 bag, and how their messages are serialized."""

from __future__ import annotations

from collections.abc import Iterable

from rosbags.interfaces import Connection, ConnectionExtRosbag1
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from unet_seg_ros.bags.qos import LATCHED
from unet_seg_ros.bags.writer import Topic

_HEADER = "std_msgs/msg/Header"


class Ros1Types:
    """The message types of a ROS 1 bag, with the header of ROS 2, which has no sequence number."""

    def __init__(self, connections: Iterable[Connection]) -> None:
        self._store: Typestore = get_typestore(Stores.EMPTY)
        types = {}
        for connection in connections:
            types.update(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        types[_HEADER] = get_typestore(Stores.LATEST).fielddefs[_HEADER]
        self._store.register(types)

    def topic(self, connection: Connection) -> Topic:
        """Return what a ROS 2 bag says about the topic of a connection."""
        type_name = connection.msgtype
        text, _ = self._store.generate_msgdef(type_name, ros_version=2)
        assert isinstance(connection.ext, ConnectionExtRosbag1)
        offered_qos = [LATCHED] if connection.ext.latching else []
        digest = self._store.hash_rihs01(type_name)
        return Topic(connection.topic, type_name, text, digest, offered_qos)

    def to_cdr(self, data: bytes, type_name: str) -> bytes:
        """Return a message of ROS 1 as ROS 2 serializes it."""
        return bytes(self._store.ros1_to_cdr(data, type_name))
