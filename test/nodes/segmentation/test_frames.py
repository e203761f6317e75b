# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the segmentation node makes of frames that are bad, changing, compressed, late or many."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from drawn_pictures import write_picture
from graph import Graph
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from segmentation_graph import (
    FRONT,
    HEIGHT,
    LABELS,
    NODE,
    WIDTH,
    Gate,
    Reports,
    Start,
    message,
    picture,
    pixels_of,
    rclpy_version,
    segment,
    stamp,
)
from sensor_msgs.msg import CompressedImage, Image

from unet_seg_ros.inference.frames import Request
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.messages.images import Header, write_compressed_image


def with_encoding(encoding: str, height: int = HEIGHT, step: int = WIDTH * 3) -> Image:
    return Image(
        width=WIDTH, height=height, encoding=encoding, step=step, data=bytes(WIDTH * HEIGHT * 3)
    )


def test_a_frame_that_the_ego_mask_does_not_fit_is_refused(
    graph: Graph, start: Start, tmp_path: Path
) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[-9:] = 1
    path = write_picture(tmp_path / "bonnet.png", mask)
    node = start(ego_mask=[str(path)])
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(message(picture(width=WIDTH, height=WIDTH)))
    graph.spin_until(lambda: reports.value(FRONT, "refused.ego_mask") == "1", "the refusal")
    assert "does not fit a picture of 64x64" in reports.value(FRONT, "last_bad_frame")
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    assert (pixels_of(masks[0])[-9:] == 255).all()


@pytest.mark.parametrize(
    ("cause", "bad"),
    [
        ("truncated", with_encoding("bgr8", height=HEIGHT + 1)),
        ("step", with_encoding("bgr8", step=WIDTH * 3 - 1)),
        ("size", with_encoding("bgr8", height=0)),
        ("size", with_encoding("bgr8", height=1 << 20)),
        ("encoding", with_encoding("plaid8")),
    ],
)
def test_bad_frame_is_counted_and_the_next_one_served(
    graph: Graph, start: Start, cause: str, bad: Image
) -> None:
    node = start(max_image_pixels=1 << 20)
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(bad)
    graph.spin_until(lambda: reports.value(FRONT, f"refused.{cause}") == "1", "the refusal")
    assert DiagnosticStatus.WARN in reports.levels(FRONT)
    assert reports.value(FRONT, "last_bad_frame")
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    graph.spin_until(
        lambda: (
            reports.status(FRONT).level == DiagnosticStatus.OK
            or "no frames" in reports.status(FRONT).message
        ),
        "the warning to end",
    )


def test_bad_frames_are_logged(
    graph: Graph, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    node = start()
    graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    log: list[str] = []

    def is_logged() -> bool:
        # At most once a second in a process: one more frame until the second is over.
        camera.publish(with_encoding("plaid8"))
        log.append(capfd.readouterr().err)
        return f"{FRONT}: bad frame refused" in "".join(log)

    graph.spin_until(is_logged, "the log line")


def test_rubbish_bytes_are_refused(graph: Graph, start: Start) -> None:
    node = start()
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(b"\x00\x01\x00\x00rubbish!")
    graph.spin_until(lambda: reports.value(FRONT, "refused.malformed") == "1", "the refusal")
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")


def test_compressed_topic(graph: Graph, start: Start, networks: Path) -> None:
    topic = "/front/image_raw/compressed"
    node = start(image_topics=[topic])
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(CompressedImage, topic)
    graph.listened(node, LABELS)
    header = Header(5, "front")
    camera.publish(write_compressed_image(header, np.zeros(100, np.uint8), "png"))
    graph.spin_until(lambda: reports.value(topic, "refused.undecodable") == "1", "the refusal")
    _, png = cv2.imencode(".png", picture())
    camera.publish(write_compressed_image(header, png, "png"))
    graph.spin_until(lambda: masks, "a label map")
    expected = segment(networks / "first.safetensors", picture(), Request())
    np.testing.assert_array_equal(pixels_of(masks[0]), expected["labels"])


def test_camera_that_changes_size_and_encoding_is_followed(
    graph: Graph, start: Start, networks: Path
) -> None:
    node = start()
    masks = graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    for number, (width, height) in enumerate([(64, 48), (20, 60), (64, 48)]):
        pixels = picture(number, width, height)
        camera.publish(message(pixels[..., ::-1], encoding="rgb8"))
        graph.spin_until(lambda: len(masks) == 2 * number + 1, "a label map")  # noqa: B023
        camera.publish(message(pixels, encoding="bgr8"))
        graph.spin_until(lambda: len(masks) == 2 * number + 2, "a label map")  # noqa: B023
        expected = segment(networks / "first.safetensors", pixels, Request())["labels"]
        np.testing.assert_array_equal(pixels_of(masks[-2]), expected)
        np.testing.assert_array_equal(pixels_of(masks[-1]), expected)


def test_two_publishers_on_one_topic_and_one_that_goes_and_returns(
    graph: Graph, start: Start
) -> None:
    node = start()
    masks = graph.collect(Image, LABELS)
    graph.listened(node, LABELS)
    one, other = graph.publisher(Image, FRONT), graph.publisher(Image, FRONT)
    for number, camera in enumerate([one, other, one]):
        camera.publish(message(picture(), stamp_ns=number))
        graph.spin_until(lambda: len(masks) == number + 1, "a label map")  # noqa: B023
    for camera in (one, other):
        graph.node.destroy_publisher(camera)
    graph.spin_until(lambda: graph.node.count_publishers(FRONT) == 0, "no camera")
    graph.publisher(Image, FRONT).publish(message(picture(), stamp_ns=3))
    graph.spin_until(lambda: len(masks) == 4, "a label map of the camera that returned")
    assert [mask.header.stamp.nanosec for mask in masks] == [0, 1, 2, 3]


def test_newest_frame_wins_under_overload_and_every_loss_is_counted(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = start()
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    gate = Gate(monkeypatch)
    try:
        sent = 8
        for number in range(sent):
            camera.publish(message(picture(), stamp_ns=number))
            graph.spin_until(
                lambda: reports.value(FRONT, "frames_in") == str(number + 1),  # noqa: B023
                "the frame to arrive",
            )
            graph.spin_until(gate.is_reached.is_set, "the first frame to be in work")
        assert not masks
    finally:
        gate.open()
    graph.spin_until(lambda: reports.value(FRONT, "frames_out") == "2", "the newest frame")
    graph.spin_until(lambda: len(masks) == 2, "its label map")
    assert [stamp(mask) for mask in masks] == [0, sent - 1]
    assert reports.value(FRONT, "dropped.replaced") == str(sent - 2)


def test_sim_time_that_jumps_back_is_followed(graph: Graph, start: Start) -> None:
    node = start(use_sim_time=True)
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    clock = graph.publisher(Clock, "/clock")
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    for number, (now_s, stamp_s) in enumerate([(100.5, 100.0), (3.25, 3.0)]):
        now_ns = int(now_s * 1e9)
        clock.publish(Clock(clock=Time(nanoseconds=now_ns).to_msg()))
        graph.spin_until(
            lambda: node.get_clock().now().nanoseconds == now_ns,  # noqa: B023
            "the clock",
        )
        camera.publish(message(picture(), stamp_ns=int(stamp_s * 1e9)))
        graph.spin_until(lambda: len(masks) == number + 1, "a label map")  # noqa: B023
        expected = f"{(now_s - stamp_s) * 1e3:.2f}"
        graph.spin_until(
            lambda: reports.value(FRONT, "age_ms.max") == expected,  # noqa: B023
            "the age by the simulator's clock",
        )
        assert masks[-1].header.stamp == Time(nanoseconds=int(stamp_s * 1e9)).to_msg()
        assert float(reports.value(FRONT, "latency_ms.max")) > 0


def test_stamps_that_are_not_on_the_nodes_clock_have_no_age(graph: Graph, start: Start) -> None:
    node = start()
    reports = Reports(graph)
    masks = graph.collect(Image, LABELS)
    graph.listened(node, LABELS)
    graph.publisher(Image, FRONT).publish(message(picture(), stamp_ns=5_000_000_000))
    graph.spin_until(lambda: masks, "a label map")
    graph.spin_until(lambda: reports.value(FRONT, "latency_ms.max"), "the latency")
    assert reports.value(FRONT, "age_ms.max") == ""


@pytest.mark.skipif(rclpy_version() < 9, reason="before Kilted, rclpy does not name publishers")
def test_frame_that_the_middleware_overwrites_is_counted(graph: Graph, start: Start) -> None:
    node = start()
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    # The test spins the node: it takes neither of these before both are there.
    camera.publish(message(picture(), stamp_ns=1))
    camera.publish(message(picture(), stamp_ns=2))
    graph.spin_until(lambda: reports.value(FRONT, "frames_out") == "2", "the newer one")
    graph.spin_until(lambda: len(masks) == 2, "its label map")
    assert stamp(masks[-1]) == 2
    assert reports.value(FRONT, "frames_in") == "3"
    assert reports.value(FRONT, "dropped.missed") == "1"

    assert graph.transition(NODE, "deactivate")
    camera.publish(message(picture(), stamp_ns=3))
    assert graph.transition(NODE, "activate")
    graph.spin_until(camera.get_subscription_count, "the node to listen again")
    camera.publish(message(picture(), stamp_ns=4))
    graph.spin_until(lambda: reports.value(FRONT, "frames_out") == "3", "the next one")
    assert reports.value(FRONT, "dropped.missed") == "1"


def test_engine_that_fails_costs_its_frames_not_the_node(
    graph: Graph,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A driver that fails cannot be had on demand, so the engine's call is replaced for a frame."""

    def fail(*_: object) -> None:
        raise RuntimeError("the driver went away")

    node = start()
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "__call__", fail)
        camera.publish(message(picture()))
        graph.spin_until(lambda: reports.value(FRONT, "dropped.failed") == "1", "the loss")
    graph.spin_until(lambda: DiagnosticStatus.ERROR in reports.levels("engine"), "an error")
    assert "RuntimeError: the driver went away" in capfd.readouterr().err
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    graph.spin_until(lambda: reports.levels("engine")[-1] == DiagnosticStatus.OK, "a recovery")
