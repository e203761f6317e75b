# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The server as CARLA's own client sees it, both as processes.

What the steps assert is in `client_steps.py`.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin_process import StandIn

STEPS = Path(__file__).with_name("client_steps.py")

pytest.importorskip("carla", reason="CARLA's client is not installed: pip install carla==0.9.16")


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn() as process:
        yield process


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "step",
    [
        "runs_freely_until_told_not_to",
        "has_maps_whose_lanes_are_where_vehicles_drive",
        "spawns_drives_and_removes_vehicles",
        "cameras_see_what_is_there",
        "weather_shows",
    ],
)
def test_a_client(standin: StandIn, step: str) -> None:
    take_step(step, standin)


@pytest.mark.timeout(200)
def test_faults(standin: StandIn) -> None:
    standin.faults(
        silent=["front"],
        drop_images=list(range(1, 20_000, 2)),
        image_latency=0.2,
        error={"get_weather_parameters": "no weather today"},
        delay={"get_spectator": 2.0},
    )
    take_step("meets_faults", standin)
    standin.faults()


@pytest.mark.timeout(200)
def test_a_server_that_dies_in_the_middle_of_a_picture() -> None:
    with StandIn("--fault", "tear_picture=4") as torn:
        take_step("loses_a_server_in_the_middle_of_a_picture", torn)
        assert torn.process.wait() == 1


def test_another_version(tmp_path: Path) -> None:
    """As a client sees it that looks before it calls anything else."""
    script = tmp_path / "look.py"
    script.write_text(
        "import carla, os, sys\n"
        "print(carla.Client('127.0.0.1', int(sys.argv[1])).get_server_version(), flush=True)\n"
        "os._exit(0)\n"
    )
    with StandIn("--version", "0.9.15") as other:
        command = [sys.executable, str(script), str(other.port)]
        client = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert client.stdout.split()[-1] == "0.9.15"


@pytest.mark.timeout(200)
def test_ctrl_c_while_a_client_watches_six_cameras() -> None:
    with StandIn() as server:
        command = [sys.executable, str(STEPS), "watches_until_the_server_ends", str(server.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            try:
                assert any(line == "watching\n" for line in client.stdout or ())
                server.process.send_signal(signal.SIGINT)
                assert server.process.wait() == 0
            finally:
                client.kill()


def take_step(step: str, standin: StandIn) -> None:
    command = [sys.executable, str(STEPS), step, str(standin.port)]
    client = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert client.returncode == 0, client.stdout + client.stderr
