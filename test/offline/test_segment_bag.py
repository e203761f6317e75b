# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags with masks added offline, by a small real network; read back with `rosbags` and `mcap`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bag_files import (
    CAMERA,
    COMPRESSED,
    DEPTH,
    IMAGE,
    MAP,
    NOTES,
    REAR,
    SEMANTIC,
    SIZE,
    START_NS,
    STEP_NS,
    STORE,
    STRING,
    Message,
    camera_pixels,
    drive,
    image,
    jpeg,
    stamp,
    text,
    write_ros1,
    write_rosbag2,
)
from drawn_pictures import write_picture
from engines import small_checkpoint
from mcap.reader import make_reader
from rosbags import rosbag2
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import StoragePlugin

from unet_seg_ros.bags.reader import BagReader, Recorded
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.datasets.ego_masks import EgoMasks
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.compressed import PNG_FORMAT
from unet_seg_ros.messages.images import Header, read_compressed_image, read_image
from unet_seg_ros.offline.segment_bag import BATCH, MaskSettings, segment_bag

FRONT, BACK = "/carla/hero/rgb_front/segmentation", "/carla/hero/rgb_rear/segmentation"
FRAMES = BATCH + 3
MAX_PIXELS = 1 << 20


@pytest.fixture(scope="module")
def segmenter() -> Iterator[Segmenter]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Segmenter(small_checkpoint(), "cpu", "float32", "off")
    torch.set_num_threads(threads)


def messages_of(bag: Path, topic: str | None = None) -> list[Recorded]:
    with BagReader(bag) as reader:
        return list(reader.messages(None if topic is None else [topic]))


def label_maps(bag: Path, topic: str) -> dict[int, np.ndarray]:
    """Return the label maps by their stamps."""
    images = [read_image(message.data, MAX_PIXELS) for message in messages_of(bag, topic)]
    return {item.header.stamp_ns: item.pixels[..., 0] for item in images}


def expected_labels(segmenter: Segmenter, pixels: np.ndarray) -> np.ndarray:
    [result] = segmenter([Frame(pixels, "bgra" if pixels.shape[2] == 4 else "bgr")])
    return result.labels.copy()


def as_mcap(folder: Path, messages: Sequence[Message]) -> Path:
    return write_rosbag2(folder / "drive", messages)


def as_sqlite(folder: Path, messages: Sequence[Message]) -> Path:
    return write_rosbag2(folder / "drive", messages, StoragePlugin.SQLITE3)


def as_ros1(folder: Path, messages: Sequence[Message]) -> Path:
    return write_ros1(folder / "drive.bag", messages)


@pytest.mark.parametrize("write", [as_mcap, as_sqlite, as_ros1])
def test_every_picture_of_every_camera_gets_its_labels(
    write: Callable[[Path, Sequence[Message]], Path], segmenter: Segmenter, tmp_path: Path
) -> None:
    source, target = write(tmp_path, drive(FRAMES)), tmp_path / "out"
    outcome = segment_bag(source, target, segmenter, MaskSettings())
    assert outcome.frames == {CAMERA: FRAMES, REAR: FRAMES}
    assert outcome.faults == []
    front, back = label_maps(target, f"{FRONT}/labels"), label_maps(target, f"{BACK}/labels")
    assert list(front) == list(back) == [stamp(index) for index in range(FRAMES)]
    for index in range(FRAMES):
        expected = expected_labels(segmenter, camera_pixels(index))
        assert np.array_equal(front[stamp(index)], expected)
    for message in messages_of(source, REAR):
        picture = read_compressed_image(message.data, MAX_PIXELS)
        expected = expected_labels(segmenter, picture.pixels)
        assert np.array_equal(back[picture.header.stamp_ns], expected)


@pytest.mark.parametrize("write", [as_mcap, as_sqlite, as_ros1])
def test_everything_else_is_copied_as_it_is_and_in_its_order(
    write: Callable[[Path, Sequence[Message]], Path], segmenter: Segmenter, tmp_path: Path
) -> None:
    source, target = write(tmp_path, drive(FRAMES)), tmp_path / "out"
    outcome = segment_bag(source, target, segmenter, MaskSettings())
    original = messages_of(source)
    copied = [item for item in messages_of(target) if "/segmentation/" not in item.topic]
    assert copied == original
    assert outcome.copied == len(original)
    with BagReader(source) as before, BagReader(target) as after:
        for name, topic in before.topics.items():
            known = after.topics[name]
            assert replace(topic, offered_qos=()) == replace(known, offered_qos=())
            assert list(topic.offered_qos) == list(known.offered_qos)


def test_a_mask_has_the_times_and_the_header_of_its_picture(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    source, target = as_mcap(tmp_path, drive(3)), tmp_path / "out"
    segment_bag(source, target, segmenter, MaskSettings())
    for camera, masks in ((CAMERA, FRONT), (REAR, BACK)):
        pictures, labels = messages_of(target, camera), messages_of(target, f"{masks}/labels")
        assert [item[2:] for item in pictures] == [item[2:] for item in labels]
    headers = [
        read_image(item.data, MAX_PIXELS).header for item in messages_of(target, f"{BACK}/labels")
    ]
    assert headers == [Header(stamp(index), "rear") for index in range(3)]


def test_both_readers_agree_on_the_new_bag(segmenter: Segmenter, tmp_path: Path) -> None:
    target = tmp_path / "out"
    segment_bag(as_mcap(tmp_path, drive(FRAMES)), target, segmenter, MaskSettings())
    with AnyReader([target]) as reader:
        found = [(item.topic, time_ns, data) for item, time_ns, data in reader.messages()]
        for item, _, data in reader.messages():
            reader.deserialize(data, item.msgtype)
    [file] = target.glob("*.mcap")
    with file.open("rb") as stream:
        others = [
            (channel.topic, item.log_time, item.data)
            for _, channel, item in make_reader(stream, validate_crcs=True).iter_messages()
        ]
    assert sorted(found) == sorted(others)
    assert not target.with_name("out.partial").exists()


def test_the_legend_is_there_for_late_listeners(segmenter: Segmenter, tmp_path: Path) -> None:
    target = tmp_path / "out"
    segment_bag(as_mcap(tmp_path, drive(2)), target, segmenter, MaskSettings())
    with BagReader(target) as bag:
        for place in (FRONT, BACK):
            [message] = bag.messages([f"{place}/legend"])
            legend = json.loads(STORE.deserialize_cdr(message.data, STRING).data)
            assert LabelSet.from_dict(legend) == segmenter.label_set
            assert message.log_time_ns == START_NS
            [qos] = bag.topics[f"{place}/legend"].offered_qos
            assert qos.durability is QosDurability.TRANSIENT_LOCAL
            [qos] = bag.topics[f"{place}/labels"].offered_qos
            assert qos.durability is QosDurability.VOLATILE


def test_compressed_labels_are_the_same_labels(segmenter: Segmenter, tmp_path: Path) -> None:
    source = as_mcap(tmp_path, drive(3))
    segment_bag(source, tmp_path / "raw", segmenter, MaskSettings())
    segment_bag(source, tmp_path / "png", segmenter, MaskSettings(compress_labels=True))
    raw = label_maps(tmp_path / "raw", f"{FRONT}/labels")
    with BagReader(tmp_path / "png") as bag:
        assert f"{FRONT}/labels" not in bag.topics
        topic = bag.topics[f"{FRONT}/labels/compressed"]
        assert topic.type_name == COMPRESSED
        for message in bag.messages([topic.name]):
            message_type = STORE.deserialize_cdr(message.data, COMPRESSED)
            assert message_type.format == PNG_FORMAT
            labels = cv2.imdecode(message_type.data, cv2.IMREAD_UNCHANGED)
            stamp_ns = read_compressed_image(message.data, MAX_PIXELS).header.stamp_ns
            assert np.array_equal(labels, raw.pop(stamp_ns))
    assert raw == {}


def test_other_outputs_are_there_on_request(segmenter: Segmenter, tmp_path: Path) -> None:
    source, target = as_mcap(tmp_path, drive(FRAMES)), tmp_path / "out"
    outputs = ("color_mask", "overlay", "confidence", "masks")
    segment_bag(source, target, segmenter, MaskSettings([CAMERA], outputs))
    groups = segmenter.label_set.groups
    [result] = segmenter(
        [Frame(camera_pixels(FRAMES - 1), "bgra")], Request(True, True, True, groups)
    )
    expected = {
        f"{FRONT}/color_mask": result.color_mask,
        f"{FRONT}/overlay": result.overlay,
        f"{FRONT}/confidence": result.confidence,
        **{f"{FRONT}/masks/{name}": mask for name, mask in result.group_masks.items()},
    }
    with BagReader(target) as bag:
        masks = [name for name in bag.topics if "/segmentation/" in name]
    assert sorted(masks) == sorted([*expected, f"{FRONT}/legend"])
    for topic, pixels in expected.items():
        found = read_image(messages_of(target, topic)[-1].data, MAX_PIXELS).pixels
        assert np.array_equal(found, pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)), topic


def own_car(folder: Path) -> str:
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[-9:] = 1
    return str(write_picture(folder / "bonnet.png", mask))


def test_the_own_car_is_unknown_in_the_masks_of_its_camera(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    source, target = as_mcap(tmp_path, drive(2)), tmp_path / "out"
    masks = EgoMasks.read([f"rgb_front={own_car(tmp_path)}"])
    segment_bag(source, target, segmenter, MaskSettings(ego_masks=masks))
    front, back = label_maps(target, f"{FRONT}/labels"), label_maps(target, f"{BACK}/labels")
    expected = expected_labels(segmenter, camera_pixels(1))
    expected[-9:] = 255
    assert np.array_equal(front[stamp(1)], expected)
    assert not (back[stamp(1)] == 255).any()


def test_an_ego_mask_of_no_camera_or_another_shape_leaves_no_bag(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    source, path = as_mcap(tmp_path, drive(1)), own_car(tmp_path)
    square = write_picture(tmp_path / "square.png", np.eye(4, dtype=np.uint8))
    for named, reason in (
        (f"left={path}", "no camera is called 'left'; there are rgb_front, rgb_rear"),
        (str(square), "a mask of 4x4 does not fit a picture of 96x64"),
    ):
        settings = MaskSettings(ego_masks=EgoMasks.read([named]))
        with pytest.raises(BagError, match=reason):
            segment_bag(source, tmp_path / "out", segmenter, settings)
    assert {item.name for item in tmp_path.iterdir()} == {"drive", "bonnet.png", "square.png"}


def test_a_damaged_picture_is_told_and_copied_and_the_rest_goes_on(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    messages = drive(4)
    position = next(i for i, item in enumerate(messages) if item.time_ns > stamp(2))
    broken = [item for item in messages[position:] if item.topic in (CAMERA, REAR)][:2]
    messages = [
        item._replace(data=item.data[: len(item.data) // 2]) if item in broken else item
        for item in messages
    ]
    source, target = as_mcap(tmp_path, messages), tmp_path / "out"
    shown: list[tuple[int, int]] = []
    outcome = segment_bag(
        source, target, segmenter, MaskSettings(), lambda *done: shown.append(done)
    )
    assert outcome.frames == {CAMERA: 3, REAR: 3}
    assert [fault.partition(": ")[0] for fault in outcome.faults] == [
        f"{CAMERA} at 0.101 s",
        f"{REAR} at 0.102 s",
    ]
    assert shown[-1] == (8, 8)
    assert set(messages_of(source)) <= set(messages_of(target))
    assert list(label_maps(target, f"{FRONT}/labels")) == [stamp(i) for i in (0, 1, 3)]


def test_masks_that_the_bag_has_already_are_replaced_only_when_asked(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    once, twice = tmp_path / "once", tmp_path / "twice"
    segment_bag(as_mcap(tmp_path, drive(3)), once, segmenter, MaskSettings(outputs=("overlay",)))
    with pytest.raises(BagError, match=rf"has masks of these cameras already: {FRONT}/legend"):
        segment_bag(once, twice, segmenter, MaskSettings())
    assert not list(tmp_path.glob("twice*"))
    segment_bag(once, twice, segmenter, MaskSettings([CAMERA], replace=True))
    with BagReader(twice) as bag:
        masks = {name: count for name, count in bag.counts.items() if "/segmentation/" in name}
    assert masks == {
        f"{FRONT}/labels": 3,
        f"{FRONT}/legend": 1,
        f"{BACK}/overlay": 3,
        f"{BACK}/legend": 1,
    }


def test_raw_pictures_are_taken_rather_than_their_compressed_twins(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    messages = [
        image(CAMERA, stamp(0), camera_pixels(0), "bgra8"),
        jpeg(f"{CAMERA}/compressed", stamp(0), camera_pixels(0)),
    ]
    source = as_mcap(tmp_path, messages)
    outcome = segment_bag(source, tmp_path / "a", segmenter, MaskSettings())
    assert outcome.frames == {CAMERA: 1}
    wanted = MaskSettings([f"{CAMERA}/compressed"])
    outcome = segment_bag(source, tmp_path / "b", segmenter, wanted)
    assert outcome.frames == {f"{CAMERA}/compressed": 1}
    with pytest.raises(BagError, match="are of one camera"):
        segment_bag(
            source, tmp_path / "c", segmenter, MaskSettings([CAMERA, f"{CAMERA}/compressed"])
        )


def test_compressed_pictures_are_taken_where_no_raw_one_came(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    source, pictures = tmp_path / "drive", f"{CAMERA}/compressed"
    with rosbag2.Writer(source, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection(CAMERA, IMAGE, typestore=STORE)
        topic = writer.add_connection(pictures, COMPRESSED, typestore=STORE)
        message = jpeg(pictures, stamp(0), camera_pixels(0))
        writer.write(topic, message.time_ns, message.data)
    outcome = segment_bag(source, tmp_path / "out", segmenter, MaskSettings())
    assert outcome.frames == {pictures: 1}


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ([], f"no camera among the image topics, {SEMANTIC}, {DEPTH}; name one with --camera"),
        (["/nowhere"], f"/nowhere: no image topic with messages in the bag; it has {SEMANTIC}, "),
        ([NOTES], f"{NOTES}: no image topic with messages"),
    ],
)
def test_a_bag_without_the_cameras_is_refused(
    wanted: list[str], reason: str, segmenter: Segmenter, tmp_path: Path
) -> None:
    source = as_mcap(tmp_path, [item for item in drive(1) if item.topic not in (CAMERA, REAR)])
    with pytest.raises(BagError, match=reason):
        segment_bag(source, tmp_path / "out", segmenter, MaskSettings(wanted))
    assert not list(tmp_path.glob("out*"))


def test_a_named_topic_is_segmented_whatever_it_is_called(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    outcome = segment_bag(
        as_mcap(tmp_path, drive(2)), tmp_path / "out", segmenter, MaskSettings([DEPTH])
    )
    assert outcome.frames == {DEPTH: 2}


def test_cameras_of_several_and_changing_sizes(segmenter: Segmenter, tmp_path: Path) -> None:
    messages = [
        image(CAMERA, stamp(i), camera_pixels(i)[: 64 - 8 * (i % 3)], "bgra8") for i in range(12)
    ]
    source, target = as_mcap(tmp_path, messages), tmp_path / "out"
    segment_bag(source, target, segmenter, MaskSettings())
    found = label_maps(target, f"{FRONT}/labels")
    for i in range(12):
        expected = expected_labels(segmenter, camera_pixels(i)[: 64 - 8 * (i % 3)])
        assert np.array_equal(found[stamp(i)], expected)


def test_few_pictures_among_much_else_do_not_fill_the_memory(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group ends where its messages are large enough; all are written all the same."""
    monkeypatch.setattr("unet_seg_ros.offline.segment_bag._MAX_GROUP_BYTES", 1000)
    messages = [text(NOTES, START_NS + i, "x" * 100) for i in range(100)]
    messages.insert(50, image(CAMERA, stamp(0), camera_pixels(0), "bgra8"))
    source, target = as_mcap(tmp_path, messages), tmp_path / "out"
    shown: list[tuple[int, int]] = []
    segment_bag(source, target, segmenter, MaskSettings(), lambda *done: shown.append(done))
    assert len(shown) > 5
    assert shown[-1] == (1, 1)
    assert set(messages_of(source)) <= set(messages_of(target))


def test_nothing_is_left_of_a_bag_that_cannot_be_read_to_its_end(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    source = as_mcap(tmp_path, drive(FRAMES))
    [file] = source.glob("*.mcap")
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size * 2 // 3)
        stream.write(b"\xff" * 50_000)
    with pytest.raises(BagError, match=r"drive: (is damaged|not a rosbag2)"):
        segment_bag(source, tmp_path / "out", segmenter, MaskSettings())
    assert not list(tmp_path.glob("out*"))


def test_a_bag_that_exists_or_is_being_written_is_left_alone(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    source = as_mcap(tmp_path, drive(1))
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "precious").touch()
    with pytest.raises(BagError, match=r"out\.partial is left over"):
        segment_bag(source, tmp_path / "out", segmenter, MaskSettings())
    assert (tmp_path / "out.partial" / "precious").exists()
    with pytest.raises(BagError, match="exists already"):
        segment_bag(source, source, segmenter, MaskSettings())


def test_the_map_stays_latched(segmenter: Segmenter, tmp_path: Path) -> None:
    segment_bag(as_ros1(tmp_path, drive(1)), tmp_path / "out", segmenter, MaskSettings())
    with BagReader(tmp_path / "out") as bag:
        [qos] = bag.topics[MAP].offered_qos
        assert qos.durability is QosDurability.TRANSIENT_LOCAL
        assert bag.topics[CAMERA].type_name == IMAGE
        assert bag.end_ns < START_NS + STEP_NS
