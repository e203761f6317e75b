# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shows what the segmentation node does, live, in a browser.

    ros2 run unet_seg_ros viewer_node

Finds every camera that has label maps beside its pictures. `unet-seg view` is the same.

Only the newest frame of each camera waits to be shown, and the subscriptions are best effort: a
browser that is slow or gone costs the view frames and the segmentation node nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node, NodeNameNonExistentError
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from unet_seg_ros.messages import topics
from unet_seg_ros.messages.definitions import message_class
from unet_seg_ros.nodes.slots import NewestFrames
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.parameters import MAX_IMAGE_PIXELS, ParameterSpec, declare
from unet_seg_ros.ros.run import run
from unet_seg_ros.ros.type_watch import TypeWatch, published_type
from unet_seg_ros.view import ViewError, require_rerun

if TYPE_CHECKING:  # Rerun need not be installed
    from unet_seg_ros.view.feed import Task

NODE_NAME = "viewer"

PARAMETERS = (
    ParameterSpec(
        "bind",
        "127.0.0.1",
        "The address to listen on; 0.0.0.0 for all of this machine, which lets everybody in the "
        "network look.",
    ),
    ParameterSpec(
        "port",
        9090,
        "The port of the web page.",
        range=(1, 65535),
    ),
    ParameterSpec(
        "grpc_port",
        9876,
        "The port that the page fetches pictures from.",
        range=(1, 65535),
    ),
    ParameterSpec(
        "memory_limit",
        "1GiB",
        "How much of the drive is kept for browsers that come later; beyond it the oldest is "
        "forgotten.",
        "For example 500MB, 4GiB, 25%.",
    ),
    ParameterSpec(
        "confidence",
        True,
        "Whether confidence is shown; the network computes it only if somebody listens.",
    ),
    MAX_IMAGE_PIXELS,
)

DISCOVERY_PERIOD_S = 1.0
THROTTLE_S = 1.0
GRACE_S = 2.0


class ViewerNode(Node):
    """Subscribes to everything that can be shown as soon as somebody publishes it.

    Raises:
        ParameterError: a parameter has an impossible value.
        ViewError: Rerun is missing or its server does not start, or, later, has ended.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(NODE_NAME, **kwargs)
        require_rerun()
        from unet_seg_ros.view.drive_log import DriveLog
        from unet_seg_ros.view.feed import Feed
        from unet_seg_ros.view.server import ServerOptions, ViewServer

        values = declare(self, PARAMETERS)
        self._server = ViewServer(
            ServerOptions(
                values["bind"], values["port"], values["grpc_port"], values["memory_limit"]
            )
        )
        self._types = TypeWatch(self)
        self._log = DriveLog(self._server.connect)
        self._feed = Feed(self._log, values["max_image_pixels"], values["confidence"])
        self._listening: dict[str, Subscription] = {}  # by topic
        self._tasks: NewestFrames[Task] = NewestFrames()
        self._worker = threading.Thread(target=self._work, name="view", daemon=True)
        self._worker.start()
        # Simulation time may stand still; cameras are found all the same.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady)
        self.get_logger().info(f"open {self._server.url} in a browser")

    def destroy_node(self) -> None:
        """End the server, then destroy the node."""
        self._tasks.close()
        self._worker.join(GRACE_S)  # it may be waiting for a browser
        self._server.close()
        super().destroy_node()

    def _discover(self) -> None:
        self._server.check()
        self._types.problems()  # logs them
        types = {
            name: published_type(self, name, types)
            for name, types in self.get_topic_names_and_types()
        }
        for name in self._feed.add_topics(types, self._segmented(types)):
            take = partial(self._take, name)
            message_type = message_class(types[name])
            self._listening[name] = self.create_subscription(
                message_type, name, take, _qos(types[name]), raw=True
            )
            self.get_logger().info(f"showing {name}")
        for name in self._listening.keys() - self._feed.topics:
            self.destroy_subscription(self._listening.pop(name))
            self.get_logger().info(f"no longer showing {name}: the label maps are not of it")

    def _segmented(self, types: Mapping[str, str]) -> set[str]:
        """Return what those nodes listen to that publish label maps."""
        found: set[str] = set()
        for name in filter(topics.is_label_map, types):
            for publisher in self.get_publishers_info_by_topic(name):
                node = publisher.node_name, publisher.node_namespace
                with contextlib.suppress(NodeNameNonExistentError):  # it is not known yet
                    listened_to = self.get_subscriber_names_and_types_by_node(*node)
                    found.update(topic for topic, _ in listened_to)
        return found

    def _take(self, topic: str, data: bytes) -> None:
        try:
            for task in self._feed.take(topic, data):
                self._tasks.put(task.key, task)
        # A message that breaks something costs that message, here and below.
        except Exception as error:
            self._warn(topic, error)

    def _work(self) -> None:
        while tasks := self._tasks.take(limit=1):
            for key, task in tasks.items():
                try:
                    task.run()
                except Exception as error:
                    self._warn(key, error)
        self._log.close()

    def _warn(self, what: str, error: Exception) -> None:
        self.get_logger().warning(f"{what}: not shown: {error}", throttle_duration_sec=THROTTLE_S)


def _qos(type_name: str) -> QoSProfile:
    from unet_seg_ros.view.feed import DIAGNOSTIC_ARRAY, STRING

    if type_name == STRING:  # legends and scores
        return qos.latched()
    if type_name == DIAGNOSTIC_ARRAY:
        return QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    return qos.newest_only()


def main(arguments: list[str] | None = None) -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    return run(NODE_NAME, ViewerNode, arguments, expected_errors=(ViewError,))
