# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import socket
from collections.abc import Iterator

import msgpack
import pytest

from unet_seg_ros.standin import listener
from unet_seg_ros.standin.rpc import MAX_MESSAGE_BYTES, Answer, RpcServer

TIMEOUT_S = 20.0


@pytest.fixture
def server() -> Iterator[RpcServer]:
    def answer(method: str, arguments: list) -> Answer:
        return Answer([method, *arguments])

    server = RpcServer("127.0.0.1", 0, answer)
    server.start()
    yield server
    server.close()


def connect(server: RpcServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S)


def ask(connection: socket.socket, *requests: list) -> list:
    connection.sendall(b"".join(map(msgpack.packb, requests)))
    unpacker = msgpack.Unpacker()
    answers: list = []
    while len(answers) < len(requests):
        unpacker.feed(connection.recv(1 << 16))
        answers += list(unpacker)
    return answers


def test_calls_are_answered_in_order_and_however_they_are_cut(server: RpcServer) -> None:
    with connect(server) as connection:
        assert ask(connection, [0, 1, "a", [1]], [0, 2, "b", []]) == [
            [1, 1, None, ["a", 1]],
            [1, 2, None, ["b"]],
        ]
        request = msgpack.packb([0, 3, "c", ["x" * 100_000]])
        connection.sendall(request[:5])
        connection.sendall(request[5:-1])
        connection.sendall(request[-1:])
        assert ask(connection, [0, 4, "d", []])[0][1] == 3


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        msgpack.packb([2, "notify", []]),
        msgpack.packb({"method": "version"}),
        msgpack.packb([0, 1, b"version", []]),
        b"\xc1",  # not msgpack
        b"\x91" * 5000,  # nested too deep
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million items
        b"\xc6\x7f\xff\xff\xff" + bytes(2 * MAX_MESSAGE_BYTES),  # of two thousand million bytes
    ],
)
def test_nonsense_ends_a_connection_and_no_other(server: RpcServer, nonsense: bytes) -> None:
    with connect(server) as good, connect(server) as bad:
        ask(good, [0, 1, "a", []])
        try:
            bad.sendall(nonsense)
            assert bad.recv(1) == b""
        except ConnectionError:  # closed before it had read everything
            pass
        ask(good, [0, 2, "a", []])


def test_there_is_a_limit_to_connections(
    server: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 2)
    with connect(server) as first, connect(server) as second:
        ask(first, [0, 1, "a", []])
        ask(second, [0, 1, "a", []])
        with connect(server) as third:
            assert third.recv(1) == b""
        second.close()
        ask(first, [0, 2, "a", []])


def test_a_port_that_is_taken(server: RpcServer) -> None:
    with pytest.raises(OSError, match=f"127.0.0.1:{server.port}: Address already in use"):
        RpcServer("127.0.0.1", server.port, lambda *_: Answer())
