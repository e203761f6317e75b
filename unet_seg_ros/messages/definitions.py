# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message types by name: the class to subscribe with, and the definition that a bag carries."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore


class UnknownTypeError(Exception):
    """A message type that is not installed; the message says which and what to do."""


class Definition(NamedTuple):
    """The text of a message type with all types it contains, and its RIHS01 hash."""

    text: str
    digest: str


class Definitions:
    """The definitions of message types: those of ROS itself, any other from where it is installed.

    A type outside ROS's common packages is read from the `.msg` files that its package installs
    in `share/`, which the ament index finds.
    """

    def __init__(self) -> None:
        self._store: Typestore = get_typestore(Stores.LATEST)

    def get(self, type_name: str) -> Definition:
        """Return the definition of a type by its full name, such as `sensor_msgs/msg/Image`.

        Raises:
            UnknownTypeError: It is not installed.
        """
        self._ensure(type_name)
        text, _ = self._store.generate_msgdef(type_name, ros_version=2)
        return Definition(text, self._store.hash_rihs01(type_name))

    def _ensure(self, type_name: str) -> None:
        if type_name in self._store.fielddefs:
            return
        types = get_types_from_msg(_installed_text(type_name), type_name)
        for _, fields in types.values():
            for _, field in fields:
                item = field[1][0] if field[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE) else field
                if item[0] is Nodetype.NAME:
                    self._ensure(str(item[1]))
        self._store.register(types)


def message_class(type_name: str) -> Any:
    """Return the Python class of a message type by its full name.

    Raises:
        UnknownTypeError: It is not installed for Python.
    """
    package, kind, name = type_name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except (ImportError, AttributeError):
        raise UnknownTypeError(_not_installed(type_name)) from None


def _installed_text(type_name: str) -> str:
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    package, kind, name = type_name.split("/")
    try:
        return (Path(get_package_share_directory(package)) / kind / f"{name}.msg").read_text()
    except (PackageNotFoundError, OSError):
        raise UnknownTypeError(_not_installed(type_name)) from None


def _not_installed(type_name: str) -> str:
    package = type_name.partition("/")[0]
    return (
        f"message type {type_name} is not installed here: install {package} "
        f"(ros-$ROS_DISTRO-{package.replace('_', '-')})"
    )
