# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes, and what they need, as processes of their own, started and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

# A node ends within two seconds of the signal; the recorder may have a second of pictures to write.
_SHUTDOWN_TIMEOUT_S = 20.0


class NodeFailedError(ValueError):
    """A node ended though it should not have; the message has the end of its log."""


class NodeProcesses:
    """Starts nodes of this package and ends those that still run when the `with` block is left.

    Every node's parameters and log are kept in `folder`, as `<name>.yaml` and `<name>.log`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, module: str, parameters: Mapping[str, Any], niceness: int = 0
    ) -> None:
        """Start the node of `unet_seg_ros.nodes.<module>` with these parameters.

        Args:
            name: What it is called here.
            module: Its module.
            parameters: Its parameters.
            niceness: How far it stands back where CPUs are scarce, 0 to 19 (see nice(1)).
        """
        parameter_file = self._folder / f"{name}.yaml"
        document = {"/**": {"ros__parameters": dict(parameters)}}
        parameter_file.write_text(yaml.safe_dump(document), encoding="utf-8")
        command = [sys.executable, "-m", f"unet_seg_ros.nodes.{module}"]
        command += ["--ros-args", "--params-file", str(parameter_file)]
        self.start_command(name, command, niceness)

    def start_command(self, name: str, command: Sequence[str], niceness: int = 0) -> None:
        """Start something that is no node; as for the rest, like `start`."""
        with self._log(name).open("wb") as log:
            # In a session of its own, so that Ctrl-C reaches the demonstration only, which then
            # ends the nodes in order.
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.setpriority(os.PRIO_PROCESS, self._running[name].pid, niceness)

    def log(self, name: str) -> str:
        """Return what a process has printed so far."""
        return self._log(name).read_text(encoding="utf-8", errors="replace")

    def has_ended(self, name: str) -> bool:
        """Return whether a node has ended by itself, successfully.

        Raises:
            NodeFailedError: it ended with an error.
        """
        status = self._running[name].poll()
        if status:
            raise NodeFailedError(
                f"the {name} node ended with exit status {status}; the end of its log "
                f"({self._log(name)}):\n{self._end_of_log(name)}"
            )
        return status == 0

    def require_running(self) -> None:
        """Raise NodeFailedError if any node ended with an error."""
        for name in self._running:
            self.has_ended(name)

    def stop(self, name: str) -> None:
        """End a node by SIGINT and wait until it is gone.

        Raises:
            NodeFailedError: it ended with an error, or not in time.
        """
        process = self._running[name]
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(_SHUTDOWN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise NodeFailedError(
                f"the {name} node did not end within {_SHUTDOWN_TIMEOUT_S:.0f} s of SIGINT; its "
                f"log is {self._log(name)}"
            ) from None
        self.has_ended(name)

    def __enter__(self) -> NodeProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        running = [process for process in self._running.values() if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            try:
                process.wait(_SHUTDOWN_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _end_of_log(self, name: str) -> str:
        return "\n".join(self.log(name).splitlines()[-8:])
