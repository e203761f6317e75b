# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the few CDR types that picture messages are made of.

ROS 2 puts messages on the wire as plain CDR, version 1 (OMG DDS-XTypes 1.3, section 7.4.1): a
four-byte encapsulation header, then the fields in order. A field of n bytes starts at a multiple
of n, counted from the byte after the encapsulation header. A string is its length with the closing
NUL, then its bytes; a sequence is its length, then its elements.
"""

from __future__ import annotations

import ctypes
import struct

import numpy as np

from unet_seg_ros.units import NS_PER_S

_ENCAPSULATION_SIZE = 4
_BYTE_ORDERS = {b"\x00\x00": ">", b"\x00\x01": "<"}

_new_bytes = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_char_p, ctypes.c_ssize_t)(
    ("PyBytes_FromStringAndSize", ctypes.pythonapi)
)
_address_of_bytes = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(
    ("PyBytes_AsString", ctypes.pythonapi)
)


class CdrError(ValueError):
    """Bytes that are not the message they claim to be."""


class CdrReader:
    """Reads one serialized message field by field, never past its end.

    Raises:
        CdrError: From the constructor, when the bytes are not plain CDR; from every read, when the
            message ends before the field does or the field's content is impossible.
    """

    def __init__(self, message: bytes) -> None:
        byte_order = _BYTE_ORDERS.get(message[:2])
        if byte_order is None or len(message) < _ENCAPSULATION_SIZE:
            raise CdrError(
                f"not plain CDR: {len(message)} bytes that begin with 0x{message[:4].hex()}"
            )
        self._message = memoryview(message)
        self._int32 = struct.Struct(f"{byte_order}i")
        self._uint32 = struct.Struct(f"{byte_order}I")
        self._next = _ENCAPSULATION_SIZE

    def int32(self) -> int:
        """Read an int32."""
        return int(self._int32.unpack(self._take_aligned())[0])

    def uint32(self) -> int:
        """Read a uint32."""
        return int(self._uint32.unpack(self._take_aligned())[0])

    def uint8(self) -> int:
        """Read a uint8."""
        return self._take(1)[0]

    def string(self) -> str:
        """Read a string."""
        raw = bytes(self._take(self.uint32()))
        # A length of zero, without even the NUL, is what some DDS vendors write for "".
        if raw and raw[-1] != 0:
            raise CdrError("a string is not closed by a NUL")
        try:
            return raw[:-1].decode()
        except UnicodeDecodeError as error:
            raise CdrError(f"a string is not UTF-8: {error}") from None

    def octets(self) -> memoryview:
        """Read a sequence<uint8> as a view of the message, without a copy."""
        return self._take(self.uint32())

    def _take_aligned(self) -> memoryview:
        self._next += -self._next % 4
        return self._take(4)

    def _take(self, size: int) -> memoryview:
        end = self._next + size
        if end > len(self._message):
            raise CdrError(
                f"a field of {size} bytes at byte {self._next} ends outside the message, "
                f"which has {len(self._message)} bytes"
            )
        taken = self._message[self._next : end]
        self._next = end
        return taken


def read_stamp_ns(data: bytes) -> int:
    """Return the stamp of any message that begins with a std_msgs/Header.

    Raises:
        CdrError: It is cut short.
    """
    cdr = CdrReader(data)
    return cdr.int32() * NS_PER_S + cdr.uint32()


class CdrWriter:
    """Writes the fields of one message in order, little-endian."""

    def __init__(self) -> None:
        self._message = bytearray(b"\x00\x01\x00\x00")

    def int32(self, value: int) -> None:
        """Write an int32."""
        self._align()
        self._message += struct.pack("<i", value)

    def uint32(self, value: int) -> None:
        """Write a uint32."""
        self._align()
        self._message += struct.pack("<I", value)

    def uint8(self, value: int) -> None:
        """Write a uint8."""
        self._message.append(value)

    def string(self, text: str) -> None:
        """Write a string."""
        raw = text.encode() + b"\x00"
        self.uint32(len(raw))
        self._message += raw

    def close_with_octets(self, octets: memoryview) -> bytes:
        """Write a C-contiguous sequence<uint8> as the last field and return the message.

        The octets are copied once, straight into the result, and other threads run meanwhile.
        """
        self.uint32(octets.nbytes)
        return _joined(bytes(self._message), octets)

    def _align(self) -> None:
        self._message += bytes(-len(self._message) % 4)


def _joined(head: bytes, octets: memoryview) -> bytes:
    """Return `head` + `octets`, copied without Python's lock, which `+` and `join` keep.

    A bytes object may be filled where it was made without content (Python's C API,
    PyBytes_FromStringAndSize), and `memmove` lets go of the lock.
    """
    message: bytes = _new_bytes(None, len(head) + octets.nbytes)
    address = _address_of_bytes(message)
    ctypes.memmove(address, head, len(head))
    if octets.nbytes:
        source = np.frombuffer(octets, np.uint8).ctypes.data
        ctypes.memmove(address + len(head), source, octets.nbytes)
    return message
