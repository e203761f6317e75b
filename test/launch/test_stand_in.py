# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stand-in for launch starts the same programs in the same way as launch itself."""

from __future__ import annotations

import json
import subprocess
import sys

import launch_stand_in
import pytest
from ros2_launch import Note, find_ros2

pytestmark = pytest.mark.timeout(240)
ALL = dict.fromkeys(("evaluate", "rviz", "record"), "true")


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("camera.launch.py", {"clock": "true"}),
        ("carla.launch.py", {"rig": "surround", "role_name": "hero", "namespace": "lab", **ALL}),
        ("carla.launch.py", {"source": "topics", "image_topics": "['/front/image_raw']", **ALL}),
    ],
)
def test_it_starts_what_launch_starts(workspace, started, file, arguments):
    find_ros2()
    words = [f"{name}:={value}" for name, value in arguments.items()]
    output = subprocess.run(
        [sys.executable, launch_stand_in.__file__, file, *words],
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = {name: Note(words, values) for name, words, values in json.loads(output)}
    notes = started(set(expected), file, **arguments)
    for name, note in notes.items():
        # Recordings are named after the second in which they begin.
        values = {**note.parameters, "output": expected[name].parameters.get("output")}
        assert values == {"output": None, **expected[name].parameters}
        assert note.remappings == expected[name].remappings
        rules = {rule for rule in note.after("-r") if rule.startswith("__")}
        assert rules == {rule for rule in expected[name].after("-r") if rule.startswith("__")}
