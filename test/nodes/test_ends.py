# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How every node ends: quietly, whenever it is told to, and with nothing of it in /dev/shm.

What else a node does when it ends is tested with the node.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import shared_memory
from ending import end
from graph import Graph, unused_domain_id
from standin_process import StandIn
from viewed_drive import free_ports

ROOT = Path(__file__).parents[2]
NAMES = {
    "camera": "camera",
    "carla": "carla",
    "evaluation": "evaluation",
    "recorder": "recorder",
    "segmentation": "unet_segmentation",
    "viewer": "viewer",
}

pytestmark = pytest.mark.timeout(300)

Start = Callable[[str, int], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def simulator() -> Iterator[StandIn]:
    with StandIn() as simulator:
        yield simulator


@pytest.fixture
def start(networks: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Return a function that starts a node's process in a domain."""
    processes: list[subprocess.Popen[str]] = []
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((48, 64, 3), np.uint8))

    def parameters(node: str) -> dict[str, object]:
        if node == "carla":
            pytest.importorskip("carla")
            return {"port": request.getfixturevalue("simulator").port}
        if node == "viewer":
            pytest.importorskip("rerun")
            return dict(zip(("port", "grpc_port"), free_ports(), strict=True))
        return {
            "camera": {"source": tmp_path},  # the town takes a second to build
            "recorder": {"output": tmp_path / "drive", "pattern": ".*"},
            "segmentation": {
                "checkpoint": networks / "first.safetensors",
                "device": "cpu",
                "autostart": True,
            },
        }.get(node, {})

    def start(node: str, domain_id: int) -> subprocess.Popen[str]:
        options = [
            item for name, value in parameters(node).items() for item in ("-p", f"{name}:={value}")
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", f"unet_seg_ros.nodes.{node}", "--ros-args", *options],
            cwd=ROOT,
            env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        with process:
            process.kill()


def has_loaded(process: subprocess.Popen[str], library: str) -> bool:
    return library in Path(f"/proc/{process.pid}/maps").read_text()


def has_participant(process: subprocess.Popen[str]) -> bool:
    # The name is that of Fast DDS 3, and of 2, which Jazzy has.
    names = ("fastdds_", "fastrtps_")
    return any(name.startswith(names) for name in shared_memory.in_use(process.pid))


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("imports", signal.SIGINT),
        ("initialises ROS", signal.SIGINT),
        ("makes the node", signal.SIGINT),
        ("makes the node", signal.SIGTERM),
        ("runs", signal.SIGINT),
        ("runs", signal.SIGTERM),
    ],
)
@pytest.mark.parametrize("node", NAMES)
def test_a_node_ends_quietly_and_leaves_no_shared_memory(
    graph: Graph, start: Start, node: str, moment: str, number: signal.Signals
) -> None:
    # A participant that finds another while that ends makes the mutex of its port anew, and leaves
    # it (Fast DDS 2 and 3): what is to leave nothing before it is whole has a domain to itself.
    domain_id = graph.domain_id if moment == "runs" else unused_domain_id()
    # A process that was killed leaves its domain's ports, which whoever comes opens and leaves.
    before = shared_memory.present()
    process = start(node, domain_id)
    has_come: dict[str, Callable[[], bool]] = {
        "imports": lambda: has_loaded(process, "_rclpy_pybind11"),
        "initialises ROS": lambda: has_loaded(process, "rmw_fastrtps"),
        "makes the node": lambda: has_participant(process),
        "runs": lambda: NAMES[node] in graph.node.get_node_names(),
    }
    graph.spin_until(has_come[moment], f"the moment when the {node} node {moment}")
    made = shared_memory.in_use(process.pid) - before
    assert "[ERROR]" not in end(process, number)
    assert not shared_memory.left_of(made)
