# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the server ends while clients are connected, whatever they are in the middle of."""

from __future__ import annotations

import socket
import struct
import threading

import msgpack
import pytest

from unet_seg_ros.standin.faults import Faults
from unet_seg_ros.standin.server import Server
from unet_seg_ros.standin.wire import WORLD_STREAM

LONG_S = 3600.0


@pytest.mark.timeout(300)
def test_no_thread_is_left() -> None:
    """An interpreter that ends under one of them aborts, now and then."""
    before = set(threading.enumerate())
    server = Server(port=0, faults=Faults(delay={"get_weather_parameters": LONG_S}))
    server.start()
    with (
        socket.create_connection(("127.0.0.1", server.port)),
        socket.create_connection(("127.0.0.1", server.port)) as caller,
        socket.create_connection(("127.0.0.1", server.port + 1)),
        socket.create_connection(("127.0.0.1", server.port + 1)) as reader,
    ):
        reader.sendall(struct.pack("<I", WORLD_STREAM))
        assert reader.recv(1), "the world's state, of which no more is ever read"
        version, weather = ([0, 1, name, [False]] for name in ("version", "get_weather_parameters"))
        caller.sendall(msgpack.packb(version))
        assert caller.recv(1)
        caller.sendall(msgpack.packb(weather))
        server.close()
    assert set(threading.enumerate()) <= before  # of which others may have ended meanwhile
