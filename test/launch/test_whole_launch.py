# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch` from start to end, with the real nodes: masks come, a report is left.

Against the stand-in for the simulator: real client, real wire format, the built-in town.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from graph import Graph
from ros2_launch import SOURCES, Launch, Workspace, ros2_command
from rosbags.highlevel import AnyReader
from segmentation_graph import save_network
from sensor_msgs.msg import Image
from std_msgs.msg import String

from unet_seg_ros.ros import qos

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not ros2_command(), reason="ros2 launch is only in a ROS 2 installation"),
]

CAMERA = "/carla/ego_vehicle/rgb_front"
LABELS = f"{CAMERA}/segmentation/labels"
RECORDED = ("labels", "color_mask", "overlay", "confidence", "legend", "legend_image")
PARAMETERS = """\
/**:
  ros__parameters:
    compile: "off"
    warm_up_sizes: [""]
    report_period: 0.2
"""
# The first process cannot use its device any more when a frame comes, the next one can.
LOSES_ITS_DEVICE = """\
#!{python}
import sys
from pathlib import Path
from unet_seg_ros.inference.segmenter import DeviceLost, Segmenter
from unet_seg_ros.nodes.segmentation.__main__ import main
marker = Path({marker!r})
def lose(*_):
    marker.touch()
    raise DeviceLost("cuda:0 answers every call with an illegal address")
if not marker.exists():
    Segmenter.__call__ = lose
sys.exit(main())
"""
START_S = 150.0


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    with Graph() as graph:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(graph.domain_id))
        yield graph


@pytest.fixture
def simulator_port() -> Iterator[int]:
    pytest.importorskip("carla", reason="the carla client is not installed")
    pytest.importorskip("msgpack", reason="the stand-in needs msgpack")
    process = subprocess.Popen(
        [sys.executable, "-m", "unet_seg_ros.cli.main", "standin", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=SOURCES,
    )
    try:
        assert process.stdout
        yield int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture
def settings(workspace: Workspace) -> dict[str, object]:
    """Return arguments for a small network that is ready soon."""
    workspace.add_nodes()
    parameters = workspace.folder / "parameters.yaml"
    parameters.write_text(PARAMETERS)
    return {
        "checkpoint": save_network(workspace.folder, "small"),
        "device": "cpu",
        "params_file": parameters,
    }


def end(launch: Launch) -> str:
    """End a launch with Ctrl-C and return what it printed; every process has to end by itself."""
    output = launch.interrupt()
    assert "Traceback" not in output
    assert "process has died" not in output
    assert "SIGKILL" not in output
    return output


def test_masks_come_from_the_simulator_and_are_scored(graph, workspace, settings, simulator_port):
    masks = graph.collect(Image, LABELS)
    scores = graph.collect(String, "/evaluation/score", qos.latched())

    def scored() -> int:
        return json.loads(scores[-1].data)["frames"]["scored"] if scores else 0

    bonnet = np.zeros((600, 800), np.uint8)
    bonnet[500:] = 255
    cv2.imwrite(str(workspace.folder / "bonnet.png"), bonnet)
    report = workspace.folder / "report"
    with workspace.launch(
        "carla.launch.py",
        host="127.0.0.1",
        port=simulator_port,
        evaluate="true",
        report=report,
        keep_worst=2,
        record="true",
        ego_mask="['rgb_front=bonnet.png']",
        **settings,
    ) as launch:
        graph.spin_until(lambda: masks and scored(), "a mask and its score", START_S)
        output = end(launch)
    assert (masks[0].width, masks[0].height, masks[0].encoding) == (800, 600, "mono8")
    assert f"the report is {report}/report.html" in output
    assert (report / "report.html").stat().st_size > 10_000
    assert list((report / "worst_frames" / "rgb").glob("*.png"))
    assert all(value == 255 for value in masks[0].data[500 * 800 :])
    [bag] = workspace.folder.glob("rosbag2_*")
    with AnyReader([bag]) as reader:
        recorded = {topic for topic, info in reader.topics.items() if info.msgcount}
    outputs = {f"{CAMERA}/segmentation/{name}" for name in RECORDED}
    assert recorded >= outputs | {f"{CAMERA}/image", "/clock", "/diagnostics", "/evaluation/score"}


def test_masks_come_from_pictures_that_are_played(graph, workspace, settings):
    """The camera and the network, each with the launch file that stands alone."""
    masks = graph.collect(Image, LABELS)
    with (
        workspace.launch("camera.launch.py", rate=5.0, clock="true") as camera,
        workspace.launch("segmentation.launch.py", **settings) as segmentation,
    ):
        graph.spin_until(lambda: masks, "a mask", START_S)
        end(segmentation)
        end(camera)


def test_later_transitions_are_the_users(graph, workspace, settings):
    reports = graph.collect(DiagnosticArray, "/diagnostics")

    def state() -> str:
        return reports[-1].status[0].message if reports else ""

    with workspace.launch("segmentation.launch.py", **settings) as segmentation:
        graph.spin_until(lambda: state() == "active", "the node to start itself", START_S)
        for transition in ("deactivate", "cleanup", "configure"):
            assert graph.transition("/unet_segmentation", transition)
        del reports[:]
        graph.spin_until(lambda: len(reports) > 2, "three reports, a second apart")
        assert {report.status[0].message for report in reports} == {"inactive"}
        end(segmentation)


def test_a_node_that_loses_its_device_comes_back_and_goes_on(graph, workspace, settings):
    program = workspace.folder / "lib" / "unet_seg_ros" / "segmentation_node"
    marker = workspace.folder / "lost"
    program.write_text(LOSES_ITS_DEVICE.format(python=sys.executable, marker=str(marker)))
    masks = graph.collect(Image, LABELS)
    with (
        workspace.launch("camera.launch.py", rate=5.0, clock="true") as camera,
        workspace.launch("segmentation.launch.py", **settings) as segmentation,
    ):
        graph.spin_until(lambda: masks, "a mask of the second process", START_S)
        output = segmentation.interrupt()
        end(camera)
    assert marker.exists()
    assert "cuda:0 answers every call with an illegal address" in output
    assert "segmentation_node-1 ended with status 75; a new process may go on" in output
    assert output.count("starting it again") == 1
    assert "Traceback" not in output
    assert segmentation.process.returncode == 0


def test_a_network_that_cannot_be_loaded_ends_it(workspace, settings):
    settings["checkpoint"].write_bytes(b"no network")
    with workspace.launch("segmentation.launch.py", **settings) as launch:
        output = launch.rest()
    assert "cannot configure: " in output
    assert launch.process.returncode == 1


def test_without_a_simulator_it_ends(workspace):
    workspace.add_nodes()
    with workspace.launch("carla_node.launch.py", host="127.0.0.1", port=1) as launch:
        output = launch.rest()
    assert "127.0.0.1:1" in output
    assert "carla_node-1 failed with status 1" in output
    assert launch.process.returncode == 1
