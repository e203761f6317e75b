# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the launch files share. They alone import it: launch is only in a ROS 2 installation."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from launch.action import Action
from launch.actions import (
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.parameter_descriptions import ParameterValue

from unet_seg_ros.process import TRY_AGAIN

PARAMS_FILE = "params_file"
# What launch itself ends processes with; a node whose Python has not started yet dies of it.
_ASKED_TO_END = (-signal.SIGINT, -signal.SIGTERM)
# How often a process is started again that says so, and how long after it ended. What fails more
# often has a fault that no new process is free of.
RESTARTS = 3
RESTARTS_WITHIN_S = 600.0
RESTART_DELAY_S = 1.0

OnExit = Callable[[ProcessExited, LaunchContext], list[Action] | None]
"""What is done when a process ends."""

_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list[str]: "a list of texts, such as \"['one', 'two']\"",
}


def parameters(types: Mapping[str, Any]) -> dict[str, ParameterValue]:
    """Return a node's parameters: the launch arguments of these names, of these types."""
    return {name: _parameter(name, value_type) for name, value_type in types.items()}


def check_arguments(types: Mapping[str, Any]) -> OpaqueFunction:
    """Return what refuses, before anything is started, values that are not of their type.

    It raises ValueError with the argument's name, which ends the launch with that sentence and
    status 1. A params_file that cannot be read is refused as well.
    """
    return OpaqueFunction(function=_check, args=[types])


def end_where_it_fails(process: Action) -> RegisterEventHandler:
    """Return what ends the launch, with status 1, where a process fails."""
    return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=end_after_failure))


def end_after_failure(event: ProcessExited, context: LaunchContext) -> None:
    """End the launch, unless the process ended well, or as launch asked it to.

    Raises:
        RuntimeError: It failed. Only this makes the status of a launch 1; a Shutdown leaves it 0.
    """
    if event.returncode and not (context.is_shutdown and event.returncode in _ASKED_TO_END):
        raise RuntimeError(f"{event.process_name} failed with status {event.returncode}")


def start_again_where_it_asks(process: Action) -> RegisterEventHandler:
    """Return what starts a process again that ended with `TRY_AGAIN`: `RESTARTS` times, no more.

    Then, and where it fails otherwise, the launch ends with status 1.
    """
    return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=_Restarts()))


def begin_again(event: ProcessExited, reason: str, delay_s: float, on_exit: OnExit) -> list[Action]:
    """Return what starts the process that ended again, as it was, and then does `on_exit`."""
    again = ExecuteProcess(cmd=event.cmd, cwd=event.cwd, env=event.env, output="screen")
    return [
        LogInfo(
            msg=f"{event.process_name} ended with status {event.returncode}; {reason}: starting "
            f"it again in {delay_s:g} s"
        ),
        RegisterEventHandler(OnProcessExit(target_action=again, on_exit=on_exit)),
        TimerAction(period=delay_s, actions=[again]),
    ]


class _Restarts:
    """Does so for one process and those that take its place."""

    def __init__(self) -> None:
        self._latest_s: deque[float] = deque(maxlen=RESTARTS)

    def __call__(self, event: ProcessExited, context: LaunchContext) -> list[Action] | None:
        if event.returncode != TRY_AGAIN or context.is_shutdown:
            end_after_failure(event, context)
            return None
        now_s = time.monotonic()
        if len(self._latest_s) == RESTARTS and now_s - self._latest_s[0] < RESTARTS_WITHIN_S:
            raise RuntimeError(
                f"{event.process_name} failed with status {event.returncode} for the "
                f"{RESTARTS + 1}th time within {RESTARTS_WITHIN_S / 60:g} minutes: it is not "
                "started again"
            )
        self._latest_s.append(now_s)
        return begin_again(event, "a new process may go on", RESTART_DELAY_S, self)


def _parameter(name: str, value_type: Any) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=value_type)


def _check(context: LaunchContext, types: Mapping[str, Any]) -> None:
    arguments = context.launch_configurations
    for name, value_type in types.items():
        # One that an included file declares, and that was left away, is not there yet.
        if name in arguments:
            _check_value(context, name, value_type)
    if PARAMS_FILE in arguments:
        _check_file(Path(arguments[PARAMS_FILE]))


def _check_value(context: LaunchContext, name: str, value_type: Any) -> None:
    try:
        _parameter(name, value_type).evaluate(context)
    except (TypeError, ValueError) as error:
        value = context.launch_configurations[name]
        raise ValueError(f"{name}: {value!r} is not {_KINDS[value_type]}") from error


def _check_file(path: Path) -> None:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise ValueError(f"{PARAMS_FILE}: cannot read {str(path)!r}: {reason}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{PARAMS_FILE}: {str(path)!r} holds no parameters of nodes")
