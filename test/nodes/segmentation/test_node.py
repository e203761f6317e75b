# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node on the real graph: transitions, outputs, diagnostics.

What comes of bad frames and other surprises is in test_segmentation_frames.py, changes while active
in test_segmentation_changes.py, signals and stalled subscribers in test_segmentation_process.py.
How good or fast the masks are is tested elsewhere.
"""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from drawn_pictures import write_picture
from graph import Graph, latched, reliable
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.task import Future
from segmentation_graph import (
    FRONT,
    HEIGHT,
    LABELS,
    NODE,
    WIDTH,
    Reports,
    Start,
    message,
    picture,
    pixels_of,
    segment,
    stamp,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from unet_seg_ros.inference.frames import Request
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.nodes.segmentation import loader
from unet_seg_ros.nodes.segmentation.node import SegmentationNode
from unet_seg_ros.pictures.figures import legend


def test_transitions(graph: Graph, start: Start) -> None:
    start(is_active=False)
    assert graph.state(NODE) == "unconfigured"
    for transition, state in (
        ("configure", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
        ("configure", "inactive"),
    ):
        assert graph.transition(NODE, transition)
        assert graph.state(NODE) == state


def test_listens_and_publishes_only_while_active(graph: Graph, start: Start) -> None:
    node = start(is_active=False)
    masks = graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT, matched=False)
    assert graph.transition(NODE, "configure")
    assert camera.get_subscription_count() == 0
    assert graph.transition(NODE, "activate")
    graph.spin_until(camera.get_subscription_count, "the node to listen")
    graph.listened(node, LABELS)
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    assert graph.transition(NODE, "deactivate")
    graph.spin_until(lambda: not camera.get_subscription_count(), "the node not to listen")
    assert graph.transition(NODE, "cleanup")
    graph.spin_until(
        lambda: not graph.node.get_publishers_info_by_topic(LABELS), "the topics to go"
    )


@pytest.mark.parametrize(
    ("wrong", "right", "reason"),
    [
        ("missing", "first", "no checkpoint at"),
        ("damaged", "first", "damaged"),
    ],
)
def test_configure_fails_with_a_sentence_and_can_be_repeated(
    graph: Graph,
    start: Start,
    networks: Path,
    capfd: pytest.CaptureFixture[str],
    wrong: str,
    right: str,
    reason: str,
) -> None:
    start(is_active=False, checkpoint=str(networks / f"{wrong}.safetensors"))
    assert not graph.transition(NODE, "configure")
    assert graph.state(NODE) == "unconfigured"
    log = capfd.readouterr().err
    assert "cannot configure" in log
    assert reason in log
    assert "Traceback" not in log
    path = str(networks / f"{right}.safetensors")
    assert graph.set_parameters(NODE, {"checkpoint": path}).successful
    assert graph.transition(NODE, "configure")


def test_configure_fails_on_a_group_that_the_label_set_has_not(
    graph: Graph,
    start: Start,
    capfd: pytest.CaptureFixture[str],
) -> None:
    start(is_active=False, groups=["runway"])
    assert not graph.transition(NODE, "configure")
    assert "no group 'runway'" in capfd.readouterr().err
    assert graph.state(NODE) == "unconfigured"


def test_configure_fails_on_an_engine_that_is_not_there(
    graph: Graph,
    start: Start,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """And does not go on with another, slower one."""
    start(is_active=False, engine="tensorrt", precision="auto")
    assert not graph.transition(NODE, "configure")
    log = capfd.readouterr().err
    assert "cannot configure: engine tensorrt needs CUDA" in log
    assert "Traceback" not in log
    assert graph.set_parameters(NODE, {"engine": "torch"}).successful
    assert graph.transition(NODE, "configure")


def test_impossible_qos_override_fails_activation_not_the_node(graph: Graph, start: Start) -> None:
    start(is_active=False, **{f"qos_overrides.{FRONT}.subscription.reliability": "every_time"})
    assert graph.transition(NODE, "configure")
    assert not graph.transition(NODE, "activate")
    assert graph.state(NODE) == "inactive"


def begin_to_configure(graph: Graph) -> Future:
    """Ask for the transition and return the answer to come."""
    client = graph.node.create_client(ChangeState, f"{NODE}/change_state")
    graph.spin_until(client.service_is_ready, "the node")
    configure = Transition(id=Transition.TRANSITION_CONFIGURE)
    return client.call_async(ChangeState.Request(transition=configure))


def test_a_network_is_let_go_when_a_parameter_set_meanwhile_fails_configuring(
    graph: Graph, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, is_loading, may_load = loader.load_segmenter, threading.Event(), threading.Event()

    def held(*arguments: Any, **wanted: Any) -> Segmenter:
        is_loading.set()
        may_load.wait()
        return load(*arguments, **wanted)

    monkeypatch.setattr(loader, "load_segmenter", held)
    mask = tmp_path / "mask.png"
    write_picture(mask, np.eye(HEIGHT, WIDTH, dtype=np.uint8))
    start(is_active=False)
    answer = begin_to_configure(graph)
    graph.spin_until(is_loading.is_set, "the loader")
    assert graph.set_parameters(NODE, {"ego_mask": [f"rear={mask}"]}).successful
    may_load.set()
    graph.spin_until(answer.done, "the answer")
    assert not answer.result().success
    reports = Reports(graph)
    graph.spin_until(lambda: reports.status("engine"), "a report")
    assert reports.value("engine", "state") == "unconfigured"


def test_no_topic_is_left_where_one_cannot_be_offered(graph: Graph, start: Start) -> None:
    override = "qos_overrides./front/segmentation/overlay.publisher.reliability"
    node = start(is_active=False, **{override: "sometimes"})
    before = sorted(item.topic_name for item in node.publishers)
    assert not graph.transition(NODE, "configure")
    assert sorted(item.topic_name for item in node.publishers) == before


def test_services_and_reports_go_on_while_configuring(
    graph: Graph, start: Start, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, may_load = loader.load_segmenter, threading.Event()

    def held(*arguments: Any, **wanted: Any) -> Segmenter:
        may_load.wait()
        return load(*arguments, **wanted)

    monkeypatch.setattr(loader, "load_segmenter", held)
    start(is_active=False)
    reports = Reports(graph)
    answer = begin_to_configure(graph)
    try:
        graph.spin_until(lambda: reports.value("engine", "state") == "configuring", "a report")
        assert graph.state(NODE) == "unconfigured"
        path = str(networks / "second one.safetensors")
        assert graph.set_parameters(NODE, {"checkpoint": path}).successful
        assert not answer.done()
    finally:
        may_load.set()
    graph.spin_until(answer.done, "the answer")
    assert answer.result().success
    assert graph.state(NODE) == "inactive"
    graph.spin_until(lambda: reports.value("engine", "checkpoint") == "second one", "a report")


def test_autostart(graph: Graph, start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    node = start(is_active=False, autostart=True)
    masks = graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    assert graph.state(NODE) == "active"
    assert f"active: listening to {FRONT}" in capfd.readouterr().err


def test_every_output_is_the_engines_at_the_cameras_size_with_its_header(
    graph: Graph, start: Start, networks: Path
) -> None:
    node = start(groups=["lane", "mine=Roads,Sky"], overlay_opacity=0.25)
    topics = {
        "labels": "mono8",
        "color_mask": "rgb8",
        "overlay": "rgb8",
        "confidence": "mono8",
        "masks/lane": "mono8",
        "masks/mine": "mono8",
    }
    received = {name: graph.collect(Image, f"/front/segmentation/{name}") for name in topics}
    camera = graph.publisher(Image, FRONT)
    for name in topics:
        graph.listened(node, f"/front/segmentation/{name}")
    camera.publish(message(picture()))
    graph.spin_until(lambda: all(received.values()), "every output")

    label_set = LabelSet.load("carla29")
    groups = {"lane": label_set.groups["lane"], "mine": (1, 11)}
    expected = segment(
        networks / "first.safetensors",
        picture(),
        Request(
            color_mask=True, overlay=True, confidence=True, groups=groups, overlay_opacity=0.25
        ),
    )
    for name, encoding in topics.items():
        (image,) = received[name]
        assert image.encoding == encoding
        assert (image.width, image.height) == (WIDTH, HEIGHT)
        assert image.step == WIDTH * (3 if encoding == "rgb8" else 1)
        assert (image.header.stamp.sec, image.header.stamp.nanosec) == (12, 34)
        assert image.header.frame_id == "ego_vehicle/front"
        np.testing.assert_array_equal(pixels_of(image), expected[name])


def test_nothing_is_computed_while_nobody_listens(graph: Graph, start: Start) -> None:
    start()
    reports = Reports(graph)
    camera = graph.publisher(Image, FRONT)
    for number in ("1", "2", "3"):
        camera.publish(message(picture()))
        graph.spin_until(
            lambda: reports.value(FRONT, "dropped.unwatched") == number,  # noqa: B023
            "the frame to be given up",
        )
    assert reports.value(FRONT, "frames_out") == "0"
    assert reports.value(FRONT, "infer_ms.p50") == ""


def test_several_cameras_of_different_sizes(graph: Graph, start: Start) -> None:
    sizes = {"/a": (64, 48), "/b": (30, 70), "/c": (33, 21)}
    node = start(image_topics=[f"{name}/image" for name in sizes])
    masks = {name: graph.collect(Image, f"{name}/segmentation/labels") for name in sizes}
    cameras = {name: graph.publisher(Image, f"{name}/image") for name in sizes}
    for name in sizes:
        graph.listened(node, f"{name}/segmentation/labels")
    for number in range(3):
        for name, (width, height) in sizes.items():
            cameras[name].publish(message(picture(number, width, height), number))
        graph.spin_until(
            lambda: all(len(seen) > number for seen in masks.values()),  # noqa: B023
            "a label map of every camera",
        )
    for name, (width, height) in sizes.items():
        assert [(mask.width, mask.height) for mask in masks[name]] == [(width, height)] * 3


def test_camera_info_comes_with_the_masks_header(graph: Graph, start: Start) -> None:
    node = start()
    infos = graph.collect(CameraInfo, "/front/segmentation/camera_info")
    masks = graph.collect(Image, LABELS)
    graph.listened(node, "/front/segmentation/camera_info")
    graph.listened(node, LABELS)
    camera = graph.publisher(Image, FRONT)
    info = graph.publisher(CameraInfo, "/front/camera_info", matched=False)
    sent = CameraInfo(width=WIDTH, height=HEIGHT, k=[float(i) for i in range(9)])
    stamps = itertools.count()

    def send() -> bool:
        info.publish(sent)
        camera.publish(message(picture(), next(stamps)))
        graph.executor.spin_once(0.02)
        return bool(infos and masks)

    graph.spin_until(send, "the camera_info and a label map")
    assert list(infos[0].k) == list(sent.k)
    graph.spin_until(
        lambda: infos[0].header in [mask.header for mask in masks], "the label map that it is for"
    )
    assert infos[0].header.frame_id == "ego_vehicle/front"


def test_camera_info_of_another_time_or_size_is_not_published(graph: Graph, start: Start) -> None:
    node = start()
    topic = "/front/segmentation/camera_info"
    camera, masks = graph.publisher(Image, FRONT), graph.collect(Image, LABELS)
    graph.listened(node, LABELS)
    stamps = itertools.count()

    def send(width: int = WIDTH) -> None:
        camera.publish(message(picture(width=width), next(stamps)))
        count = len(masks) + 1
        graph.spin_until(lambda: len(masks) == count, "a label map")

    def listen() -> tuple[Subscription, list[CameraInfo]]:
        infos: list[CameraInfo] = []
        subscription = graph.node.create_subscription(CameraInfo, topic, infos.append, reliable())
        graph.listened(node, topic)
        send()  # with which the node begins to listen to the camera's
        return subscription, infos

    subscription, infos = listen()
    info = graph.publisher(CameraInfo, "/front/camera_info")
    info.publish(CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="old"))
    graph.spin_until(lambda: send() or infos, "the camera_info")
    graph.node.destroy_subscription(subscription)
    offered = next(item for item in node.publishers if item.topic_name == topic)
    graph.spin_until(lambda: not offered.get_subscription_count(), "nobody to listen")
    send()  # with which the node stops to
    _, infos = listen()
    graph.spin_until(info.get_subscription_count, "the node to listen again")
    send(2 * WIDTH)
    last = stamp(masks[-1])
    info.publish(CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="new"))
    graph.spin_until(lambda: send(2 * WIDTH) or node._worker.cameras[FRONT].info, "the new one")
    send(2 * WIDTH)
    send()
    graph.spin_until(lambda: infos, "the camera_info that fits")
    assert [item.distortion_model for item in infos] == ["new"]
    assert infos[0].header == masks[-1].header
    assert stamp(masks[-1]) > last


def test_late_joiner_gets_the_legend(graph: Graph, start: Start) -> None:
    start(groups=["lane", "mine=Roads"])
    legends = graph.collect(String, "/front/segmentation/legend", latched())
    graph.spin_until(lambda: legends, "the legend")
    legend = json.loads(legends[0].data)
    assert LabelSet.from_dict(legend) == LabelSet.load("carla29")
    assert legend["unknown_id"] == 255
    assert legend["groups"]["mine"] == [1]
    assert legend["checkpoint"] == "first"


def test_late_joiner_gets_the_legend_as_a_picture(graph: Graph, start: Start) -> None:
    start()
    pictures = graph.collect(Image, "/front/segmentation/legend_image", latched())
    graph.spin_until(lambda: pictures, "the picture of the legend")
    label_set = LabelSet.load("carla29")
    expected = legend(label_set, range(len(label_set)), pictures[0].width)
    assert pictures[0].encoding == "rgb8"
    assert bytes(pictures[0].data) == expected.tobytes()


def test_label_info_names_the_classes_of_whatever_network_is_in_use(
    graph: Graph, start: Start, networks: Path
) -> None:
    messages = pytest.importorskip(
        "vision_msgs.msg",
        reason="vision_msgs comes with ROS installations; CONTRIBUTING.md says how to have it here",
    )
    start()
    infos = graph.collect(messages.LabelInfo, "/front/segmentation/label_info", latched())

    def named() -> dict[int, str]:
        return {item.class_id: item.class_name for item in infos[-1].class_map} if infos else {}

    graph.spin_until(lambda: named() == dict(enumerate(LabelSet.load("carla29").names)), "names")
    path = str(networks / "nuclei.safetensors")
    assert graph.set_parameters(NODE, {"checkpoint": path}).successful
    graph.spin_until(lambda: named() == {0: "Background", 1: "Nucleus"}, "the others")


def test_qos_overrides(graph: Graph, start: Start) -> None:
    start(
        **{
            f"qos_overrides.{LABELS}.publisher.durability": "transient_local",
            f"qos_overrides.{FRONT}.subscription.reliability": "reliable",
        }
    )
    (publisher,) = graph.node.get_publishers_info_by_topic(LABELS)
    (subscription,) = graph.node.get_subscriptions_info_by_topic(FRONT)
    assert publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE


def test_qos_without_overrides(graph: Graph, start: Start) -> None:
    start()
    (publisher,) = graph.node.get_publishers_info_by_topic(LABELS)
    (subscription,) = graph.node.get_subscriptions_info_by_topic(FRONT)
    assert publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert publisher.qos_profile.durability == DurabilityPolicy.VOLATILE
    assert subscription.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT


def test_pictures_of_another_type_are_told_of_a_relative_topic(
    graph: Graph, networks: Path
) -> None:
    values = {"image_topics": ["front/image"], "checkpoint": str(networks / "first.safetensors")}
    values |= {"device": "cpu", "compile": "off", "diagnostics_period": 0.1}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    graph.add(
        SegmentationNode(context=graph.context, namespace="/robot", parameter_overrides=overrides)
    )
    assert graph.transition(f"/robot{NODE}", "configure")
    assert graph.transition(f"/robot{NODE}", "activate")
    reports = Reports(graph)
    # Of another participant: one of the same may not publish another type.
    with Graph(graph.domain_id) as other:
        other.publisher(CompressedImage, "/robot/front/image", matched=False)
        graph.spin_until(
            lambda: (
                (status := reports.status("front/image"))
                and "is published as sensor_msgs/msg/CompressedImage" in status.message
            ),
            "the warning",
        )


def test_a_node_that_was_shut_down_says_so(graph: Graph, start: Start) -> None:
    start()
    reports = Reports(graph)
    shutdown = Transition(id=Transition.TRANSITION_ACTIVE_SHUTDOWN)
    request = ChangeState.Request(transition=shutdown)
    assert graph.call(ChangeState, f"{NODE}/change_state", request).success
    graph.spin_until(lambda: reports.value("engine", "state") == "finalized", "a report")


def test_says_what_runs(graph: Graph, start: Start) -> None:
    node = start(is_active=False)
    reports = Reports(graph)
    graph.spin_until(lambda: reports.value("engine", "state") == "unconfigured", "a report")
    assert graph.transition(NODE, "configure")
    graph.spin_until(lambda: reports.value("engine", "state") == "inactive", "a report")
    assert graph.transition(NODE, "activate")
    graph.spin_until(lambda: reports.value("engine", "state") == "active", "a report")
    engine = {item.key: item.value for item in reports.status("engine").values}
    assert engine["checkpoint"] == "first"
    assert engine["label_set"] == "carla29"
    assert engine["device"] == "cpu"
    assert engine["precision"] == "float32"
    assert engine["engine"] == "torch"
    assert engine["compiled"] == "no"
    assert engine["input_size"] == "32x32"
    graph.spin_until(lambda: "no frames" in reports.status(FRONT).message, "a warning")
    assert reports.status(FRONT).level == DiagnosticStatus.WARN

    masks = graph.collect(Image, LABELS)
    graph.listened(node, LABELS)
    graph.publisher(Image, FRONT).publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    graph.spin_until(lambda: reports.value(FRONT, "infer_ms.p50"), "the times")
    for stage in ("wait", "decode", "infer", "encode", "publish", "latency"):
        assert float(reports.value(FRONT, f"{stage}_ms.p95")) >= 0
    assert reports.status(FRONT).level == DiagnosticStatus.OK


def test_the_own_car_is_unknown_in_every_output(
    graph: Graph, start: Start, networks: Path, tmp_path: Path
) -> None:
    mask = np.zeros((HEIGHT // 2, WIDTH // 2), np.uint8)  # half the picture's size
    mask[-5:] = 1
    path = write_picture(tmp_path / "bonnet.png", mask)
    node = start(ego_mask=[f"front={path}"])
    outputs = ("labels", "color_mask", "confidence", "masks/lane")
    received = {name: graph.collect(Image, f"/front/segmentation/{name}") for name in outputs}
    camera = graph.publisher(Image, FRONT)
    for name in outputs:
        graph.listened(node, f"/front/segmentation/{name}")
    camera.publish(message(picture()))
    graph.spin_until(lambda: all(received.values()), "all masks")
    groups = {"lane": LabelSet.load("carla29").groups["lane"]}
    request = Request(color_mask=True, confidence=True, groups=groups)
    whole = segment(networks / "first.safetensors", picture(), request)
    for name in outputs:
        pixels = pixels_of(received[name][0])
        assert (pixels[-10:] == (255 if name == "labels" else 0)).all()
        assert np.array_equal(pixels[:-10], whole[name][:-10])


@pytest.mark.parametrize(
    ("ego_mask", "reason"),
    [
        ("missing.png", "ego_mask: missing.png: cannot be read"),
        ("rear=missing.png", "ego_mask: missing.png: cannot be read"),
        ("rear={mask}", "ego_mask: no camera is called 'rear'; there are front"),
    ],
)
def test_configure_fails_on_an_ego_mask_that_cannot_be_used(
    graph: Graph,
    start: Start,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    ego_mask: str,
    reason: str,
) -> None:
    mask = write_picture(tmp_path / "mask.png", np.eye(4, dtype=np.uint8))
    start(is_active=False, ego_mask=[ego_mask.format(mask=mask)])
    assert not graph.transition(NODE, "configure")
    assert reason in capfd.readouterr().err
    assert graph.state(NODE) == "unconfigured"
    assert graph.set_parameters(NODE, {"ego_mask": [str(mask)]}).successful
    assert graph.transition(NODE, "configure")
