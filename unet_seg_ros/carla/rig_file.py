# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rig files: which cameras a vehicle carries, where they sit and what they see.

The format is that of ros-bridge's `objects.json`, so files made for it can be used as they are:

    {"objects": [{
        "type": "vehicle.tesla.model3",
        "sensors": [{
            "type": "sensor.camera.rgb",
            "id": "rgb_front",
            "spawn_point": {"x": 2.0, "y": 0.0, "z": 2.0, "roll": 0.0, "pitch": 0.0, "yaw": 0.0},
            "image_size_x": 800,
            "image_size_y": 600,
            "fov": 90.0
        }]
    }]}

Any other key of a camera is an attribute of its blueprint, apart from `sensor_tick`: a rig takes a
picture with every camera at every step. Sensors that are neither an RGB nor a semantic camera, and
ros-bridge's pseudo sensors, are passed over.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import site
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unet_seg_ros.poses import Pose

RGB = "sensor.camera.rgb"
SEMANTIC = "sensor.camera.semantic_segmentation"

MAX_SIDE_PX = 8192
MAX_CAMERAS = 64
_MAX_FILE_BYTES = 1 << 20

_PACKAGE = "unet_seg_ros"
_RIGS = Path("config", "rigs")

# Cameras of CARLA 0.9 whose pictures are neither colours nor tags.
_OTHER_CAMERAS = frozenset(
    f"sensor.camera.{kind}"
    for kind in (
        "cosmos_visualization",
        "depth",
        "dvs",
        "instance_segmentation",
        "normals",
        "optical_flow",
    )
)
_NO_ATTRIBUTES = frozenset(
    {
        "type",
        "id",
        "spawn_point",
        "image_size_x",
        "image_size_y",
        "fov",
        "sensor_tick",
        "attached_objects",
    }
)


class RigFileError(ValueError):
    """A rig file that cannot be used; the message names the file and what is wrong in it."""


@dataclass(frozen=True)
class CameraEntry:
    """A camera of a rig.

    Attributes:
        id: Its name in topics and files; unique in its rig.
        blueprint: `RGB` or `SEMANTIC`.
        mount: Where it sits on its vehicle.
        width: Of its pictures, in pixels.
        height: Of its pictures, in pixels.
        fov_deg: Its horizontal field of view.
        attributes: Further attributes of its blueprint, as CARLA takes them.
    """

    id: str
    blueprint: str
    mount: Pose
    width: int
    height: int
    fov_deg: float
    attributes: Mapping[str, str]

    @property
    def is_semantic(self) -> bool:
        """Whether its pictures are tags instead of colours."""
        return self.blueprint == SEMANTIC

    def sees_as(self, other: CameraEntry) -> bool:
        """Return whether a pixel of the other camera shows the same spot of the world."""
        mine, others = (
            (camera.mount, camera.width, camera.height, camera.fov_deg) for camera in (self, other)
        )
        return mine == others


@dataclass(frozen=True)
class RigFile:
    """A vehicle and its cameras.

    Attributes:
        name: What messages call it: the file's path, or a built-in rig's name.
        vehicle: The vehicle's blueprint.
        cameras: In the order of the file; at least one.
    """

    name: str
    vehicle: str
    cameras: tuple[CameraEntry, ...]

    def twin(self, camera: CameraEntry) -> CameraEntry | None:
        """Return the semantic camera that sees what `camera` sees, None where there is none."""
        twins = (entry for entry in self.cameras if entry.is_semantic and entry.sees_as(camera))
        return next(twins, None)

    def free_twin_id(self, camera: CameraEntry) -> str:
        """Return the id that a semantic camera at the place of `camera` would have.

        Empty where there is one, or another camera has that id.
        """
        kind = SEMANTIC.rpartition(".")[2]
        twin_id = camera.id.replace("rgb", kind) if "rgb" in camera.id else f"{kind}_{camera.id}"
        is_taken = self.twin(camera) or twin_id in {entry.id for entry in self.cameras}
        return "" if is_taken else twin_id

    def to_dict(self) -> dict[str, Any]:
        """Return the rig as plain values, ready for JSON."""
        return asdict(self)


def load_rig(name_or_path: str) -> RigFile:
    """Load a rig that comes with the package by its name, or any other by its path.

    Raises:
        RigFileError: There is none of that name, or the file is not a rig; the message says where.
    """
    built_in = built_in_rigs()
    path = built_in.get(name_or_path, Path(name_or_path).expanduser())
    if not path.is_file():
        raise RigFileError(
            f"no rig {name_or_path!r}: give one of {', '.join(sorted(built_in))}, or the path of a "
            "JSON file"
        )
    try:
        with path.open("rb") as stream:
            document = json.loads(stream.read(_MAX_FILE_BYTES))
    except OSError as error:
        raise RigFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RigFileError(f"{path}: not a JSON file: {error!s:.100}") from error
    try:
        return _rig(name_or_path, document)
    except ValueError as error:
        raise RigFileError(f"{path}: {error}") from error


def built_in_rigs() -> dict[str, Path]:
    """Return the files of the rigs that come with the package, by name."""
    for share in _share_folders():
        if files := sorted((share / _RIGS).glob("*.json")):
            return {path.stem: path for path in files}
    return {}


def _share_folders() -> Iterator[Path]:
    """Yield where the package's share may be: its sources, a ROS workspace, pip's two prefixes."""
    sources = Path(__file__).parents[2]
    if (sources / "package.xml").is_file():
        yield sources
    try:
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
    except ModuleNotFoundError:
        pass
    else:
        with contextlib.suppress(PackageNotFoundError):
            yield Path(get_package_share_directory(_PACKAGE))
    for prefix in (sys.prefix, site.getuserbase()):
        yield Path(prefix, "share", _PACKAGE)


def _rig(name: str, document: object) -> RigFile:
    objects = _list(_mapping(document, "the file").get("objects"), "objects")
    vehicles = [
        item
        for item in (_mapping(entry, "an entry of objects") for entry in objects)
        if str(item.get("type")).startswith("vehicle.")
    ]
    if len(vehicles) != 1:
        raise ValueError(f"has {len(vehicles)} vehicles in objects; a rig has one")
    sensors = _list(vehicles[0].get("sensors"), "sensors of the vehicle")
    cameras = tuple(_cameras(sensors))
    if not 1 <= len(cameras) <= MAX_CAMERAS:
        raise ValueError(
            f"has {len(cameras)} cameras of type {RGB} or {SEMANTIC}; 1 to {MAX_CAMERAS} are "
            "possible"
        )
    ids = [camera.id for camera in cameras]
    if repeated := {id_ for id_ in ids if ids.count(id_) > 1}:
        raise ValueError(f"has several cameras with the id {min(repeated)!r}")
    return RigFile(name, vehicles[0]["type"], cameras)


def _cameras(sensors: Sequence[object]) -> Iterator[CameraEntry]:
    for number, entry in enumerate(sensors, 1):
        sensor = _mapping(entry, f"sensor {number}")
        blueprint = str(sensor.get("type"))
        id_ = sensor.get("id")
        if blueprint in (RGB, SEMANTIC):
            if not isinstance(id_, str) or not re.fullmatch(r"[A-Za-z]\w*", id_, re.ASCII):
                raise ValueError(
                    f"sensor {number} has the id {id_!r:.80}; it must be letters, digits and "
                    "underscores, with a letter first"
                )
            try:
                yield _camera(id_, blueprint, sensor)
            except ValueError as error:
                raise ValueError(f"camera {id_}: {error}") from error
        elif blueprint.startswith("sensor.camera.") and blueprint not in _OTHER_CAMERAS:
            raise ValueError(
                f"camera {id_!s:.80}: CARLA has no blueprint {blueprint}; cameras here are {RGB} "
                f"and {SEMANTIC}"
            )


def _camera(id_: str, blueprint: str, sensor: Mapping[str, Any]) -> CameraEntry:
    spawn_point = _mapping(sensor.get("spawn_point", {}), "spawn_point")
    if unknown := sorted(set(spawn_point) - set(Pose.__dataclass_fields__)):
        raise ValueError(
            f"spawn_point has {unknown[0]!r:.80}; it takes {', '.join(Pose.__dataclass_fields__)}"
        )
    fov_deg = _number(sensor.get("fov", 90.0), "fov")
    if not 0 < fov_deg < 180:
        raise ValueError(f"fov must be above 0 and below 180 degrees, not {fov_deg:g}")
    return CameraEntry(
        id=id_,
        blueprint=blueprint,
        mount=Pose(**{key: _number(value, key) for key, value in spawn_point.items()}),
        width=_side(sensor.get("image_size_x", 800), "image_size_x"),
        height=_side(sensor.get("image_size_y", 600), "image_size_y"),
        fov_deg=fov_deg,
        attributes={
            key: _attribute(value, key)
            for key, value in sensor.items()
            if key not in _NO_ATTRIBUTES
        },
    )


def _attribute(value: object, key: str) -> str:
    """Return a value as CARLA's blueprints take it."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"{key} must be a text, a number or true or false, not {value!r:.80}")
    return str(value)


def _side(value: object, key: str) -> int:
    side_px = _number(value, key)
    if side_px != int(side_px) or not 1 <= side_px <= MAX_SIDE_PX:
        raise ValueError(f"{key} must be a whole number from 1 to {MAX_SIDE_PX}, not {value!r:.80}")
    return int(side_px)


def _number(value: object, key: str) -> float:
    # Files made for ros-bridge have numbers as texts now and then.
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise ValueError(f"{key} must be a number, not {value!r:.80}")
    return number


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be a JSON object, not {value!r:.80}")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a JSON list, not {value!r:.80}")
    return value
