# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The camera node on the real middleware: what it publishes, what it refuses, how it ends.

The pictures of the tests are gray, brighter by ten from one to the next, so that every published
picture tells which one it is.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ending import end
from graph import Graph
from rclpy.exceptions import InvalidParameterValueException
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from unet_seg_ros.datasets.sources import open_source
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.nodes.camera.node import CameraNode
from unet_seg_ros.pictures.video import Video
from unet_seg_ros.ros.parameters import ParameterError

RGB = "/carla/ego_vehicle/rgb_front"
SEMANTIC = "/carla/ego_vehicle/semantic_segmentation_front"
PICTURES = 5
WIDTH, HEIGHT = 40, 30


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder of pictures, the first of gray level 10, the next of 20, ..."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(1, PICTURES + 1):
        write_gray(folder / f"{number}.png", 10 * number)
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Return a folder with one picture and the ids 0, 1, 2, ... and two unknown ones."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    write_gray(folder / "1_rgb.png", 10)
    ids = np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) % 30
    ids[0, :2] = 200
    assert cv2.imwrite(str(folder / "1_ids.png"), ids.astype(np.uint8))
    return folder


def write_gray(path: Path, level: int) -> None:
    assert cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), level, np.uint8))


def camera(graph: Graph, **parameters: Any) -> CameraNode:
    """Start a camera that waits for `play`."""
    values = {"playing": False, "rate": 50.0, **parameters}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return graph.add(CameraNode(context=graph.context, parameter_overrides=overrides))


def play(graph: Graph, node: CameraNode, *topics: str) -> None:
    """Start the camera once every topic is listened to."""
    for topic in topics:
        graph.listened(node, topic)
    node.set_parameters([Parameter("playing", value=True)])


def level(message: Image) -> int:
    return message.data[0]


def stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


# --- pictures and camera_info


def test_pictures_come_in_order_and_begin_again(graph, pictures):
    images = graph.collect(Image, f"{RGB}/image")
    node = camera(graph, source=str(pictures))
    play(graph, node, f"{RGB}/image")
    graph.spin_until(lambda: len(images) >= 7, "seven pictures")
    assert [level(image) for image in images[:7]] == [10, 20, 30, 40, 50, 10, 20]


def test_a_video_of_a_variable_rate_keeps_its_times(graph, tmp_path):
    times_ms = [0, 50, 400, 433]
    with Video(tmp_path / "film.mp4", 25.0) as video:
        for time_ms in times_ms:
            video.write(np.zeros((HEIGHT, WIDTH, 3), np.uint8), time_ms * 1_000_000)
    images = graph.collect(Image, f"{RGB}/image")
    source = str(tmp_path / "film.mp4")
    node = camera(graph, source=source, rate=0.0, clock=True, loop=False)
    play(graph, node, f"{RGB}/image")
    graph.spin_until(lambda: len(images) == len(times_ms), "the video")
    stamps_ms = [stamp_ns(image) / 1e6 for image in images]
    assert [stamp - stamps_ms[0] for stamp in stamps_ms] == pytest.approx(times_ms, abs=0.1)


@pytest.mark.parametrize(
    ("encoding", "pixel"),
    [
        ("bgra8", [3, 2, 1, 255]),
        ("bgr8", [3, 2, 1]),
        ("rgba8", [1, 2, 3, 255]),
        ("rgb8", [1, 2, 3]),
        ("mono8", [2]),
    ],
)
def test_encodings(graph, tmp_path, encoding, pixel):
    assert cv2.imwrite(str(tmp_path / "1.png"), np.full((2, 3, 3), (3, 2, 1), np.uint8))
    images = graph.collect(Image, f"{RGB}/image")
    play(graph, camera(graph, source=str(tmp_path), encoding=encoding), f"{RGB}/image")
    graph.spin_until(lambda: images, "a picture")
    image = images[0]
    assert (image.width, image.height, image.encoding) == (3, 2, encoding)
    assert image.step == 3 * len(pixel)
    assert list(image.data) == pixel * 6


def test_jpeg_is_published_as_a_compressed_image(graph, pictures):
    images = graph.collect(CompressedImage, f"{RGB}/image/compressed")
    node = camera(graph, source=str(pictures), encoding="jpeg")
    play(graph, node, f"{RGB}/image/compressed")
    graph.spin_until(lambda: images, "a picture")
    decoded = cv2.imdecode(np.frombuffer(images[0].data, np.uint8), cv2.IMREAD_COLOR)
    assert images[0].format == "jpeg"
    assert decoded.shape == (HEIGHT, WIDTH, 3)
    assert decoded.mean() == pytest.approx(10, abs=2)


def test_camera_info_has_the_pictures_header_and_the_field_of_view(graph, pictures):
    images = graph.collect(Image, f"{RGB}/image")
    infos = graph.collect(CameraInfo, f"{RGB}/camera_info")
    node = camera(graph, source=str(pictures), fov=110.0, width=80)
    play(graph, node, f"{RGB}/image", f"{RGB}/camera_info")
    graph.spin_until(lambda: len(images) > 2 and len(infos) > 2, "three pictures")
    assert [info.header for info in infos[:3]] == [image.header for image in images[:3]]
    assert infos[0].header.frame_id == "ego_vehicle/rgb_front"
    assert (infos[0].width, infos[0].height) == (images[0].width, images[0].height) == (80, 30)
    focal = 80 / (2 * math.tan(math.radians(110) / 2))
    # Twice as wide and as high as before: a pixel shows half as much of the width as of the height.
    focals = focal, focal / 2
    assert infos[0].k.tolist() == pytest.approx([focals[0], 0, 40, 0, focals[1], 15, 0, 0, 1])
    assert infos[0].p.tolist()[:7] == pytest.approx([focals[0], 0, 40, 0, 0, focals[1], 15])


def test_stamps_are_the_time_of_publishing(graph, pictures):
    images = graph.collect(Image, f"{RGB}/image")
    before_ns = time.time_ns()
    play(graph, camera(graph, source=str(pictures)), f"{RGB}/image")
    graph.spin_until(lambda: len(images) > 2, "three pictures")
    stamps = [stamp_ns(image) for image in images]
    assert before_ns < stamps[0] < stamps[1] < stamps[2] < time.time_ns()


def test_simulation_time_advances_by_a_period_a_picture(graph, pictures):
    images = graph.collect(Image, f"{RGB}/image")
    clocks = graph.collect(Clock, "/clock")
    node = camera(graph, source=str(pictures), clock=True, rate=100.0)
    play(graph, node, f"{RGB}/image", "/clock")
    graph.spin_until(lambda: len(images) > 2 and len(clocks) > 2, "three pictures")
    assert [stamp_ns(image) for image in images[:3]] == [10_000_000, 20_000_000, 30_000_000]
    assert [clock.clock for clock in clocks[:3]] == [image.header.stamp for image in images[:3]]


def test_other_names(graph, pictures):
    images = graph.collect(Image, "/carla/truck/left/image")
    node = camera(graph, source=str(pictures), role_name="truck", camera="left")
    play(graph, node, "/carla/truck/left/image")
    graph.spin_until(lambda: images, "a picture")
    assert images[0].header.frame_id == "truck/left"


def test_playing_halts_and_goes_on_without_losing_a_picture(graph, pictures):
    images = graph.collect(Image, f"{RGB}/image")
    node = camera(graph, source=str(pictures))
    play(graph, node, f"{RGB}/image")
    graph.spin_until(lambda: images, "a picture")
    assert graph.set_parameters("/camera", {"playing": False}).successful
    published = node.get_clock().now().nanoseconds
    halted = graph.collect(Image, f"{RGB}/image")
    graph.spin_until(lambda: node.get_clock().now().nanoseconds > published + 2e8, "ten periods")
    assert not halted
    play(graph, node)
    graph.spin_until(lambda: len(images) >= 12, "twelve pictures")
    expected = [10 * (1 + n % PICTURES) for n in range(len(images))]
    assert [level(image) for image in images] == expected


# --- the semantic camera


@pytest.mark.parametrize("semantic", ["palette", "tags"])
@pytest.mark.parametrize("label_set", ["carla29", "carla13"])
def test_the_semantic_camera_shows_the_ground_truth(graph, pairs, semantic, label_set):
    images = graph.collect(Image, f"{RGB}/image")
    semantics = graph.collect(Image, f"{SEMANTIC}/image")
    infos = graph.collect(CameraInfo, f"{SEMANTIC}/camera_info")
    node = camera(graph, source=str(pairs), semantic=semantic, label_set=label_set)
    play(graph, node, f"{RGB}/image", f"{SEMANTIC}/image", f"{SEMANTIC}/camera_info")
    graph.spin_until(lambda: images and semantics and infos, "both cameras")
    message = semantics[0]
    assert message.header.stamp == images[0].header.stamp
    assert message.header.frame_id == "ego_vehicle/semantic_segmentation_front"
    assert infos[0].header == message.header
    assert message.encoding == "bgra8"

    labels = LabelSet.load(label_set)
    pixels = np.frombuffer(message.data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    decode = labels.decode_palette if semantic == "palette" else labels.decode_tags
    truth = next(iter(open_source(str(pairs), label_set=label_set))).labels
    assert (truth[0, :2] == UNKNOWN_ID).all()
    assert (decode(pixels, "bgra")[0] == truth).all()
    assert (pixels[..., 3] == 255).all()


def test_both_cameras_are_scaled_alike(graph, pairs):
    images = graph.collect(Image, f"{RGB}/image")
    semantics = graph.collect(Image, f"{SEMANTIC}/image")
    node = camera(
        graph, source=str(pairs), label_set="carla29", semantic="tags", width=20, height=15
    )
    play(graph, node, f"{RGB}/image", f"{SEMANTIC}/image")
    graph.spin_until(lambda: images and semantics, "both cameras")
    for message in (images[0], semantics[0]):
        assert (message.width, message.height) == (20, 15)
    tags = np.frombuffer(semantics[0].data, np.uint8).reshape(15, 20, 4)[..., 2]
    truth = next(iter(open_source(str(pairs), label_set="carla29"))).labels
    assert set(np.unique(tags)) <= set(np.unique(truth))  # ids are never mixed


def test_the_town_is_a_camera_with_ground_truth(graph):
    images = graph.collect(Image, f"{RGB}/image")
    semantics = graph.collect(Image, f"{SEMANTIC}/image")
    node = camera(
        graph, source="town:1", semantic="palette", width=160, height=120, ahead=2, rate=10.0
    )
    play(graph, node, f"{RGB}/image", f"{SEMANTIC}/image")
    graph.spin_until(lambda: images and semantics, "both cameras")
    pixels = np.frombuffer(semantics[0].data, np.uint8).reshape(120, 160, 4)
    labels, unknown_pixels = LabelSet.load("carla29").decode_palette(pixels, "bgra")
    assert unknown_pixels == 0
    assert len(np.unique(labels)) > 3


# --- refusals


@pytest.mark.parametrize(
    ("parameters", "error", "reason"),
    [
        ({"encoding": "yuv"}, ParameterError, "encoding: 'yuv' is not possible; give one of bgra8"),
        ({"semantic": "both"}, ParameterError, "semantic: 'both' is not possible; give one of"),
        ({"semantic": "tags"}, ParameterError, "has no ground truth"),
        ({"role_name": "my car"}, ParameterError, "role_name: '/carla/my car/image' is refused"),
        ({"camera": "front//left"}, ParameterError, "camera: '/carla/front//left/image' is refu"),
        (
            {"semantic": "tags", "semantic_camera": "a b"},
            ParameterError,
            "semantic_camera: .* is refused",
        ),
        ({"source": "nowhere"}, DataError, "nowhere: no such folder or file"),
        ({"rate": -1.0}, InvalidParameterValueException, "rate"),
        ({"width": -1}, InvalidParameterValueException, "width"),
        ({"ahead": 0}, InvalidParameterValueException, "ahead"),
    ],
)
def test_impossible_parameters_are_refused(graph, pictures, parameters, error, reason):
    with pytest.raises(error, match=reason):
        camera(graph, **{"source": str(pictures), **parameters})


def test_the_name_of_a_semantic_camera_that_there_is_not_does_not_matter(graph, pictures):
    images = graph.collect(Image, f"{RGB}/image")
    play(graph, camera(graph, source=str(pictures), semantic_camera="a b"), f"{RGB}/image")
    graph.spin_until(lambda: images, "a picture")


def test_an_unknown_label_set_is_refused(graph, pairs):
    with pytest.raises(ParameterError, match="label_set: no label set 'carla99'"):
        camera(graph, source=str(pairs), label_set="carla99")


def test_every_parameter_is_described(graph, pictures):
    node = camera(graph, source=str(pictures))
    names = [name for name in node.list_parameters([], 0).names if "qos_overrides" not in name]
    descriptors = [item for item in node.describe_parameters(names) if item.name != "use_sim_time"]
    assert all(item.description for item in descriptors)
    result = graph.set_parameters("/camera", {"rate": 5.0})
    assert not result.successful


# --- as a process


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(graph: Graph) -> Iterator[Start]:
    """Return a function that starts the node, with parameters, in the graph's domain."""
    processes: list[subprocess.Popen[str]] = []

    def start(**parameters: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "unet_seg_ros.nodes.camera", "--ros-args"]
        for name, value in parameters.items():
            command += ["-p", f"{name}:={value}"]
        process = subprocess.Popen(
            command,
            env={**os.environ, "ROS_DOMAIN_ID": str(graph.domain_id)},
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


def test_it_ends_after_its_last_picture_is_delivered(graph, start, pictures):
    images = graph.collect(Image, f"{RGB}/image")
    process = start(source=pictures, loop="false", rate=100.0, playing="false")
    # The node answers after it knows this client, and so the subscription that came before it.
    graph.set_parameters("/camera", {"playing": True})
    graph.spin_until(lambda: process.poll() is not None, "the camera's end")
    graph.spin_until(lambda: len(images) == PICTURES, "every picture")
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert "the end, after 5 pictures" in output


def test_count_ends_a_looping_source(start, pictures):
    process = start(source=pictures, rate=1000.0, count=12)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert "the end, after 12 pictures" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_quickly_and_quietly(graph, start, number):
    images = graph.collect(Image, f"{RGB}/image")
    process = start(source="town", ahead=1)
    graph.spin_until(lambda: images, "a picture")
    end(process, number)


def test_a_damaged_picture_ends_it_with_a_sentence(start, pictures):
    (pictures / "3.png").write_bytes(b"not a picture")
    process = start(source=pictures, rate=100.0)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "3.png: not a picture that OpenCV can read" in output
    assert "Traceback" not in output


def test_a_refused_parameter_is_one_sentence(start):
    process = start(encoding="yuv")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "encoding: 'yuv' is not possible" in output
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) == 1
