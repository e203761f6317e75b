# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""This source tree, installed for ros2 launch, and what its launch files start.

Where launch is not installed, a stand-in visits the launch files in the process of the test.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import launch_stand_in
import pytest
from ros2_launch import Note, Workspace, ros2_command

HAS_LAUNCH = ros2_command() is not None
if not HAS_LAUNCH:
    launch_stand_in.install()

Started = Callable[..., dict[str, Note]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    # For launch files that are visited in this process.
    monkeypatch.setenv("AMENT_PREFIX_PATH", workspace.environment["AMENT_PREFIX_PATH"])
    return workspace


@pytest.fixture
def started(workspace: Workspace) -> Started:
    """Return a function that launches, and returns the notes of the programs that it waited for."""
    workspace.add_note_takers()

    def started(
        programs: set[str], file: str = "carla.launch.py", **arguments: object
    ) -> dict[str, Note]:
        if not HAS_LAUNCH:
            notes = workspace.visit(file, **arguments)
            assert notes.keys() == programs
            return notes
        with workspace.launch(file, **arguments) as launch:
            launch.wait_until(lambda: workspace.notes().keys() >= programs, f"{programs}")
            output = launch.interrupt()
        assert launch.process.returncode == 0, output
        notes = workspace.notes()
        assert notes.keys() == programs, output
        assert "Traceback" not in output
        return notes

    return started


@pytest.fixture
def refusal(workspace: Workspace) -> Callable[..., str]:
    """Return a function that launches in vain, and returns what was said."""
    workspace.add_note_takers()

    def refusal(file: str = "carla.launch.py", **arguments: object) -> str:
        if not HAS_LAUNCH:
            with pytest.raises((RuntimeError, ValueError)) as caught:
                workspace.visit(file, **arguments)
            return str(caught.value)
        with workspace.launch(file, **arguments) as launch:
            output = launch.rest()
        assert launch.process.returncode == 1
        assert not workspace.notes()
        assert "Traceback" not in output
        return output

    return refusal
