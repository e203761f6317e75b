# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Groups of classes that get a mask: how they are given, and what they are in a label set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.ros.parameters import ParameterError, check_name, filled, refusing

EVERY_GROUP = "*"


@dataclass(frozen=True)
class Group:
    """A group of classes that gets a mask: the label set's own, or the classes the user named."""

    name: str
    classes: tuple[str, ...] = ()


def resolve_groups(groups: Sequence[Group], label_set: LabelSet) -> dict[str, tuple[int, ...]]:
    """Return the class ids of every group that gets a mask, in the language of `label_set`.

    Raises:
        ParameterError: the label set has no such group or class.
    """
    resolved: dict[str, tuple[int, ...]] = {}
    for group in groups:
        if group.name == EVERY_GROUP:
            resolved.update(label_set.groups)
        elif group.classes:
            with refusing(f"groups: in {group.name!r}"):
                resolved[group.name] = tuple(label_set.class_id(name) for name in group.classes)
        elif group.name in label_set.groups:
            resolved[group.name] = label_set.groups[group.name]
        else:
            known = ", ".join(label_set.groups) or "none"
            raise ParameterError(
                f"groups: label set {label_set.name!r} has no group {group.name!r} (it has "
                f'{known}); name its classes: "{group.name}=Class1,Class2"'
            )
    for name in resolved:
        check_name("groups", name)
    return resolved


def read_groups(texts: Sequence[str] | None) -> tuple[Group, ...]:
    """Return the groups that the parameter names.

    Raises:
        ParameterError: one occurs twice, or is not said as it must be.
    """
    groups = tuple(_read_group(text) for text in filled(texts))
    names = [group.name for group in groups]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"groups: {name!r} occurs twice")
    return groups


def _read_group(text: str) -> Group:
    name, equals, classes = text.partition("=")
    name = name.strip()
    if name == EVERY_GROUP and not equals:
        return Group(EVERY_GROUP)
    check_name("groups", name)
    members = tuple(filled([member.strip() for member in classes.split(",")]))
    if equals and not members:
        raise ParameterError(f'groups: {text!r} names no class; write "{name}=Class1,Class2"')
    return Group(name, members)
