# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node as data: what they are, what values they may have, when they may be set.

Ranges and types are checked by rclpy from the descriptors; a node checks everything else itself and
raises a `ParameterError` with the reason.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_topic_name import validate_topic_name

Choice = TypeVar("Choice", bound=str)


class ParameterError(ValueError):
    """A value that a parameter cannot have; the message names the parameter and the reason."""


class Changeable(enum.Enum):
    """When a parameter may be set."""

    AT_START = "only when the node starts"
    UNCONFIGURED = "only while the node is unconfigured"
    ALWAYS = "at any time"


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter: its default, what it is for, what it may be, and when it may be set."""

    name: str
    default: Any
    description: str
    choices: str = ""
    range: tuple[float, float] | None = None
    changeable: Changeable = Changeable.AT_START
    is_dynamically_typed: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that the parameter is declared with."""
        descriptor = ParameterDescriptor(
            description=self.description,
            additional_constraints=" ".join(
                filter(None, (self.choices, f"Can be set {self.changeable.value}."))
            ),
            read_only=self.changeable is Changeable.AT_START,
            dynamic_typing=self.is_dynamically_typed,
        )
        if self.range and isinstance(self.default, int):
            low, high = (int(limit) for limit in self.range)
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
        elif self.range:
            low_limit, high_limit = self.range
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=low_limit, to_value=high_limit, step=0.0)
            ]
        return descriptor


MAX_IMAGE_PIXELS = ParameterSpec(
    "max_image_pixels",
    7680 * 4320,
    "The largest picture that is accepted, in pixels; larger ones are refused unread.",
    range=(1, 1 << 28),
)


def declare(node: Node, specs: Sequence[ParameterSpec]) -> dict[str, Any]:
    """Declare parameters on `node` and return their values by name.

    Raises:
        rclpy.exceptions.ParameterException: a value has the wrong type or is out of range.
    """
    for spec in specs:
        node.declare_parameter(spec.name, spec.default, spec.descriptor())
    return {spec.name: node.get_parameter(spec.name).value for spec in specs}


def read_choice(name: str, value: object, choices: Sequence[Choice]) -> Choice:
    """Return the one of `choices` that the parameter `name` has as its value.

    Raises:
        ParameterError: it is none of them.
    """
    for choice in choices:
        if value == choice:
            return choice
    raise ParameterError(f"{name}: {value!r} is not possible; give one of {', '.join(choices)}")


def as_word(value: object) -> object:
    """Return `on` or `off` for the boolean that YAML takes such a word for, else the value."""
    return ("on" if value else "off") if isinstance(value, bool) else value


def check_topic(name: str, topic: str) -> None:
    """Raise unless `topic`, a value of the parameter `name`, can be the name of a topic.

    Raises:
        ParameterError: it cannot.
    """
    try:
        validate_topic_name(topic)
        if not {"~", "{"} & set(topic):  # which stand for names that are known later
            validate_full_topic_name(topic if topic.startswith("/") else f"/{topic}")
    except InvalidTopicNameException as error:
        reason = str(error).splitlines()[0].rstrip(":")
        raise ParameterError(f"{name}: {topic!r} is refused: {reason}") from error


def check_name(name: str, text: str) -> None:
    """Raise unless `text`, in a value of the parameter `name`, can be a part of a topic's name.

    Raises:
        ParameterError: it cannot.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII):
        raise ParameterError(
            f"{name}: {text!r} cannot be part of a topic's name; use letters, digits, underscores"
        )


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Say of which parameter a value is that something within refuses.

    Raises:
        ParameterError: Something did, with a ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise ParameterError(f"{what}: {error}") from error


def filled(values: Sequence[str] | None) -> list[str]:
    """Return the texts that are not empty: ROS parameter files cannot say an empty list."""
    return [value for value in values or () if value]
