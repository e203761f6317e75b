# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg view` as a user runs it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import viewed_drive as drive
from bag_files import write_rosbag2
from diagnostic_msgs.msg import DiagnosticArray
from graph import Graph
from viewed_drive import (
    CONFIDENCE,
    LABELS,
    PICTURE,
    free_ports,
    read_recordings,
    saved_from,
    wait_until,
)

FRAMES = 5

needs_rerun = pytest.mark.skipif(
    importlib.util.find_spec("rerun") is None, reason="Rerun is not installed"
)


def view(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "unet_seg_ros.cli.main", "view", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_served(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)):
            return True
    except OSError:
        return False


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    messages = drive.drive(FRAMES)
    messages.append(drive.label_map(FRAMES)._replace(data=b"damaged"))
    return write_rosbag2(tmp_path / "drive", messages)


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_ports()


@pytest.fixture
def viewer(bag: Path, ports: tuple[int, int]) -> Iterator[subprocess.Popen[str]]:
    port, grpc_port = ports
    arguments = ["--port", str(port), "--grpc-port", str(grpc_port)]
    with view("--bag", str(bag), *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


@needs_rerun
@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recorded_drive_is_all_there_until_the_user_ends_it(
    viewer: subprocess.Popen[str], ports: tuple[int, int], tmp_path: Path, number: int
) -> None:
    _, grpc_port = ports
    assert viewer.stdout
    assert re.match(r"open http://127\.0\.0\.1:\d+ in a browser", viewer.stdout.readline())
    assert viewer.stdout.readline() == "all of the drive is there\n"
    saved = tmp_path / "saved.rrd"
    stamps = [drive.stamp(index) for index in range(FRAMES)]
    entities = [PICTURE, LABELS, CONFIDENCE, "/plots/miou/evaluation/score"]

    def is_whole() -> bool:
        recordings = read_recordings(saved) if saved.exists() else []
        return any(
            all(recording.stamps(entity) == stamps for entity in entities)
            for recording in recordings
        )

    with saved_from(grpc_port, saved):
        wait_until(is_whole, viewer, "the drive")
    (recording,) = read_recordings(saved)
    assert recording.class_names(LABELS)[drive.ROADS] == "Roads"
    viewer.send_signal(number)
    _, error = viewer.communicate(timeout=60)
    assert viewer.returncode == 0
    assert f"1 messages not shown: {LABELS}: " in error
    assert "Traceback" not in error
    with socket.create_server(("127.0.0.1", grpc_port)):
        pass


@needs_rerun
@pytest.mark.timeout(240)
def test_of_several_image_topics_in_a_bag_the_one_that_reports_name_is_shown(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    another = f"{drive.FRONT}/another"  # the first by name
    pictures = [drive.picture(index, another) for index in range(FRAMES)]
    bag = write_rosbag2(tmp_path / "drive", [*pictures, *drive.drive(FRAMES)])
    saved = tmp_path / "saved.rrd"
    arguments = ["--port", str(ports[0]), "--grpc-port", str(ports[1])]

    def shown() -> list[str]:
        recordings = read_recordings(saved) if saved.exists() else []
        return [name for item in recordings for name in (PICTURE, another) if item.stamps(name)]

    with view("--bag", str(bag), *arguments) as process:
        assert process.stdout
        assert list(iter_until("all of the drive is there", process.stdout))
        with saved_from(ports[1], saved):
            wait_until(lambda: bool(shown()), process, "a picture")
        assert shown() == [PICTURE]
        process.kill()


@needs_rerun
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv of util-linux")
def test_killed_it_takes_the_server_along(
    viewer: subprocess.Popen[str], ports: tuple[int, int]
) -> None:
    assert viewer.stdout
    assert viewer.stdout.readline().startswith("open")
    assert is_served(ports[1])
    viewer.kill()
    end = time.monotonic() + drive.DEADLINE_S
    while is_served(ports[1]):
        assert time.monotonic() < end, "the server is still there"


@needs_rerun
def test_without_a_bag_it_is_the_viewer_node(
    ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, grpc_port = ports
    arguments = ["--port", str(port), "--grpc-port", str(grpc_port), "--no-confidence"]
    with Graph() as graph:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(graph.domain_id))
        graph.node.create_publisher(DiagnosticArray, drive.DIAGNOSTICS, 10)
        with view(*arguments, "--memory-limit", "25%") as process:
            assert process.stderr
            lines = list(iter_until("showing /diagnostics", process.stderr))
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert any(f"[viewer]: open http://127.0.0.1:{port} in a browser" in line for line in lines)
    assert process.returncode == 0


def iter_until(text: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines until, and with, the first that has `text` in it."""
    for line in lines:
        yield line
        if text in line:
            return


@needs_rerun
def test_a_bag_without_label_maps_says_how_to_get_them(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    bag = write_rosbag2(tmp_path / "drive", [drive.picture(0)])
    port, grpc_port = ports
    arguments = ["--port", str(port), "--grpc-port", str(grpc_port)]
    with view("--bag", str(bag), *arguments) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no camera in it has label maps; make them with `unet-seg bag segment`" in error


@needs_rerun
def test_a_bag_that_is_not_there_is_said_before_anything_is_served() -> None:
    with view("--bag", "/nowhere/drive") as process:
        output, error = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert "/nowhere/drive: there is no such bag" in error


def test_without_rerun_one_sentence_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['rerun'] = None; from unet_seg_ros.cli.main import main; "
        "sys.exit(main(['view', '--bag', 'drive']))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr == (
        "unet-seg: the view needs Rerun: pip install 'rerun-sdk==0.41.*' (Python 3.11 or later)\n"
    )


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_an_impossible_port_is_refused(port: str) -> None:
    with view("--port", port) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"argument --port: '{port}' is not a port" in error
