# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The streams of world states and pictures, which clients subscribe to by number.

A client connects, sends the number of a stream, 4 bytes, and then only receives: messages, each
after its length in 4 bytes. It leaves by closing its connection.
"""

from __future__ import annotations

import logging
import queue
import socket
import struct
import threading
from typing import Any

from numpy.typing import NDArray

from unet_seg_ros.standin import wire
from unet_seg_ros.standin.listener import Listener, hang_up

_HANDSHAKE_S = 5.0
_PATIENCE_S = 5.0  # how long a reader may take nothing before it is cut off
_SUBSCRIBED_S = 5.0  # how long a frame waits for those about to subscribe
_WAITING_MESSAGES = 2

_log = logging.getLogger(__name__)

Pixels = NDArray[Any]
_Message = tuple[bytes, Pixels | None]


class _Reader:
    """Somebody who reads a stream, through a thread that sends what waits for it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._outbox: queue.SimpleQueue[_Message | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_WAITING_MESSAGES)
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def put(self, message: _Message, wait: bool) -> None:
        """Have a message sent; the reader is cut off if there is no room for long.

        Without `wait`, a message that finds no room is lost.
        """
        if self._room.acquire(timeout=_PATIENCE_S if wait else 0.0):
            self._outbox.put(message)
        elif wait:
            _log.warning("a client took no message for %g s: cut off", _PATIENCE_S)
            hang_up(self._connection)

    def close(self) -> None:
        """End the connection and the sending thread, and let nobody wait for it."""
        hang_up(self._connection)
        self._outbox.put(None)
        self._room.release(_WAITING_MESSAGES)
        self._thread.join()

    def _send_all(self) -> None:
        try:
            while message := self._outbox.get():
                head, pixels = message
                self._connection.sendall(head)
                if pixels is not None:
                    self._connection.sendall(pixels.data.cast("B"))
                self._room.release()
        except OSError:
            hang_up(self._connection)


class Streams(Listener):
    """The streams' port and who reads which stream."""

    def __init__(self, host: str, port: int) -> None:
        self._changed = threading.Condition()
        self._readers: dict[int, list[_Reader]] = {}
        self._expected: set[int] = set()  # streams asked for by somebody not yet connected
        super().__init__(host, port, self._read)

    def token(self, stream: int) -> bytes:
        """What a client needs to subscribe."""
        return wire.token(stream, self.port)

    def expect(self, stream: int) -> None:
        """Note that somebody is about to subscribe."""
        with self._changed:
            self._expected.add(stream)

    def settle(self) -> None:
        """Wait a little for those about to subscribe.

        The client's `listen()` returns before it is connected, and a frame that comes before that
        is lost to it. A real simulator may lose it; tests are better off if it never is.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._expected, _SUBSCRIBED_S)
            self._expected.clear()

    def has_readers(self, stream: int) -> bool:
        """Whether anybody would get what is sent."""
        with self._changed:
            return bool(self._readers.get(stream))

    def send(self, stream: int, head: bytes, pixels: Pixels | None = None, *, wait: bool) -> None:
        """Send a message.

        Args:
            stream: its number.
            head: the message, or how it begins.
            pixels: the rest of it; nobody may change them any more.
            wait: for readers that are behind, a while; otherwise the message is lost to them.
        """
        size = len(head) + (pixels.nbytes if pixels is not None else 0)
        self._put(stream, (struct.pack("<I", size) + head, pixels), wait)

    def send_torn(self, stream: int, head: bytes, pixels: Pixels) -> None:
        """Send the first half of a message, as a server does that dies."""
        size = struct.pack("<I", len(head) + pixels.nbytes)
        self._put(stream, (size + head, pixels[: len(pixels) // 2]), wait=True)

    def _put(self, stream: int, message: _Message, wait: bool) -> None:
        with self._changed:
            readers = list(self._readers.get(stream, ()))
        for reader in readers:
            reader.put(message, wait)

    def _read(self, connection: socket.socket) -> None:
        connection.settimeout(_HANDSHAKE_S)
        head = connection.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return
        connection.settimeout(None)
        stream = struct.unpack("<I", head)[0]
        reader = _Reader(connection)
        with self._changed:
            self._readers.setdefault(stream, []).append(reader)
            self._expected.discard(stream)
            self._changed.notify_all()
        try:
            while connection.recv(64):
                pass
        finally:
            with self._changed:
                self._readers[stream].remove(reader)
                if not self._readers[stream]:
                    del self._readers[stream]
            reader.close()
