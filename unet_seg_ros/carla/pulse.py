# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Notices the end of a server at once, which its client learns by its time-out only."""

from __future__ import annotations

import socket

from unet_seg_ros.carla.client import ServerLostError, Simulator


class Pulse:
    """A connection to the server that asks nothing of it, and ends when the server does.

    A context manager that closes it.

    Raises:
        ServerLostError: The server takes no connection.
    """

    def __init__(self, simulator: Simulator) -> None:
        address = simulator.host, simulator.port
        try:
            self._connection = socket.create_connection(address, simulator.timeout_s)
        except OSError as error:
            raise ServerLostError(f"{simulator} is lost: {error.strerror or error}") from error
        self._connection.setblocking(False)

    def __enter__(self) -> Pulse:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended."""
        try:
            return not self._connection.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True
