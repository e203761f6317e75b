# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer node on the real middleware: what is published is what Rerun's own client receives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import viewed_drive as drive
from graph import Graph, latched, reliable
from rclpy.publisher import Publisher
from viewed_drive import (
    LABELS,
    LEGEND,
    PICTURE,
    SCORE,
    Recording,
    free_ports,
    read_recordings,
    saved_from,
)

from unet_seg_ros.messages.definitions import message_class

pytest.importorskip("rerun")

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_ports()


@pytest.fixture
def grpc_port(ports: tuple[int, int]) -> int:
    return ports[1]


@pytest.fixture
def viewer(graph: Graph, ports: tuple[int, int]) -> Iterator[subprocess.Popen[str]]:
    """Start the node as a process."""
    with start(*ports, graph.domain_id) as process:
        try:
            yield process
        finally:
            process.kill()


def start(port: int, grpc_port: int, domain_id: int) -> subprocess.Popen[str]:
    parameters = ["-p", f"port:={port}", "-p", f"grpc_port:={grpc_port}"]
    return subprocess.Popen(
        [sys.executable, "-m", "unet_seg_ros.nodes.viewer", "--ros-args", *parameters],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain_id)},
        stderr=subprocess.PIPE,
        text=True,
    )


def publishers(graph: Graph) -> dict[str, Publisher]:
    """Offer the topics of a drive and wait until the viewer listens to all of them."""
    qos = {LEGEND: latched(), SCORE: latched()}
    offered = {
        name: graph.node.create_publisher(message_class(type_name), name, qos.get(name, reliable()))
        for name, type_name in drive.TYPES.items()
    }
    graph.spin_until(
        lambda: all(item.get_subscription_count() for item in offered.values()), "the viewer"
    )
    return offered


def test_a_segmented_camera_is_shown(
    graph: Graph, viewer: subprocess.Popen[str], grpc_port: int, tmp_path: Path
) -> None:
    offered = publishers(graph)
    offered[LEGEND].publish(drive.legend().data)
    saved = tmp_path / "saved.rrd"
    entities = [
        PICTURE,
        LABELS,
        drive.CONFIDENCE,
        f"/plots/latency_ms{PICTURE}/p50",
        "/plots/miou/evaluation/score",
    ]
    index = 0
    shown: list[Recording] = []

    def is_shown() -> bool:
        nonlocal index
        for message in drive.drive(index + 1)[-5:]:
            offered[message.topic].publish(message.data)
        index += 1
        # What is saved so far may end between a picture and its label map.
        shown[:] = [
            recording
            for recording in (read_recordings(saved) if saved.exists() else [])
            if all(recording.stamps(entity) for entity in entities)
            and recording.stamps(PICTURE) == recording.stamps(LABELS)
        ]
        return bool(shown)

    with saved_from(grpc_port, saved):
        # As a camera does, again and again: a best-effort subscription may miss a frame.
        graph.spin_until(
            is_shown, "all of the drive in the view, each picture with its labels", deadline_s=120
        )
    [recording] = shown
    assert recording.class_names(LABELS)[drive.CAR] == "Car"
    assert viewer.poll() is None


def test_of_several_image_topics_the_one_that_is_segmented_is_shown(
    graph: Graph, viewer: subprocess.Popen[str]
) -> None:
    image = message_class(drive.TYPES[PICTURE])
    graph.collect(image, PICTURE)
    another = graph.publisher(image, f"{drive.FRONT}/another", matched=False)  # the first by name
    camera = graph.node.create_publisher(image, PICTURE, reliable())
    graph.node.create_publisher(image, LABELS, reliable())
    graph.spin_until(
        lambda: camera.get_subscription_count() == 2 and not another.get_subscription_count(),
        "the viewer beside the network",
    )
    assert viewer.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_and_takes_the_server_along(
    graph: Graph, viewer: subprocess.Popen[str], grpc_port: int, number: int
) -> None:
    publishers(graph)
    viewer.send_signal(number)
    assert viewer.wait(timeout=60) == 0
    with socket.create_server(("127.0.0.1", grpc_port)):
        pass


def test_a_port_that_is_taken_gets_one_sentence_and_status_1(
    graph: Graph, ports: tuple[int, int]
) -> None:
    port, grpc_port = ports
    with (
        socket.create_server(("127.0.0.1", port)),
        start(port, grpc_port, graph.domain_id) as process,
    ):
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"cannot listen on port {port} of 127.0.0.1" in error
    assert "Traceback" not in error
