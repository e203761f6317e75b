# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import signal
import socket
import subprocess
import sys

import pytest
from standin_process import StandIn

from unet_seg_ros.cli.main import main


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    with StandIn("--town", "loop") as standin:
        standin.process.send_signal(number)
        assert standin.process.wait(60) == 0


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["standin", "--port", str(port)]) == 1
    reason = f"unet-seg: 127.0.0.1:{port}: Address already in use; choose another port\n"
    assert capsys.readouterr().err == reason


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--fault", "gremlins=1"], "unknown fault 'gremlins': choose from delay"),
        (["--port", "70000"], "must be from 0 to 65534, not 70000"),
    ],
)
def test_wrong_arguments(arguments: list[str], reason: str) -> None:
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "standin", *arguments]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert process.returncode != 0
    assert reason in process.stderr


def test_the_help_says_what_a_test_against_it_proves(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["standin", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "What it does not prove" in text
    assert "tear_picture" in text
