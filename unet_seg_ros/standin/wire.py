# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes of values and messages as the client library `carla` 0.9.16 reads and writes them.

Written against the behaviour of the PyPI wheel. Over msgpack-rpc a struct is an array of its fields
in order, an optional value is `[false]` or `[true, value]`, and a variant is `[index, value]`.
What goes over a stream is packed little-endian without padding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, NamedTuple

from unet_seg_ros.standin.transform import Transform

VERSION = "0.9.16"

# Stream 1 is the state of the world, the others belong to sensors.
WORLD_STREAM = 1

# Which reader of the client takes a message; another release numbers them otherwise.
RGB_INDEX = 13
SEMANTIC_INDEX = 14
WORLD_INDEX = 17

MAP_CHANGED = 1  # a flag in the state of the world
_ACTOR_ACTIVE = 1
_TRAFFIC_LIGHT_OFF = 3
_ACTOR_STATE_BYTES = 54

MAX_COORDINATE = 1e5  # metres; also the largest angle, in degrees

Wire = Any  # what msgpack packs and unpacks


class VehicleControl(NamedTuple):
    """Pedals and steering wheel as `carla.VehicleControl`; steer is -1 (left) to 1 (right)."""

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: int = 0

    @classmethod
    def read(cls, value: Wire) -> VehicleControl:
        """From an array.

        Raises:
            ValueError: a number is not finite.
        """
        pedals = _finite("control", value[:3])
        throttle, steer, brake = (min(max(n, -1.0), 1.0) for n in pedals)
        hand_brake, reverse, manual = (bool(flag) for flag in value[3:6])
        gear = min(max(int(value[6]), -1), 10)
        return cls(throttle, steer, brake, hand_brake, reverse, manual, gear)


class EpisodeSettings(NamedTuple):
    """As `carla.WorldSettings`; those from `substepping` on are kept and change nothing."""

    synchronous: bool = False
    no_rendering: bool = False
    fixed_delta: Sequence[Any] = (False,)
    substepping: bool = True
    max_substep_delta: float = 0.01
    max_substeps: int = 10
    max_culling_distance: float = 0.0
    deterministic_ragdolls: bool = True
    tile_stream_distance: float = 3000.0
    actor_active_distance: float = 2000.0
    spectator_as_ego: bool = True

    @classmethod
    def read(cls, value: Wire) -> EpisodeSettings:
        """From an array.

        Raises:
            ValueError: the time step is longer than a second, or none.
        """
        settings = cls(*value[: len(cls._fields)])
        if not 0.0 <= settings.step_s <= 1.0:
            raise ValueError(
                f"fixed_delta_seconds is {settings.step_s}: must be from 0 to 1 second"
            )
        return settings

    @property
    def step_s(self) -> float:
        """Seconds from frame to frame; 0.05 where the client leaves it open."""
        given = float(self.fixed_delta[1]) if self.fixed_delta[0] else 0.0
        return given if given != 0.0 else 0.05


class ActorState(NamedTuple):
    """What the state of the world says of one actor."""

    id: int
    transform: Transform  # in the world
    velocity: Sequence[float] = (0.0, 0.0, 0.0)  # metres per second
    control: VehicleControl | None = None  # of a vehicle
    speed_limit_km_h: float = 0.0


class Moment(NamedTuple):
    """Which frame a message belongs to."""

    frame: int
    elapsed_s: float  # simulated


def read_transform(value: Wire) -> Transform:
    """A transform from `[[x, y, z], [pitch, yaw, roll]]`.

    Raises:
        ValueError: a number is not finite or absurdly large.
    """
    location, rotation = value
    x, y, z, pitch, yaw, roll = _finite("transform", [*location, *rotation])
    return Transform(x, y, z, pitch, yaw, roll)


def write_transform(t: Transform) -> Wire:
    """The array of a transform."""
    return [[t.x, t.y, t.z], [t.pitch, t.yaw, t.roll]]


def good(value: Wire) -> Wire:
    """The answer of a method that returns a value."""
    return [[1, value]]


def refused(reason: str) -> Wire:
    """The answer of such a method that says no; the client raises RuntimeError(reason)."""
    return [[0, [reason]]]


def done() -> Wire:
    """The answer of a method that returns nothing."""
    return [[False]]


def not_done(reason: str) -> Wire:
    """The answer of such a method that says no."""
    return [[True, [reason]]]


def token(stream: int, port: int) -> bytes:
    """Where a stream is found: its number and port over TCP, on the host the client knows."""
    tcp, address_known = 1, 0
    return struct.pack("<IHBB16x", stream, port, tcp, address_known)


def picture_header(
    index: int, moment: Moment, camera: Transform, width: int, height: int, fov_deg: float
) -> bytes:
    """What goes before the pixels, which are rows from the top of bytes B, G, R, A."""
    size = struct.pack("<IIf", width, height, fov_deg)
    return _header(index, moment, camera) + size


def world_state(
    index: int,
    moment: Moment,
    *,
    episode: int,
    platform_s: float,
    delta_s: float,
    flags: int,
    actors: Iterable[ActorState],
) -> bytes:
    """The message that every client gets in every frame."""
    parts = [
        _header(index, moment, Transform()),
        struct.pack("<Qdf3iI", episode, platform_s, delta_s, 0, 0, 0, flags),
    ]
    for actor in actors:
        state = b""
        if actor.control:
            throttle, steer, brake, hand_brake, reverse, manual, gear = actor.control
            # Behind the control: speed limit, traffic light (state, at one, its id), failure.
            state = struct.pack(
                "<3f3?if B?IB", throttle, steer, brake, hand_brake, reverse, manual, gear,
                actor.speed_limit_km_h, _TRAFFIC_LIGHT_OFF, False, 0, 0,
            )  # fmt: skip
        # Angular velocity and acceleration, between velocity and state, are left 0.
        parts.append(
            struct.pack("<IB6f3f24x", actor.id, _ACTOR_ACTIVE, *_floats(actor.transform),
                        *actor.velocity)
            + state.ljust(_ACTOR_STATE_BYTES, b"\0")
        )  # fmt: skip
    return b"".join(parts)


def _header(index: int, moment: Moment, sensor: Transform) -> bytes:
    return struct.pack("<QQd6f", index, moment.frame, moment.elapsed_s, *_floats(sensor))


def _floats(t: Transform) -> tuple[float, ...]:
    return t.x, t.y, t.z, t.pitch, t.yaw, t.roll


def _finite(what: str, numbers: Iterable[Any]) -> list[float]:
    floats = [float(n) for n in numbers]
    if not all(isfinite(n) and abs(n) <= MAX_COORDINATE for n in floats):
        raise ValueError(f"{what} {floats}: every number must be within {MAX_COORDINATE:g} of 0")
    return floats
