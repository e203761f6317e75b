# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""msgpack-rpc over TCP as the client's library (rpclib) speaks it: objects back to back."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

import msgpack

from unet_seg_ros.standin.listener import Listener

MAX_MESSAGE_BYTES = 1 << 20

_ANSWER = 1
_log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a call leads to."""

    result: Any = None
    error: str | None = None  # of the call as such; the client does not show the text
    then: Callable[[], None] | None = None  # what to do once the answer is out


class RpcServer(Listener):
    """Calls `answer(method, arguments)` for every request, one at a time for each connection.

    A connection that sends anything else, or a request of more than MAX_MESSAGE_BYTES, is closed.
    """

    def __init__(self, host: str, port: int, answer: Callable[[str, list[Any]], Answer]) -> None:
        self._answer = answer
        super().__init__(host, port, self._talk)

    def _talk(self, connection: socket.socket) -> None:
        unpacker = msgpack.Unpacker(max_buffer_size=MAX_MESSAGE_BYTES)
        while data := connection.recv(1 << 16):
            try:
                unpacker.feed(data)
                requests = [_request(message) for message in unpacker]
            except (ValueError, msgpack.UnpackException) as error:
                _log.warning("port %d: not a request: %s", self.port, error or repr(error))
                return
            for call_id, method, arguments in requests:
                answer = self._answer(method, arguments)
                reply = [_ANSWER, call_id, answer.error, answer.result]
                connection.sendall(msgpack.packb(reply))
                if answer.then:
                    answer.then()


def _request(message: Any) -> tuple[int, str, list[Any]]:
    match message:
        case [0, int(call_id), str(method), list(arguments)]:
            return call_id, method, arguments
    raise ValueError(f"{str(message)[:100]} is not [0, id, method, arguments]")
