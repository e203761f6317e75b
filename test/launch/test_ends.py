# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a launch whose processes end: by itself, and with Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace

import launch_stand_in
import pytest
from ros2_launch import SOURCES, Workspace, find_ros2, ros2_command

from unet_seg_ros.nodes import launching

pytestmark = pytest.mark.timeout(240)

ALL = {"evaluate": "true", "record": "true"}
NODES = ("carla_node", "segmentation_node", "evaluation_node", "recorder_node")
CARLA_LAUNCH = SOURCES / "launch" / "carla.launch.py"
# Aborts at the first start, fails at the second, and writes at the third that it is there.
ABORTING = """\
#!/bin/sh
echo >> {starts}
case $(wc -l < {starts}) in
1) kill -ABRT $$ ;;
2) exit 1 ;;
*) exec {then} "$@" ;;
esac
"""


# Loses its device at the first start, and is a node that can at the second.
LOSING = """\
#!/bin/sh
echo >> {starts}
case $(wc -l < {starts}) in
1) exit 75 ;;
*) exec {then} "$@" ;;
esac
"""


class Started:
    """What carla.launch.py has started, by the stand-in for launch."""

    def __init__(self) -> None:
        self.context = launch_stand_in.launch(CARLA_LAUNCH, ALL)

    def end(self, program: str, returncode: int) -> None:
        """Let the newest process of a program end."""
        processes = self.context.started
        process = next(item for item in reversed(processes) if item.program == program)
        launch_stand_in.end(process, returncode, self.context)

    def count(self, program: str) -> int:
        """Return how many processes of a program have been started."""
        return len(self.all_of(program))

    def all_of(self, program: str) -> list[launch_stand_in.ExecuteProcess]:
        """Return the processes of a program that have been started."""
        return [item for item in self.context.started if item.program == program]


@pytest.fixture
def processes(workspace: Workspace) -> Started:
    if ros2_command():
        pytest.skip("launch itself is here: other tests end real processes")
    workspace.add_note_takers()
    return Started()


@pytest.mark.parametrize("name", NODES)
def test_a_node_that_fails_ends_the_launch(processes: Started, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"^{name}-1 failed with status 1$"):
        processes.end(name, 1)


def test_a_camera_that_fails_ends_its_launch() -> None:
    if ros2_command():
        pytest.skip("launch itself is here")
    context = launch_stand_in.launch(SOURCES / "launch" / "camera.launch.py", {})
    with pytest.raises(RuntimeError, match="camera_node-1 failed"):
        launch_stand_in.end(context.started[0], 1, context)


@pytest.mark.parametrize("name", NODES)
def test_a_node_that_ends_well_leaves_the_others(processes: Started, name: str) -> None:
    processes.end(name, 0)
    assert processes.count(name) == 1


@pytest.mark.parametrize("name", NODES)
def test_after_ctrl_c_only_a_failure_is_one(processes: Started, name: str) -> None:
    processes.context.is_shutdown = True
    for returncode in (0, -signal.SIGINT, -signal.SIGTERM):
        processes.end(name, returncode)
    for returncode in (1, -signal.SIGABRT, -signal.SIGKILL):
        with pytest.raises(RuntimeError, match=f"failed with status {returncode}"):
            processes.end(name, returncode)


def test_a_client_that_aborts_is_started_again_until_it_ends_well(processes: Started) -> None:
    processes.end("carla_node", -signal.SIGABRT)
    first, again = processes.all_of("carla_node")
    assert again.arguments == first.arguments
    processes.end("carla_node", 1)  # the simulator is not back yet
    assert processes.count("carla_node") == 3
    processes.end("carla_node", 0)
    assert processes.count("carla_node") == 3


def test_nothing_is_started_again_after_ctrl_c(processes: Started) -> None:
    processes.end("carla_node", -signal.SIGSEGV)
    processes.context.is_shutdown = True
    processes.end("carla_node", 1)
    assert processes.count("carla_node") == 2


def test_a_node_that_lost_its_device_is_started_again_as_it_was(processes: Started) -> None:
    processes.end("segmentation_node", 75)
    first, again = processes.all_of("segmentation_node")
    assert again.arguments == first.arguments
    with pytest.raises(RuntimeError, match=r"^segmentation_node-1 failed with status 1$"):
        processes.end("segmentation_node", 1)  # as one that refuses its configuration
    assert processes.count("segmentation_node") == 2


def test_a_node_that_loses_its_device_again_and_again_ends_the_launch(processes: Started) -> None:
    for count in (2, 3, 4):
        processes.end("segmentation_node", 75)
        assert processes.count("segmentation_node") == count
    with pytest.raises(RuntimeError, match="4th time within 10 minutes: it is not started again"):
        processes.end("segmentation_node", 75)


def test_a_node_that_loses_its_device_now_and_then_is_started_again(
    processes: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in range(2, 9):
        now_s = 201.0 * count  # three of these are more than ten minutes
        monkeypatch.setattr(launching, "time", SimpleNamespace(monotonic=lambda: now_s))  # noqa: B023
        processes.end("segmentation_node", 75)
        assert processes.count("segmentation_node") == count


def test_a_device_that_is_lost_after_ctrl_c_starts_nothing(processes: Started) -> None:
    processes.context.is_shutdown = True
    with pytest.raises(RuntimeError, match=r"failed with status 75$"):
        processes.end("segmentation_node", 75)
    assert processes.count("segmentation_node") == 1


@pytest.mark.parametrize("name", [name for name in NODES if name != "segmentation_node"])
def test_no_other_node_is_started_again_for_that_status(processes: Started, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"^{name}-1 failed with status 75$"):
        processes.end(name, 75)


@pytest.mark.parametrize("name", NODES)
def test_launch_itself_ends_with_status_1(workspace: Workspace, name: str) -> None:
    find_ros2()
    workspace.add_note_takers()
    (workspace.folder / "lib" / "unet_seg_ros" / name).write_text("#!/bin/sh\nexit 1\n")
    with workspace.launch("carla.launch.py", **ALL) as launch:
        output = launch.rest()
    assert launch.process.returncode == 1
    assert f"{name}-" in output
    assert "failed with status 1" in output
    assert "SIGKILL" not in output


def test_launch_itself_starts_an_aborted_client_again(workspace: Workspace) -> None:
    find_ros2()
    workspace.add_note_takers()
    program = workspace.folder / "lib" / "unet_seg_ros" / "carla_node"
    taker = program.rename(program.with_name("note_taker"))
    starts = workspace.folder / "starts"
    _write(program, ABORTING.format(starts=starts, then=taker))
    with workspace.launch("carla_node.launch.py", town="Town03") as launch:
        launch.wait_until(workspace.notes, "the third start")
        output = launch.interrupt()
    assert starts.read_text() == "\n" * 3
    assert workspace.notes()["carla_node"].parameters["town"] == "Town03"
    assert output.count("starting it again in 5 s") == 2
    assert launch.process.returncode == 0


def test_launch_itself_starts_a_node_again_that_lost_its_device(workspace: Workspace) -> None:
    find_ros2()
    workspace.add_note_takers()
    program = workspace.folder / "lib" / "unet_seg_ros" / "segmentation_node"
    taker = program.rename(program.with_name("note_taker"))
    starts = workspace.folder / "starts"
    _write(program, LOSING.format(starts=starts, then=taker))
    with workspace.launch("segmentation.launch.py") as launch:
        launch.wait_until(workspace.notes, "the second start")
        output = launch.interrupt()
    assert starts.read_text() == "\n" * 2
    assert workspace.notes()["segmentation_node"].parameters["autostart"] is True
    assert output.count("starting it again in 1 s") == 1
    assert launch.process.returncode == 0


def test_launch_itself_gives_a_node_up_that_loses_every_device(workspace: Workspace) -> None:
    find_ros2()
    workspace.add_note_takers()
    program = workspace.folder / "lib" / "unet_seg_ros" / "segmentation_node"
    _write(program, "#!/bin/sh\nexit 75\n")
    with workspace.launch("carla.launch.py", source="topics") as launch:
        output = launch.rest()
    assert output.count("starting it again in 1 s") == 3
    assert "4th time within 10 minutes: it is not started again" in output
    assert launch.process.returncode == 1


def _write(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)
