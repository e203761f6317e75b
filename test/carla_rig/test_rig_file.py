# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unet_seg_ros.carla.rig_file import RigFileError, load_rig
from unet_seg_ros.poses import Pose


def camera(kind: str = "rgb", **keys: Any) -> dict[str, Any]:
    return {
        "type": f"sensor.camera.{kind}",
        "id": f"{kind}_front",
        "spawn_point": {"x": 2.0, "y": 0.0, "z": 2.0, "roll": 0.0, "pitch": 0.0, "yaw": 0.0},
        "image_size_x": 800,
        "image_size_y": 600,
        "fov": 90.0,
        **keys,
    }


def vehicle(*sensors: object) -> dict[str, Any]:
    return {"type": "vehicle.tesla.model3", "id": "ego_vehicle", "sensors": list(sensors)}


def write(folder: Path, *objects: object) -> str:
    path = folder / "objects.json"
    path.write_text(json.dumps({"objects": objects}))
    return str(path)


def test_the_front_rig_has_a_camera_and_its_twin() -> None:
    rig = load_rig("front")
    rgb, semantic = rig.cameras
    assert (rig.name, rig.vehicle) == ("front", "vehicle.tesla.model3")
    assert (rgb.id, semantic.id) == ("rgb_front", "semantic_segmentation_front")
    assert (rgb.width, rgb.height, rgb.fov_deg) == (800, 600, 90.0)
    assert (rgb.is_semantic, semantic.is_semantic) == (False, True)
    assert rig.twin(rgb) == semantic


def test_the_surround_rig_looks_six_ways_and_each_has_its_twin() -> None:
    rig = load_rig("surround")
    colors = [camera for camera in rig.cameras if not camera.is_semantic]
    assert sorted(camera.mount.yaw for camera in colors) == [-120, -60, 0, 60, 120, 180]
    twins = {twin.id for camera in colors if (twin := rig.twin(camera))}
    assert len(twins) == 6
    assert len(rig.cameras) == 12


def test_a_file_of_ros_bridge_can_be_used_as_it_is(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"type": "sensor.pseudo.traffic_lights", "id": "traffic_lights"},
        vehicle(
            camera(
                spawn_point={"x": "2.0", "z": 1.5, "yaw": -30},
                image_size_x="400",
                sensor_tick=0.1,
                lens_flare_intensity=0.5,
                enable_postprocess_effects=True,
                attached_objects=[{"type": "actor.pseudo.control", "id": "control"}],
            ),
            camera("depth"),
            {"type": "sensor.lidar.ray_cast", "id": "lidar", "range": 50},
            {"type": "sensor.pseudo.tf", "id": "tf"},
        ),
    )
    rig = load_rig(path)
    [entry] = rig.cameras
    assert rig.name == path
    assert entry.mount == Pose(x=2.0, z=1.5, yaw=-30.0)
    assert (entry.width, entry.height) == (400, 600)
    assert entry.attributes == {"lens_flare_intensity": "0.5", "enable_postprocess_effects": "true"}


@pytest.mark.parametrize(
    "difference",
    [
        {"image_size_x": 400},
        {"image_size_y": 70},
        {"fov": 100},
        {"spawn_point": {"x": 2.0, "z": 2.0, "yaw": 1.0}},
    ],
)
def test_a_semantic_camera_that_sees_something_else_is_no_twin(
    tmp_path: Path, difference: dict[str, Any]
) -> None:
    semantic = camera("semantic_segmentation", **difference)
    rig = load_rig(write(tmp_path, vehicle(camera(), semantic)))
    assert rig.twin(rig.cameras[0]) is None


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([], "has 0 vehicles in objects; a rig has one"),
        ([vehicle(camera()), vehicle(camera())], "has 2 vehicles"),
        (["car"], "an entry of objects must be a JSON object, not 'car'"),
        ([vehicle()], "has 0 cameras of type sensor.camera.rgb or"),
        ([{"type": "vehicle.audi.tt"}], "sensors of the vehicle must be a JSON list, not None"),
        ([vehicle(7)], "sensor 1 must be a JSON object, not 7"),
        ([vehicle(camera(), camera())], "has several cameras with the id 'rgb_front'"),
        ([vehicle(*(camera(id=f"c{n}") for n in range(65)))], "has 65 cameras"),
        ([vehicle(camera(id="../up"))], "sensor 1 has the id '../up'; it must be letters"),
        (
            [vehicle(camera("rgbb"))],
            "camera rgbb_front: CARLA has no blueprint sensor.camera.rgbb; cameras here are",
        ),
        (
            [vehicle(camera(fov=180))],
            "camera rgb_front: fov must be above 0 and below 180 degrees, not 180",
        ),
        ([vehicle(camera(fov="wide"))], "camera rgb_front: fov must be a number, not 'wide'"),
        ([vehicle(camera(fov=True))], "fov must be a number, not True"),
        ([vehicle(camera(fov=float("nan")))], "fov must be a number, not nan"),
        ([vehicle(camera(image_size_x=100_000))], "image_size_x must be a whole number from 1"),
        ([vehicle(camera(image_size_y=60.5))], "image_size_y must be a whole number from 1"),
        ([vehicle(camera(spawn_point=[1, 2]))], "spawn_point must be a JSON object"),
        ([vehicle(camera(spawn_point={"w": 1}))], "spawn_point has 'w'; it takes x, y, z, roll"),
        ([vehicle(camera(gamma=[2.2]))], "gamma must be a text, a number or true or false"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(
    tmp_path: Path, objects: list[object], reason: str
) -> None:
    path = write(tmp_path, *objects)
    with pytest.raises(RigFileError) as refusal:
        load_rig(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert reason in str(refusal.value)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[]", '{"objects": {}}'])
def test_a_file_that_is_no_rig_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rig.json"
    path.write_text(text)
    with pytest.raises(RigFileError, match=rf"^{path}: "):
        load_rig(str(path))


@pytest.mark.parametrize(
    ("camera_id", "other", "expected"),
    [
        ("rgb_front", {"id": "rgb_rear", "fov": 60}, "semantic_segmentation_front"),
        ("left", {"id": "right", "fov": 60}, "semantic_segmentation_left"),
        ("rgb_front", {"id": "semantic_segmentation_front", "fov": 60}, ""),
        ("rgb_front", {"kind": "semantic_segmentation", "id": "truth"}, ""),
    ],
)
def test_what_a_semantic_camera_would_be_called(
    tmp_path: Path, camera_id: str, other: dict[str, Any], expected: str
) -> None:
    rig = load_rig(write(tmp_path, vehicle(camera(id=camera_id), camera(**other))))
    assert rig.free_twin_id(rig.cameras[0]) == expected


def test_a_path_may_begin_with_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, vehicle(camera()))
    assert load_rig("~/objects.json").cameras[0].id == "rgb_front"


def test_an_unknown_name_lists_the_rigs_that_there_are() -> None:
    with pytest.raises(RigFileError, match=r"no rig 'frnt': give one of front, surround, or the"):
        load_rig("frnt")
