# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node that watches the others: what they report, who listens to whom."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String

from unet_seg_ros.messages import topics
from unet_seg_ros.ros import qos

_POLL_S = 0.1


class Monitor:
    """Spins a node of its own, in the calling thread, while somebody waits for something.

    Attributes:
        diagnostics: The latest values of every status on /diagnostics, by the status's name.
        score: The latest report of the evaluation node; empty before the first.
    """

    def __init__(self) -> None:
        self.diagnostics: dict[str, dict[str, str]] = {}
        self.score: dict[str, Any] = {}
        rclpy.init()
        self._node = Node("demo")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._node.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._keep_diagnostics, 10
        )
        self._node.create_subscription(String, "/evaluation/score", self._keep_score, qos.latched())

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()

    def wait_for(
        self, condition: Callable[[], bool], what: str, timeout_s: float, check: Callable[[], None]
    ) -> None:
        """Spin until `condition()` is true.

        Args:
            condition: What to wait for.
            what: Its name, for the error.
            timeout_s: How long to wait.
            check: Called again and again; raises what is to end the waiting.

        Raises:
            TimeoutError: it did not become true in time.
        """
        end = time.monotonic() + timeout_s
        while not condition():
            check()
            if time.monotonic() > end:
                raise TimeoutError(f"waited {timeout_s:.0f} s in vain for {what}")
            self._executor.spin_once(timeout_sec=_POLL_S)

    def forget(self) -> None:
        """Forget all reports, so that what there is to see has come since."""
        self.diagnostics.clear()
        self.score = {}

    def listeners(self, topic: str) -> int:
        """Return how many subscriptions `topic` has."""
        return int(self._node.count_subscribers(topic))

    def set_parameter(
        self, node_name: str, name: str, value: Any, timeout_s: float, check: Callable[[], None]
    ) -> None:
        """Set a parameter of another node.

        Raises:
            TimeoutError: the node does not answer.
            ValueError: the node refuses the value.
        """
        client: Client = self._node.create_client(SetParameters, f"{node_name}/set_parameters")
        self.wait_for(client.service_is_ready, f"{node_name}", timeout_s, check)
        parameter = Parameter(name, value=value).to_parameter_msg()
        answer = client.call_async(SetParameters.Request(parameters=[parameter]))
        self.wait_for(answer.done, f"an answer of {node_name}", timeout_s, check)
        response = answer.result()
        assert response, "a future that is done has a result"
        result = response.results[0]
        if not result.successful:
            raise ValueError(f"{node_name} refuses {name} = {value}: {result.reason}")

    def _keep_diagnostics(self, report: DiagnosticArray) -> None:
        for item in report.status:
            self.diagnostics[item.name] = {pair.key: pair.value for pair in item.values}

    def _keep_score(self, message: String) -> None:
        self.score = json.loads(message.data)
