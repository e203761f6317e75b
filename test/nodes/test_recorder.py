# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder on a real graph: what is published is in the bag, byte for byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import Graph, reliable
from mcap.reader import make_reader
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability, QosReliability
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.nodes.recorder import SUBSCRIPTION_DEPTH, Recorder
from unet_seg_ros.ros.images import Header, write_image
from unet_seg_ros.ros.parameters import ParameterError

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
EXIT_S = 2.0


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


def recorder(graph: Graph, output: Path, **parameters: Any) -> Recorder:
    values = {"output": str(output), **parameters}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return graph.add(Recorder(context=graph.context, parameter_overrides=overrides))


def picture(stamp_ns: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a serialized picture that does not compress."""
    pixels = np.random.default_rng(stamp_ns).integers(0, 256, (*size[::-1], 4), np.uint8)
    return write_image(Header(stamp_ns, "camera"), pixels, "bgra8")


def reported(reports: list[DiagnosticArray], key: str) -> str | None:
    """Return a value of the latest report; None before the first."""
    values = reports[-1].status[0].values if reports else []
    return next((item.value for item in values if item.key == key), None)


def messages_in(path: Path) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    with AnyReader([path]) as reader:
        for connection, _, data in reader.messages():
            found.setdefault(connection.topic, []).append(data)
    return found


def test_what_is_published_is_in_the_bag(tmp_path):
    pictures = [picture(i * 50_000_000, size=(320, 240)) for i in range(12)]
    info = serialize_message(CameraInfo(width=320, height=240))
    begin_ns = time.time_ns()
    with Graph() as graph:
        legend = graph.publisher(String, "/front/legend", LATCHED, matched=False)
        legend.publish(String(data="latched long before"))
        node = recorder(graph, tmp_path / "drive", topics=["front/legend"], pattern="/front/.*i.*")
        camera = graph.publisher(Image, "/front/image", reliable(depth=5))
        camera_info = graph.publisher(CameraInfo, "/front/camera_info")
        unwanted = graph.publisher(Image, "/back/image", matched=False)
        for data in pictures:
            unwanted.publish(data)
            camera_info.publish(info)
            camera.publish(data)
            graph.spin_until(lambda: camera.wait_for_all_acked(), "the picture to arrive")
        graph.spin_until(lambda: node._bag.written == 25, "25 messages")
    expected = {
        "/front/legend": [serialize_message(String(data="latched long before"))],
        "/front/image": pictures,
        "/front/camera_info": [info] * 12,
    }

    assert messages_in(tmp_path / "drive") == expected
    with AnyReader([tmp_path / "drive"]) as reader:
        qos = {item.topic: item.ext.offered_qos_profiles[0] for item in reader.connections}
        types = {item.topic: item.msgtype for item in reader.connections}
        assert begin_ns < reader.start_time < reader.end_time < time.time_ns()
        message = reader.deserialize(pictures[3], "sensor_msgs/msg/Image")
        assert (message.width, message.header.stamp.nanosec) == (320, 150_000_000)
    assert types["/front/camera_info"] == "sensor_msgs/msg/CameraInfo"
    assert qos["/front/legend"].durability is QosDurability.TRANSIENT_LOCAL
    assert qos["/front/image"].durability is QosDurability.VOLATILE
    assert qos["/front/image"].reliability is QosReliability.RELIABLE

    with (tmp_path / "drive" / "drive_0.mcap").open("rb") as stream:
        read = list(make_reader(stream).iter_messages())
    for name, payloads in expected.items():
        assert [item.data for _, channel, item in read if channel.topic == name] == payloads
    assert all(begin_ns < item.publish_time <= item.log_time for _, _, item in read)


def test_a_topic_that_comes_later_is_recorded(tmp_path):
    with Graph() as graph:
        node = recorder(graph, tmp_path / "bag", topics=["/late"])
        graph.spin_until(lambda: node.get_name() in graph.node.get_node_names(), "the recorder")
        publisher = graph.publisher(String, "/late")
        publisher.publish(String(data="here I am"))
        graph.spin_until(lambda: node._bag.written, "the message")
    assert messages_in(tmp_path / "bag") == {"/late": [serialize_message(String(data="here I am"))]}


def test_publishers_of_both_reliabilities_are_recorded(tmp_path):
    best_effort = QoSProfile(depth=5, reliability=2)
    with Graph() as graph:
        first = graph.publisher(String, "/text", reliable(), matched=False)
        second = graph.publisher(String, "/text", best_effort, matched=False)
        graph.spin_until(lambda: graph.node.count_publishers("/text") == 2, "both publishers")
        node = recorder(graph, tmp_path / "bag", topics=["/text"])
        for publisher in (first, second):
            graph.spin_until(publisher.get_subscription_count, "the recorder")
            publisher.publish(String(data="text"))
        graph.spin_until(lambda: node._bag.written == 2, "both messages")
    with AnyReader([tmp_path / "bag"]) as reader:
        offered = reader.connections[0].ext.offered_qos_profiles
    assert {item.reliability for item in offered} == {
        QosReliability.RELIABLE,
        QosReliability.BEST_EFFORT,
    }


def test_messages_that_find_the_queue_full_are_counted(tmp_path):
    with Graph() as graph:
        reports = graph.collect(DiagnosticArray, "/diagnostics")
        node = recorder(graph, tmp_path / "bag", topics=["/image"], max_waiting_mib=1)
        camera = graph.publisher(Image, "/image")
        camera.publish(picture(0, size=(800, 600)))  # more than a MiB
        camera.publish(picture(1))
        graph.spin_until(lambda: node._bag.written == 1, "the small picture")
        reports.clear()
        graph.spin_until(lambda: reports, "a report")
    assert reports[-1].status[0].name == "recorder: bag"
    assert reports[-1].status[0].level == DiagnosticStatus.WARN
    assert reported(reports, "messages") == "1"
    assert reported(reports, "dropped.queue_full") == "1"
    assert messages_in(tmp_path / "bag") == {"/image": [picture(1)]}
    metadata = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())
    custom_data = metadata["rosbag2_bagfile_information"]["custom_data"]
    assert custom_data == {"dropped.queue_full": "1"}


def test_messages_that_the_middleware_gave_up_are_counted(tmp_path):
    """While the executor is busy, the subscription keeps the newest messages only."""
    extra = 7
    with Graph() as graph:
        node = recorder(graph, tmp_path / "bag", topics=["/text"])
        publisher = graph.publisher(String, "/text", reliable(depth=100))
        publisher.publish(String(data="first"))
        graph.spin_until(lambda: node._bag.written == 1, "the first message")
        for i in range(SUBSCRIPTION_DEPTH + extra):
            publisher.publish(String(data=str(i)))
        assert publisher.wait_for_all_acked()
        graph.spin_until(lambda: node._bag.written == 1 + SUBSCRIPTION_DEPTH, "what was kept")
        assert node.dropped == {"lost": extra}


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"output": ""}, ParameterError, "output: is empty"),
        ({"topics": [""]}, ParameterError, "topics and pattern are both empty"),
        ({"pattern": "("}, ParameterError, r"pattern: '\(' is not one: "),
        ({"output": "."}, BagError, "exists already"),
    ],
)
def test_impossible_parameters_are_refused(graph, parameters, error, message):
    values = {"output": "never_written", "topics": ["/text"], **parameters}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    with pytest.raises(error, match=message):
        Recorder(context=graph.context, parameter_overrides=overrides)
    assert not Path("never_written.partial").exists()


def test_every_parameter_is_described(graph, tmp_path):
    node = recorder(graph, tmp_path / "bag", topics=["/text"])
    for name in ("output", "topics", "pattern", "max_waiting_mib"):
        assert node.describe_parameter(name).description
        assert node.describe_parameter(name).read_only


def start_process(graph: Graph, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "unet_seg_ros.nodes.recorder", "--ros-args"]
    for argument in arguments:
        command += ["-p", argument]
    return subprocess.Popen(
        command,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ROS_DOMAIN_ID": str(graph.domain_id)},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_completes_the_bag(graph, tmp_path, number):
    reports = graph.collect(DiagnosticArray, "/diagnostics")
    process = start_process(graph, f"output:={tmp_path / 'bag'}", "topics:=['/image']")
    try:
        camera = graph.publisher(Image, "/image")
        pictures = [picture(i) for i in range(5)]
        for data in pictures:
            camera.publish(data)
        graph.spin_until(lambda: reported(reports, "messages") == "5", "all to be written")
        assert (tmp_path / "bag.partial").is_dir()
        process.send_signal(number)
        begin = time.monotonic()
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert time.monotonic() - begin < EXIT_S
    assert "Traceback" not in output
    assert not (tmp_path / "bag.partial").exists()
    assert messages_in(tmp_path / "bag") == {"/image": pictures}


def test_a_wrong_start_is_one_sentence(graph, tmp_path):
    (tmp_path / "bag").mkdir()
    process = start_process(graph, f"output:={tmp_path / 'bag'}", "topics:=['/image']")
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "bag exists already: give another output folder" in output
    assert "Traceback" not in output
