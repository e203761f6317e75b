# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What clients may spawn, under CARLA's own names, and what each vehicle looks like in the town."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np

from unet_seg_ros.town import vehicles
from unet_seg_ros.town.mesh import Color, Mesh

RGB = "sensor.camera.rgb"
SEMANTIC = "sensor.camera.semantic_segmentation"

_MAX_VALUE_CHARS = 200


class Kind(IntEnum):
    """Of an attribute's value, numbered as on the wire."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


@dataclass(frozen=True)
class Attribute:
    """One attribute with the value it has unless the client sets another."""

    name: str
    kind: Kind
    value: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = True

    @property
    def definition(self) -> list[Any]:
        """As the client's library of blueprints wants it."""
        choices = list(self.recommended or (self.value,)) if self.modifiable else []
        return [self.name, int(self.kind), self.value, choices, self.modifiable, False]


@dataclass(frozen=True)
class Blueprint:
    """A kind of actor."""

    uid: int
    name: str
    attributes: tuple[Attribute, ...]

    @property
    def definition(self) -> list[Any]:
        """As the client's library of blueprints wants it."""
        tags = self.name.replace(".", ",")
        return [self.uid, self.name, tags, [a.definition for a in self.attributes]]

    def filled_in(self, given: Iterable[Any]) -> dict[str, str]:
        """Values of all attributes, from a client's (name, kind, value) triples.

        Raises:
            ValueError: there is no such attribute, or its value is no text of reasonable length.
        """
        values = {a.name: a.value for a in self.attributes}
        for name, _, value in given:
            if name not in values:
                raise ValueError(f"{self.name} has no attribute '{str(name)[:100]}'")
            if not isinstance(value, str) or len(value) > _MAX_VALUE_CHARS:
                raise ValueError(
                    f"{self.name}: {name} must be a text of at most {_MAX_VALUE_CHARS} characters"
                )
            values[name] = value
        return values

    def described(self, values: Mapping[str, str]) -> list[Any]:
        """An actor of this kind as the client's `ActorDescription`."""
        return [
            self.uid,
            self.name,
            [[a.name, int(a.kind), values[a.name]] for a in self.attributes],
        ]


SPECTATOR = Blueprint(0, "spectator", ())

_BLUE: Color = (17, 37, 103)
_RED: Color = (180, 44, 44)
_WHITE: Color = (226, 226, 222)
_BLACK: Color = (30, 32, 36)
_SHIRT: Color = (60, 90, 150)

# What each vehicle looks like. The colour that a client asks for is kept and not painted.
VEHICLE_SHAPES: dict[str, Mesh] = {
    "vehicle.tesla.model3": vehicles.car("saloon", _BLUE),
    "vehicle.lincoln.mkz_2020": vehicles.car("saloon", _BLACK),
    "vehicle.audi.tt": vehicles.car("hatch", _RED),
    "vehicle.mini.cooper_s": vehicles.car("hatch", _WHITE),
    "vehicle.nissan.patrol": vehicles.car("suv", _WHITE),
    "vehicle.mercedes.sprinter": vehicles.car("van", _WHITE),
    "vehicle.carlamotors.firetruck": vehicles.truck(_RED),
    "vehicle.mitsubishi.fusorosa": vehicles.bus(_WHITE),
    "vehicle.yamaha.yzf": vehicles.motorcycle(_BLUE, _SHIRT),
    "vehicle.diamondback.century": vehicles.bicycle(_RED, _SHIRT, 0),
}
_BASE_TYPES = {
    "vehicle.mercedes.sprinter": "van",
    "vehicle.carlamotors.firetruck": "truck",
    "vehicle.mitsubishi.fusorosa": "bus",
    "vehicle.yamaha.yzf": "motorcycle",
    "vehicle.diamondback.century": "bicycle",
}


@lru_cache(maxsize=len(VEHICLE_SHAPES))
def extent(vehicle: str) -> tuple[float, float, float]:
    """Half the length, width and height in metres of what a vehicle looks like."""
    x, y, z = np.abs(VEHICLE_SHAPES[vehicle].vertices).max(axis=0).tolist()
    return x, y, z / 2


def _vehicle(name: str) -> tuple[Attribute, ...]:
    base = _BASE_TYPES.get(name, "car")
    wheels = "2" if base in ("motorcycle", "bicycle") else "4"
    roles = ("autopilot", "scenario", "ego_vehicle")
    return (
        Attribute("role_name", Kind.STRING, "autopilot", roles),
        Attribute("ros_name", Kind.STRING, "default"),
        Attribute("color", Kind.COLOR, "17,37,103", ("17,37,103", "180,44,44")),
        Attribute("sticky_control", Kind.BOOL, "true"),
        Attribute("number_of_wheels", Kind.INT, wheels, modifiable=False),
        Attribute("base_type", Kind.STRING, base, modifiable=False),
        Attribute("generation", Kind.INT, "2", modifiable=False),
        Attribute("object_type", Kind.STRING, "", modifiable=False),
    )


_CAMERA = (
    Attribute("role_name", Kind.STRING, "default"),
    Attribute("ros_name", Kind.STRING, "default"),
    Attribute("image_size_x", Kind.INT, "800"),
    Attribute("image_size_y", Kind.INT, "600"),
    Attribute("fov", Kind.FLOAT, "90.0"),
    Attribute("sensor_tick", Kind.FLOAT, "0.0"),
    # Taken and without effect: the town's cameras have no lenses.
    Attribute("lens_circle_falloff", Kind.FLOAT, "5.0"),
    Attribute("lens_circle_multiplier", Kind.FLOAT, "0.0"),
    Attribute("lens_k", Kind.FLOAT, "-1.0"),
    Attribute("lens_kcube", Kind.FLOAT, "0.0"),
    Attribute("lens_x_size", Kind.FLOAT, "0.08"),
    Attribute("lens_y_size", Kind.FLOAT, "0.08"),
)
_RGB_ONLY = (
    Attribute("enable_postprocess_effects", Kind.BOOL, "true"),
    Attribute("gamma", Kind.FLOAT, "2.2"),
    Attribute("motion_blur_intensity", Kind.FLOAT, "0.45"),
    Attribute("shutter_speed", Kind.FLOAT, "200.0"),
    Attribute("iso", Kind.FLOAT, "100.0"),
    Attribute("fstop", Kind.FLOAT, "1.4"),
    Attribute("exposure_mode", Kind.STRING, "histogram", ("manual", "histogram")),
    Attribute("exposure_compensation", Kind.FLOAT, "0.0"),
)


def _blueprints() -> dict[str, Blueprint]:
    kinds = {name: _vehicle(name) for name in VEHICLE_SHAPES}
    kinds |= {RGB: (*_CAMERA, *_RGB_ONLY), SEMANTIC: _CAMERA}
    return {name: Blueprint(uid, name, kinds[name]) for uid, name in enumerate(kinds, 1)}


BLUEPRINTS: Mapping[str, Blueprint] = _blueprints()
