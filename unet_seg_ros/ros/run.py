# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one node as a process."""

from __future__ import annotations

import gc
import re
import signal
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions, install_signal_handlers

from unet_seg_ros.process import TRY_AGAIN
from unet_seg_ros.ros.clock_watch import warn_without_clock
from unet_seg_ros.ros.middleware import prepare_for_pictures
from unet_seg_ros.ros.parameters import ParameterError


def run(
    name: str,
    make_node: Callable[[], Node],
    arguments: list[str] | None = None,
    *,
    expected_errors: tuple[type[Exception], ...] = (),
    retried_errors: tuple[type[Exception], ...] = (),
    survived_errors: tuple[type[Exception], ...] = (),
) -> int:
    """Spin a node until Ctrl-C or SIGTERM and return the exit status.

    A node that has something to finish overrides `destroy_node`.

    Args:
        name: The node's, unless the command line gives it another one.
        make_node: Called once ROS is initialised.
        arguments: The command line; by default the process's own.
        expected_errors: What the node, at any time, raises when it cannot go on, with a message
            that a person understands. That, or the reason why a parameter is refused, is logged as
            one sentence; the exit status is 1.
        retried_errors: The same, of which a new process is free; the exit status is `TRY_AGAIN`.
        survived_errors: What a callback raises that costs its work and not the node; it is logged.
    """
    # A signal that comes while the node is made is noted until the node is whole, and can finish
    # what it began. Python's own handler would raise an exception at whatever line is running, and
    # rclpy's takes the context from under the node.
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    reasons: tuple[type[Exception], ...] = (ParameterError, ParameterException)
    reasons += expected_errors + retried_errors
    prepare_for_pictures()
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rclpy's RCLError
        get_logger(name).fatal(f"cannot start: {_ros_arguments_problem(error)}")
        return 1
    node: Node | None = None
    try:
        node = make_node()
        try:
            # From here on a signal shuts the context down as well, which ends the spinning.
            install_signal_handlers()
            if not signals:
                _spin(node, reasons, survived_errors)
        finally:
            node.destroy_node()
    except reasons as error:
        logger = node.get_logger() if node else _logger(name)
        problem = "" if node else "cannot start: "
        logger.fatal(problem + " ".join(str(error).split()))
        return TRY_AGAIN if isinstance(error, retried_errors) else 1
    finally:
        # Of a node that could not be made, rclpy would destroy the rest as if it were a whole one.
        gc.collect()
        rclpy.try_shutdown()
    return 0


def _spin(
    node: Node, reasons: tuple[type[Exception], ...], survived_errors: tuple[type[Exception], ...]
) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    warn_without_clock(node)
    while node.context.ok():
        try:
            executor.spin()
        # A callback that waits raises KeyboardInterrupt when the context was shut down meanwhile.
        except (ExternalShutdownException, KeyboardInterrupt):
            return
        except reasons:  # whatever else they are
            raise
        except survived_errors as error:
            if node.context.ok():
                node.get_logger().error(sentence(error))
        except RuntimeError:
            # rclpy's RCLError, where the context was shut down in the middle of a callback.
            if node.context.ok():
                raise


def _logger(name: str) -> RcutilsLogger:
    """Return the logger of a node that could not be made, by the name that it would have had.

    The command line can give another name and a namespace; rclpy tells only a node what they are.
    """
    try:
        node = Node(name, enable_rosout=False, start_parameter_services=False)
    except (RuntimeError, ValueError, ParameterException):  # for the same reason, perhaps
        return get_logger(name)
    logger = node.get_logger()
    node.destroy_node()
    return logger


def _ros_arguments_problem(error: RuntimeError) -> str:
    """Return what rcl says about `--ros-args`, without where it stands in rcl's source."""
    reason = " ".join(re.sub(r", at /\S+:\d+", "", str(error)).split())
    if reason.startswith("["):
        return f"unknown ROS arguments {reason}"
    return reason.removeprefix("failed to initialize rcl: ")


def sentence(error: Exception) -> str:
    """Return what `error` says, with its type where it was not made for people to read."""
    reason = str(error).partition("\n")[0]
    is_readable = isinstance(error, (ValueError, ParameterException))
    return reason if is_readable else f"{type(error).__name__}: {reason}"
