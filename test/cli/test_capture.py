# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg capture` as a process, with CARLA's own client against the stand-in."""

from __future__ import annotations

import itertools
import json
import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standin_process import ROOT, StandIn

from unet_seg_ros.cli.main import main
from unet_seg_ros.datasets.readers import open_dataset

pytest.importorskip("carla", reason="CARLA's client is not installed: pip install carla==0.9.16")
pytestmark = pytest.mark.timeout(300)

WIDTH, HEIGHT = 96, 72
FRAMES = 24
END_S = 200.0
# So that a signal after some of the frames comes before the last of them, on any machine.
SLOWLY = {"tick_cue": 0.2}
# What a capture has in the world.
SPAWNED = {
    "sensor.camera.rgb",
    "sensor.camera.semantic_segmentation",
    "vehicle.tesla.model3",
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[StandIn]:
    with StandIn() as simulator:
        yield simulator


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "captures" / "here"


def camera(kind: str, fov: float = 90.0) -> dict[str, Any]:
    return {
        "type": f"sensor.camera.{kind}",
        "id": f"{kind}_front",
        "spawn_point": {"x": 2.0, "z": 2.0},
        "image_size_x": WIDTH,
        "image_size_y": HEIGHT,
        "fov": fov,
    }


def write_rig(folder: Path, *cameras: dict[str, Any]) -> Path:
    path = folder / "rig.json"
    vehicle = {"type": "vehicle.tesla.model3", "sensors": cameras}
    path.write_text(json.dumps({"objects": [vehicle]}))
    return path


def start(port: int, out: Path, *options: str) -> subprocess.Popen[str]:
    """Start a capture of small pictures that nobody drives for."""
    rig = write_rig(out.parents[1], camera("rgb"), camera("semantic_segmentation"))
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "capture", "--port", str(port)]
    command += ["--out", str(out), "--rig", str(rig), "--driver", "none", "--every", "2"]
    command += ["--frames", str(FRAMES), "--spawn-points", "2", "--timeout", "20"]
    command += ["--weather", "ClearNoon,HardRainNight", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return how a process ended and what it said."""
    with process:
        try:
            output, errors = process.communicate(timeout=END_S)
        finally:
            process.kill()
    assert "Traceback" not in errors
    return process.returncode, output, errors


def capture(port: int, out: Path, *options: str) -> tuple[int, str, str]:
    return end(start(port, out, *options))


def lines(out: Path) -> list[dict[str, Any]]:
    path = out / "frames.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_frames(process: subprocess.Popen[str], out: Path, count: int) -> None:
    while len(lines(out)) < count:
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"it ended before: {process.communicate()}")


def assert_sound(out: Path, tmp_path: Path) -> None:
    assert main(["data", "check", str(out), "--sheets", str(tmp_path / "sheets")]) == 0


def test_a_capture_has_what_was_asked_for(
    simulator: StandIn, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, output, errors = capture(simulator.port, out)
    assert (status, errors) == (0, "")
    assert f"{out} has all {FRAMES} frames" in output
    assert simulator.actors() == []
    assert not simulator.is_synchronous()

    frames = lines(out)
    assert [frame["name"] for frame in frames] == [f"{n:08d}_rgb_front" for n in range(FRAMES)]
    assert {(frame["town"], frame["carla"], frame["camera"]) for frame in frames} == {
        ("Grid", "0.9.16", "rgb_front")
    }
    runs = [(frame["run"], frame["weather"]) for frame in frames]
    assert [run for run, _ in itertools.groupby(runs)] == [
        (0, "ClearNoon"),
        (1, "HardRainNight"),
        (2, "ClearNoon"),
        (3, "HardRainNight"),
    ]
    assert len({frame["spawn_point"] for frame in frames}) == 2
    for one, other in itertools.pairwise(frames):
        assert other["timestamp"] > one["timestamp"]
        places = [(frame["pose"]["x"], frame["pose"]["y"]) for frame in (one, other)]
        assert math.dist(*places) > 0.29

    assert_sound(out, tmp_path)
    assert f"pictures       {FRAMES}" in capsys.readouterr().out
    pictures = open_dataset(str(out))
    assert pictures.label_set.name == "carla29"
    sample = pictures[0]
    assert sample.image.shape == (HEIGHT, WIDTH, 3)
    # Wherever the drive began, the car stands on a street.
    street = [pictures.label_set.class_id(name) for name in ("Roads", "RoadLine", "SideWalks")]
    assert np.isin(sample.labels[-HEIGHT // 4 :], street).mean() > 0.8
    day, night = pictures[0].image.mean(), pictures[FRAMES // 4].image.mean()
    assert night < day

    status, output, _ = capture(simulator.port, out)
    assert (status, len(lines(out))) == (0, FRAMES)
    status, _, errors = capture(simulator.port, out, "--every", "3")
    assert status == 1
    assert f"{out}: was begun with every 2, not 3; go on with the options" in errors
    assert len(lines(out)) == FRAMES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_capture_leaves_nothing_and_goes_on(
    simulator: StandIn, out: Path, tmp_path: Path, number: signal.Signals
) -> None:
    simulator.faults(delay=SLOWLY)
    process = start(simulator.port, out, "--frames", "60")
    wait_for_frames(process, out, 5)
    process.send_signal(number)
    status, output, errors = end(process)
    simulator.faults()
    assert (status, errors) == (130, "")
    before = lines(out)
    assert 5 <= len(before) < 60
    assert f"{out} has {len(before)} of 60 frames; the same command goes on" in output
    assert simulator.actors() == []
    assert not simulator.is_synchronous()
    assert_sound(out, tmp_path)

    # It is the same rig, however its path is written.
    rig = f"{tmp_path}/./rig.json"
    assert capture(simulator.port, out, "--frames", "60", "--rig", rig)[0] == 0
    after = lines(out)
    assert after[: len(before)] == before
    assert len({frame["name"] for frame in after}) == len(after) == 60
    # It goes on where it was, not where it began.
    last, next_ = (after[index]["pose"] for index in (len(before) - 1, len(before)))
    assert math.dist((last["x"], last["y"]), (next_["x"], next_["y"])) < 20
    assert_sound(out, tmp_path)


def test_a_capture_is_sound_whenever_it_is_killed_and_goes_on(
    simulator: StandIn, out: Path, tmp_path: Path
) -> None:
    left_behind: set[str] = set()
    simulator.faults(delay=SLOWLY)
    for more in (1, 4, 4):
        count = len(lines(out)) + more
        process = start(simulator.port, out)
        wait_for_frames(process, out, count)
        process.kill()
        process.communicate()
        # Not always all three: between two runs vehicle and cameras are spawned anew.
        actors = simulator.actors()
        assert len(actors) <= len(SPAWNED)  # none of those that an earlier run left behind
        left_behind.update(actors)
        assert_sound(out, tmp_path)
    simulator.faults()
    assert left_behind == SPAWNED
    assert capture(simulator.port, out)[0] == 0
    assert [frame["name"] for frame in lines(out)] == [
        f"{number:08d}_rgb_front" for number in range(FRAMES)
    ]
    assert simulator.actors() == []
    assert not simulator.is_synchronous()
    assert_sound(out, tmp_path)
    assert not list(out.rglob("*.partial"))


def test_a_capture_whose_simulator_dies_goes_on_with_the_next(out: Path, tmp_path: Path) -> None:
    with StandIn() as simulator:
        simulator.faults(delay=SLOWLY)
        process = start(simulator.port, out)
        wait_for_frames(process, out, 3)
        simulator.kill()
        status, _, errors = end(process)
    assert status == 1
    assert f"CARLA at 127.0.0.1:{simulator.port} is lost" in errors
    assert_sound(out, tmp_path)
    status, _, errors = capture(simulator.port, out)
    assert status == 1
    assert f"no CARLA at 127.0.0.1:{simulator.port} (Connection refused)" in errors
    with StandIn(port=simulator.port):
        assert capture(simulator.port, out)[0] == 0
    assert_sound(out, tmp_path)


def test_a_simulator_of_another_version_is_refused(out: Path) -> None:
    with StandIn("--version", "0.9.15") as simulator:
        status, _, errors = capture(simulator.port, out)
    assert status == 1
    assert "has version 0.9.15, the client library 0.9.16" in errors
    assert not out.exists()


def test_a_camera_that_sends_nothing_is_named(out: Path) -> None:
    with StandIn("--fault", 'silent=["unet_seg_ros/own_vehicle/rgb_front"]') as simulator:
        status, _, errors = capture(simulator.port, out)
        assert simulator.actors() == []
    assert status == 1
    assert "sent no picture of camera rgb_front for 20 frames in a row" in errors


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--weather", "Fog"], "no weather 'Fog': give all, or of ClearNight, ClearNoon"),
        (["--town", "Town99"], "has no town 'Town99': give one of Grid, Loop"),
        (["--rig", "frnt"], "no rig 'frnt': give one of front, surround"),
        (["--step", "1"], "a step of 1 s is not possible"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    simulator: StandIn, out: Path, options: list[str], reason: str
) -> None:
    status, output, errors = capture(simulator.port, out, *options)
    assert (status, output) == (1, "")
    assert reason in errors
    assert not out.exists()
    assert simulator.actors() == []


def test_cameras_need_a_twin(simulator: StandIn, out: Path, tmp_path: Path) -> None:
    other = write_rig(tmp_path, camera("rgb"), camera("semantic_segmentation", fov=60.0))
    other = other.rename(tmp_path / "other.json")
    status, _, errors = capture(simulator.port, out, "--rig", str(other))
    assert status == 1
    assert f"rig {other}: camera rgb_front has no semantic camera of the same" in errors


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["capture", "--help"])
    assert leaving.value.code == 0
    assert "unet-seg capture --town Town03 --frames 2000 --weather all" in capsys.readouterr().out
