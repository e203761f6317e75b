# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rerun's own server, as a process beside this one, and the web page in front of it.

In a process of its own because only that one can be told which address to listen on (`serve_grpc`
and `serve_web_viewer` of Rerun 0.41 listen on every one), and because what browsers have yet to
fetch is in its memory, under its limit.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import rerun as rr

from unet_seg_ros.view import ViewError
from unet_seg_ros.view.page import PageServer

# Reading 300 MB of program from a cold disk takes its time.
_START_TIMEOUT_S = 60.0
_POLL_S = 0.05
_LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class ServerOptions:
    """Where the view is served, and how much of it is kept.

    Attributes:
        bind: The address to listen on; 0.0.0.0 is every one that this machine has.
        port: The port of the web page.
        grpc_port: The port that the page fetches the data from.
        memory_limit: How much is kept for browsers that come later, such as 500MB, 4GiB or 25%;
            beyond it the oldest is forgotten.
    """

    bind: str = _LOOPBACK
    port: int = 9090
    grpc_port: int = 9876
    memory_limit: str = "1GiB"


class ViewServer:
    """Serves a view until it is closed.

    Attributes:
        url: Where people look at it.

    Raises:
        ViewError: a port is taken, or Rerun does not start.
    """

    def __init__(self, options: ServerOptions) -> None:
        with contextlib.ExitStack() as stack:
            _require_free(options.bind, options.port, "--port")
            _require_free(options.bind, options.grpc_port, "--grpc-port")
            local = _LOOPBACK if options.bind in _EVERYWHERE else options.bind
            assets = (local, _free_port(options.bind))
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self._process = self._start(options, assets[1])
            stack.callback(self._process.wait)
            stack.callback(self._process.kill)  # all that it has is in its memory
            self._wait_until_it_listens([(local, options.grpc_port), assets])
            page = PageServer((options.bind, options.port), assets, options.grpc_port)
            stack.callback(page.close)
            self._sink = f"rerun+http://{local}:{options.grpc_port}/proxy"
            self.url = f"http://{_shown_host(options.bind)}:{options.port}"
            self._stack = stack.pop_all()

    def close(self) -> None:
        """End the server; browsers keep what they have."""
        self._stack.close()

    def __enter__(self) -> ViewServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, recording: rr.RecordingStream) -> None:
        """Let the server have what is logged to a recording."""
        recording.connect_grpc(self._sink)

    def wait(self) -> None:
        """Wait until the server ends by itself, which it should not, and raise ViewError."""
        self._process.wait()
        self.check()

    def check(self) -> None:
        """Raise ViewError if the server has ended by itself."""
        if self._process.poll() is not None:
            raise ViewError(
                f"Rerun's server ended with status {self._process.returncode}: "
                f"{self._log().read_text(encoding='utf-8', errors='replace').strip()[-500:]}"
            )

    def _start(self, options: ServerOptions, assets_port: int) -> subprocess.Popen[bytes]:
        # Its settings lie in a folder of this session, where sending usage statistics is off.
        environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(self._folder),
            "XDG_DATA_HOME": str(self._folder),
            "NO_COLOR": "1",
            "RUST_LOG": "warn",
        }
        executable = str(importlib.resources.files("rerun_cli") / "rerun")
        subprocess.run(
            [executable, "analytics", "disable"], env=environment, check=True, capture_output=True
        )
        command = [executable, "--serve-web", "--bind", options.bind]
        command += ["--port", str(options.grpc_port), "--web-viewer-port", str(assets_port)]
        command += ["--server-memory-limit", options.memory_limit]
        if options.bind != _LOOPBACK:
            # By default only a page from this machine itself may fetch the data.
            command += ["--cors-allow-origin", f"http://*:{options.port}"]
        if shutil.which("setpriv"):  # then it ends also where this process is killed
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        with self._log().open("wb") as log:
            # In a session of its own, so that Ctrl-C reaches this process only, which ends it.
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_it_listens(self, addresses: list[tuple[str, int]]) -> None:
        end = time.monotonic() + _START_TIMEOUT_S
        while not all(_listens(address) for address in addresses):
            self.check()
            if time.monotonic() > end:
                raise ViewError(f"Rerun's server does not listen after {_START_TIMEOUT_S:.0f} s")
            time.sleep(_POLL_S)

    def _log(self) -> Path:
        return self._folder / "rerun.log"


def _require_free(host: str, port: int, option: str) -> None:
    try:
        with socket.create_server((host, port), family=_family(host)):
            pass
    except (OSError, OverflowError) as error:
        raise ViewError(
            f"cannot listen on port {port} of {host} ({error}); is another view running? give "
            f"another {option}"
        ) from error


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=_family(host)) as server:
        port: int = server.getsockname()[1]
        return port


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listens(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=1.0):
            return True
    except OSError:
        return False


def _shown_host(bind: str) -> str:
    if bind in _EVERYWHERE:
        return socket.gethostname()
    return f"[{bind}]" if ":" in bind else bind
