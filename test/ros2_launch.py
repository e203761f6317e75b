# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""This source tree, installed for ros2 launch: its launch files with nodes or with note takers.

A note taker is a program in the place of a node (or of RViz, or of ros2 bag, neither of which is on
PyPI) that writes down how it was started and waits for Ctrl-C.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import launch_stand_in
import pytest
import yaml

SOURCES = Path(__file__).parents[1]
PACKAGE = "unet_seg_ros"
NODES = ("camera", "carla", "evaluation", "recorder", "segmentation")
DEADLINE_S = 60.0

NODE = """\
#!{python}
import sys
from unet_seg_ros.nodes.{name}.__main__ import main
sys.exit(main())
"""
NOTE_TAKER = """\
#!{python}
import json, os, signal, sys
files = [sys.argv[i + 1] for i, word in enumerate(sys.argv) if word == "--params-file"]
note = {{"arguments": sys.argv[1:], "parameters": [open(file).read() for file in files]}}
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: sys.exit(0))
path = os.path.join({notes!r}, {name!r})
with open(path + ".partial", "w") as stream:
    json.dump(note, stream)
os.rename(path + ".partial", path)
while True:
    signal.pause()
"""
# Hands everything but `ros2 bag` on to the real one.
ROS2 = """\
#!/bin/sh
if [ "$1" = bag ]; then exec {note_taker} "$@"; fi
exec {ros2} "$@"
"""


@dataclass(frozen=True)
class Note:
    """How a program was started: its arguments, and the parameters in the files among them."""

    arguments: list[str]
    parameters: dict[str, Any]

    def after(self, option: str) -> list[str]:
        """Return what follows each `option` among the arguments."""
        return [
            self.arguments[position + 1]
            for position, word in enumerate(self.arguments)
            if word == option
        ]

    @property
    def remappings(self) -> dict[str, str]:
        """The names that are replaced, without the node's own and its namespace's."""
        rules = dict(rule.split(":=") for rule in self.after("-r"))
        return {old: new for old, new in rules.items() if not old.startswith("__")}


class Launch:
    """A running `ros2 launch`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so; fail when the launch ends, or the deadline passes, before."""
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.05)
                raise AssertionError(f"it ended before {what}: {self.rest()}")
            assert time.monotonic() < end_s, f"waited {DEADLINE_S:g} s in vain for {what}"

    def rest(self, timeout_s: float = DEADLINE_S) -> str:
        """Wait until it ends by itself and return what it printed."""
        return self.process.communicate(timeout=timeout_s)[0]

    def interrupt(self) -> str:
        """End it as Ctrl-C does and return what it printed."""
        self.process.send_signal(signal.SIGINT)
        return self.rest()


class Workspace:
    """A folder that ros2 finds the package in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._share = folder / "share"
        for name in ("launch", "config"):
            # Copied, since ros2 launch does not look into linked folders.
            shutil.copytree(SOURCES / name, self._share / PACKAGE / name)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which ros2 finds the package."""
        prefixes = [str(self.folder), os.environ.get("AMENT_PREFIX_PATH", ""), sys.prefix]
        return {
            **os.environ,
            "AMENT_PREFIX_PATH": ":".join(filter(None, prefixes)),
            "PATH": f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{SOURCES}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"),
            "PYTHONUNBUFFERED": "1",
            "ROS_LOG_DIR": str(self.folder / "log"),
        }

    def add_nodes(self) -> None:
        """Install the package's nodes."""
        for name in NODES:
            script = NODE.format(python=sys.executable, name=name)
            self._add_program(PACKAGE, f"{name}_node", script)

    def add_note_takers(self) -> None:
        """Install note takers in the place of nodes and RViz."""
        (self.folder / "notes").mkdir()
        for name in NODES:
            self._add_program(PACKAGE, f"{name}_node", self._note_taker(f"{name}_node"))
        self._add_program("rviz2", "rviz2", self._note_taker("rviz2"))

    def add_rosbag2(self) -> None:
        """Install a note taker in the place of ros2 bag, with MCAP storage."""
        self._add_package("rosbag2_storage_mcap")
        recorder = self._add_program("ros2bag", "record", self._note_taker("ros2 bag"))
        ros2 = ROS2.format(note_taker=recorder, ros2=ros2_command())
        _write_program(self.folder / "bin" / "ros2", ros2)

    def notes(self) -> dict[str, Note]:
        """Return what was noted so far, by program."""
        notes = {}
        for path in (self.folder / "notes").iterdir():
            if path.suffix != ".partial":
                note = json.loads(path.read_text())
                parameters: dict[str, Any] = {}
                for text in note["parameters"]:
                    parameters.update(launch_stand_in.parameters_in(yaml.safe_load(text)))
                notes[path.name] = Note(note["arguments"], parameters)
        return notes

    def visit(self, file: str, **arguments: object) -> dict[str, Note]:
        """Return how the stand-in for launch would start programs."""
        context = launch_stand_in.launch(
            self._share / PACKAGE / "launch" / file,
            {name: str(value) for name, value in arguments.items()},
        )
        return {
            process.program: Note(process.arguments, process.values) for process in context.started
        }

    @contextmanager
    def launch(self, file: str, **arguments: object) -> Iterator[Launch]:
        """Run `ros2 launch unet_seg_ros FILE NAME:=VALUE...`; it is ended with the context."""
        words = [f"{name}:={value}" for name, value in arguments.items()]
        process = subprocess.Popen(
            [find_ros2(), "launch", PACKAGE, file, *words],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield Launch(process)
        finally:
            if process.poll() is None:
                # Not SIGKILL: it has to end what it started, and does so within 10 s.
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE_S)

    def _note_taker(self, name: str) -> str:
        notes = str(self.folder / "notes")
        return NOTE_TAKER.format(python=sys.executable, notes=notes, name=name)

    def _add_package(self, package: str) -> None:
        marker = self._share / "ament_index" / "resource_index" / "packages" / package
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()

    def _add_program(self, package: str, name: str, script: str) -> Path:
        self._add_package(package)
        return _write_program(self.folder / "lib" / package / name, script)


def ros2_command() -> str | None:
    """Return the command; None where there is none that can launch."""
    if not importlib.util.find_spec("ros2launch"):
        return None
    beside = Path(sys.executable).with_name("ros2")
    return str(beside) if beside.exists() else shutil.which("ros2")


def find_ros2() -> str:
    """Return the command; skip the test where there is none that can launch."""
    command = ros2_command()
    if not command:
        pytest.skip("ros2 launch is only in a ROS 2 installation")
    return command


def _write_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path
