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
        self._connections: dict[socket.socket, threading.Thread] = {}
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise OSError(f"{host}:{port}: {reason}; choose another port") from error
        self.port: int = self._socket.getsockname()[1]
        self._accepting: threading.Thread | None = None

    def start(self) -> None:
        """Begin to serve, also those who have connected already."""
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Accept nobody any more, end all connections, and wait for their threads to end.

        An interpreter that ends under a thread in the middle of foreign code aborts.
        """
        hang_up(self._socket)
        if self._accepting:
            self._accepting.join()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            hang_up(connection)
        for thread in connections.values():
            thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            with self._lock:
                room = len(self._connections) < MAX_CONNECTIONS
                if room:
                    self._connections[connection] = thread
            if room:
                thread.start()
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
                del self._connections[connection]
            connection.close()


def hang_up(connection: socket.socket) -> None:
    """End a connection, so that threads which wait for it wake up."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
