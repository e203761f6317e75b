# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The CARLA node as a process, with CARLA's own client, against the stand-in for the simulator.

These prove what the node does with the client and its wire format, also when things go wrong; what
a real simulator's pictures look like or how long they take is not in them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import Graph, reliable
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from standin_process import StandIn

from unet_seg_ros.labels.label_set import LabelSet

pytest.importorskip("carla", reason="needs the carla package")

ROOT = Path(__file__).parents[3]
RGB = "/carla/ego_vehicle/rgb_front"
SEMANTIC = "/carla/ego_vehicle/semantic_segmentation_front"
WIDTH, HEIGHT = 80, 60
STEP_NS = 50_000_000
RIG_ACTORS = [
    "sensor.camera.rgb",
    "sensor.camera.semantic_segmentation",
    "vehicle.tesla.model3",
]
EXIT_S = 60.0  # a process also has to import and to find the middleware

STALLED = f"""
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image
rclpy.init()
node = Node("stalled")
node.create_subscription(Image, "{RGB}/image", lambda _: print("got one", flush=True), 5)
rclpy.spin(node)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


@pytest.fixture(scope="module")
def running() -> Iterator[StandIn]:
    with StandIn() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: StandIn) -> StandIn:
    """Return a simulator that is as if it had just been started."""
    running.faults()
    running.load("Grid")
    return running


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    """Return a rig file with two small cameras at the same place."""
    return write_rig(tmp_path / "rig.json")


@pytest.fixture
def run(graph: Graph) -> Iterator[Start]:
    """Return a function that starts Python with these arguments in the graph's domain."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "ROS_DOMAIN_ID": str(graph.domain_id)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        if not process.stdout.closed:  # by a test that has read it
            print(process.communicate()[0])  # pytest shows it with a failure


@pytest.fixture
def drive(run: Start, rig: Path) -> Start:
    """Return a function that starts the node at a port with further parameters."""

    def drive(port: int, **parameters: object) -> subprocess.Popen[str]:
        values = {"port": port, "rig": rig, "timeout": 20.0, **parameters}
        options = [item for name, value in values.items() for item in ("-p", f"{name}:={value}")]
        return run("-m", "unet_seg_ros.nodes.carla", "--ros-args", *options)

    return drive


def write_rig(path: Path, vehicle: str = "vehicle.tesla.model3") -> Path:
    place = {"x": 2.0, "y": 0.0, "z": 2.0, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
    view = {"spawn_point": place, "image_size_x": WIDTH, "image_size_y": HEIGHT, "fov": 90.0}
    sensors = [
        {"type": "sensor.camera.rgb", "id": "rgb_front", **view},
        {
            "type": "sensor.camera.semantic_segmentation",
            "id": "semantic_segmentation_front",
            **view,
        },
    ]
    path.write_text(json.dumps({"objects": [{"type": vehicle, "sensors": sensors}]}))
    return path


def stamp_ns(stamp: Any) -> int:
    return stamp.sec * 10**9 + stamp.nanosec


def stamps(messages: list[Any]) -> list[int]:
    return [stamp_ns(message.header.stamp) for message in messages]


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Signal a process and return what it has said, once it has ended well."""
    process.send_signal(number)
    output = process.communicate(timeout=EXIT_S)[0]
    assert process.returncode == 0, output
    assert "Traceback" not in output
    return output


# --- driving


def test_two_cameras_share_every_stamp_and_time_goes_by_steps(graph, simulator, drive):
    all_of_them = reliable(depth=1000)  # however seldom this process runs
    images = graph.collect(Image, f"{RGB}/image", all_of_them)
    semantics = graph.collect(Image, f"{SEMANTIC}/image", all_of_them)
    infos = graph.collect(CameraInfo, f"{RGB}/camera_info", all_of_them)
    clocks = graph.collect(Clock, "/clock", all_of_them)
    process = drive(simulator.port)
    graph.spin_until(
        lambda: min(map(len, (images, semantics, infos, clocks))) >= 10, "ten frames of everything"
    )
    end(process)

    for message, name in ((images[0], "rgb_front"), (semantics[0], "semantic_segmentation_front")):
        assert (message.encoding, message.width, message.height) == ("bgra8", WIDTH, HEIGHT)
        assert message.header.frame_id == f"ego_vehicle/{name}"
    common = sorted(set(stamps(images)) & set(stamps(semantics)))
    assert len(common) >= 9
    assert np.diff(common).tolist() == [STEP_NS] * (len(common) - 1)
    assert set(common) <= set(stamps(infos))
    assert set(common) <= {stamp_ns(clock.clock) for clock in clocks}
    assert infos[0].k[0] == pytest.approx(WIDTH / 2)

    truth = np.frombuffer(semantics[0].data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    label_set = LabelSet.load("carla29")
    labels, unknown_px = label_set.decode_palette(truth, "bgra")
    assert unknown_px == 0
    assert (labels == label_set.class_id("Roads")).any()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_the_simulator_as_it_was(graph, simulator, drive, number):
    clocks = graph.collect(Clock, "/clock")
    process = drive(simulator.port)
    graph.spin_until(lambda: clocks, "the time")
    assert simulator.actors() == RIG_ACTORS
    assert simulator.is_synchronous()
    end(process, number)
    assert simulator.actors() == []
    assert not simulator.is_synchronous()


def test_what_a_killed_node_left_goes_when_it_returns(graph, simulator, drive):
    clocks = graph.collect(Clock, "/clock")
    killed = drive(simulator.port)
    graph.spin_until(lambda: clocks, "the time")
    killed.kill()
    killed.communicate()
    assert simulator.actors() == RIG_ACTORS
    # Anew, since the first subscription may still hold what the killed node sent.
    later = graph.collect(Clock, "/clock")
    process = drive(simulator.port)
    graph.spin_until(lambda: later, "the time to go on")
    assert stamp_ns(later[0].clock) > stamp_ns(clocks[0].clock)
    assert simulator.actors() == RIG_ACTORS
    assert "left behind" in end(process)
    assert simulator.actors() == []
    assert not simulator.is_synchronous()


def test_a_stalled_subscriber_holds_nothing_up(graph, simulator, drive, run):
    stalled = run("-c", STALLED)
    process = drive(simulator.port)
    assert stalled.stdout.readline() == "got one\n"
    stalled.send_signal(signal.SIGSTOP)
    clocks = graph.collect(Clock, "/clock")
    graph.spin_until(lambda: len(clocks) > 50, "fifty frames more than it can hold")
    end(process)


def test_it_halts_and_ends_as_it_is_told_with_every_frame_delivered(graph, simulator, drive):
    clocks = graph.collect(Clock, "/clock")
    process = drive(simulator.port, playing="false", count=7)
    # The node answers after it knows this client, and so the subscription that came before it.
    graph.set_parameters("/carla", {"playing": True})
    graph.spin_until(lambda: process.poll() is not None, "the node's end")
    graph.spin_until(lambda: len(clocks) == 7, "every frame")
    times_ns = [stamp_ns(clock.clock) for clock in clocks]
    assert np.diff(times_ns).tolist() == [STEP_NS] * 6
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert "the end, after 7 frames" in output
    assert simulator.actors() == []


# --- when things break


def test_a_killed_simulator_is_waited_for_and_driven_on_in(graph, drive):
    images = graph.collect(Image, f"{RGB}/image")
    reports = graph.collect(DiagnosticArray, "/diagnostics")
    with StandIn() as simulator:
        process = drive(simulator.port)
        graph.spin_until(lambda: images, "a picture")
        [topic] = graph.node.get_publishers_info_by_topic(f"{RGB}/image")
    graph.spin_until(
        lambda: reports and reports[-1].status[0].level == DiagnosticStatus.ERROR, "a report of it"
    )
    assert "it has ended" in reports[-1].status[0].message
    later = graph.collect(Image, f"{RGB}/image")
    with StandIn(port=simulator.port) as successor:
        graph.spin_until(lambda: later, "pictures of the simulator that came back")
        graph.spin_until(
            lambda: reports[-1].status[0].level == DiagnosticStatus.OK, "a report of it"
        )
        [same] = graph.node.get_publishers_info_by_topic(f"{RGB}/image")
        assert same.endpoint_gid == topic.endpoint_gid
        output = end(process)
        assert successor.actors() == []
    assert f"CARLA at localhost:{simulator.port} is lost: it has ended" in output


def test_a_map_that_somebody_loads_is_driven_in(graph, simulator, drive):
    images = graph.collect(Image, f"{RGB}/image")
    process = drive(simulator.port)
    graph.spin_until(lambda: images, "a picture")
    simulator.load("Loop")  # with nothing in it
    later = graph.collect(Image, f"{RGB}/image")
    graph.spin_until(lambda: later and simulator.actors() == RIG_ACTORS, "pictures of the new map")
    assert "ego_vehicle is in Loop" in end(process)


def test_steps_that_another_client_takes_away_are_taken_back(graph, simulator, drive):
    images = graph.collect(Image, f"{RGB}/image")
    process = drive(simulator.port)
    graph.spin_until(lambda: images, "a picture")
    simulator.let_run()
    graph.spin_until(simulator.is_synchronous, "the world to wait for the node again")
    later = graph.collect(Image, f"{RGB}/image", reliable(depth=1000))
    graph.spin_until(lambda: len(later) > 5, "pictures")
    assert np.diff(stamps(later)).tolist() == [STEP_NS] * (len(later) - 1)
    assert "is not stepped from here alone any more: another client" in end(process)


def test_a_camera_that_somebody_removed_is_attached_anew(graph, simulator, drive):
    images = graph.collect(Image, f"{RGB}/image")
    process = drive(simulator.port)
    graph.spin_until(lambda: images, "a picture")
    simulator.remove("sensor.camera.rgb")
    graph.spin_until(lambda: simulator.actors() == RIG_ACTORS, "the camera")
    assert "has no camera rgb_front any more: somebody removed it" in end(process)


def test_a_simulator_that_ends_while_the_node_is_halted_is_told(graph, drive):
    with StandIn() as simulator:
        reports = graph.collect(DiagnosticArray, "/diagnostics")
        process = drive(simulator.port)
        graph.spin_until(
            lambda: reports and reports[-1].status[0].level == DiagnosticStatus.OK, "a report"
        )
        assert graph.set_parameters("/carla", {"playing": False}).successful
        halted = graph.collect(DiagnosticArray, "/diagnostics")
        graph.spin_until(
            lambda: halted and halted[-1].status[1].message == "no pictures", "the halt"
        )
    graph.spin_until(lambda: halted[-1].status[0].level == DiagnosticStatus.ERROR, "the loss")
    end(process)


def test_a_slow_simulator_is_waited_for(graph, simulator, drive):
    images = graph.collect(Image, f"{RGB}/image")
    process = drive(simulator.port)
    graph.spin_until(lambda: images, "a picture")
    simulator.faults(delay={"tick_cue": 2.0})
    late = graph.collect(Image, f"{RGB}/image")
    graph.spin_until(lambda: len(late) > 2, "late pictures")
    simulator.faults()
    assert "is lost" not in end(process)


def test_pictures_that_never_come_are_told_and_missed_by_nobody(graph, simulator, drive):
    images = graph.collect(Image, f"{RGB}/image")
    reports = graph.collect(DiagnosticArray, "/diagnostics")
    process = drive(simulator.port)
    graph.spin_until(lambda: images, "a picture")
    simulator.faults(drop_images=list(range(100_000)))
    camera = f"carla: {RGB}/image"

    def is_told() -> bool:
        return any(
            status.name == camera and status.level == DiagnosticStatus.WARN
            for report in reports
            for status in report.status
        )

    graph.spin_until(is_told, "a report of it")
    clocks = graph.collect(Clock, "/clock")
    graph.spin_until(lambda: len(clocks) > 5, "time to go on")
    later = graph.collect(Image, f"{RGB}/image")
    simulator.faults()
    graph.spin_until(lambda: later, "pictures again")
    assert "has no picture of rgb_front" in end(process)


def test_without_a_simulator_it_says_where_it_looked(drive):
    with StandIn() as simulator:
        port = simulator.port
    process = drive(port)
    output = process.communicate(timeout=EXIT_S)[0]
    assert process.returncode == 1
    assert f"no CARLA at localhost:{port}" in output
    assert "Traceback" not in output


def test_a_simulator_of_another_version_is_refused(drive):
    with StandIn("--version", "0.9.15") as simulator:
        process = drive(simulator.port)
        output = process.communicate(timeout=EXIT_S)[0]
        assert simulator.actors() == []
    assert process.returncode == 1
    assert "0.9.15" in output
    assert "0.9.16" in output
    assert "Traceback" not in output


def test_a_vehicle_that_carla_does_not_have_is_named(simulator, drive, tmp_path):
    process = drive(
        simulator.port, rig=write_rig(tmp_path / "cart.json", vehicle="vehicle.ox.cart")
    )
    output = process.communicate(timeout=EXIT_S)[0]
    assert process.returncode == 1
    assert "vehicle.ox.cart" in output
    assert "Traceback" not in output
    assert simulator.actors() == []
    assert not simulator.is_synchronous()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"rig": "nowhere.json"}, "no rig 'nowhere.json'"),
        ({"driver": "chauffeur"}, "driver: 'chauffeur' is not possible; give one of none,"),
        ({"semantic": "both"}, "semantic: 'both' is not possible; give one of palette, tags"),
        ({"role_name": "my car"}, "role_name: 'my car' cannot be part of a topic's name"),
        ({"step": 5.0}, "step"),
    ],
)
def test_impossible_parameters_are_refused_in_a_sentence(drive, parameters, reason):
    process = drive(2000, **parameters)
    output = process.communicate(timeout=EXIT_S)[0]
    assert process.returncode == 1
    assert reason in output
    assert "Traceback" not in output
