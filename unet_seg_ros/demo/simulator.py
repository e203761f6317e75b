# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's simulator: the stand-in for CARLA, and the node that drives through it."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from unet_seg_ros.carla.client import CarlaError, import_carla
from unet_seg_ros.carla.rig_file import built_in_rigs
from unet_seg_ros.demo.processes import NodeProcesses
from unet_seg_ros.pictures.geometry import Size

_RIG = "front"
# Plans and plants its town first.
_START_TIMEOUT_S = 60.0
_POLL_S = 0.1


def start_simulator(
    nodes: NodeProcesses, folder: Path, size: Size, rate_hz: float, frames: int
) -> None:
    """Start the stand-in on a free port, and `carla_node`, halted, before the first frame.

    Args:
        nodes: What runs them, as `standin` and `carla`.
        folder: Where the rig's file goes.
        size: (width, height) of the cameras.
        rate_hz: Frames per second of simulation time.
        frames: The node ends after so many.

    Raises:
        ValueError: CARLA's client or what the stand-in needs is not installed.
        TimeoutError: The stand-in does not say that it listens.
    """
    try:
        import_carla()
    except CarlaError as error:
        raise ValueError(f"{error}; or play pictures instead, with --input town") from error
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "standin", "--port", "0"]
    nodes.start_command("standin", command)
    nodes.start(
        "carla",
        "carla",
        {
            "host": "127.0.0.1",
            "port": _port(nodes),
            "rig": str(_write_rig(folder / "rig.json", size).absolute()),
            "step": 1.0 / rate_hz,
            "count": frames,
            "playing": False,
        },
    )


def _port(nodes: NodeProcesses) -> int:
    """Return the port on which the stand-in says that it listens."""
    end = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < end:
        nodes.require_running()
        if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", nodes.log("standin")):
            return int(found[1])
        time.sleep(_POLL_S)
    raise TimeoutError(f"the stand-in for CARLA did not start within {_START_TIMEOUT_S:.0f} s")


def _write_rig(path: Path, size: Size) -> Path:
    """Write the built-in rig with pictures of another size; return where."""
    rig = json.loads(built_in_rigs()[_RIG].read_text(encoding="utf-8"))
    for sensor in rig["objects"][0]["sensors"]:
        sensor["image_size_x"], sensor["image_size_y"] = size
    path.write_text(json.dumps(rig, indent=2), encoding="utf-8")
    return path
