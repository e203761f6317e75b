# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import copy
from math import pi

import cv2
import numpy as np
import pytest

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.town.bridges import CLEARANCE
from unet_seg_ros.town.camera import CameraModel, CameraPose
from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.mesh import Instances
from unet_seg_ros.town.occlusion import Occluders
from unet_seg_ros.town.order import PaintOrder
from unet_seg_ros.town.renderer import Renderer
from unet_seg_ros.town.tags import Tag
from unet_seg_ros.town.town import Town
from unet_seg_ros.town.weather import WEATHERS, Weather

VALID = np.array(sorted(Tag), np.uint8)
FLAT = (Tag.ROAD, Tag.SIDEWALK, Tag.TERRAIN, Tag.ROAD_LINE, Tag.GROUND)


@pytest.fixture(scope="module")
def renderer(town: Town) -> Renderer:
    return Renderer(town, CameraModel(320, 240))


def _street(town: Town, s: float = 30.0) -> CameraPose:
    point, heading = town.lanes[0].at(s)
    return CameraPose(float(point[0]), float(point[1]), 1.8, float(heading))


def _one_car(town: Town) -> tuple[Town, np.ndarray]:
    """A town with nothing standing in it but one car in a meadow, and the car's corners."""
    models = town.library.mesh.labels[town.library.polygons[:-1]]
    car = int(np.flatnonzero(models == Tag.CAR)[0])
    lonely = copy.copy(town)
    place = np.array([[-150.0, -150.0, 0.0]], np.float32)
    lonely.statics = Instances(np.array([car], np.int32), place, np.array([0.4], np.float32))
    lonely.feet = place[:, :2]
    lonely.order = PaintOrder(np.array([[-153.0, -153.0, -147.0, -147.0]]), ([], []))
    mesh, _ = lonely.library.place(lonely.statics, np.array([-141.0, -146.0, 1.8]))
    return lonely, mesh.vertices


def test_tags_are_those_of_the_label_set() -> None:
    names = LabelSet.load("carla29").names
    for tag in Tag:
        ours = tag.name.replace("_", "").lower().rstrip("s")
        assert names[tag].replace("_", "").lower().rstrip("s") == ours


def test_a_frame_is_the_same_every_time(town: Town) -> None:
    pose = _street(town)
    first = Renderer(town, CameraModel(320, 240)).render(pose, 4.0)
    second = Renderer(town, CameraModel(320, 240)).render(pose, 4.0)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_another_seed_is_another_town(drive: Drive) -> None:
    other = Drive(Town(seed=1), camera=CameraModel(320, 240))
    assert (drive.frame(0)[1] != other.frame(0)[1]).mean() > 0.1


def test_pictures_belong_to_the_caller(renderer: Renderer, town: Town) -> None:
    rgb, labels = renderer.render(_street(town))
    kept = rgb.copy(), labels.copy()
    renderer.render(_street(town, 150.0), 9.0)
    np.testing.assert_array_equal(rgb, kept[0])
    np.testing.assert_array_equal(labels, kept[1])


def test_every_class_is_met_on_one_lap(drive: Drive) -> None:
    lap = int(drive.town.traffic.lap_s * drive.fps)
    met = np.unique(
        np.concatenate([np.unique(drive.frame(i)[1]) for i in range(0, lap, lap // 40)])
    )
    np.testing.assert_array_equal(met, VALID)


@pytest.mark.parametrize("size", [(1, 1), (37, 23), (641, 127), (90, 333)])
@pytest.mark.parametrize("attitude", [(0.0, 0.0), (-pi / 2, 0.0), (pi / 2, 0.3), (-0.4, 2.6)])
def test_any_size_and_attitude(
    town: Town, size: tuple[int, int], attitude: tuple[float, float]
) -> None:
    fov = 30.0 if size[0] > size[1] else 120.0
    pose = _street(town)
    pose = CameraPose(pose.x, pose.y, 2.5, pose.yaw, *attitude)
    rgb, labels = Renderer(town, CameraModel(*size, fov)).render(pose, 1.0)
    assert rgb.shape == (size[1], size[0], 3)
    assert rgb.dtype == labels.dtype == np.uint8
    assert labels.shape == size[::-1]
    assert np.isin(labels, VALID).all()


def test_up_is_sky_and_down_is_road(town: Town) -> None:
    street = _street(town)
    narrow = Renderer(town, CameraModel(64, 48, 20.0))
    for pitch, expected in ((pi / 2, Tag.SKY), (-pi / 2, Tag.ROAD)):
        pose = CameraPose(street.x, street.y, 1.8, street.yaw, pitch)
        assert np.bincount(narrow.render(pose)[1].ravel()).argmax() == expected


def test_a_camera_in_the_ground_is_refused(renderer: Renderer) -> None:
    with pytest.raises(ValueError, match="above the ground"):
        renderer.render(CameraPose(0.0, 0.0, 0.0))


def test_the_ground_is_where_the_pinhole_model_says(town: Town) -> None:
    camera = CameraModel(401, 301, 80.0)
    street = _street(town, 3.0)
    pose = CameraPose(street.x, street.y, 2.4, street.yaw + 0.3, -0.35, 0.15)
    labels = Renderer(town, camera).render(pose)[1]
    mesh = town.ground
    plan = np.ascontiguousarray(mesh.vertices[:, :2])
    outlines = np.split(plan, np.cumsum(mesh.counts)[:-1])
    rays = camera.rays(pose)
    rng = np.random.default_rng(1)
    checked = 0
    for _ in range(300):
        row, column = int(rng.integers(301)), int(rng.integers(401))
        ray = rays[row, column]
        if labels[row, column] not in FLAT or ray[2] > -0.02:
            continue
        distance = pose.z / -ray[2]
        point = (pose.position + distance * ray)[:2]
        # From the topmost polygon down: which one is the point in, and is it clear of the edges?
        clear = 2.0 * distance / camera.focal * np.linalg.norm(ray) / -ray[2]
        depths = [
            cv2.pointPolygonTest(o, (float(point[0]), float(point[1])), True) for o in outlines
        ]
        if min(abs(d) for d in depths) < clear:
            continue
        top = max(i for i, d in enumerate(depths) if d > 0)
        assert labels[row, column] == mesh.labels[top], (row, column, point)
        checked += 1
    assert checked > 60


def test_a_car_is_where_the_pinhole_model_says(town: Town) -> None:
    lonely, corners = _one_car(town)
    camera = CameraModel(640, 480, 60.0)
    pose = CameraPose(-141.0, -146.0, 1.8, yaw=float(np.arctan2(-4.0, -9.0)), pitch=-0.05, roll=0.1)
    labels = Renderer(lonely, camera).render(pose)[1]
    rows, columns = np.nonzero(labels == Tag.CAR)
    pixels = camera.project(corners.astype(np.float64), pose)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    np.testing.assert_allclose((columns.min(), rows.min()), low, atol=1.1)
    np.testing.assert_allclose((columns.max(), rows.max()), high, atol=1.1)


def test_weather_changes_the_picture_and_not_the_classes(renderer: Renderer, town: Town) -> None:
    pose = _street(town)
    plain, truth = renderer.render(pose, 3.0, WEATHERS["clear_noon"])
    others = [w for name, w in WEATHERS.items() if name != "clear_noon"]
    others.append(Weather.random(np.random.default_rng(5)))
    for weather in others:
        rgb, labels = renderer.render(pose, 3.0, weather)
        np.testing.assert_array_equal(labels, truth)
        assert np.abs(rgb.astype(int) - plain).mean() > 5


def test_edges_of_picture_and_classes_are_the_same_pixels(town: Town) -> None:
    rgb, labels = Renderer(town, CameraModel(320, 240), noise=0).render(_street(town), 3.0)
    edge = np.diff(labels.astype(int), axis=1) != 0
    step = np.abs(np.diff(rgb.astype(int), axis=1)).max(axis=2)
    here = step[edge].mean()
    for shift in (-2, -1, 1, 2):
        assert here > 1.5 * np.roll(step, shift, axis=1)[edge].mean()


def test_a_car_changes_exactly_the_pixels_of_its_mask(town: Town) -> None:
    lonely, _ = _one_car(town)
    empty = copy.copy(lonely)
    far = np.array([[5000.0, 5000.0, 0.0]], np.float32)
    empty.statics = Instances(lonely.statics.models, far, lonely.statics.yaws)
    pose = CameraPose(-141.0, -146.0, 1.8, yaw=float(np.arctan2(-4.0, -9.0)))
    with_car, labels = Renderer(lonely, CameraModel(320, 240), noise=0).render(pose)
    without, _ = Renderer(empty, CameraModel(320, 240), noise=0).render(pose)
    changed = (with_car != without).any(axis=2)
    car = labels == Tag.CAR
    assert not (changed & ~car).any()
    assert changed[car].mean() > 0.99


@pytest.mark.parametrize(("before", "is_seen"), [(-1.4, False), (1.4, True)])
def test_who_stands_behind_a_pillar_of_a_bridge_is_hidden(
    town: Town, before: float, is_seen: bool
) -> None:
    models = town.library.mesh.labels[town.library.polygons[:-1]]
    heights = town.library.half_size[:, 2]
    pillars = np.flatnonzero(
        (models[town.statics.models] == Tag.BRIDGE)
        & (heights[town.statics.models] == np.float32(CLEARANCE))
    )
    model = np.flatnonzero(models == Tag.PEDESTRIAN)[:1].astype(np.int32)
    kerbs = town.layout.kerb_lines
    seen = []
    for pillar in town.feet[pillars]:
        near = [np.abs(lines - c).min() < 1.5 for lines, c in zip(kerbs, pillar, strict=True)]
        if not any(near):
            continue  # a highway's, or one behind the houses
        along = np.array([near[1], near[0]], float)  # the street before it
        place = np.array([[*(pillar + before * along), 0.0]], np.float32)
        somebody = Instances(model, place, np.zeros(1, np.float32))
        nobody = Instances(model[:0], place[:0], np.zeros(0, np.float32))
        yaw = float(np.arctan2(-along[1], -along[0]))
        pose = CameraPose(*(pillar + 3.2 * along).tolist(), 1.8, yaw)
        _, labels = Renderer(town, CameraModel(320, 240)).render(pose, movers=(somebody, nobody))
        seen.append(bool((labels[:, 150:170] == Tag.PEDESTRIAN).any()))
    assert len(seen) >= 2
    assert set(seen) == {is_seen}


def test_leaving_out_what_houses_hide_changes_nothing(town: Town) -> None:
    everything = copy.copy(town)
    everything.occluders = Occluders(np.zeros((0, 4)), np.zeros(0))
    camera = CameraModel(320, 240)
    for s in (20.0, 140.0, 300.0):
        fast = Renderer(town, camera).render(_street(town, s), s)[1]
        full = Renderer(everything, camera).render(_street(town, s), s)[1]
        assert (fast != full).mean() < 2e-4


@pytest.mark.parametrize("name", ["town", "loop_town"])
def test_the_ego_vehicle_stays_on_the_road(name: str, request: pytest.FixtureRequest) -> None:
    town = request.getfixturevalue(name)
    below = Renderer(town, CameraModel(9, 9, 30.0))
    for time_s in np.linspace(0.0, town.traffic.lap_s, 40):
        x, y, yaw = town.traffic.ego(float(time_s))
        labels = below.render(CameraPose(x, y, 1.5, yaw, -pi / 2), float(time_s))[1]
        assert labels[4, 4] in (Tag.ROAD, Tag.ROAD_LINE)
