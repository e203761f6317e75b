# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A rig's actors: its vehicle and its cameras, and those of earlier rigs.

The cameras' `role_name` is a mark, by which the next rig finds what a killed one left behind; it
also says whether the vehicle was the rig's own.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from unet_seg_ros.carla.client import CarlaError, Simulator, import_carla
from unet_seg_ros.carla.rig_file import CameraEntry, RigFile
from unet_seg_ros.carla.setting import Setting
from unet_seg_ros.carla.world import town_of
from unet_seg_ros.poses import Pose

if TYPE_CHECKING:
    import carla

_LIFT_M = 0.5  # above a recorded pose, so that the wheels are not in the ground

# What the `role_name` of a rig's sensors begins with; the camera's id follows.
_ON_OWN_VEHICLE = "unet_seg_ros/own_vehicle/"
_ON_ADOPTED_VEHICLE = "unet_seg_ros/adopted_vehicle/"


class SpawnError(CarlaError):
    """Something is in the way where the vehicle is to be spawned."""


def vehicles_of_role(world: carla.World, role_name: str) -> list[carla.Vehicle]:
    """Return the vehicles that have a role."""
    return [
        vehicle
        for vehicle in world.get_actors().filter("vehicle.*")
        if vehicle.attributes.get("role_name") == role_name
    ]


def leftovers(world: carla.World, role_name: str) -> list[int]:
    """Return the ids of what rigs whose process was killed left on vehicles of this role."""
    vehicles = {vehicle.id for vehicle in vehicles_of_role(world, role_name)}
    sensors: list[int] = []
    own_vehicles: set[int] = set()
    for sensor in world.get_actors().filter("sensor.*"):
        name = sensor.attributes.get("role_name", "")
        parent = sensor.parent.id if sensor.parent else None
        is_marked = name.startswith((_ON_OWN_VEHICLE, _ON_ADOPTED_VEHICLE))
        if is_marked and parent in (None, *vehicles):
            sensors.append(sensor.id)
            if parent and name.startswith(_ON_OWN_VEHICLE):
                own_vehicles.add(parent)
    return [*sensors, *own_vehicles]


def existing_vehicle(
    simulator: Simulator, world: carla.World, role_name: str
) -> carla.Vehicle | None:
    """Return the vehicle that has a role; None where there is none.

    Raises:
        CarlaError: Several vehicles have it.
    """
    vehicles = vehicles_of_role(world, role_name)
    if len(vehicles) > 1:
        found = " and ".join(f"{vehicle.id} ({vehicle.type_id})" for vehicle in vehicles)
        raise CarlaError(
            f"{simulator} has {len(vehicles)} vehicles with the role "
            f"{role_name}, {found}: remove all but one, or give another role"
        )
    return vehicles[0] if vehicles else None


def spawn_vehicle(
    simulator: Simulator, world: carla.World, rig_file: RigFile, setting: Setting
) -> carla.Vehicle:
    """Spawn a rig's vehicle; where it is, the client knows from the next step on.

    Raises:
        SpawnError: Something is in the way.
        CarlaError: The simulator has no such vehicle or spawn point.
    """
    blueprint = _blueprint(simulator, world, rig_file.vehicle, f"rig {rig_file.name}")
    blueprint.set_attribute("role_name", setting.role_name)
    starts, where = _starts(world, setting)
    for start in starts:
        try:
            return world.spawn_actor(blueprint, start)
        except RuntimeError as error:
            if "collision" not in str(error):
                raise
    raise SpawnError(f"no room for a vehicle at {where}: something else stands there")


def spawn_camera(
    simulator: Simulator,
    world: carla.World,
    rig_file: RigFile,
    camera: CameraEntry,
    vehicle: carla.Vehicle,
    is_own: bool,
) -> carla.Sensor:
    """Spawn a camera of a rig on its vehicle.

    Args:
        simulator: Where the world is.
        world: Where to spawn it.
        rig_file: The rig, for messages.
        camera: The camera.
        vehicle: What carries it.
        is_own: Whether the vehicle is the rig's own, and goes when the rig goes.

    Raises:
        CarlaError: The simulator lacks the camera or one of its attributes.
    """
    what = f"rig {rig_file.name}: camera {camera.id}"
    blueprint = _blueprint(simulator, world, camera.blueprint, what)
    mark = _ON_OWN_VEHICLE if is_own else _ON_ADOPTED_VEHICLE
    attributes = {
        **camera.attributes,
        "image_size_x": str(camera.width),
        "image_size_y": str(camera.height),
        "fov": str(camera.fov_deg),
        "role_name": f"{mark}{camera.id}",
    }
    for name, value in attributes.items():
        _set_attribute(blueprint, name, value, what)
    return world.spawn_actor(blueprint, _transform(camera.mount), vehicle)


def pose_of(transform: carla.Transform) -> Pose:
    """Return a transform of the client as plain data."""
    location, rotation = transform.location, transform.rotation
    return Pose(location.x, location.y, location.z, rotation.roll, rotation.pitch, rotation.yaw)


def _starts(world: carla.World, setting: Setting) -> tuple[list[carla.Transform], str]:
    """Return where the vehicle may be spawned, in the order to be tried, and that in words."""
    if pose := setting.start:
        start = replace(pose, z=pose.z + _LIFT_M)
        return [_transform(start)], f"x = {pose.x:.1f}, y = {pose.y:.1f}"
    points, town = world.get_map().get_spawn_points(), town_of(world)
    wanted = setting.spawn_point
    if wanted is None:
        return points, f"any of the {len(points)} spawn points of {town}"
    if not 0 <= wanted < len(points):
        raise CarlaError(
            f"{town} has no spawn point {wanted}: it has {len(points)}, counted from 0"
        )
    return [points[wanted]], f"spawn point {wanted} of {town}"


def _blueprint(
    simulator: Simulator, world: carla.World, name: str, what: str
) -> carla.ActorBlueprint:
    library = world.get_blueprint_library()
    try:
        return library.find(name)
    except IndexError:
        names = sorted(blueprint.id for blueprint in library)
        [close] = difflib.get_close_matches(name, names, 1, cutoff=0.0)
        raise CarlaError(
            f"{what}: CARLA {simulator.version} has no blueprint {name}; the nearest to "
            f"it is {close}"
        ) from None


def _set_attribute(blueprint: carla.ActorBlueprint, name: str, value: str, what: str) -> None:
    kind = import_carla().ActorAttributeType
    if not blueprint.has_attribute(name):
        raise CarlaError(f"{what}: {blueprint.id} has no attribute {name!r:.80}")
    try:
        # The client itself takes any text for a number, as 0.
        if blueprint.get_attribute(name).type in (kind.Int, kind.Float):
            float(value)
        blueprint.set_attribute(name, value)
    except ValueError as error:
        raise CarlaError(f"{what}: {name} cannot be {value!r:.80}: {error}") from error


def _transform(pose: Pose) -> carla.Transform:
    carla = import_carla()
    location = carla.Location(pose.x, pose.y, pose.z)
    return carla.Transform(location, carla.Rotation(pose.pitch, pose.yaw, pose.roll))
