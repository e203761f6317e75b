# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The worker under the node's eyes: one that dies or hangs, several cameras, every frame counted.

Engines that fail or hang cannot be had on demand, so calls of the engine are held or replaced.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from graph import Graph
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from segmentation_graph import (
    FRONT,
    LABELS,
    NODE,
    Gate,
    Reports,
    Start,
    message,
    picture,
    rclpy_version,
    stamp,
)
from sensor_msgs.msg import CompressedImage, Image

from unet_seg_ros.inference.segmenter import DeviceLost, Segmenter
from unet_seg_ros.messages.images import Header, write_compressed_image
from unet_seg_ros.nodes.segmentation import jobs, loader
from unet_seg_ros.nodes.segmentation import worker as worker_module
from unet_seg_ros.nodes.segmentation.outputs import CameraOutputs
from unet_seg_ros.nodes.slots import NewestFrames


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_worker_that_dies_is_an_error_and_leaves_active(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = start(is_active=False)
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    assert graph.transition(NODE, "configure")
    with monkeypatch.context() as patch:
        patch.setattr(NewestFrames, "take", failing(RuntimeError("the thread is ill")))
        assert graph.transition(NODE, "activate")
        graph.spin_until(lambda: DiagnosticStatus.ERROR in reports.levels("engine"), "an error")
    assert graph.state(NODE) == "inactive"
    engine = reports.status("engine")
    assert "the worker died of RuntimeError: the thread is ill" in engine.message
    assert graph.transition(NODE, "activate")
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    graph.spin_until(lambda: reports.levels("engine")[-1] == DiagnosticStatus.OK, "a recovery")


def test_worker_that_hangs_is_an_error_and_leaves_active(
    graph: Graph,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    node = start()
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    gate = Gate(monkeypatch)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(worker_module, "STUCK_S", 0.2)
            camera.publish(message(picture()))
            graph.spin_until(lambda: reports.value("engine", "state") == "inactive", "the end")
            assert graph.state(NODE) == "inactive"
            assert "the worker is stuck" in reports.status("engine").message
            assert reports.status("engine").level == DiagnosticStatus.ERROR
            assert not graph.transition(NODE, "activate")
            assert "cannot activate: the worker is stuck" in capfd.readouterr().err
    finally:
        gate.open()
    graph.spin_until(lambda: masks, "the frame that hung")
    graph.spin_until(lambda: graph.transition(NODE, "activate"), "the node to be active again")
    graph.spin_until(camera.get_subscription_count, "the node to listen")
    camera.publish(message(picture()))
    graph.spin_until(lambda: len(masks) == 2, "a label map")


def test_device_that_is_lost_ends_the_node(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = start()
    graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    monkeypatch.setattr(Segmenter, "__call__", failing(DeviceLost("an illegal address")))
    camera.publish(message(picture()))
    with pytest.raises(DeviceLost, match="an illegal address"):
        graph.spin_until(lambda: False, "the end")


def test_device_that_is_lost_while_configuring_ends_the_node(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "load_segmenter", failing(DeviceLost("an illegal address")))
    start(is_active=False)
    client = graph.node.create_client(ChangeState, f"{NODE}/change_state")
    graph.spin_until(client.service_is_ready, "the node")
    configure = Transition(id=Transition.TRANSITION_CONFIGURE)
    client.call_async(ChangeState.Request(transition=configure))
    with pytest.raises(DeviceLost, match="an illegal address"):
        graph.spin_until(lambda: False, "the end")


def test_device_that_is_lost_while_the_node_starts_itself_ends_the_node(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as one that cannot start, which no launch starts again."""
    monkeypatch.setattr(loader, "load_segmenter", failing(DeviceLost("an illegal address")))
    start(is_active=False, autostart=True)
    with pytest.raises(DeviceLost, match="an illegal address"):
        graph.spin_until(lambda: False, "the end")


def test_replaced_network_is_freed_without_a_further_frame(
    graph: Graph, start: Start, networks: Path
) -> None:
    node = start()
    masks = graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    replaced = weakref.ref(node._worker.segmenter)
    path = str(networks / "second one.safetensors")
    assert graph.set_parameters(NODE, {"checkpoint": path}).successful
    graph.spin_until(lambda: replaced() is None, "the network to be freed")


def test_another_legend_goes_out_after_the_masks_that_are_not_its_own(
    graph: Graph, start: Start, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = start()
    events: list[str] = []

    def told(name: str, event: str) -> None:
        work = getattr(CameraOutputs, name)

        def noted(*arguments: Any) -> None:
            work(*arguments)
            events.append(event)

        monkeypatch.setattr(CameraOutputs, name, noted)

    told("publish", "mask")
    told("describe", "legend")
    masks, camera = graph.collect(Image, LABELS), graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    gate = Gate(monkeypatch)
    try:
        camera.publish(message(picture()))
        graph.spin_until(gate.is_reached.is_set, "the frame to be in work")
        segmenter = node._worker.segmenter
        path = str(networks / "nuclei.safetensors")
        assert graph.set_parameters(NODE, {"checkpoint": path}).successful
        graph.spin_until(lambda: node._worker.segmenter is not segmenter, "the other network")
    finally:
        gate.open()
    graph.spin_until(lambda: "legend" in events and masks, "the legend and the mask")
    assert events == ["mask", "legend"]
    assert graph.transition(NODE, "deactivate")
    assert graph.set_parameters(NODE, {"groups": [""]}).successful
    assert events == ["mask", "legend", "legend"]


def test_on_a_cpu_no_camera_waits_for_another(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"/camera{number}" for number in range(6)]
    node = start(image_topics=[f"{name}/image" for name in names])
    reports = Reports(graph)
    order: list[str] = []
    for name in names:
        graph.node.create_subscription(
            Image,
            f"{name}/segmentation/labels",
            lambda _, name=name: order.append(name),
            10,
        )
    cameras = {name: graph.publisher(Image, f"{name}/image") for name in names}
    for name in names:
        graph.listened(node, f"{name}/segmentation/labels")
    gate = Gate(monkeypatch)
    sent = dict.fromkeys(names, 0)

    def send(name: str) -> None:
        cameras[name].publish(message(picture()))
        sent[name] += 1
        graph.spin_until(
            lambda: reports.value(f"{name}/image", "frames_in") == str(sent[name]), "the frame"
        )

    try:
        send(names[0])
        graph.spin_until(gate.is_reached.is_set, "the first frame to be in work")
        # The first camera has four times as many frames as the others.
        for name in (*names, names[0], names[0]):
            send(name)
        for count in range(1, 8):
            gate.let_one_through()
            graph.spin_until(lambda: len(order) == count, "one label map")  # noqa: B023
    finally:
        gate.open()
    assert order == [names[0], *names]
    assert gate.frames_per_call == [1] * 7


def test_device_that_gains_from_batches_gets_jpegs_that_were_decoded_side_by_side(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segmenter, "batch_limit", 8)
    names = ["/left", "/right"]
    node = start(image_topics=[f"{name}/image/compressed" for name in names])
    reports = Reports(graph)
    masks = {name: graph.collect(Image, f"{name}/segmentation/labels") for name in names}
    cameras = {name: graph.publisher(CompressedImage, f"{name}/image/compressed") for name in names}
    for name in names:
        graph.listened(node, f"{name}/segmentation/labels")
    _, jpeg = cv2.imencode(".jpg", picture())

    def send(name: str, stamp_ns: int) -> None:
        cameras[name].publish(write_compressed_image(Header(stamp_ns, name), jpeg, "jpeg"))
        graph.spin_until(
            lambda: reports.value(f"{name}/image/compressed", "frames_in") == str(stamp_ns + 1),
            "the frame",
        )

    gate = Gate(monkeypatch)
    try:
        send("/left", 0)
        graph.spin_until(gate.is_reached.is_set, "the first frame to be in work")
        both, read = threading.Barrier(2), jobs.read_any_image

        def read_beside_the_other(*arguments: Any, **named: Any) -> Any:
            both.wait(timeout=50)
            return read(*arguments, **named)

        monkeypatch.setattr(jobs, "read_any_image", read_beside_the_other)
        send("/right", 0)
        send("/left", 1)
    finally:
        gate.open()
    graph.spin_until(lambda: len(masks["/left"]) == 2 and masks["/right"], "all label maps")
    assert gate.frames_per_call == [1, 2]


@pytest.mark.skipif(rclpy_version() < 9, reason="before Kilted, rclpy does not name publishers")
def test_every_frame_sent_is_accounted_for(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwatched = "/rear/image"
    node = start(image_topics=[FRONT, unwatched])
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    front, rear = graph.publisher(Image, FRONT), graph.publisher(Image, unwatched)
    graph.listened(node, LABELS)
    sent = {FRONT: 0, unwatched: 0}

    def send(topic: str, *frames: bytes) -> None:
        """Send frames with nothing between them, and wait for the last."""
        for frame in frames:
            (front if topic == FRONT else rear).publish(frame)
        sent[topic] += len(frames)
        graph.spin_until(
            lambda: reports.value(topic, "frames_in") == str(sent[topic]), "frames to arrive"
        )

    def frame(stamp_ns: int) -> bytes:
        return message(picture(), stamp_ns)

    def is_settled() -> bool:
        return all(reports.value(topic, "frames_in_work") == "0" for topic in sent)

    send(FRONT, frame(0))
    send(FRONT, b"\x00\x01\x00\x00rubbish!")
    send(FRONT, frame(1))
    send(unwatched, frame(0))
    send(unwatched, frame(1))
    graph.spin_until(is_settled, "quiet")
    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "__call__", failing(RuntimeError("the driver went away")))
        send(FRONT, frame(2))
        graph.spin_until(is_settled, "quiet")

    gate = Gate(monkeypatch)
    send(FRONT, frame(3))
    graph.spin_until(gate.is_reached.is_set, "a frame to be in work")
    for number in (4, 5, 6):
        send(FRONT, frame(number))
    send(FRONT, frame(7), frame(8))  # the middleware keeps one
    assert reports.value(FRONT, "frames_in_work") == "2"
    close = NewestFrames.close

    def close_and_open_the_gate(frames: NewestFrames[Any]) -> dict[str, Any]:
        left = close(frames)
        gate.open()
        return left

    monkeypatch.setattr(NewestFrames, "close", close_and_open_the_gate)
    assert graph.transition(NODE, "deactivate")
    graph.spin_until(is_settled, "quiet")
    graph.spin_until(lambda: len(masks) == 3, "the label maps")
    assert [stamp(mask) for mask in masks] == [0, 1, 3]

    counts = {
        "frames_out": 3,
        "refused.malformed": 1,
        "dropped.failed": 1,
        "dropped.replaced": 3,
        "dropped.missed": 1,
        "dropped.stopped": 1,
    }
    assert {name: int(reports.value(FRONT, name)) for name in counts} == counts
    assert sum(counts.values()) == sent[FRONT]
    assert reports.value(unwatched, "dropped.unwatched") == str(sent[unwatched])
