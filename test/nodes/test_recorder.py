# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder on a real graph: what is published is in the bag, byte for byte."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from ending import end
from graph import Graph, reliable
from mcap.reader import make_reader
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability, QosReliability
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from unet_seg_ros.bags.repair import repair
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.messages.definitions import UnknownTypeError
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.nodes.recorder.node import PARAMETERS, SUBSCRIPTION_DEPTH, RecorderNode
from unet_seg_ros.ros.parameters import ParameterError

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


def recorder(graph: Graph, output: Path, **parameters: Any) -> RecorderNode:
    values = {"output": str(output), **parameters}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return graph.add(RecorderNode(context=graph.context, parameter_overrides=overrides))


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


def test_nothing_is_recorded_before_simulation_time_runs(tmp_path):
    with Graph() as graph:
        legend = graph.publisher(String, "/legend", LATCHED, matched=False)
        legend.publish(String(data="before"))
        clock = graph.publisher(Clock, "/clock", matched=False)
        node = recorder(graph, tmp_path / "bag", pattern="/legend", use_sim_time=True)
        graph.spin_until(clock.get_subscription_count, "the recorder's clock")
        assert not legend.get_subscription_count()
        clock.publish(Clock(clock=Time(sec=7)))
        graph.spin_until(lambda: node._bag.written, "the message")
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [time_ns for _, time_ns, _ in reader.messages()] == [7_000_000_000]


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


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (reliable(), QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)),
        (LATCHED, reliable()),
    ],
)
def test_a_publisher_that_comes_later_and_offers_less_is_recorded(tmp_path, first, later):
    with Graph() as graph:
        strict = graph.publisher(String, "/text", first, matched=False)
        strict.publish(String(data="kept for those who come late"))
        node = recorder(graph, tmp_path / "bag", topics=["/text"])
        graph.spin_until(strict.get_subscription_count, "the recorder")
        kept = int(first is LATCHED)
        graph.spin_until(lambda: node._bag.written == kept, "what was kept")
        strict.publish(String(data="before"))
        graph.spin_until(lambda: node._bag.written == kept + 1, "the first message")
        loose = graph.publisher(String, "/text", later)
        loose.publish(String(data="loose"))
        graph.spin_until(lambda: node._bag.written == kept + 2, "the message of the other")
        graph.spin_until(strict.get_subscription_count, "the recorder to be back")
        strict.publish(String(data="after"))
        graph.spin_until(lambda: node._bag.written == kept + 3, "the last message")
    sent = ["kept for those who come late", "before", "loose", "after"][1 - kept :]
    recorded = messages_in(tmp_path / "bag")["/text"]
    assert recorded == [serialize_message(String(data=text)) for text in sent]


def test_nothing_is_missed_while_a_publisher_that_offers_less_is_found(tmp_path):
    with Graph() as graph:
        node = recorder(graph, tmp_path / "bag", topics=["/text"])
        strict = graph.publisher(String, "/text")
        sent: list[str] = []

        def send(publisher, name):
            sent.append(f"{name} {len(sent)}")
            publisher.publish(String(data=sent[-1]))
            graph.spin_until(lambda: node._bag._put_count == len(sent), sent[-1])

        send(strict, "strict")
        loose = graph.publisher(String, "/text", QoSProfile(depth=5, reliability=2), matched=False)
        while not loose.get_subscription_count():
            send(strict, "strict")
        for _ in range(20):
            send(loose, "loose")
            send(strict, "strict")
        graph.spin_until(lambda: node._bag.written == len(sent), "all messages")
        assert not node.dropped
    recorded = messages_in(tmp_path / "bag")["/text"]
    assert recorded == [serialize_message(String(data=text)) for text in sent]


def test_a_subscriber_of_another_type_does_not_decide_what_is_recorded(tmp_path):
    # As other processes: one of these cannot have two types of a topic.
    with Graph() as graph, Graph(graph.domain_id) as other, Graph(graph.domain_id) as talking:
        listener = other.node.create_subscription(DiagnosticArray, "/text", print, 1)
        node = recorder(graph, tmp_path / "bag", topics=["/text"])
        graph.spin_until(lambda: "/text" in dict(node.get_topic_names_and_types()), "the listener")
        publisher = talking.publisher(String, "/text", matched=False)
        graph.spin_until(publisher.get_subscription_count, "the recorder")
        publisher.publish(String(data="here I am"))
        graph.spin_until(lambda: node._bag.written, "the message")
        assert listener
    assert messages_in(tmp_path / "bag") == {"/text": [serialize_message(String(data="here I am"))]}


def test_that_nothing_is_recorded_is_a_warning(tmp_path, monkeypatch):
    def refuse(type_name):
        raise UnknownTypeError(f"{type_name}: there is no such type here")

    with Graph() as graph:
        reports = graph.collect(DiagnosticArray, "/diagnostics")
        node = recorder(graph, tmp_path / "bag", topics=["/text"])
        graph.spin_until(lambda: reports, "a report")
        assert reports[-1].status[0].level == DiagnosticStatus.WARN
        assert reports[-1].status[0].message.startswith("nobody publishes what is to be recorded; ")
        monkeypatch.setattr(node._definitions, "get", refuse)
        graph.publisher(String, "/text", matched=False)
        graph.spin_until(
            lambda: reports[-1].status[0].message.startswith("/text is not recorded: std_msgs/msg"),
            "the refusal",
        )
        assert reports[-1].status[0].level == DiagnosticStatus.WARN
        assert reported(reports, "topics") == "0"


def test_messages_that_find_the_queue_full_are_counted(tmp_path):
    with Graph() as graph:
        reports = graph.collect(DiagnosticArray, "/diagnostics")
        node = recorder(graph, tmp_path / "bag", topics=["/image"], max_waiting_mib=1)
        camera = graph.publisher(Image, "/image")
        camera.publish(picture(0, size=(800, 600)))  # more than a MiB
        camera.publish(picture(1))
        graph.spin_until(lambda: node._bag.written == 1, "the small picture")
        graph.spin_until(lambda: reported(reports, "messages") == "1", "a report")
    assert reports[-1].status[0].name == "recorder: bag"
    assert reports[-1].status[0].level == DiagnosticStatus.WARN
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
        ({"topics": ["my topic"]}, ParameterError, "topics: 'my topic' is refused"),
        ({"pattern": "("}, ParameterError, r"pattern: '\(' is not one: "),
        ({"output": "."}, BagError, "exists already"),
    ],
)
def test_impossible_parameters_are_refused(graph, parameters, error, message):
    values = {"output": "never_written", "topics": ["/text"], **parameters}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    with pytest.raises(error, match=message):
        RecorderNode(context=graph.context, parameter_overrides=overrides)
    assert not Path("never_written.partial").exists()


def test_every_parameter_is_described(graph, tmp_path):
    node = recorder(graph, tmp_path / "bag", topics=["/text"])
    for name in (spec.name for spec in PARAMETERS):
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
        end(process, number)
    finally:
        process.kill()
    assert not (tmp_path / "bag.partial").exists()
    assert messages_in(tmp_path / "bag") == {"/image": pictures}


@pytest.mark.parametrize(("least", "more"), [(1, 0), (20, 33), (60, 11)])
def test_nothing_that_was_reported_is_lost_by_a_kill(graph, tmp_path, least, more):
    """Killed while messages come: a repaired bag has all that the last report counted.

    The kill comes `more` frames after the report of `least` messages, so at any moment between two
    writes, or in one.
    """
    reports = graph.collect(DiagnosticArray, "/diagnostics")
    process = start_process(graph, f"output:={tmp_path / 'bag'}", "pattern:='/(image|text)'")
    sent: dict[str, list[bytes]] = {"/image": [], "/text": []}
    try:
        camera, texts = graph.publisher(Image, "/image"), graph.publisher(String, "/text")

        def publish() -> int:
            number = len(sent["/image"])
            # More on their way than a subscription keeps could be lost to a busy recorder.
            if 2 * number - reported_count() >= SUBSCRIPTION_DEPTH:
                return number
            sent["/image"].append(picture(number, size=(320, 240)))
            sent["/text"].append(serialize_message(String(data=f"text {number:06}")))
            camera.publish(sent["/image"][-1])
            texts.publish(sent["/text"][-1])
            return number

        def reported_count() -> int:
            return int(reported(reports, "messages") or 0)

        graph.spin_until(lambda: publish() and reported_count() >= least, "messages to be written")
        last = len(sent["/image"]) + more
        graph.spin_until(lambda: publish() >= last, "further frames")
    finally:
        process.kill()
        process.communicate(timeout=20)
    count = reported_count()
    repaired = repair(tmp_path / "bag.partial")
    assert repaired.path == tmp_path / "bag"
    assert repaired.entry.message_count >= count >= least
    with (tmp_path / "bag" / "bag_0.mcap").open("rb") as stream:
        assert len(list(make_reader(stream).iter_messages())) == repaired.entry.message_count
    for name, messages in messages_in(tmp_path / "bag").items():
        assert messages == sent[name][: len(messages)]


def record_until_it_ends(graph: Graph, process: subprocess.Popen[str]) -> tuple[str, list[bytes]]:
    """Publish pictures until the recorder ends; return what it printed and what was sent.

    No more of them are on their way than its subscription keeps, so that a busy one loses none.
    """
    sent: list[bytes] = []
    reports = graph.collect(DiagnosticArray, "/diagnostics")
    camera = graph.publisher(Image, "/image", matched=False)

    def publish_until_it_has_ended() -> bool:
        if len(sent) - int(reported(reports, "messages") or 0) < SUBSCRIPTION_DEPTH:
            sent.append(picture(len(sent), size=(320, 240)))
            camera.publish(sent[-1])
        return process.poll() is not None

    graph.spin_until(publish_until_it_has_ended, "the recorder to end")
    output, _ = process.communicate(timeout=20)
    return output, sent


def test_a_full_disk_ends_the_recording_with_a_whole_bag(graph, tmp_path):
    process = start_process(graph, f"output:={tmp_path / 'bag'}", "topics:=['/image']")
    try:
        graph.publisher(Image, "/image")  # waits for the recorder
        # As on a full disk, the system refuses a larger file from now on.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))
        output, sent = record_until_it_ends(graph, process)
    finally:
        process.kill()
    check_ended_early(tmp_path / "bag", process, output, sent, "cannot write to")


def test_the_limit_ends_the_recording_with_a_whole_bag(graph, tmp_path):
    process = start_process(
        graph,
        f"output:={tmp_path / 'bag'}",
        "topics:=['/image']",
        "max_file_mib:=2",
        "max_disk_mib:=5",
    )
    try:
        graph.publisher(Image, "/image")
        output, sent = record_until_it_ends(graph, process)
    finally:
        process.kill()
    check_ended_early(tmp_path / "bag", process, output, sent, "bag has reached its limit of 5 MiB")
    sizes = [file.stat().st_size for file in (tmp_path / "bag").glob("*.mcap")]
    assert len(sizes) == 3
    assert max(sizes) <= 2 << 20
    assert 4 << 20 < sum(sizes) <= 5 << 20


def check_ended_early(
    bag: Path, process: subprocess.Popen[str], output: str, sent: list[bytes], reason: str
) -> None:
    assert process.returncode == 1
    assert "Traceback" not in output
    recorded = messages_in(bag)["/image"]
    first = sent.index(recorded[0])
    assert recorded == sent[first : first + len(recorded)]
    assert reason in output
    assert f"{bag} is complete and has {len(recorded)} messages" in output


def test_a_bag_is_split_by_time(tmp_path):
    with Graph() as graph:
        node = recorder(graph, tmp_path / "bag", topics=["/text"], max_file_duration_s=1)
        publisher = graph.publisher(String, "/text")
        sent = []
        for count in (1, 2):  # a file each: the second message comes when the first is old
            graph.spin_until(partial(is_a_second_older, time.monotonic()), "a second to pass")
            sent.append(String(data=f"text {count}"))
            publisher.publish(sent[-1])
            graph.spin_until(lambda count=count: node._bag.written == count, "the message")
    files = sorted(file.name for file in (tmp_path / "bag").glob("*.mcap"))
    assert files == ["bag_0.mcap", "bag_1.mcap"]
    assert messages_in(tmp_path / "bag") == {"/text": [serialize_message(item) for item in sent]}


def is_a_second_older(begin_s: float) -> bool:
    return time.monotonic() > begin_s + 1


def test_a_wrong_start_is_one_sentence(graph, tmp_path):
    (tmp_path / "bag").mkdir()
    process = start_process(graph, f"output:={tmp_path / 'bag'}", "topics:=['/image']")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "bag exists already: give another output folder" in output
    assert "Traceback" not in output
