# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node as a process: signals, wrong arguments, a subscriber that stalls."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ending import end
from graph import Graph
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import GetParameters
from segmentation_graph import (
    FRONT,
    LABELS,
    NODE,
    Reports,
    message,
    picture,
    save_network,
    stamp,
)
from sensor_msgs.msg import Image

from unet_seg_ros.nodes.segmentation.background import run_in_background

ROOT = Path(__file__).parents[3]

LISTENER = f"""
import rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("listener")
node.create_subscription(Image, {LABELS!r}, lambda _: print("got one", flush=True), 5)
rclpy.spin(node)
"""

LOST_DEVICE = """
from unet_seg_ros.inference.segmenter import DeviceLost, Segmenter
from unet_seg_ros.nodes.segmentation.node import main
def fail(*_):
    raise DeviceLost("cuda:0 answers every call with an illegal address")
Segmenter.__call__ = fail
main()
"""

Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(graph: Graph) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts Python with arguments in the graph's domain."""
    processes: list[subprocess.Popen[str]] = []

    def launch(*arguments: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(graph.domain_id),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield launch
    for process in processes:
        process.kill()
        process.communicate()


def launch_node(
    launch: Launch,
    checkpoint: Path,
    *parameters: str,
    start: tuple[str, str] = ("-m", "unet_seg_ros.nodes.segmentation"),
) -> subprocess.Popen[str]:
    """Start the node's process with further `name:=value` parameters."""
    values = (
        f"image_topics:=[{FRONT}]",
        f"checkpoint:={checkpoint}",
        "device:=cpu",
        "diagnostics_period:=0.1",
        "warm_up_sizes:=['']",
        *parameters,
    )
    options = [item for value in values for item in ("-p", value)]
    return launch(*start, "--ros-args", *options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_an_active_node(
    graph: Graph, launch: Launch, networks: Path, number: signal.Signals
) -> None:
    masks = graph.collect(Image, LABELS)
    process = launch_node(launch, networks / "first.safetensors", "compile:=off", "autostart:=true")
    camera = graph.publisher(Image, FRONT)

    def send() -> bool:
        camera.publish(message(picture()))
        graph.executor.spin_once(0.02)
        return bool(masks)

    graph.spin_until(send, "a label map")
    assert "[ERROR]" not in end(process, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_an_unconfigured_node(
    graph: Graph, launch: Launch, networks: Path, number: signal.Signals
) -> None:
    process = launch_node(launch, networks / "first.safetensors")
    assert graph.state(NODE) == "unconfigured"
    assert "[ERROR]" not in end(process, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_node_that_configures(
    graph: Graph, launch: Launch, networks: Path, number: signal.Signals
) -> None:
    """Loading imports torch and runs a big network: seconds, in which no callback ends."""
    big = save_network(networks, "big", filters=48)
    process = launch_node(launch, big, "input_size:=800x600", "compile:=off", "autostart:=true")
    libraries = Path(f"/proc/{process.pid}/maps")
    graph.spin_until(lambda: "libtorch" in libraries.read_text(), "the loading to begin")
    output = end(process, number)
    assert "[ERROR]" not in output
    assert "configured" not in output


def test_lost_device_ends_the_process_for_launch_to_start_it_anew(
    graph: Graph, launch: Launch, networks: Path
) -> None:
    process = launch_node(
        launch,
        networks / "first.safetensors",
        "compile:=off",
        "autostart:=true",
        start=("-c", LOST_DEVICE),
    )
    graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)

    def is_over() -> bool:
        camera.publish(message(picture()))
        return process.poll() is not None

    graph.spin_until(is_over, "the process to end")
    assert process.returncode == 75
    fatal = [line for line in process.stderr.read().splitlines() if line.startswith("[FATAL]")]
    assert len(fatal) == 1
    assert fatal[0].endswith("cuda:0 answers every call with an illegal address")


def test_parameter_file_is_read(graph: Graph, launch: Launch, tmp_path: Path) -> None:
    documented = (ROOT / "config" / "segmentation.yaml").read_text()
    changed = tmp_path / "segmentation.yaml"
    changed.write_text(documented.replace("overlay_opacity: 0.4", "overlay_opacity: 0.25"))
    launch("-m", "unet_seg_ros.nodes.segmentation", "--ros-args", "--params-file", str(changed))
    request = GetParameters.Request(names=["overlay_opacity", "image_topics"])
    opacity, image_topics = graph.call(GetParameters, f"{NODE}/get_parameters", request).values
    assert opacity.double_value == 0.25
    assert list(image_topics.string_array_value) == ["/carla/ego_vehicle/rgb_front/image"]


def test_request_for_an_impossible_transition_is_survived(
    graph: Graph, launch: Launch, networks: Path
) -> None:
    launch_node(launch, networks / "first.safetensors")
    client = graph.node.create_client(ChangeState, f"{NODE}/change_state")
    graph.spin_until(client.service_is_ready, "the node")
    # Not awaited: on Jazzy, rclpy gives no answer.
    client.call_async(ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE)))
    assert graph.state(NODE) == "unconfigured"
    assert graph.transition(NODE, "configure")


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("image_topics:=['']", "image_topics: is empty"),
        ("image_topics:=[/a/image, /a/image/compressed]", "would both publish"),
        ("image_topics:=[front image]", "'front image' is refused"),
        ("device:=abacus", "device: 'abacus' is not possible"),
        ("precision:=float8", "precision: 'float8' is not possible"),
        ("input_size:=800", "800"),
        ("overlay_opacity:=2.0", "overlay_opacity"),
        ("max_batch:=many", "max_batch"),
    ],
)
def test_wrong_parameter_at_the_start_is_one_sentence(
    launch: Launch, networks: Path, parameter: str, reason: str
) -> None:
    process = launch_node(launch, networks / "first.safetensors", parameter)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot start" in errors
    assert reason in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("-r", "__node:=front_seg", "-r", "__ns:=/car", "-p", "device:=abacus"),
            "[car.front_seg]: cannot start: device: 'abacus' is not possible",
        ),
        (("-p", "device"), "[unet_segmentation]: cannot start: Couldn't parse parameter override"),
        (("--params-file", "/none.yaml"), "[unet_segmentation]: cannot start: Couldn't parse"),
        (("--colour",), "[unet_segmentation]: cannot start: unknown ROS arguments ['--colour']"),
    ],
)
def test_last_line_of_a_node_that_cannot_start_has_its_name(
    launch: Launch, arguments: tuple[str, ...], line: str
) -> None:
    process = launch("-m", "unet_seg_ros.nodes.segmentation", "--ros-args", *arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in errors
    last = errors.splitlines()[-1]
    assert last.startswith("[FATAL]")
    assert line in last
    assert " at /" not in last


def test_node_that_cannot_start_itself_ends(launch: Launch, networks: Path) -> None:
    broken = networks / "broken.safetensors"
    broken.write_bytes(b"no network")
    process = launch_node(launch, broken, "autostart:=true")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "[unet_segmentation]: cannot configure: " in errors
    assert "was to start itself (autostart) and cannot" in errors
    assert "Traceback" not in errors


def test_stalled_subscriber_holds_nobody_up(graph: Graph, launch: Launch, networks: Path) -> None:
    launch_node(
        launch,
        networks / "first.safetensors",
        "compile:=off",
        "autostart:=true",
        f"qos_overrides.{FRONT}.subscription.reliability:=reliable",
    )
    listener = launch("-c", LISTENER)
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    pixels = picture(width=800, height=600)
    seen = 0

    def exchange() -> None:
        nonlocal seen
        camera.publish(message(pixels, stamp_ns=seen))
        graph.spin_until(lambda: len(masks) > seen, f"label map {seen}")
        seen += 1

    graph.spin_until(lambda: graph.node.count_subscribers(LABELS) == 2, "both listeners")
    graph.spin_until(lambda: reports.value("engine", "state") == "active", "the node")
    output = run_in_background(listener.stdout.readline, "reader")
    while not output.done():
        exchange()
    listener.send_signal(signal.SIGSTOP)
    # Four times what the publisher keeps for a subscriber.
    for _ in range(20):
        exchange()
    assert [stamp(mask) for mask in masks] == list(range(seen))
    assert reports.value(FRONT, "dropped.failed") == ""
