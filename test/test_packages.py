# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What commands and nodes say where a package is missing, in processes that cannot import it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from drawn_pictures import row, write_picture
from written_bags import write_drive

from unet_seg_ros.errors import PackageError
from unet_seg_ros.packages import LOWEST_TORCH, check_torch, missing_package

ROOT = Path(__file__).parents[1]

# Each is refused for what is missing before it does anything.
COMMANDS = {
    "torch": [
        ["demo", "--input", "town"],
        ["evaluate", "--checkpoint", "carla29-small", "--data", "town"],
        ["export", "carla29-small", "network.onnx"],
        ["segment", "picture.png", "out"],
        ["bag", "segment", "drive", "out"],
        ["bag", "evaluate", "drive"],
        ["train", "--data", "town", "--out", "run"],
    ],
    "safetensors": [
        ["demo", "--input", "town"],
        ["segment", "picture.png", "out"],
        ["evaluate", "--checkpoint", "carla29-small", "--data", "town"],
    ],
    "mcap": [
        ["bag", "repair", "drive"],
        ["bag", "video", "drive", "drive.mp4"],
        ["view", "--bag", "drive"],
    ],
    "numpy": [["--version"], ["capture", "--help"], ["standin"], ["ego-mask", "pictures"]],
}
NODES = ("camera", "carla", "evaluation", "recorder", "segmentation", "viewer")


def run_without(package: str, code: str, folder: Path) -> list[str]:
    """Run `code` where `package` cannot be imported; return the lines on its standard error."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{package!r}] = None\n{code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


@pytest.mark.parametrize("package", COMMANDS)
def test_every_command_says_in_one_sentence_what_to_install(package: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "picture.png", row(2))
    write_drive(tmp_path / "drive")
    code = (
        "import json\n"
        "from unet_seg_ros.cli.main import main\n"
        f"for command in json.loads({json.dumps(json.dumps(COMMANDS[package]))}):\n"
        "    assert main(command) == 1, command\n"
    )
    lines = run_without(package, code, tmp_path)
    assert len(lines) == len(COMMANDS[package]), lines
    for command, line in zip(COMMANDS[package], lines, strict=True):
        assert line.startswith(f"unet-seg: {package} is not installed"), (command, line)
        assert "pip install" in line


@pytest.mark.parametrize("package", ["numpy", "rclpy"])
def test_every_node_says_in_one_sentence_what_to_install(package: str, tmp_path: Path) -> None:
    code = (
        "from unet_seg_ros.nodes.start import start\n"
        f"for name in {NODES!r}:\n"
        "    assert start(f'unet_seg_ros.nodes.{name}.node') == 1, name\n"
    )
    lines = run_without(package, code, tmp_path)
    assert [line.partition(":")[0] for line in lines] == [f"{name}_node" for name in NODES]
    assert all(re.search(rf"{package} is not (there|installed).*install", line) for line in lines)


def test_a_network_is_not_loaded_without_torch(tmp_path: Path) -> None:
    """The segmentation node refuses to be configured with the message of a ValueError."""
    code = (
        "from unet_seg_ros.nodes.segmentation.networks import load_segmenter\n"
        "try:\n"
        "    load_segmenter(None, [])\n"
        "except ValueError as error:\n"
        "    print(error, file=sys.stderr)\n"
    )
    [line] = run_without("torch", code, tmp_path)
    assert line == f"torch is not installed for {sys.executable}: pip install torch"


def test_a_fault_in_this_package_is_no_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError):
        missing_package(ModuleNotFoundError("no such module", name="unet_seg_ros.modle"))


@pytest.mark.parametrize("version", ["2.5.1", "2.11.0+cpu", "1.13.1", "2.9.0a0+git"])
def test_an_old_torch_is_refused(version: str) -> None:
    with pytest.raises(PackageError, match=r"is too old .*pip install 'torch>=2.12'"):
        check_torch(version)


@pytest.mark.parametrize("version", ["2.12.0", "2.13.0+cpu", "3.0.0", torch.__version__])
def test_a_torch_that_does_is_taken(version: str) -> None:
    check_torch(version)


def test_the_setup_wants_the_torch_that_is_checked_for() -> None:
    lowest = ".".join(map(str, LOWEST_TORCH))
    assert f'"torch>={lowest}"' in (ROOT / "setup.py").read_text()
