# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a capture is made of, without a simulator; test/cli/test_capture.py has the whole."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unet_seg_ros.carla import capture as capture_module
from unet_seg_ros.carla.actors import SpawnError
from unet_seg_ros.carla.capture import cameras_with_truth, capture, label_set_of
from unet_seg_ros.carla.capture_plan import CapturePlan
from unet_seg_ros.carla.client import CarlaError, Simulator
from unet_seg_ros.carla.rig import RigFrame
from unet_seg_ros.carla.rig_file import RigFile, RigFileError, load_rig
from unet_seg_ros.carla.setting import Setting
from unet_seg_ros.poses import Pose

PLAN = CapturePlan(
    town="Town03",
    frames=100,
    weathers=("ClearNoon", "HardRainNight"),
    spawn_points=(7, 3, 11),
    every=5,
    step_s=0.05,
    driver="none",
    seed=0,
)


class ScriptedRig:
    """A rig without a simulator, which does not stand still for anybody."""

    def __init__(self, places_m: Iterator[float]) -> None:
        self._places_m = places_m
        self._number = 0

    def __enter__(self) -> ScriptedRig:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def set_weather(self, name: str) -> None:
        """Leave the weather as it is."""

    def tick(self) -> RigFrame:
        """Return the next frame, whose pictures are black."""
        self._number += 1
        pictures = {
            camera.id: np.zeros((2, 2, 4), np.uint8) for camera in load_rig("front").cameras
        }
        pose = Pose(x=next(self._places_m))
        return RigFrame(self._number, self._number * 50_000_000, pose, 0.0, pictures, ())


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[Setting]:
    """Have rigs stand still where they start, all but those at spawn point 3; return the starts."""
    settings: list[Setting] = []

    def open_rig(_: Simulator, __: RigFile, setting: Setting) -> ScriptedRig:
        settings.append(setting)
        if setting.spawn_point == 11:
            raise SpawnError("no room for a vehicle at spawn point 11")
        step_m = 0.125 if setting.spawn_point == 3 else 0.0
        return ScriptedRig(step_m * number for number in itertools.count())

    monkeypatch.setattr(capture_module, "open_rig", open_rig)
    return settings


def captured(plan: CapturePlan, folder: Path) -> list[dict]:
    simulator = Simulator(client=None, host="", port=0, timeout_s=1.0, version="0.9.16")
    try:
        capture(simulator, load_rig("front"), plan, folder, lambda: False)
    finally:
        lines = (folder / "frames.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_spawn_points_come_in_turn_and_each_has_every_weather_as_often() -> None:
    legs = [PLAN.leg(frame) for frame in range(PLAN.frames)]
    assert list(dict.fromkeys(legs)) == [
        (7, "ClearNoon"),
        (7, "HardRainNight"),
        (3, "ClearNoon"),
        (3, "HardRainNight"),
        (11, "ClearNoon"),
        (11, "HardRainNight"),
    ]
    assert set(Counter(legs).values()) == {16, 17}


def test_fewer_frames_than_places_and_weathers_are_spread_over_them() -> None:
    plan = replace(PLAN, frames=3)
    assert [plan.leg(frame)[0] for frame in range(3)] == [7, 3, 11]


def test_cameras_without_truth_are_left_out() -> None:
    rig = load_rig("surround")
    alone = [camera for camera in rig.cameras if camera.id != "semantic_segmentation_back"]
    kept, left_out = cameras_with_truth(replace(rig, cameras=tuple(alone)))
    assert left_out == ("rgb_back",)
    assert len(kept.cameras) == 10


@pytest.mark.parametrize(("kind", "named"), [(False, "rgb_front"), (True, "(none)")])
def test_a_rig_without_any_truth_is_refused_with_its_cameras(kind: bool, named: str) -> None:
    rig = load_rig("front")
    alone = [camera for camera in rig.cameras if camera.is_semantic == kind]
    with pytest.raises(RigFileError, match=r"rig front: .*has no semantic camera") as refusal:
        cameras_with_truth(replace(rig, cameras=tuple(alone)))
    assert named in str(refusal.value)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("0.9.9", "carla13"),
        ("0.9.10", "carla23"),
        ("0.9.13", "carla23"),
        ("0.9.14", "carla29"),
        ("0.9.16", "carla29"),
        ("0.10.0", "carla29"),
    ],
)
def test_every_version_has_its_table_of_tags(version: str, name: str) -> None:
    assert label_set_of(version) == name


def test_frames_are_kept_only_where_the_vehicle_has_moved(
    starts: list[Setting], tmp_path: Path
) -> None:
    plan = replace(PLAN, frames=10, spawn_points=(3,), weathers=("ClearNoon",), every=1)
    places = [line["pose"]["x"] for line in captured(plan, tmp_path)]
    assert np.diff(places).tolist() == [0.375] * 9
    assert len(starts) == 1


def test_where_the_vehicle_stands_or_has_no_room_the_next_spawn_point_is_tried(
    starts: list[Setting], tmp_path: Path
) -> None:
    plan = replace(PLAN, frames=12, spawn_points=(7, 11, 3), weathers=("ClearNoon",))
    lines = captured(plan, tmp_path)
    assert [setting.spawn_point for setting in starts] == [7, 11, 3, 11, 3, 3]
    assert [line["spawn_point"] for line in lines] == [7] + [3] * 11
    assert [line["run"] for line in lines] == [0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]


def test_a_vehicle_that_nobody_drives_is_told(starts: list[Setting], tmp_path: Path) -> None:
    plan = replace(PLAN, spawn_points=(7, 8, 9, 10))
    with pytest.raises(CarlaError, match=r"did not move for 60 s .* The driver is none"):
        captured(plan, tmp_path)
    assert [setting.spawn_point for setting in starts] == [7, 8, 9]
