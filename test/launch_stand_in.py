# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""As much of launch and launch_ros as this package's launch files use, for machines without them.

Neither is on PyPI. Launch files are read and visited as launch does it, but nothing is started:
what would be is in the context. Where the real ones are, they are used, and test_stand_in.py holds
this one against them.

    python test/launch_stand_in.py carla.launch.py rviz:=true   # what it starts, as JSON
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory

MODULES = (
    "launch",
    "launch.action",
    "launch.actions",
    "launch.conditions",
    "launch.event_handlers",
    "launch.events",
    "launch.events.process",
    "launch.launch_context",
    "launch.launch_description_sources",
    "launch.substitutions",
    "launch.utilities",
    "launch_ros",
    "launch_ros.actions",
    "launch_ros.parameter_descriptions",
    "launch_ros.substitutions",
)


class LaunchContext:
    """The arguments' values, and what was started."""

    def __init__(self) -> None:
        self.launch_configurations: dict[str, str] = {}
        self.is_shutdown = False
        self.started: list[ExecuteProcess] = []
        self.handlers: list[OnProcessExit] = []


# Substitutions


@dataclass
class LaunchConfiguration:
    """The value of an argument."""

    name: str

    def perform(self, context: LaunchContext) -> str:
        return context.launch_configurations[self.name]


@dataclass
class PathJoinSubstitution:
    """Parts of a path."""

    parts: Iterable[Any]

    def perform(self, context: LaunchContext) -> str:
        return "/".join(perform_substitutions(context, [part]) for part in self.parts)


@dataclass
class PythonExpression:
    """What Python makes of parts of an expression."""

    parts: Iterable[Any]

    def perform(self, context: LaunchContext) -> str:
        return str(eval(perform_substitutions(context, self.parts), {}))


@dataclass
class FindPackageShare:
    """A package's share folder."""

    package: str

    def perform(self, _: LaunchContext) -> str:
        return get_package_share_directory(self.package)


def perform_substitutions(context: LaunchContext, parts: Iterable[Any]) -> str:
    """Return the text of substitutions and texts in a row."""
    return "".join(
        part.perform(context) if hasattr(part, "perform") else str(part) for part in parts
    )


def _text(context: LaunchContext, value: Any) -> str:
    return perform_substitutions(context, value if isinstance(value, list) else [value])


@dataclass
class ParameterValue:
    """A value and the type that it has to have."""

    value: Any
    value_type: Any

    def evaluate(self, context: LaunchContext) -> Any:
        text = _text(context, self.value)
        if self.value_type in (str, int, float):
            return self.value_type(text)
        value = yaml.safe_load(text)
        is_right = isinstance(value, bool if self.value_type is bool else list)
        if not is_right or (isinstance(value, list) and not all(isinstance(v, str) for v in value)):
            raise ValueError(f"cannot convert {text!r} to {self.value_type}")
        return value


# Actions


@dataclass
class IfCondition:
    """Whether a text says true."""

    predicate: Any

    def evaluate(self, context: LaunchContext) -> bool:
        text = _text(context, self.predicate).lower()
        return {"true": True, "1": True, "false": False, "0": False}[text]


@dataclass(kw_only=True)
class Action:
    """Something that is done, under a condition."""

    condition: IfCondition | None = None

    def execute(self, _: LaunchContext) -> Iterable[Action] | None:
        return None


@dataclass
class DeclareLaunchArgument(Action):
    """An argument."""

    name: str
    default_value: Any = None
    description: str = "no description given"
    choices: list[str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.default_value, list):
            self.default_value = [self.default_value]

    def execute(self, context: LaunchContext) -> None:
        values = context.launch_configurations
        if self.name not in values:
            values[self.name] = perform_substitutions(context, self.default_value)
        if self.choices and values[self.name] not in self.choices:
            raise RuntimeError(f'Argument "{self.name}" provided value "{values[self.name]}"')


@dataclass
class SetLaunchConfiguration(Action):
    """Another value for an argument."""

    name: str
    value: str

    def execute(self, context: LaunchContext) -> None:
        context.launch_configurations[self.name] = self.value


@dataclass
class OpaqueFunction(Action):
    """A function that returns actions."""

    function: Callable[..., Iterable[Action] | None]
    args: Iterable[Any] = ()

    def execute(self, context: LaunchContext) -> Iterable[Action] | None:
        return self.function(context, *self.args)


@dataclass
class LogInfo(Action):
    """A sentence for the log."""

    msg: str


@dataclass
class TimerAction(Action):
    """What is done later; here, in no time."""

    period: float
    actions: list[Action]

    def execute(self, _: LaunchContext) -> list[Action]:
        return self.actions


@dataclass
class PythonLaunchDescriptionSource:
    """The path of a launch file."""

    path: Any


@dataclass
class IncludeLaunchDescription(Action):
    """Another launch file."""

    source: PythonLaunchDescriptionSource

    def execute(self, context: LaunchContext) -> list[Action]:
        path = _text(context, self.source.path)
        return get_launch_description_from_python_launch_file(path).entities


@dataclass(eq=False)
class ExecuteProcess(Action):
    """A process, or, in its subclass, a node."""

    cmd: list[Any] = field(default_factory=list)
    name: Any = None
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    output: str = "log"
    sigterm_timeout: str = "5"
    # What is known once it is started.
    program: str = ""
    arguments: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def execute(self, context: LaunchContext) -> None:
        words = [_text(context, word) for word in self.cmd]
        self.program = " ".join(words[:2]) if words[0] == "ros2" else words[0]
        self.arguments = words[1:]
        context.started.append(self)


@dataclass(eq=False, kw_only=True)
class Node(ExecuteProcess):
    """A node's process."""

    package: str
    executable: str
    namespace: Any = ""
    parameters: list[Any] = field(default_factory=list)
    remappings: Iterable[tuple[str, str]] = ()
    arguments: list[Any] = field(default_factory=list)

    def execute(self, context: LaunchContext) -> None:
        rules = [f"{old}:={new}" for old, new in self.remappings]
        if self.name:
            rules.append(f"__node:={self.name}")
        if self.namespace:
            rules.append("__ns:=/" + _text(context, self.namespace).strip("/"))
        self.program = self.executable
        words = [_text(context, word) for word in self.arguments]
        self.arguments = [*words, "--ros-args", *(w for rule in rules for w in ("-r", rule))]
        for item in self.parameters:
            self.values.update(
                {name: _value(context, value) for name, value in item.items()}
                if isinstance(item, dict)
                else parameters_in(yaml.safe_load(Path(_text(context, item)).read_text()))
            )
        context.started.append(self)


def _value(context: LaunchContext, value: Any) -> Any:
    return value.evaluate(context) if isinstance(value, ParameterValue) else value


def parameters_in(document: Any) -> dict[str, Any]:
    """Return the parameters of all nodes in a parameter file."""
    found: dict[str, Any] = {}
    if isinstance(document, dict):
        for key, value in document.items():
            found.update(value if key == "ros__parameters" else parameters_in(value))
    return found


# Events


@dataclass
class ProcessExited:
    """The end of a process."""

    action: ExecuteProcess
    returncode: int
    cwd: str | None = None
    env: Mapping[str, str] | None = None

    @property
    def process_name(self) -> str:
        return f"{self.action.program}-1"

    @property
    def cmd(self) -> list[str]:
        return [self.action.program, *self.action.arguments]


@dataclass
class OnProcessExit:
    """What is done at the end of a process."""

    target_action: ExecuteProcess
    on_exit: Callable[[ProcessExited, LaunchContext], Iterable[Action] | None]


@dataclass
class RegisterEventHandler(Action):
    """Makes an event be handled."""

    event_handler: OnProcessExit

    def execute(self, context: LaunchContext) -> None:
        context.handlers.append(self.event_handler)


# Launch files


@dataclass
class LaunchDescription:
    """What a launch file says."""

    entities: list[Action]

    def get_launch_arguments(self) -> list[DeclareLaunchArgument]:
        return list(_arguments(self.entities))


def _arguments(entities: Iterable[Action]) -> Iterator[DeclareLaunchArgument]:
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            yield entity
        elif isinstance(entity, IncludeLaunchDescription):
            yield from _arguments(entity.execute(LaunchContext()))


def get_launch_description_from_python_launch_file(path: str) -> LaunchDescription:
    """Return what a launch file says."""
    spec = importlib.util.spec_from_file_location("_".join(Path(path).name.split(".")), path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description: LaunchDescription = module.generate_launch_description()
    return description


def launch(path: str | Path, arguments: Mapping[str, str]) -> LaunchContext:
    """Return what is started with a launch file."""
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    visit(get_launch_description_from_python_launch_file(str(path)).entities, context)
    return context


def visit(entities: Iterable[Action], context: LaunchContext) -> None:
    """Do what the entities say, one after the other."""
    for entity in entities:
        if entity.condition is None or entity.condition.evaluate(context):
            visit(entity.execute(context) or (), context)


def end(process: ExecuteProcess, returncode: int, context: LaunchContext) -> None:
    """Let a process end, and do what is to be done then."""
    for handler in context.handlers:
        if handler.target_action is process:
            visit(handler.on_exit(ProcessExited(process, returncode), context) or (), context)


def install() -> None:
    """Let `import launch` and `import launch_ros` find what is here."""
    for name in MODULES:
        module = types.ModuleType(name)
        module.__path__ = []
        # Every name is in every module: which one has which is tested with the real ones.
        module.__dict__.update({key: value for key, value in globals().items() if key[0] != "_"})
        sys.modules[name] = module


if __name__ == "__main__":
    install()
    files = Path(__file__).parents[1] / "launch"
    context = launch(files / sys.argv[1], dict(word.split(":=", 1) for word in sys.argv[2:]))
    print(json.dumps([[p.program, p.arguments, p.values] for p in context.started]))
