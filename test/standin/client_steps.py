# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What CARLA's own client sees of a stand-in: `python client_steps.py STEP PORT` asserts it.

A process of its own for every step, because the client library can take its process down.
"""

import os
import queue
import sys
import time
from collections.abc import Callable

import carla
import numpy as np

STEP_S = 0.05
TIMEOUT_S = 30.0
SALOON = "vehicle.tesla.model3"
SIDEWALK, SKY, CAR = 2, 11, 14
WEATHERS = (
    "ClearNoon",
    "CloudyNoon",
    "HardRainNoon",
    "ClearSunset",
    "HardRainSunset",
    "ClearNight",
)


class CameraQueue:
    """A camera and what it has sent."""

    def __init__(self, world, kind, transform, vehicle=None, **attributes) -> None:
        blueprint = world.get_blueprint_library().find(f"sensor.camera.{kind}")
        attributes = {"image_size_x": 160, "image_size_y": 120, **attributes}
        for name, value in attributes.items():
            blueprint.set_attribute(name, str(value))
        self.sensor = world.spawn_actor(blueprint, transform, attach_to=vehicle)
        self.images: queue.Queue = queue.Queue()
        self.sensor.listen(self.images.put)

    def get(self) -> carla.Image:
        """Return the next picture."""
        return self.images.get(timeout=TIMEOUT_S)


def main(step: str, port: str) -> None:
    client = carla.Client("127.0.0.1", int(port))
    client.set_timeout(TIMEOUT_S)
    globals()[step](client)


def begin(client, town: str = "Grid"):
    """Load a map anew and take over its clock."""
    world = client.load_world(town)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    return world


def spawn(world, transform, name: str = SALOON, **attributes):
    blueprint = world.get_blueprint_library().find(name)
    for attribute, value in attributes.items():
        blueprint.set_attribute(attribute, value)
    return world.spawn_actor(blueprint, transform)


def pixels(image) -> np.ndarray:
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def refusal(function: Callable, *arguments, **named) -> str:
    try:
        function(*arguments, **named)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("was not refused")


def runs_freely_until_told_not_to(client) -> None:
    assert client.get_server_version() == client.get_client_version() == "0.9.16"
    assert client.get_available_maps() == ["/Game/Carla/Maps/Grid", "/Game/Carla/Maps/Loop"]
    world = client.load_world("Grid")
    first, second = world.wait_for_tick(), world.wait_for_tick()
    assert second.frame > first.frame
    assert abs(second.timestamp.delta_seconds - STEP_S) < 1e-6

    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.02
    world.apply_settings(settings)  # which itself ticks
    before = world.get_snapshot().frame
    assert world.get_settings().fixed_delta_seconds == 0.02
    other = carla.Client("127.0.0.1", int(sys.argv[2]))
    other.set_timeout(TIMEOUT_S)
    watcher = other.get_world()
    for i in range(1, 6):
        assert world.tick() == before + i == world.get_snapshot().frame
        assert abs(world.get_snapshot().timestamp.delta_seconds - 0.02) < 1e-6
    assert watcher.get_settings().synchronous_mode
    settings.fixed_delta_seconds = 5.0
    assert "fixed_delta_seconds is 5" in refusal(world.apply_settings, settings)


def has_maps_whose_lanes_are_where_vehicles_drive(client) -> None:
    for town, points in (("Grid", 100), ("Loop", 30)):
        world = client.load_world(town)
        town_map = world.get_map()
        assert town_map.name == f"Carla/Maps/{town}"
        places = town_map.get_spawn_points()
        assert len(places) > points
        for place in places:
            waypoint = town_map.get_waypoint(place.location)
            off = waypoint.transform.location - place.location
            assert waypoint.lane_type == carla.LaneType.Driving
            assert abs(off.x) + abs(off.y) < 0.01
            assert not waypoint.is_junction
            facing = waypoint.transform.get_forward_vector().dot(place.get_forward_vector())
            assert facing > 0.999, (place, waypoint)
            assert waypoint.next(150.0), "roads lead on through junctions"
        pavement = town_map.get_waypoint(places[0].location, lane_type=carla.LaneType.Sidewalk)
        assert pavement.transform.location.distance(places[0].location) < 6.0
        assert abs(town_map.transform_to_geolocation(carla.Location()).latitude - 49) < 1e-6
    assert "Map 'Nowhere' not found" in refusal(client.load_world, "Nowhere")


def spawns_drives_and_removes_vehicles(client) -> None:
    world = begin(client)
    town_map = world.get_map()
    places = town_map.get_spawn_points()
    car = spawn(world, places[0], role_name="ego_vehicle")
    other = spawn(world, places[20], "vehicle.mitsubishi.fusorosa", role_name="ego_vehicle")
    assert car.attributes["role_name"] == other.attributes["role_name"] == "ego_vehicle"
    assert car.semantic_tags == [CAR]
    assert 2.0 < car.bounding_box.extent.x < other.bounding_box.extent.x
    blueprint = world.get_blueprint_library().find(SALOON)
    assert world.try_spawn_actor(blueprint, places[0]) is None
    collision = "Spawn failed because of collision at spawn position"
    assert refusal(world.spawn_actor, blueprint, places[0]) == collision

    for _ in range(400):
        world.tick()
        waypoint = town_map.get_waypoint(car.get_location())
        assert waypoint.transform.location.distance(car.get_location()) < 1.0
    assert 5.0 < car.get_velocity().length() < 10.0, "by itself, at the town's speed"

    car.set_transform(places[0])
    control = carla.VehicleControl(throttle=0.5, steer=0.5)
    car.apply_control(control)
    world.tick()
    start = car.get_transform()
    for _ in range(30):
        world.tick()
    moved = car.get_location() - start.location
    assert moved.dot(start.get_right_vector()) > 0.5, "steer > 0 turns right"
    assert moved.dot(start.get_forward_vector()) > 2.0
    assert abs(car.get_control().steer - control.steer) < 1e-6
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(40):
        world.tick()
    assert car.get_velocity().length() == 0.0

    spawned = carla.command.SpawnActor(blueprint, places[40]).then(
        carla.command.ApplyVehicleControl(
            carla.command.FutureActor, carla.VehicleControl(hand_brake=True)
        )
    )
    good, bad = client.apply_batch_sync([spawned, carla.command.DestroyActor(4242)], True)
    assert bad.error == "unable to destroy actor: not found"
    parked = world.get_actor(good.actor_id)
    world.tick()
    assert parked.get_velocity().length() == 0.0
    assert car.destroy()
    assert other.destroy()
    world.tick()
    assert [a.id for a in world.get_actors().filter("vehicle.*")] == [parked.id]


def cameras_see_what_is_there(client) -> None:
    world = begin(client)
    places = world.get_map().get_spawn_points()
    car = spawn(world, places[0])
    ahead, right = places[0].get_forward_vector(), places[0].get_right_vector()
    mount = carla.Transform(carla.Location(x=0.5, z=2.4), carla.Rotation(pitch=-4))
    color = CameraQueue(world, "rgb", mount, car)
    tags = CameraQueue(world, "semantic_segmentation", mount, car)
    slow = CameraQueue(world, "rgb", mount, car, image_size_x=64, sensor_tick=4 * STEP_S)
    car.apply_control(carla.VehicleControl(hand_brake=True))

    def cars() -> np.ndarray:
        world.tick()
        color.get()
        return pixels(tags.get())[..., 2] == CAR

    def middle_of_a_car(at: carla.Transform) -> float:
        """Look where a vehicle comes into the picture: 0 is its left edge, 1 its right one."""
        others = cars()
        vehicle = spawn(world, at)
        vehicle.apply_control(carla.VehicleControl(hand_brake=True))
        _, columns = np.nonzero(cars() & ~others)
        assert vehicle.destroy()
        return float(np.median(columns)) / 160

    def beside(metres_ahead: float, metres_right: float) -> carla.Transform:
        offset = ahead * metres_ahead + right * metres_right + carla.Vector3D(z=0.3)
        return carla.Transform(places[0].location + offset, places[0].rotation)

    assert 0.45 < middle_of_a_car(beside(8.0, 0.0)) < 0.55
    assert middle_of_a_car(beside(8.0, 4.0)) > 0.65

    frame = world.tick()
    images = color.get(), tags.get()
    expected = np.array(car.get_transform().get_matrix()) @ np.array(mount.get_matrix())
    for image in images:
        assert (image.frame, image.width, image.height, image.fov) == (frame, 160, 120, 90.0)
        assert abs(image.timestamp - world.get_snapshot().timestamp.elapsed_seconds) < 1e-9
        np.testing.assert_allclose(image.transform.get_matrix(), expected, atol=2e-3)
        assert (pixels(image)[..., 3] == 255).all()
    labels = pixels(images[1])
    assert not labels[..., :2].any()
    assert {SIDEWALK, SKY} <= set(np.unique(labels[..., 2]).tolist())
    blue = pixels(images[0]).astype(int)
    sky = labels[..., 2] == SKY
    assert (blue[..., 0] - blue[..., 2])[sky].mean() > 40, "bytes are blue, green, red"
    own_lane = labels[90:, 40:120, 2]
    assert not (own_lane == CAR).any(), "the vehicle does not hide the view"

    frames = [slow.get().frame for _ in range(slow.images.qsize())]
    assert set(np.diff(frames).tolist()) <= {4}, frames
    color.sensor.stop()
    world.tick()
    color.sensor.listen(color.images.put)
    assert world.tick() == color.get().frame

    for name, value, reason in (
        ("image_size_x", 100_000, "camera size 100000x120"),
        ("fov", 180, "field of view 180"),
        ("sensor_tick", -1, "sensor_tick -1"),
    ):
        assert reason in refusal(CameraQueue, world, "rgb", mount, car, **{name: value})


def weather_shows(client) -> None:
    world = begin(client)
    camera = CameraQueue(world, "rgb", carla.Transform(carla.Location(z=2.0)))
    seen = {}
    for name in WEATHERS:
        weather = getattr(carla.WeatherParameters, name)
        world.set_weather(weather)
        world.tick()
        assert world.get_weather() == weather
        seen[name] = pixels(camera.get())[..., :3].astype(int)
    for i, name in enumerate(WEATHERS):
        for other in WEATHERS[:i]:
            assert np.abs(seen[name] - seen[other]).mean() > 8.0, (name, other)
    assert seen["ClearNight"].mean() < 0.5 * seen["ClearNoon"].mean()


def meets_faults(client) -> None:
    """With what `test_faults` has the server do wrong."""
    world = begin(client)
    car = spawn(world, world.get_map().get_spawn_points()[0])
    mount = carla.Transform(carla.Location(z=2.4))
    silent = CameraQueue(world, "rgb", mount, car, role_name="front")
    heard = CameraQueue(world, "rgb", mount, car, role_name="rear")
    frames = []
    for _ in range(4):
        began_s = time.monotonic()
        frame = world.tick()
        if frame % 2 == 0:
            frames.append(frame)
            assert heard.get().frame == frame
            assert time.monotonic() - began_s >= 0.2
    assert len(frames) == 2
    assert heard.images.empty(), "the others' pictures are lost"
    assert silent.images.empty()
    assert refusal(world.get_weather) == "no weather today"
    client.set_timeout(1.0)
    assert "time-out of 1000ms" in refusal(world.get_spectator)


def loses_a_server_in_the_middle_of_a_picture(client) -> None:
    world = begin(client)
    camera = CameraQueue(world, "rgb", carla.Transform(carla.Location(z=2.0)), image_size_x=800)
    for _ in range(3):
        assert world.tick() == camera.get().frame
    world.tick()
    client.set_timeout(1.0)
    assert "time-out of 1000ms" in refusal(world.tick)
    assert camera.images.empty()


def watches_until_the_server_ends(client) -> None:
    """Six cameras in a world that runs freely; tells when all of them see, on its output."""
    world = client.load_world("Grid")
    mount = carla.Transform(carla.Location(z=2.0))
    cameras = [CameraQueue(world, kind, mount) for kind in ("rgb", "semantic_segmentation") * 3]
    for camera in cameras:
        camera.get()
    print("watching", flush=True)
    client.set_timeout(1.0)
    while True:
        world.get_weather()


if __name__ == "__main__":
    status = 1
    try:
        main(*sys.argv[1:])
        status = 0
    except Exception:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # an orderly end of the interpreter can abort in the client library
