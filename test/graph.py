# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small ROS graph for tests: nodes on one executor, spun by the test until something is so.

    with Graph() as graph:
        node = graph.add(SegmentationNode(context=graph.context))
        masks = graph.collect(Image, "/camera/segmentation/labels")
        graph.spin_until(lambda: masks, "a label map")

Nothing here sleeps: `spin_until` works callbacks off until its condition holds, and fails the test
with a sentence when the deadline passes.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from unet_seg_ros.ros.domain import free_domain_id

# Longer than Fast DDS takes (20 s) to forget a half-found participant and find it again.
DEADLINE_S = 50.0
TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}
GOALS = {
    "configure": "inactive",
    "activate": "active",
    "deactivate": "inactive",
    "cleanup": "unconfigured",
}
STATES = {
    State.PRIMARY_STATE_UNCONFIGURED: "unconfigured",
    State.PRIMARY_STATE_INACTIVE: "inactive",
    State.PRIMARY_STATE_ACTIVE: "active",
    State.PRIMARY_STATE_FINALIZED: "finalized",
}

_recent_domain_ids: deque[int] = deque(maxlen=40)

AnyNode = TypeVar("AnyNode", bound=Node)


def reliable(depth: int = 50) -> QoSProfile:
    """Return a profile that loses nothing while a test looks elsewhere."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE)


def latched() -> QoSProfile:
    """Return a profile that gets what was published before it came."""
    return QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def unused_domain_id() -> int:
    """Return a domain id that no graph of the last seconds had.

    A participant that comes while others leave its domain sometimes keeps a half of them, and then
    waits for services until they expire, 20 s later (seen with Fast DDS 3.2, 1 in 50).
    """
    while (domain_id := free_domain_id()) in _recent_domain_ids:
        pass
    _recent_domain_ids.append(domain_id)
    return domain_id


class Graph:
    """A domain and context of its own, an executor, and the test's node `graph.node`.

    With the domain of another graph it is another process to that one.
    """

    def __init__(self, domain_id: int | None = None) -> None:
        self.domain_id = unused_domain_id() if domain_id is None else domain_id
        self.context = Context()
        rclpy.init(context=self.context, domain_id=self.domain_id)
        self.executor = SingleThreadedExecutor(context=self.context)
        self._nodes: list[Node] = []
        self.node = self.add(Node("test", context=self.context))

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.shutdown()
        for node in self._nodes:
            node.destroy_node()
        rclpy.shutdown(context=self.context)

    def add(self, node: AnyNode) -> AnyNode:
        """Spin `node` with the others; it is destroyed with the graph."""
        self.executor.add_node(node)
        self._nodes.append(node)
        return node

    def spin_until(
        self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S
    ) -> None:
        """Work callbacks off until `condition()` is true; fail with `what` after the deadline."""
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {deadline_s:g} s in vain for {what}")
            # The short timeout is for conditions that another thread makes true.
            self.executor.spin_once(timeout_sec=0.02)

    def collect(
        self, message_type: type, topic: str, qos: QoSProfile | None = None, raw: bool = False
    ) -> list[Any]:
        """Subscribe and return the list that every message on `topic` is appended to."""
        messages: list[Any] = []
        self.node.create_subscription(
            message_type, topic, messages.append, qos or reliable(), raw=raw
        )
        return messages

    def publisher(
        self, message_type: type, topic: str, qos: QoSProfile | None = None, matched: bool = True
    ) -> Publisher:
        """Create a publisher and wait until somebody listens to it (unless `matched` is false)."""
        publisher = self.node.create_publisher(message_type, topic, qos or reliable())
        if matched:
            self.spin_until(publisher.get_subscription_count, f"a subscriber of {topic}")
        return publisher

    def listened(self, node: Node, topic: str) -> None:
        """Wait until the publisher of `node` on `topic` has found its subscriber."""
        publisher = next(item for item in node.publishers if item.topic_name == topic)
        self.spin_until(publisher.get_subscription_count, f"a subscriber of {topic}")

    @contextlib.contextmanager
    def _client(self, service_type: type, service: str) -> Iterator[Any]:
        """Yield a client of a service that is there."""
        client = self.node.create_client(service_type, service)
        try:
            self.spin_until(client.service_is_ready, f"the service {service}")
            yield client
        finally:
            self.node.destroy_client(client)

    def call(self, service_type: type, service: str, request: Any) -> Any:
        """Call a service and return its response."""
        with self._client(service_type, service) as client:
            future = client.call_async(request)
            self.spin_until(future.done, f"an answer of {service}", deadline_s=90)
            return future.result()

    def transition(self, node_name: str, transition: str) -> bool:
        """Ask a managed node for a transition, as `ros2 lifecycle set` does; return its success."""
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[transition]))
        with self._client(ChangeState, f"{node_name}/change_state") as client:
            future = client.call_async(request)
            end = time.monotonic() + DEADLINE_S
            self.spin_until(
                lambda: future.done() or time.monotonic() > end, "an answer", deadline_s=90
            )
        # The answer may have been lost while the nodes found each other; the state tells.
        if future.done():
            return bool(future.result().success)
        return self.state(node_name) == GOALS[transition]

    def state(self, node_name: str) -> str:
        """Return the state of a managed node."""
        futures: list[Any] = []
        with self._client(GetState, f"{node_name}/get_state") as client:
            asked_s = time.monotonic()

            def is_answered() -> bool:
                # A node may answer before it has found the asker, who then has to ask again.
                if time.monotonic() > asked_s + 5 * len(futures):
                    futures.append(client.call_async(GetState.Request()))
                return any(future.done() for future in futures)

            self.spin_until(is_answered, f"the state of {node_name}", deadline_s=90)
        answer = next(future.result() for future in futures if future.done())
        return STATES[answer.current_state.id]

    def set_parameters(self, node_name: str, values: Mapping[str, Any]) -> SetParametersResult:
        """Set parameters one after the other as `ros2 param set` does; return the last result."""
        parameters = [Parameter(name, value=value) for name, value in values.items()]
        request = SetParameters.Request(parameters=[item.to_parameter_msg() for item in parameters])
        return self.call(SetParameters, f"{node_name}/set_parameters", request).results[-1]
