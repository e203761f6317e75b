# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A vehicle with cameras, in a simulation that is stepped from here.

    with open_rig(connect("localhost", 2000, 10.0), load_rig("front"), Setting()) as rig:
        while driving:
            frame = rig.tick()

A rig puts the world into synchronous mode, steps it, and pairs pictures by the frame that they were
taken in, since they come late and in any order. However the `with` block is left, what the rig
spawned is removed, and the world's settings and weather are what they were.

What a rig leaves behind when its process is killed, the next one with the same role name removes.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.carla.actors import (
    existing_vehicle,
    leftovers,
    pose_of,
    spawn_camera,
    spawn_vehicle,
)
from unet_seg_ros.carla.client import (
    CarlaError,
    ServerLostError,
    Simulator,
    import_carla,
    translated_errors,
)
from unet_seg_ros.carla.inbox import Inbox
from unet_seg_ros.carla.pulse import Pulse
from unet_seg_ros.carla.rig_file import CameraEntry, RigFile
from unet_seg_ros.carla.setting import TRAFFIC_MANAGER_PORT, Setting
from unet_seg_ros.carla.world import town_of, weather_names, world_of
from unet_seg_ros.poses import Pose
from unet_seg_ros.units import NS_PER_S

if TYPE_CHECKING:
    import carla

PICTURE_TIMEOUT_S = 2.0

_FIRST_PICTURES_S = 4.0
_FIRST_STEP_S = 0.2
_PATIENCE_S = 0.5  # from here on, a step is late
_POLL_S = 0.01


@dataclass(frozen=True)
class RigFrame:
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


def open_rig(simulator: Simulator, rig_file: RigFile, setting: Setting) -> Rig:
    """Load the town, spawn or adopt the vehicle, set the weather, attach the cameras.

    When it returns, every camera has delivered a picture, or had four seconds to do so.

    Raises:
        SpawnError: Something is in the way where the vehicle is to be spawned.
        ServerLostError: The server stopped answering.
        CarlaError: The server lacks what was asked for, several vehicles have the role name, or
            another client steps the world.
    """
    with translated_errors(simulator):
        rig = Rig(simulator, rig_file, setting)
        try:
            rig.open()
        except BaseException:
            rig.close()
            raise
    return rig


class Rig:
    """A vehicle with cameras; a context manager that closes it. `open_rig` makes one.

    Attributes:
        town: The name of the map.
    """

    town: str

    def __init__(self, simulator: Simulator, rig_file: RigFile, setting: Setting) -> None:
        self._simulator = simulator
        self._rig_file = rig_file
        self._setting = setting
        # Every call has the same time-out, and the traffic manager's thread aborts the process when
        # one of its own takes longer.
        self._patience_s = _PATIENCE_S if setting.driver == "none" else simulator.timeout_s
        self._inbox: Inbox[carla.Image] = Inbox(camera.id for camera in rig_file.cameras)
        self._undo = contextlib.ExitStack()
        self._sensor_ids: dict[str, int] = {}  # by camera id
        self._number = 0  # of the last frame
        self._is_lost = False
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a log: what was found and adopted or removed when the rig was opened."""
        return tuple(self._notes)

    def open(self) -> None:
        """Do what `open_rig` does; `close` is needed also where this raises."""
        self._world = world_of(self._simulator, self._setting.town)
        self.town = town_of(self._world)
        self._pulse = self._undo.enter_context(Pulse(self._simulator))
        self._step_from_here()
        self._remove_leftovers()
        adopted = self._adopt_vehicle()
        self._vehicle = adopted or self._spawn_vehicle()
        weather = self._world.get_weather()
        self._undo_later(lambda: self._world.set_weather(weather))
        if self._setting.weather:
            self.set_weather(self._setting.weather)
        for camera in self._rig_file.cameras:
            self._attach(camera, is_on_own=not adopted)
        self._await_first_pictures()
        self._number = self._world.get_snapshot().frame
        if self._setting.driver == "autopilot":
            self._hand_over_to_autopilot()

    def tick(self, timeout_s: float = PICTURE_TIMEOUT_S) -> RigFrame:
        """Step the world and return the pictures of that frame.

        Args:
            timeout_s: How long to wait for pictures once the world has stepped. A camera that let
                this pass is not waited for until it delivers again.

        Raises:
            ServerLostError: The server does not answer within its time-out, the vehicle or a camera
                is gone, or another client steps the world or has changed how it is stepped.
        """
        number = self._step()
        snapshot = self._world.get_snapshot()
        vehicle = snapshot.find(self._vehicle.id)
        if vehicle is None:
            raise ServerLostError(
                f"{self._simulator} has no vehicle {self._setting.role_name} any more: somebody "
                "removed it, or loaded a map"
            )
        self._require_own_step(number, snapshot.timestamp.delta_seconds)
        images = self._inbox.take(number, timeout_s)
        missing = tuple(camera.id for camera in self._rig_file.cameras if camera.id not in images)
        self._require_cameras(missing, snapshot)
        velocity = vehicle.get_velocity()
        return RigFrame(
            number=number,
            stamp_ns=round(snapshot.timestamp.elapsed_seconds * NS_PER_S),
            vehicle=pose_of(vehicle.get_transform()),
            speed_m_s=math.hypot(velocity.x, velocity.y, velocity.z),
            pictures={camera: _pixels(image) for camera, image in images.items()},
            missing=missing,
        )

    def check(self) -> None:
        """Raise where the server has ended, which nobody notices who does not step the world.

        Raises:
            ServerLostError: It has.
        """
        if self._pulse.has_ended:
            self._is_lost = True
            raise ServerLostError(f"{self._simulator} is lost: it has ended")

    def set_weather(self, name: str) -> None:
        """Change the weather to one of `weather_names()`, until the rig is closed.

        Raises:
            ServerLostError: The server stopped answering.
            CarlaError: There is none of that name.
        """
        if name not in weather_names():
            raise CarlaError(f"no weather {name!r}: give one of {', '.join(weather_names())}")
        with translated_errors(self._simulator):
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
            if self._is_lost or self._pulse.has_ended:
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
            if self._pulse.has_ended:
                reason = "it has ended"
                break
            if (frame := self._world.get_snapshot().frame) > before:
                return int(frame)
            time.sleep(_POLL_S)
        self._is_lost = True
        raise ServerLostError(f"{simulator} is lost: {reason}")

    def _require_own_step(self, number: int, delta_s: float) -> None:
        """Raise where a step is not the one after the last, or not as long as it was to be.

        Pictures would come from moments further apart than was asked for.

        Raises:
            ServerLostError: It is not.
        """
        last, self._number = self._number, number
        if number == last + 1 and math.isclose(delta_s, self._setting.step_s, rel_tol=1e-3):
            return
        raise ServerLostError(
            f"{self._simulator} is not stepped from here alone any more: another client steps its "
            "world too, or has changed its settings"
        )

    def _require_cameras(self, camera_ids: Iterable[str], snapshot: carla.WorldSnapshot) -> None:
        """Raise where one of the cameras is gone, and will never deliver again.

        Raises:
            ServerLostError: It is.
        """
        for camera_id in camera_ids:
            if snapshot.find(self._sensor_ids[camera_id]) is None:
                raise ServerLostError(
                    f"{self._simulator} has no camera {camera_id} any more: somebody removed it"
                )

    def _step_from_here(self) -> None:
        found = self._world.get_settings()
        self._undo_later(lambda: self._world.apply_settings(found))
        settings = self._world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = self._setting.step_s
        self._world.apply_settings(settings)
        self._world.tick()  # which actors there are is known from the next step on

    def _remove_leftovers(self) -> None:
        role_name = self._setting.role_name
        if ids := leftovers(self._world, role_name):
            self._destroy(*ids)
            self._world.tick()
            self._notes.append(
                f"removed {len(ids)} actors that an earlier rig with the role {role_name} had left "
                "behind"
            )

    def _adopt_vehicle(self) -> carla.Vehicle | None:
        role_name = self._setting.role_name
        vehicle = existing_vehicle(self._simulator, self._world, role_name)
        if vehicle:
            self._notes.append(
                f"adopted vehicle {vehicle.id} ({vehicle.type_id}), which has the role {role_name} "
                "already"
            )
        return vehicle

    def _spawn_vehicle(self) -> carla.Vehicle:
        vehicle = spawn_vehicle(self._simulator, self._world, self._rig_file, self._setting)
        self._undo_later(partial(self._destroy, vehicle.id))
        self._world.tick()  # before that it is at 0, 0, 0 to the client
        return vehicle

    def _attach(self, camera: CameraEntry, is_on_own: bool) -> None:
        sensor = spawn_camera(
            self._simulator, self._world, self._rig_file, camera, self._vehicle, is_on_own
        )
        self._undo_later(partial(self._destroy, sensor.id))
        self._sensor_ids[camera.id] = sensor.id
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

    def _destroy(self, *actor_ids: int) -> None:
        # Unlike Actor.destroy, this raises where no answer comes.
        destroy = import_carla().command.DestroyActor
        self._simulator.client.apply_batch_sync([destroy(actor_id) for actor_id in actor_ids])


def _stop(sensor: carla.Sensor) -> None:
    # While the client tries to reconnect to a lost server, this now and then raises "close: Bad
    # file descriptor", with the sensor stopped all the same.
    with contextlib.suppress(RuntimeError):
        sensor.stop()


def _pixels(image: carla.Image) -> Uint8Array:
    # A copy, since the memory is the image's.
    pixels = np.frombuffer(image.raw_data, np.uint8)
    return pixels.reshape(image.height, image.width, 4).copy()
