# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from unet_seg_ros.town.bridges import CLEARANCE
from unet_seg_ros.town.layout import HALF_STREET
from unet_seg_ros.town.rects import grown, meet
from unet_seg_ros.town.tags import Tag
from unet_seg_ros.town.town import Town


def test_the_same_seed_builds_the_same_town(town: Town) -> None:
    again = Town(seed=0)
    for name in ("vertices", "colors", "labels"):
        np.testing.assert_array_equal(getattr(again.ground, name), getattr(town.ground, name))
        np.testing.assert_array_equal(
            getattr(again.library.mesh, name), getattr(town.library.mesh, name)
        )
    np.testing.assert_array_equal(again.statics.positions, town.statics.positions)
    np.testing.assert_array_equal(again.movers(12.3)[0].positions, town.movers(12.3)[0].positions)
    for ours, theirs in zip(again.textures, town.textures, strict=True):
        np.testing.assert_array_equal(ours.levels[0], theirs.levels[0])


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown town layout 'maze'"):
        Town(layout="maze")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["town", "loop_town"])
def test_lanes_are_closed_smooth_and_on_the_right(
    name: str, request: pytest.FixtureRequest
) -> None:
    town = request.getfixturevalue(name)
    for lane in town.lanes:
        np.testing.assert_allclose(lane.points[0], lane.points[-1])
        s = np.arange(0.0, lane.length, 0.5)
        points, headings = lane.at(s)
        steps = np.hypot(*np.diff(points, axis=0).T)
        assert steps.max() < 0.6
        assert np.abs(np.diff(headings)).max() < 0.12  # radians in half a metre
        direction = np.arctan2(*np.diff(points, axis=0).T[::-1])
        turned = np.angle(np.exp(1j * (direction - headings[:-1])))
        assert np.abs(turned).max() < 0.15


def test_spawn_points_stand_in_the_lanes(town: Town) -> None:
    places = town.spawn_points
    assert len(places) > 50
    near = min(np.hypot(*(lane.points - places[7, :2]).T).min() for lane in town.lanes)
    assert near < 0.5


def test_nobody_drives_into_anybody(town: Town) -> None:
    lap = town.traffic.lap_s
    for time_s in np.arange(0.0, lap, lap / 100):
        ego = np.array([town.traffic.ego(time_s)[:2]])
        places = np.vstack([ego, town.traffic._vehicles.at(time_s).positions[:, :2]])
        apart = np.linalg.norm(places[:, None] - places[None], axis=2)
        # Those who pass in the other lane are closest: two lanes' middles are 3.6 m apart.
        assert apart[~np.eye(len(apart), dtype=bool)].min() > 2.6


def test_a_light_turns_green_for_the_ego_vehicle(town: Town) -> None:
    green = town.traffic._signal_models[:, 0]
    seen = 0
    for time_s in np.arange(0.0, town.traffic.lap_s, 0.5):
        x, y, yaw = town.traffic.ego(time_s)
        _, lights = town.traffic.at(time_s)
        for signal, model in zip(town.traffic._signals, lights, strict=True):
            at_stop = np.hypot(signal.stop[0] - x, signal.stop[1] - y) < 3.0
            if at_stop and np.cos(signal.yaw - yaw) < -0.9:
                seen += 1
                assert model in green
    assert seen >= 4


@pytest.mark.parametrize("name", ["town", "loop_town"])
def test_repairs_of_the_asphalt_stay_between_the_kerbs(
    name: str, request: pytest.FixtureRequest
) -> None:
    town = request.getfixturevalue(name)
    ground, streets = town.ground, town.layout.stretches
    roads = np.flatnonzero(ground.labels == Tag.ROAD)
    repairs = ground.part(roads[1:]).vertices[:, :2]  # the first is the road itself
    assert len(repairs) > 4
    clear = HALF_STREET + town.layout.corner
    for corner in repairs:
        assert any(
            abs(corner[axis] - at) <= HALF_STREET
            and begin + clear - 1 < corner[1 - axis] < end - clear + 1
            for axis, at, (begin, end) in streets
        )


@pytest.mark.parametrize("seed", [0, 3])
def test_nothing_stands_under_a_bridge_and_everybody_passes_below(seed: int) -> None:
    town = Town(seed)
    models = town.library.mesh.labels[town.library.polygons[:-1]]
    is_bridge = models[town.statics.models] == Tag.BRIDGE
    footprints = town._scenery.footprints
    spans = [tuple(rect) for rect in footprints[is_bridge]]
    assert len(spans) >= 3
    others = [tuple(rect) for rect in footprints[~is_bridge]]
    assert not any(meet(span, grown(other, -0.01)) for span in spans for other in others)
    movers = town.movers(5.0)[0]
    assert town.library.half_size[movers.models, 2].max() < CLEARANCE
