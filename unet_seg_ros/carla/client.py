# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CARLA's official client: found, connected and left without its traps.

The client waits out its whole time-out even where a port refuses the connection, crashes on a
simulator whose sensors are numbered differently, and can abort the process while the interpreter
ends. Here are the ways round these three.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import carla


class CarlaError(RuntimeError):
    """Something that CARLA lacks or refuses; the message is a sentence for the user."""


class ServerLostError(CarlaError):
    """The server does not answer any more, or its world is not as the rig needs it any more.

    The rig is of no use then: close it, connect anew and open another one.
    """


@dataclass(frozen=True)
class Simulator:
    """A connection to a CARLA server whose version is the client's.

    A client never finds its way back to a server that it has lost: connect anew.

    Attributes:
        client: The official client.
        host: Where the server runs.
        port: Its RPC port; pictures come through the next one.
        timeout_s: How long each call waits for an answer.
        version: The server's version and the client's, such as `0.9.16`.
    """

    client: carla.Client
    host: str
    port: int
    timeout_s: float
    version: str

    def __str__(self) -> str:
        return f"CARLA at {self.host}:{self.port}"


def import_carla() -> ModuleType:
    """Return the official client's module.

    Raises:
        CarlaError: It is not installed.
    """
    try:
        return importlib.import_module("carla")
    except ImportError as error:
        raise CarlaError(
            f"CARLA's client cannot be imported ({error}); install it with: "
            "pip install carla==0.9.16 (Python 3.10 to 3.12)"
        ) from error


def connect(host: str, port: int, timeout_s: float) -> Simulator:
    """Connect to a CARLA server and compare versions before anything else is asked of it.

    Args:
        host: Name or address of the machine that it runs on.
        port: Its RPC port, usually 2000.
        timeout_s: How long to wait for it, now and in every later call.

    Raises:
        CarlaError: Nothing listens there, or it does not answer in time, or is of another version
            than the client.
    """
    carla = import_carla()
    _require_listener(host, port, timeout_s)
    client = carla.Client(host, port)
    client.set_timeout(timeout_s)
    try:
        server_version = client.get_server_version()
    except RuntimeError as error:
        raise CarlaError(
            f"no answer within {timeout_s:g} s from what listens at {host}:{port}; is it CARLA, "
            "and has it finished loading? A slow one needs a longer time-out"
        ) from error
    client_version = client.get_client_version()
    if server_version != client_version:
        raise CarlaError(
            f"CARLA at {host}:{port} has version {server_version}, the client library "
            f"{client_version}, and they do not understand each other: start CARLA "
            f"{client_version}, or install the other client with: "
            f"pip install carla=={server_version}"
        )
    return Simulator(client, host, port, timeout_s, server_version)


@contextmanager
def translated_errors(simulator: Simulator) -> Iterator[None]:
    """Turn the client's errors into ones that a user understands.

    Raises:
        ServerLostError: The server stopped answering.
        CarlaError: It refused something.
    """
    try:
        yield
    except CarlaError:
        raise
    except RuntimeError as error:
        if "time-out" in str(error):
            raise ServerLostError(f"{simulator} is lost: {_reason(error)}") from error
        raise CarlaError(f"{simulator} refused: {_reason(error)}") from error


def _require_listener(host: str, port: int, timeout_s: float) -> None:
    """Raise CarlaError, with the reason and without delay, where no connection is accepted."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError as error:
        raise CarlaError(
            f"no CARLA at {host}:{port} ({error.strerror or error}); start it, or say where it "
            "runs with host and port"
        ) from error


def _reason(error: RuntimeError) -> str:
    """Return the client's reason, without its advice."""
    return str(error).split(",", 1)[0]
