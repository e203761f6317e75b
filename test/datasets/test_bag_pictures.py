# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags written with `rosbags`, as MCAP and as SQLite, read as data sets."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_pictures import cut_short, gray, ids, rgb, tags
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_compressed_image, write_image

STORE = get_typestore(Stores.LATEST)
CAMERA = "/carla/hero/rgb_front/image"
SEMANTIC = "/carla/hero/semantic_segmentation_front/image"
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
ROAD, TERRAIN = (128, 64, 128), (152, 251, 152)

Message = tuple[str, str, int, bytes]
"""Topic, type, when it was recorded (ns), serialized."""


def picture(stamp_ns: int, value: int = 9, topic: str = CAMERA) -> Message:
    data = write_image(Header(stamp_ns, "camera"), gray(value, width=2, height=1), "bgr8")
    return topic, IMAGE, stamp_ns + 5, data


def semantic(stamp_ns: int, pixels: np.ndarray, topic: str = SEMANTIC) -> Message:
    bgra = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_BGR2BGRA)
    return topic, IMAGE, stamp_ns + 7, write_image(Header(stamp_ns, "camera"), bgra, "bgra8")


def write_bag(
    path: Path, messages: Sequence[Message], storage: StoragePlugin = StoragePlugin.MCAP
) -> Path:
    with Writer(path, version=9, storage_plugin=storage) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=STORE)
            for topic, kind in {message[0]: message[1] for message in messages}.items()
        }
        for topic, _, time_ns, data in messages:
            writer.write(connections[topic], time_ns, data)
    return path


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_pictures_pair_by_stamp_in_both_storages(tmp_path: Path, storage: StoragePlugin) -> None:
    messages = [picture(100, 1), picture(200, 2), picture(300, 3)]
    messages += [semantic(300, tags(3, 4)), semantic(100, tags(1, 24)), semantic(400, tags(9, 9))]
    bag = write_bag(tmp_path / "drive", messages, storage)
    pictures = open_dataset(str(bag), label_set="carla29")
    assert pictures.layout == "bag"
    assert pictures.name == "drive"
    assert pictures.drives == ["drive", "drive"]
    samples = [pictures[position] for position in (1, 0)]
    assert [sample.name for sample in samples] == ["rgb_front_300", "rgb_front_100"]
    assert [sample.image[0, 0].tolist() for sample in samples] == [[3, 3, 3], [1, 1, 1]]
    assert [sample.labels.tolist() for sample in samples] == [[[3, 4]], [[1, 24]]]
    assert [fault.partition(": ")[2] for fault in pictures.faults] == [
        f"1 of 3 pictures on {topic} have none of the same stamp on the other topic"
        for topic in (CAMERA, SEMANTIC)
    ]


def test_one_file_of_a_bag_is_a_data_set(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "drive", [picture(100), semantic(100, tags(1, 24))])
    [file] = bag.glob("*.mcap")
    assert len(open_dataset(str(file), label_set="carla29")) == 1


def test_colors_tell_their_label_set_and_tags_do_not(tmp_path: Path) -> None:
    drawn = write_bag(tmp_path / "a", [picture(100), semantic(100, rgb(ROAD, TERRAIN))])
    pictures = open_dataset(str(drawn))
    assert pictures.label_set == LabelSet.load("carla29")
    assert pictures[0].labels.tolist() == [[1, 10]]
    tagged = write_bag(tmp_path / "b", [picture(100), semantic(100, tags(1, 10))])
    with pytest.raises(DataError, match="give a label set"):
        open_dataset(str(tagged))


def test_gray_semantic_pictures_are_ids(tmp_path: Path) -> None:
    data = write_image(Header(100, ""), ids(1, 24), "mono8")
    bag = write_bag(tmp_path / "a", [picture(100), (SEMANTIC, IMAGE, 100, data)])
    assert open_dataset(str(bag), label_set="carla29")[0].labels.tolist() == [[1, 24]]


def test_compressed_pictures_are_read(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", gray(90, width=2, height=1))[1]
    data = write_compressed_image(Header(100, ""), jpeg, "jpeg")
    message = (f"{CAMERA}/compressed", COMPRESSED, 100, data)
    bag = write_bag(tmp_path / "a", [message, semantic(100, tags(1, 24))])
    sample = open_dataset(str(bag), label_set="carla29")[0]
    assert sample.name == "rgb_front_100"
    assert abs(int(sample.image[0, 0, 0]) - 90) < 5


def test_several_cameras_pair_by_their_names(tmp_path: Path) -> None:
    rear, semantic_rear = CAMERA.replace("front", "rear"), SEMANTIC.replace("front", "rear")
    messages = [picture(100, 1), picture(100, 2, rear)]
    messages += [semantic(100, tags(1, 1)), semantic(100, tags(2, 2), semantic_rear)]
    pictures = open_dataset(str(write_bag(tmp_path / "a", messages)), label_set="carla29")
    found = {pictures[i].name: pictures[i].labels.tolist() for i in range(len(pictures))}
    assert found == {"rgb_front_100": [[1, 1]], "rgb_rear_100": [[2, 2]]}


def test_one_camera_and_one_semantic_camera_may_have_any_names(tmp_path: Path) -> None:
    messages = [picture(100, topic="/front"), semantic(100, tags(1, 24), "/semantic")]
    messages += [picture(100, topic="/front/segmentation/overlay")]
    messages += [semantic(100, tags(1, 1), "/segmentation/semantic_camera/image")]
    assert len(open_dataset(str(write_bag(tmp_path / "a", messages)), label_set="carla29")) == 1


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([picture(100)], "no semantic camera"),
        ([semantic(100, tags(1, 1))], "no camera and"),
        (
            [picture(1, topic="/a"), picture(1, topic="/b"), semantic(1, tags(1, 1), "/semantic")],
            "cannot tell which cameras belong together: /a, /b and /semantic",
        ),
        ([picture(100), semantic(101, tags(1, 1))], "no picture has a semantic picture"),
    ],
)
def test_bags_without_pairs_are_refused(
    tmp_path: Path, messages: list[Message], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        open_dataset(str(write_bag(tmp_path / "a", messages)), label_set="carla29")


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [(tags(1, 24, 3), "another size than the picture"), (tags(1, 77), "has ids of 77")],
)
def test_labels_that_do_not_fit_are_named_by_topic_and_time(
    tmp_path: Path, pixels: np.ndarray, reason: str
) -> None:
    bag = write_bag(tmp_path / "a", [picture(1_500_000_000), semantic(1_500_000_000, pixels)])
    with pytest.raises(DataError, match=rf"{SEMANTIC} at 1\.500 s.*{reason}"):
        open_dataset(str(bag), label_set="carla29")[0]


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    topic, kind, time_ns, data = picture(100)
    bag = write_bag(tmp_path / "a", [(topic, kind, time_ns, data[:-2]), semantic(100, tags(1, 1))])
    pictures = open_dataset(str(bag), label_set="carla29")
    with pytest.raises(DataError, match=rf"{CAMERA} at 0\.000 s: "):
        pictures[0]


def test_a_bag_with_a_message_that_is_none_is_named(tmp_path: Path) -> None:
    damaged = (CAMERA, IMAGE, 105, b"\0\1\0\0")
    bag = write_bag(tmp_path / "a", [damaged, semantic(100, tags(1, 1))])
    with pytest.raises(DataError, match=f"^{bag}: a message on {CAMERA} has no stamp: "):
        open_dataset(str(bag), label_set="carla29")


def test_a_file_cut_short_and_one_that_is_no_bag_are_named(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "a", [picture(100), semantic(100, tags(1, 24))])
    [file] = bag.glob("*.mcap")
    cut_short(file)
    with pytest.raises(DataError, match=f"{bag}: its file .* has no end: .*bag repair {bag}"):
        open_dataset(str(bag), label_set="carla29")
    other = tmp_path / "b.mcap"
    other.write_bytes(b"no bag")
    with pytest.raises(DataError, match=r"b\.mcap: not a rosbag2 folder, .* that can be read"):
        open_dataset(str(other))


def test_a_bag_is_cheap_to_send_to_a_worker(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "a", [picture(100), semantic(100, tags(1, 24))])
    pictures = open_dataset(str(bag), label_set="carla29")
    message = pickle.dumps(pictures)
    assert len(message) < 10_000
    assert pickle.loads(message)[0].labels.tolist() == [[1, 24]]


def test_cameras_of_one_name_are_told_apart(tmp_path: Path) -> None:
    vehicles = ("hero", "other")
    messages = [
        message
        for vehicle in vehicles
        for message in (
            picture(100, topic=CAMERA.replace("hero", vehicle)),
            semantic(100, tags(1, 24), SEMANTIC.replace("hero", vehicle)),
        )
    ]
    bag = str(write_bag(tmp_path / "drive", messages))
    pictures = open_dataset(bag, label_set="carla29")
    names = [f"carla_{vehicle}_rgb_front_image_100" for vehicle in vehicles]
    assert [pictures.name_of(position) for position in range(len(pictures))] == names
    # A camera by itself is called the same: its scores are those of the same pictures.
    [other] = [CAMERA.replace("hero", "other")]
    chosen = open_dataset(bag, label_set="carla29", cameras=[other, other])
    assert [chosen[position].name for position in range(len(chosen))] == names[1:]
