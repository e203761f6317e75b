# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rig and the connection, with CARLA's own client against the stand-in.

What each step asserts is in `rig_steps.py`. The autopilot is not among them: the client's traffic
manager listens on every interface of the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("carla", reason="CARLA's client is not installed: pip install carla==0.9.16")

STEPS = Path(__file__).with_name("rig_steps.py")
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "step",
    [
        "drives_and_leaves_the_world_as_it_was",
        "pairs_pictures_that_come_late",
        "misses_a_camera_and_finds_it_again",
        "opens_with_a_camera_that_never_delivers",
        "leaves_nothing_after_an_exception",
        "loads_a_town_and_spawns_where_it_is_told",
        "adopts_a_vehicle_and_leaves_it",
        "refuses_with_a_sentence_and_leaves_nothing",
        "refuses_a_world_that_another_client_steps",
        "refuses_a_world_that_another_client_steps_slowly",
        "tells_when_others_interfere_with_its_steps",
        "connects_only_to_its_own_version_in_time",
        "waits_for_a_slow_server",
        "gives_a_lost_server_up_at_once",
        "closes_in_time_though_nobody_knew_that_the_server_is_lost",
        "gives_a_server_that_hangs_up_after_one_timeout",
        "tells_when_its_vehicle_is_gone",
        "tells_when_a_camera_is_gone",
        "tells_that_the_server_has_ended_without_a_step",
    ],
)
def test_a_rig(step: str) -> None:
    process = subprocess.run(
        [sys.executable, str(STEPS), step],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "test")])},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert process.returncode == 0, process.stdout + process.stderr
