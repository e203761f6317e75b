# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the launch files share. They alone import it: launch is only in a ROS 2 installation."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from launch.action import Action
from launch.actions import OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.parameter_descriptions import ParameterValue

PARAMS_FILE = "params_file"
# What launch itself ends processes with; a node whose Python has not started yet dies of it.
_ASKED_TO_END = (-signal.SIGINT, -signal.SIGTERM)
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
