# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from unet_seg_ros.standin.actors import CameraActor, Vehicle
from unet_seg_ros.standin.pictures import draw
from unet_seg_ros.standin.transform import Transform
from unet_seg_ros.standin.wire import EpisodeSettings, VehicleControl
from unet_seg_ros.standin.world import MAX_ACTORS, World
from unet_seg_ros.town.tags import Tag

SALOON, BUS = "vehicle.tesla.model3", "vehicle.mitsubishi.fusorosa"
SEMANTIC = "sensor.camera.semantic_segmentation"
SMALL = [("image_size_x", 2, "160"), ("image_size_y", 2, "120")]


@pytest.fixture(scope="module")
def used_world() -> World:
    return World("grid")


@pytest.fixture
def world(used_world: World) -> World:
    used_world.load("Grid", reset_settings=True)
    return used_world


def drive(world: World, seconds: float) -> None:
    for _ in range(round(seconds / world.settings.step_s)):
        world.step()


def test_vehicles_drive_by_themselves_and_meet_nobody(world: World) -> None:
    vehicles = [world.spawn(SALOON, [], point) for point in world.spawn_points[::4]]
    world.settings = EpisodeSettings(fixed_delta=(True, 1.0))
    for _ in range(60):
        world.step()
        places = np.array([(v.transform.x, v.transform.y) for v in vehicles])
        apart = np.linalg.norm(places[:, None] - places, axis=2) + 1e9 * np.eye(len(places))
        assert apart.min() > 2.6, "nobody but those who pass in the other lane"
        scene = world.scene()
        others = scene.movers[0].positions[:, :2] * (1, -1)
        on_the_road = np.linalg.norm(others[:, None] - places, axis=2)
        assert on_the_road.min() > 1.5, "the town makes way"
    assert {round(v.speed_m_s) for v in vehicles if isinstance(v, Vehicle)} <= {6, 7, 8, 9}


def test_a_vehicle_beside_every_lane_stays_where_it_is(world: World) -> None:
    x, y = world.town.layout.blocks[0][:2]
    parked = Transform.from_town(x + 1.0, y + 25.0, 0.3)
    actor = world.spawn(SALOON, [], parked)
    drive(world, 1.0)
    assert (actor.transform.x, actor.transform.y) == (parked.x, parked.y)


def test_controls_drive_a_vehicle(world: World) -> None:
    car = world.spawn(SALOON, [], Transform(yaw=0.0))
    assert isinstance(car, Vehicle)
    car.controlled, car.control = True, VehicleControl(throttle=0.5, steer=0.5)
    drive(world, 1.0)
    assert car.transform.x > 0.5
    assert car.transform.y > 0.1, "right is +y"
    assert car.transform.yaw > 5.0
    car.control = VehicleControl(throttle=1.0, reverse=True)
    drive(world, 3.0)
    assert car.speed_m_s < 0
    car.control = VehicleControl(brake=1.0)
    drive(world, 3.0)
    assert car.velocity == pytest.approx((0.0, 0.0, 0.0))
    car.physics, car.control = False, VehicleControl(throttle=1.0)
    before = car.transform
    drive(world, 1.0)
    assert car.transform == before


def test_pictures_show_the_vehicles_of_clients(world: World) -> None:
    place = world.spawn_points[0]
    car = world.spawn(BUS, [], place)
    camera = world.spawn(SEMANTIC, SMALL, Transform(x=0.5, z=3.4), car.id)
    on_its_own = world.spawn(SEMANTIC, SMALL, place.compose(Transform(x=-9.0, z=2.1)))
    due = world.due_cameras()
    views = {c.id: view for view, cameras in due.items() for c in cameras}

    def share_of_bus(actor: CameraActor) -> float:
        return float((draw(views[actor.id], world.scene())[1] == Tag.BUS).mean())

    carried, seen = share_of_bus(camera), share_of_bus(on_its_own)
    world.destroy(car.id)
    # The town has buses of its own, which may be anywhere.
    assert carried < share_of_bus(camera) + 0.02, "cameras do not see what carries them"
    assert seen > share_of_bus(on_its_own) + 0.1


def test_cameras_at_one_place_share_a_view_and_keep_their_pace(world: World) -> None:
    for tick in ("0.0", "0.1"):
        world.spawn(SEMANTIC, [*SMALL, ("sensor_tick", 3, tick)], Transform(z=2.0))
    counts = []
    for _ in range(5):
        world.step()
        ((_, cameras),) = world.due_cameras().items()
        counts.append(len(cameras))
    assert counts == [2, 1, 2, 1, 2]


def test_a_camera_below_the_ground_still_gives_a_picture(world: World) -> None:
    world.spawn(SEMANTIC, SMALL, Transform(z=-50.0, pitch=80.0))
    (view,) = world.due_cameras()
    assert draw(view, world.scene())[1].shape == (120, 160)


def test_children_outlive_their_parents(world: World) -> None:
    car = world.spawn(SALOON, [], world.spawn_points[0])
    camera = world.spawn(SEMANTIC, SMALL, Transform(x=1.0, z=2.0), car.id)
    before = world.transform_of(camera)
    world.destroy(car.id)
    assert camera.parent == 0
    assert world.transform_of(camera) == before
    world.destroy(camera.id)
    assert list(world.actors) == [world.spectator.id]


def test_maps_are_loaded_by_name(world: World) -> None:
    world.spawn(SALOON, [], world.spawn_points[0])
    world.settings = EpisodeSettings(synchronous=True)
    episode = world.episode
    world.load("/Game/Carla/Maps/Loop", reset_settings=False)
    assert (world.map_name, world.episode) == ("Carla/Maps/Loop", episode + 1)
    assert world.settings.synchronous
    assert list(world.actors) == [world.spectator.id]
    assert (world.take_flags(), world.take_flags()) == (1, 0)
    world.load("", reset_settings=True)
    assert world.map_name == "Carla/Maps/Loop"
    assert not world.settings.synchronous


@pytest.mark.parametrize(
    ("name", "attributes", "parent", "reason"),
    [
        ("vehicle.no.such", [], 0, "invalid actor description"),
        (SEMANTIC, [], 4242, "parent actor not found"),
        (SALOON, [], 1, "only cameras can be attached"),
        (SALOON, [("wings", 2, "2")], 0, "has no attribute 'wings'"),
        (SALOON, [("role_name", 4, "x" * 201)], 0, "at most 200 characters"),
        (SEMANTIC, [("image_size_x", 2, "9999")], 0, "camera size 9999x600"),
        (SEMANTIC, [("image_size_y", 2, "0")], 0, "camera size 800x0"),
        (SEMANTIC, [("image_size_y", 2, "tall")], 0, "invalid literal"),
        (SEMANTIC, [("fov", 3, "nan")], 0, "field of view nan"),
        (SEMANTIC, [("sensor_tick", 3, "inf")], 0, "sensor_tick inf"),
    ],
)
def test_what_cannot_be_spawned(
    world: World, name: str, attributes: list, parent: int, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        world.spawn(name, attributes, Transform(z=1.0), parent)
    assert list(world.actors) == [world.spectator.id]


def test_nothing_is_spawned_into_a_vehicle_or_a_full_town(world: World) -> None:
    place = world.spawn_points[0]
    world.spawn(SALOON, [], place)
    with pytest.raises(ValueError, match="collision at spawn position"):
        world.spawn(SALOON, [], place.compose(Transform(x=4.0)))
    world.spawn(SALOON, [], place.compose(Transform(y=2.5)))
    for _ in range(MAX_ACTORS - len(world.actors)):
        world.spawn(SEMANTIC, SMALL, Transform())
    with pytest.raises(ValueError, match=f"there are {MAX_ACTORS} actors already"):
        world.spawn(SEMANTIC, SMALL, Transform())


def test_the_spectator_stays(world: World) -> None:
    world.move(world.spectator.id, Transform(z=50.0))
    assert world.spectator.transform.z == 50.0
    with pytest.raises(ValueError, match="unable to destroy actor: not found"):
        world.destroy(world.spectator.id)
