# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Accepts TCP connections, each served by a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable

MAX_CONNECTIONS = 64

_log = logging.getLogger(__name__)


class Listener:
    """A port, taken from construction on, and everybody who is connected to it.

    Args:
        port: 0 takes any free one.
        serve: talks to one connection until that ends, in a thread of its own; an OSError from it
            means that the other side went away.

    Attributes:
        port: the one that was taken.

    Raises:
        OSError: the port cannot be had.
    """

    def __init__(self, host: str, port: int, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise OSError(f"{host}:{port}: {reason}; choose another port") from error
        self.port: int = self._socket.getsockname()[1]

    def start(self) -> None:
        """Begin to serve, also those who have connected already."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept nobody any more and end all connections."""
        with self._lock:
            sockets = [self._socket, *self._connections]
        for each in sockets:
            hang_up(each)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                room = len(self._connections) < MAX_CONNECTIONS
                if room:
                    self._connections.add(connection)
            if room:
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()
            else:
                _log.warning("port %d: more than %d connections", self.port, MAX_CONNECTIONS)
                connection.close()

    def _run(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()


def hang_up(connection: socket.socket) -> None:
    """End a connection, so that threads which wait for it wake up."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
