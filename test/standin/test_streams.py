# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import socket
import struct
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from unet_seg_ros.standin import streams as module
from unet_seg_ros.standin.streams import Streams

TIMEOUT_S = 20.0
LARGE = np.zeros((1000, 4000), np.uint8)  # more than sockets buffer


@pytest.fixture
def streams() -> Iterator[Streams]:
    streams = Streams("127.0.0.1", 0)
    streams.start()
    yield streams
    streams.close()


def subscribe(streams: Streams, stream: int) -> socket.socket:
    """Connect as the client does; on return the stream has its reader."""
    streams.expect(stream)
    connection = socket.create_connection(("127.0.0.1", streams.port), TIMEOUT_S)
    connection.sendall(struct.pack("<I", stream))
    wait_until(lambda: streams.has_readers(stream))
    return connection


def wait_until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def receive(connection: socket.socket) -> bytes:
    (size,) = struct.unpack("<I", receive_bytes(connection, 4))
    return receive_bytes(connection, size)


def receive_bytes(connection: socket.socket, count: int) -> bytes:
    """Return so many bytes; MSG_WAITALL does not wait on a socket with a time-out."""
    data = b""
    while len(data) < count and (part := connection.recv(count - len(data))):
        data += part
    return data


def test_every_reader_gets_its_stream(streams: Streams) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    with subscribe(streams, 2) as one, subscribe(streams, 3) as other:
        streams.settle()
        streams.send(2, b"two", pixels, wait=True)
        streams.send(3, b"three", wait=True)
        streams.send(4, b"nobody", wait=True)
        assert receive(one) == b"two" + pixels.tobytes()
        assert receive(other) == b"three"


def test_a_reader_that_leaves_frees_its_stream(streams: Streams) -> None:
    connection = subscribe(streams, 2)
    connection.close()
    wait_until(lambda: not streams.has_readers(2))


def test_a_reader_that_takes_nothing_loses_messages_if_nobody_waits(streams: Streams) -> None:
    with subscribe(streams, 2) as slow:
        for number in range(20):
            streams.send(2, bytes([number]), LARGE, wait=False)
        assert receive(slow)[0] == 0
        assert streams.has_readers(2)


def test_a_reader_that_takes_nothing_is_cut_off_in_the_end(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.2)
    with subscribe(streams, 2), subscribe(streams, 3) as quick:
        for _ in range(5):
            streams.send(2, b"", LARGE, wait=True)
        wait_until(lambda: not streams.has_readers(2))
        streams.send(3, b"still here", wait=True)
        assert receive(quick) == b"still here"


def test_half_a_message(streams: Streams) -> None:
    with subscribe(streams, 2) as reader:
        streams.send_torn(2, b"head", np.arange(8, dtype=np.uint8))
        assert receive_bytes(reader, 12) == b"\x0c\0\0\0head\0\1\2\3"
        reader.settimeout(0.1)
        with pytest.raises(TimeoutError):
            reader.recv(1)
