# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A vehicle with cameras, in a simulation that is stepped from here.

    with open_rig(connect("localhost", 2000, 10.0), load_rig("front"), Setting()) as rig:
        while driving:
            frame = rig.tick()

A rig puts the world into synchronous mode, steps it, and pairs pictures by the frame that they were
taken in, since they come late and in any order. However the `with` block is left, what the rig
spawned is removed, and the world's settings and weather are what they were.

What a rig leaves behind when its process is killed, the next one with the same role name removes:
its sensors carry a mark, which also says whether the vehicle was the rig's own.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.carla.client import CarlaError, Simulator, import_carla
from unet_seg_ros.carla.inbox import Inbox
from unet_seg_ros.carla.rig_file import CameraEntry, RigFile
from unet_seg_ros.poses import Pose

if TYPE_CHECKING:
    import carla

Driver = Literal["none", "autopilot"]

PICTURE_TIMEOUT_S = 2.0

MAX_STEP_S = 0.1
"""As long as the ten substeps of 0.01 s that CARLA's physics does at most in a step."""

TRAFFIC_MANAGER_PORT = 8010
"""Not 8000, where CARLA's script for traffic has its own, which is not to be disturbed."""

_LOADING_TIMEOUT_S = 180.0
_OTHER_STEPPER_S = 1.0  # a world in synchronous mode that stands still this long was left like that
_FIRST_PICTURES_S = 4.0
_FIRST_STEP_S = 0.2
_PATIENCE_S = 0.5  # from here on, a step is late
_POLL_S = 0.01
_LIFT_M = 0.5  # above a recorded pose, so that the wheels are not in the ground

# What the `role_name` of a rig's sensors begins with; the camera's id follows.
_ON_OWN_VEHICLE = "unet_seg_ros/own_vehicle/"
_ON_ADOPTED_VEHICLE = "unet_seg_ros/adopted_vehicle/"


class ServerLostError(CarlaError):
    """The server does not answer any more, or the vehicle is gone from its world.

    The rig is of no use then: close it, connect anew and open another one.
    """


class SpawnError(CarlaError):
    """Something is in the way where the vehicle is to be spawned."""


@dataclass(frozen=True)
class Setting:
    """What a rig asks of the world.

    Attributes:
        role_name: The vehicle's; a vehicle that has it already is adopted.
        town: The map, such as `Town03`; empty: the one that is loaded.
        weather: One of `weather_names()`; empty: as it is.
        spawn_point: Number of a spawn point of the map; None: the first one that is free.
        start: Where to spawn instead, so that a drive goes on where another one ended.
        driver: `autopilot` is the client's traffic manager. It listens at port 8010 of every
            interface of this machine, and when the server is lost, it aborts this process. With
            `none`, driving is left to others.
        step_s: Simulated seconds of a step.
        seed: Of the autopilot.

    Raises:
        CarlaError: A step of this length is not possible.
    """

    role_name: str = "ego_vehicle"
    town: str = ""
    weather: str = ""
    spawn_point: int | None = None
    start: Pose | None = None
    driver: Driver = "none"
    step_s: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.step_s <= MAX_STEP_S:
            raise CarlaError(
                f"a step of {self.step_s:g} s is not possible: it must be above 0 s and at most "
                f"{MAX_STEP_S} s long"
            )


@dataclass(frozen=True)
class Frame:
    """What a step of the world gave.

    Attributes:
        number: The simulator's number of the frame, which begins anew with every server.
        stamp_ns: Simulation time.
        vehicle: Where the vehicle was.
        speed_m_s: How fast it went.
        pictures: By camera id, `(H, W, 4)` uint8 BGRA; a semantic camera has the tag in R.
        missing: The ids of cameras whose pictures did not come in time.
    """

    number: int
    stamp_ns: int
    vehicle: Pose
    speed_m_s: float
    pictures: Mapping[str, Uint8Array]
    missing: tuple[str, ...]


def weather_names() -> tuple[str, ...]:
    """Return the names of CARLA's weathers, such as `ClearNoon`, in alphabetical order."""
    kind = import_carla().WeatherParameters
    presets = {name for name in dir(kind) if isinstance(getattr(kind, name), kind)}
    return tuple(sorted(presets - {"Default"}))


def load_town(simulator: Simulator, town: str) -> tuple[str, int]:
    """Load a map where it is not loaded yet; return its name and how many spawn points it has.

    Args:
        simulator: Where to load it.
        town: As `Setting.town`.

    Raises:
        ServerLostError: The server stopped answering.
        CarlaError: It has no such map, or another client steps its world.
    """
    with _translated_errors(simulator):
        world = _world_of(simulator, town)
        return _town_of(world), len(world.get_map().get_spawn_points())


def open_rig(simulator: Simulator, rig_file: RigFile, setting: Setting) -> Rig:
    """Load the town, spawn or adopt the vehicle, set the weather, attach the cameras.

    When it returns, every camera has delivered a picture, or had four seconds to do so.

    Raises:
        SpawnError: Something is in the way where the vehicle is to be spawned.
        ServerLostError: The server stopped answering.
        CarlaError: The server lacks what was asked for, several vehicles have the role name, or
            another client steps the world.
    """
    with _translated_errors(simulator):
        rig = Rig(simulator, rig_file, setting)
        try:
            rig.open()
        except BaseException:
            rig.close()
            raise
    return rig


class Rig:
    """A vehicle with cameras; a context manager that closes it. `open_rig` makes one."""

    def __init__(self, simulator: Simulator, rig_file: RigFile, setting: Setting) -> None:
        self._simulator = simulator
        self._rig_file = rig_file
        self._setting = setting
        # Every call has the same time-out, and the traffic manager's thread aborts the process when
        # one of its own takes longer.
        self._patience_s = _PATIENCE_S if setting.driver == "none" else simulator.timeout_s
        self._inbox: Inbox[carla.Image] = Inbox(camera.id for camera in rig_file.cameras)
        self._undo = contextlib.ExitStack()
        self._is_lost = False
        self._notes: list[str] = []

    @property
    def town(self) -> str:
        """The name of the map."""
        return _town_of(self._world)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a log: what was found and adopted or removed when the rig was opened."""
        return tuple(self._notes)

    def open(self) -> None:
        """Do what `open_rig` does; `close` is needed also where this raises."""
        self._world = _world_of(self._simulator, self._setting.town)
        self._pulse = self._undo.enter_context(_pulse(self._simulator))
        self._step_from_here()
        self._remove_leftovers()
        adopted = self._existing_vehicle()
        self._vehicle = adopted or self._spawn_vehicle()
        weather = self._world.get_weather()
        self._undo_later(lambda: self._world.set_weather(weather))
        if self._setting.weather:
            self.set_weather(self._setting.weather)
        for camera in self._rig_file.cameras:
            self._attach(camera, _ON_ADOPTED_VEHICLE if adopted else _ON_OWN_VEHICLE)
        self._await_first_pictures()
        if self._setting.driver == "autopilot":
            self._hand_over_to_autopilot()

    def tick(self, timeout_s: float = PICTURE_TIMEOUT_S) -> Frame:
        """Step the world and return the pictures of that frame.

        Args:
            timeout_s: How long to wait for pictures once the world has stepped. A camera that let
                this pass is not waited for until it delivers again.

        Raises:
            ServerLostError: The server does not answer within its time-out, or the vehicle is gone.
        """
        number = self._step()
        snapshot = self._world.get_snapshot()
        vehicle = snapshot.find(self._vehicle.id)
        if vehicle is None:
            raise ServerLostError(
                f"{self._simulator} has no vehicle {self._setting.role_name} any more: somebody "
                "removed it, or loaded a map"
            )
        images = self._inbox.take(number, timeout_s)
        velocity = vehicle.get_velocity()
        return Frame(
            number=number,
            stamp_ns=round(snapshot.timestamp.elapsed_seconds * 1e9),
            vehicle=_pose(vehicle.get_transform()),
            speed_m_s=math.hypot(velocity.x, velocity.y, velocity.z),
            pictures={camera: _pixels(image) for camera, image in images.items()},
            missing=tuple(
                camera.id for camera in self._rig_file.cameras if camera.id not in images
            ),
        )

    def set_weather(self, name: str) -> None:
        """Change the weather to one of `weather_names()`, until the rig is closed.

        Raises:
            ServerLostError: The server stopped answering.
            CarlaError: There is none of that name.
        """
        if name not in weather_names():
            raise CarlaError(f"no weather {name!r}: give one of {', '.join(weather_names())}")
        with _translated_errors(self._simulator):
            self._world.set_weather(getattr(import_carla().WeatherParameters, name))

    def close(self) -> None:
        """Remove what was spawned, and restore the world's settings and weather.

        Never raises. Where the server is lost, this takes no longer than its time-out.
        """
        self._inbox.close()
        self._undo.close()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _undo_later(self, undo: Callable[[], object]) -> None:
        """Have `close` do this, before what it was told to do earlier."""

        def undo_unless_lost() -> None:
            if self._is_lost or _has_ended(self._pulse):
                return
            try:
                undo()
            except RuntimeError:  # one time-out is enough, the next call would not be answered
                self._is_lost = True

        self._undo.callback(undo_unless_lost)

    def _step(self) -> int:
        """Step the world and return the number of the frame, which may come late.

        The client hears of a server's end by its time-out only; but a step that it waits for no
        longer is made all the same. So it waits briefly, and here the rest of its time-out is
        waited for, with an eye on a connection of our own, which ends when the server does.
        """
        simulator, before = self._simulator, self._world.get_snapshot().frame
        deadline_s = time.monotonic() + simulator.timeout_s
        simulator.client.set_timeout(min(self._patience_s, simulator.timeout_s))
        try:
            return int(self._world.tick())
        except RuntimeError:
            reason = f"no answer for {simulator.timeout_s:g} s"
        finally:
            simulator.client.set_timeout(simulator.timeout_s)
        while time.monotonic() < deadline_s:
            if _has_ended(self._pulse):
                reason = "it has ended"
                break
            if (frame := self._world.get_snapshot().frame) > before:
                return int(frame)
            time.sleep(_POLL_S)
        self._is_lost = True
        raise ServerLostError(f"{simulator} is lost: {reason}")

    def _step_from_here(self) -> None:
        found = self._world.get_settings()
        self._undo_later(lambda: self._world.apply_settings(found))
        settings = self._world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = self._setting.step_s
        self._world.apply_settings(settings)
        self._world.tick()  # which actors there are is known from the next step on

    def _remove_leftovers(self) -> None:
        """Remove what rigs whose process was killed left on vehicles of this role."""
        vehicles = {vehicle.id for vehicle in self._vehicles_of_role()}
        leftovers: list[int] = []
        own_vehicles: set[int] = set()
        for sensor in self._world.get_actors().filter("sensor.*"):
            name = sensor.attributes.get("role_name", "")
            parent = sensor.parent.id if sensor.parent else None
            is_marked = name.startswith((_ON_OWN_VEHICLE, _ON_ADOPTED_VEHICLE))
            if is_marked and parent in (None, *vehicles):
                leftovers.append(sensor.id)
                if parent and name.startswith(_ON_OWN_VEHICLE):
                    own_vehicles.add(parent)
        leftovers += own_vehicles
        if leftovers:
            self._destroy(*leftovers)
            self._world.tick()
            self._notes.append(
                f"removed {len(leftovers)} actors that an earlier rig with the role "
                f"{self._setting.role_name} had left behind"
            )

    def _vehicles_of_role(self) -> list[carla.Vehicle]:
        return [
            vehicle
            for vehicle in self._world.get_actors().filter("vehicle.*")
            if vehicle.attributes.get("role_name") == self._setting.role_name
        ]

    def _existing_vehicle(self) -> carla.Vehicle | None:
        vehicles = self._vehicles_of_role()
        if len(vehicles) > 1:
            found = " and ".join(f"{vehicle.id} ({vehicle.type_id})" for vehicle in vehicles)
            raise CarlaError(
                f"{self._simulator} has {len(vehicles)} vehicles with the role "
                f"{self._setting.role_name}, {found}: remove all but one, or give another role"
            )
        if not vehicles:
            return None
        [vehicle] = vehicles
        self._notes.append(
            f"adopted vehicle {vehicle.id} ({vehicle.type_id}), which has the role "
            f"{self._setting.role_name} already"
        )
        return vehicle

    def _spawn_vehicle(self) -> carla.Vehicle:
        blueprint = self._blueprint(self._rig_file.vehicle, f"rig {self._rig_file.name}")
        blueprint.set_attribute("role_name", self._setting.role_name)
        starts, where = self._starts()
        for start in starts:
            try:
                vehicle = self._world.spawn_actor(blueprint, start)
            except RuntimeError as error:
                if "collision" not in str(error):
                    raise
            else:
                self._undo_later(partial(self._destroy, vehicle.id))
                self._world.tick()  # before that it is at 0, 0, 0 to the client
                return vehicle
        raise SpawnError(f"no room for a vehicle at {where}: something else stands there")

    def _starts(self) -> tuple[list[carla.Transform], str]:
        """Return where the vehicle may be spawned, in the order to be tried, and that in words."""
        if pose := self._setting.start:
            start = replace(pose, z=pose.z + _LIFT_M)
            return [_transform(start)], f"x = {pose.x:.1f}, y = {pose.y:.1f}"
        points = self._world.get_map().get_spawn_points()
        wanted = self._setting.spawn_point
        if wanted is None:
            return points, f"any of the {len(points)} spawn points of {self.town}"
        if not 0 <= wanted < len(points):
            raise CarlaError(
                f"{self.town} has no spawn point {wanted}: it has {len(points)}, counted from 0"
            )
        return [points[wanted]], f"spawn point {wanted} of {self.town}"

    def _attach(self, camera: CameraEntry, mark: str) -> None:
        what = f"rig {self._rig_file.name}: camera {camera.id}"
        blueprint = self._blueprint(camera.blueprint, what)
        attributes = {
            **camera.attributes,
            "image_size_x": str(camera.width),
            "image_size_y": str(camera.height),
            "fov": str(camera.fov_deg),
            "role_name": f"{mark}{camera.id}",
        }
        for name, value in attributes.items():
            _set_attribute(blueprint, name, value, what)
        sensor = self._world.spawn_actor(blueprint, _transform(camera.mount), self._vehicle)
        self._undo_later(partial(self._destroy, sensor.id))
        sensor.listen(partial(self._inbox.put, camera.id))
        self._undo.callback(_stop, sensor)

    def _await_first_pictures(self) -> None:
        """Step until every camera delivers: `listen` returns before it is connected."""
        deadline_s = time.monotonic() + _FIRST_PICTURES_S
        while time.monotonic() < deadline_s:
            self._world.tick()
            if self._inbox.wait_for_all(_FIRST_STEP_S):
                return

    def _hand_over_to_autopilot(self) -> None:
        manager = self._simulator.client.get_trafficmanager(TRAFFIC_MANAGER_PORT)
        # Its thread looks at every vehicle, and aborts the process when one has gone meanwhile.
        self._undo_later(manager.shut_down)
        manager.set_synchronous_mode(True)
        manager.set_random_device_seed(self._setting.seed)
        self._vehicle.set_autopilot(True, TRAFFIC_MANAGER_PORT)
        self._undo_later(lambda: self._vehicle.set_autopilot(False, TRAFFIC_MANAGER_PORT))

    def _blueprint(self, name: str, what: str) -> carla.ActorBlueprint:
        library = self._world.get_blueprint_library()
        try:
            return library.find(name)
        except IndexError:
            names = sorted(blueprint.id for blueprint in library)
            [close] = difflib.get_close_matches(name, names, 1, cutoff=0.0)
            raise CarlaError(
                f"{what}: CARLA {self._simulator.version} has no blueprint {name}; the nearest to "
                f"it is {close}"
            ) from None

    def _destroy(self, *actor_ids: int) -> None:
        # Unlike Actor.destroy, this raises where no answer comes.
        destroy = import_carla().command.DestroyActor
        self._simulator.client.apply_batch_sync([destroy(actor_id) for actor_id in actor_ids])


def _pulse(simulator: Simulator) -> socket.socket:
    """Return a connection to the server that asks nothing of it."""
    address = simulator.host, simulator.port
    try:
        pulse = socket.create_connection(address, simulator.timeout_s)
    except OSError as error:
        raise ServerLostError(f"{simulator} is lost: {error.strerror or error}") from error
    pulse.setblocking(False)
    return pulse


def _has_ended(pulse: socket.socket) -> bool:
    try:
        return not pulse.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _world_of(simulator: Simulator, town: str) -> carla.World:
    """Return the world with the map `town` loaded, stepping by itself."""
    world = simulator.client.get_world()
    settings = world.get_settings()
    if settings.synchronous_mode:
        _require_nobody_steps(simulator, world)
        settings.synchronous_mode = False
        settings.fixed_delta_seconds = None
        world.apply_settings(settings)
    if not town or town == _town_of(world):
        return world
    towns = sorted(name.rpartition("/")[2] for name in simulator.client.get_available_maps())
    if town not in towns:
        raise CarlaError(f"{simulator} has no town {town!r}: give one of {', '.join(towns)}")
    simulator.client.set_timeout(_LOADING_TIMEOUT_S)
    try:
        return simulator.client.load_world(town)
    finally:
        simulator.client.set_timeout(simulator.timeout_s)


def _require_nobody_steps(simulator: Simulator, world: carla.World) -> None:
    """Raise CarlaError where another client steps the world."""
    try:
        world.wait_for_tick(_OTHER_STEPPER_S)
    except RuntimeError:
        return  # it was left like that by a client that is gone
    raise CarlaError(
        f"another client steps {simulator} (its world is in synchronous mode and goes on): end "
        "that client first, or have it leave the stepping to this one"
    )


def _town_of(world: carla.World) -> str:
    return str(world.get_map().name).rpartition("/")[2]


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


def _stop(sensor: carla.Sensor) -> None:
    # While the client tries to reconnect to a lost server, this now and then raises "close: Bad
    # file descriptor", with the sensor stopped all the same.
    with contextlib.suppress(RuntimeError):
        sensor.stop()


def _transform(pose: Pose) -> carla.Transform:
    carla = import_carla()
    location = carla.Location(pose.x, pose.y, pose.z)
    return carla.Transform(location, carla.Rotation(pose.pitch, pose.yaw, pose.roll))


def _pose(transform: carla.Transform) -> Pose:
    location, rotation = transform.location, transform.rotation
    return Pose(location.x, location.y, location.z, rotation.roll, rotation.pitch, rotation.yaw)


def _pixels(image: carla.Image) -> Uint8Array:
    # A copy, since the memory is the image's.
    pixels = np.frombuffer(image.raw_data, np.uint8)
    return pixels.reshape(image.height, image.width, 4).copy()


@contextlib.contextmanager
def _translated_errors(simulator: Simulator) -> Iterator[None]:
    """Turn the client's errors into ones that a user understands."""
    try:
        yield
    except CarlaError:
        raise
    except RuntimeError as error:
        if "time-out" in str(error):
            raise ServerLostError(f"{simulator} is lost: {_reason(error)}") from error
        raise CarlaError(f"{simulator} refused: {_reason(error)}") from error


def _reason(error: RuntimeError) -> str:
    """Return the client's reason, without its advice."""
    return str(error).split(",", 1)[0]
