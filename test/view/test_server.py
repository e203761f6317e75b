# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The server: who can reach it, what it says to the world (nothing), how it starts and ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import viewed_drive as drive
from viewed_drive import PICTURE, free_ports, read_recordings, saved_from, wait_until

pytest.importorskip("rerun")

from unet_seg_ros.messages.images import Header, Image, read_image
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.view import ViewError
from unet_seg_ros.view.drive_log import DriveLog
from unet_seg_ros.view.server import ServerOptions, ViewServer


@pytest.fixture(scope="module")
def options() -> ServerOptions:
    port, grpc_port = free_ports()
    return ServerOptions(port=port, grpc_port=grpc_port)


@pytest.fixture(scope="module")
def server(options: ServerOptions) -> Iterator[ViewServer]:
    with ViewServer(options) as server:
        yield server


def get(port: int, path: str, host: str = "localhost") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=drive.DEADLINE_S)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    return connection.getresponse()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("host", ["localhost", "gpu-machine.lab", "10.1.2.3", "[::1]"])
def test_the_page_opens_where_its_data_is_by_the_name_that_the_browser_uses(
    options: ServerOptions, host: str
) -> None:
    answer = get(options.port, "/?renderer=webgl", host)
    assert answer.status == 302
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query == {
        "renderer": ["webgl"],
        "url": [f"rerun+http://{host}:{options.grpc_port}/proxy"],
    }


@pytest.mark.usefixtures("server")
def test_the_page_and_its_program_come_from_this_machine(options: ServerOptions) -> None:
    page = get(options.port, "/?url=x")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    scripts = re.findall(rb'<script src="([^"]+)"', page.read())
    assert scripts
    program = [*(f"/{name.decode()}" for name in scripts), "/re_viewer_bg.wasm"]
    for path in program:
        answer = get(options.port, path)
        assert (answer.status, path) == (200, path)
        assert len(answer.read()) > 10_000
    assert get(options.port, "/nothing").status == 404


@pytest.mark.usefixtures("server")
def test_the_page_may_talk_to_this_server_only(options: ServerOptions) -> None:
    policy = get(options.port, "/?url=x").headers["Content-Security-Policy"]
    origins = re.findall(r"https?://\S+", policy)
    assert origins == [f"http://localhost:{options.grpc_port}"]
    assert "default-src 'self'" in policy


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("host", ["", "evil; script-src *", "a/b"])
def test_a_host_that_is_none_is_refused(options: ServerOptions, host: str) -> None:
    assert get(options.port, "/", host).status == 400


@pytest.mark.usefixtures("server")
def test_it_listens_on_the_loopback_only(options: ServerOptions) -> None:
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in table]
    ports = {f"{port:04X}" for port in (options.port, options.grpc_port)}
    is_listening = "0A"
    addresses = {
        address
        for _, local, _, state, *_ in fields
        for address, port in [local.split(":")]
        if state == is_listening and port in ports
    }
    assert addresses == {"0100007F"}


def test_beyond_the_loopback_the_page_may_fetch_data_by_any_name_of_this_machine() -> None:
    port, grpc_port = free_ports()
    with ViewServer(ServerOptions(bind="127.0.0.2", port=port, grpc_port=grpc_port)):
        allowed = {
            origin: allows(grpc_port, origin)
            for origin in (
                f"http://gpu-machine:{port}",
                "http://gpu-machine:80",
                "https://evil.com",
            )
        }
    assert list(allowed.values()) == [True, False, False]


def allows(grpc_port: int, origin: str) -> bool:
    """Return whether the server lets a page of `origin` fetch its data."""
    connection = http.client.HTTPConnection("127.0.0.2", grpc_port, timeout=drive.DEADLINE_S)
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    connection.request("OPTIONS", "/", headers=headers)
    return connection.getresponse().headers.get("Access-Control-Allow-Origin") == origin


def test_what_is_logged_reaches_a_client_that_comes_later(
    server: ViewServer, options: ServerOptions, tmp_path: Path
) -> None:
    log = DriveLog(server.connect)
    log.describe(CameraTopics(PICTURE), drive.CARLA29)
    picture = read_image(drive.picture(0).data, 1 << 20)
    log.log_frame(CameraTopics(PICTURE), picture, drive.labels())
    log.flush()
    saved = tmp_path / "saved.rrd"
    with saved_from(options.grpc_port, saved) as client:

        def has_arrived() -> bool:
            recordings = read_recordings(saved) if saved.exists() else []
            return any(recording.stamps(PICTURE) for recording in recordings)

        wait_until(has_arrived, client, "the picture")
    log.close()
    (recording,) = read_recordings(saved)
    assert recording.class_names(drive.LABELS)[drive.CAR] == "Car"


@pytest.mark.timeout(300)
def test_a_client_that_stops_reading_is_given_up_and_memory_stays_bounded(tmp_path: Path) -> None:
    port, grpc_port = free_ports()
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), np.uint8)
    frames, frame_mib = 150, 3.5
    with (
        ViewServer(ServerOptions(port=port, grpc_port=grpc_port, memory_limit="50MB")) as server,
        contextlib.closing(DriveLog(server.connect)) as log,
        saved_from(grpc_port, tmp_path / "saved.rrd") as client,
    ):
        client.send_signal(signal.SIGSTOP)
        for index in range(frames):
            picture = Image(Header(drive.stamp(index), "front"), noise, "rgb")
            log.log_frame(CameraTopics(PICTURE), picture, noise[..., 0])
        log.flush()
        assert resident_mib(server._process.pid) < frames * frame_mib - 100
        client.kill()


def resident_mib(process_id: int) -> float:
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@pytest.mark.parametrize("taken", ["port", "grpc_port"])
def test_a_port_that_is_taken_gets_one_sentence(taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        values = {**dict(zip(("port", "grpc_port"), free_ports(), strict=True)), taken: port}
        option = f"--{taken.replace('_', '-')}"
        with pytest.raises(ViewError, match=f"port {port} of 127.0.0.1.*another {option}"):
            ViewServer(ServerOptions(**values))


def test_what_rerun_refuses_is_said() -> None:
    port, grpc_port = free_ports()
    with pytest.raises(ViewError, match="lots"):
        ViewServer(ServerOptions(port=port, grpc_port=grpc_port, memory_limit="lots"))


def test_a_server_that_ends_is_noticed_and_leaves_its_ports() -> None:
    port, grpc_port = free_ports()
    options = ServerOptions(port=port, grpc_port=grpc_port)
    with ViewServer(options) as server:
        server.check()
        server._process.send_signal(signal.SIGKILL)
        with pytest.raises(ViewError, match="ended with status -9"):
            server.wait()
    with ViewServer(options):
        pass


def test_rerun_does_not_send_statistics_whatever_the_user_has_set(
    server: ViewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = Path(f"/proc/{server._process.pid}/environ").read_bytes().split(b"\0")
    for name, value in (item.decode().split("=", 1) for item in environment if item):
        monkeypatch.setenv(name, value)
    executable = Path(f"/proc/{server._process.pid}/exe").resolve()
    settings = subprocess.run(
        [str(executable), "analytics", "config"], capture_output=True, text=True, check=True
    )
    assert '"analytics_enabled": false' in settings.stdout
