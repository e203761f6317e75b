# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one node as a process."""

from __future__ import annotations

import signal
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node

from unet_seg_ros.ros.middleware import prepare_for_pictures
from unet_seg_ros.ros.parameters import ParameterError


def run(
    make_node: Callable[[], Node],
    arguments: list[str] | None = None,
    expected_errors: tuple[type[Exception], ...] = (),
) -> int:
    """Spin a node until Ctrl-C or SIGTERM and return the exit status.

    A node that has something to finish overrides `destroy_node`.

    Args:
        make_node: Called once ROS is initialised.
        arguments: The command line; by default the process's own.
        expected_errors: What the node, at any time, raises when it cannot go on, with a message
            that a person understands. That, or the reason why a parameter is refused, is logged as
            one sentence; the exit status is 1.
    """
    # Ctrl-C, like SIGTERM, shuts the context down (rclpy sees to that), which ends the spinning.
    # Python's own handler would also raise an exception at whatever line is running.
    signal.signal(signal.SIGINT, lambda *_: None)
    reasons: tuple[type[Exception], ...] = (ParameterError, ParameterException, *expected_errors)
    prepare_for_pictures()
    rclpy.init(args=arguments)
    try:
        node = make_node()
        try:
            _spin(node)
        finally:
            node.destroy_node()
    except reasons as error:
        get_logger(make_node.__name__.removesuffix("Node")).fatal(" ".join(str(error).split()))
        return 1
    finally:
        rclpy.try_shutdown()
    return 0


def _spin(node: Node) -> None:
    try:
        # Here, too: a Ctrl-C may have come while the node was made.
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except ExternalShutdownException:
        pass
    except RuntimeError:
        # rclpy's RCLError, where the context was shut down in the middle of a callback.
        if node.context.ok():
            raise
