# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives whose stamps are all zero, or begin again: no picture is lost in any command."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bag_files import (
    CAMERA,
    DEPTH,
    MAP,
    NOTES,
    REAR,
    SEMANTIC,
    START_NS,
    STEP_NS,
    Message,
    drive,
    write_rosbag2,
)
from engines import small_checkpoint

from unet_seg_ros.bags.cameras import choose_cameras
from unet_seg_ros.bags.drive import DriveTopics, read_drive
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.cli.main import main
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.offline.segment_bag import MaskSettings, segment_bag
from unet_seg_ros.pictures.files import MAX_PIXELS

FRAMES = 12
LABELS = CameraTopics(CAMERA).output("labels")


def stamped(message: Message, stamp_ns: int) -> Message:
    """Return a picture's message with another stamp."""
    stamp = struct.pack("<iI", *divmod(stamp_ns, 10**9))
    return message._replace(data=message.data[:4] + stamp + message.data[12:])


def zero_stamps(messages: list[Message]) -> list[Message]:
    return [item if item.topic in (MAP, NOTES) else stamped(item, 0) for item in messages]


def restarted(messages: list[Message]) -> list[Message]:
    """Return the drive twice, with the stamps of a simulation that begins at 0 each time."""
    first = [
        item
        if item.topic in (MAP, NOTES)
        else stamped(item, item.time_ns // STEP_NS * STEP_NS - START_NS)
        for item in messages
    ]
    later = [item._replace(time_ns=item.time_ns + 100 * 10**9) for item in first]
    return [*first, *later]


@pytest.fixture(scope="module")
def segmenter() -> Iterator[Segmenter]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Segmenter(small_checkpoint(), "cpu", "float32", "off")
    torch.set_num_threads(threads)


@pytest.fixture(params=[zero_stamps, restarted])
def bag(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    """Return a bag of strange stamps, and how many pictures its front camera has."""
    # Longer than what counts as out of order, for the restart.
    messages = request.param(drive(FRAMES * 2))
    count = sum(item.topic == CAMERA for item in messages)
    return write_rosbag2(tmp_path / "drive", messages), count


def test_every_picture_has_the_truth_of_its_moment(bag: tuple[Path, int]) -> None:
    path, count = bag
    pictures = open_dataset(str(path), label_set="carla29")
    assert len(pictures) == count
    assert len({pictures.name_of(index) for index in range(count)}) == count
    for index in range(count):
        labels = pictures[index].labels
        assert labels is not None
        assert set(labels.flat) == {index % (FRAMES * 2) % 11}


def test_masks_are_found_again(bag: tuple[Path, int], segmenter: Segmenter, tmp_path: Path) -> None:
    path, count = bag
    masks = tmp_path / "masks"
    outcome = segment_bag(path, masks, segmenter, MaskSettings())
    assert outcome.frames[CAMERA] == count
    frames = list(read_drive(masks, DriveTopics(CAMERA, LABELS), MAX_PIXELS))
    assert len(frames) == count
    assert all(frame.image_published_ns == frame.published_ns for frame in frames)
    out = tmp_path / "score"
    assert main(["bag", "evaluate", str(masks), "--label-set", "carla29", "--out", str(out)]) == 0
    [data] = json.loads((out / "report.json").read_text())["data"]
    assert len(data["results"][0]["per_frame"]) == count


def test_extracted_frames_have_names_of_their_own(bag: tuple[Path, int], tmp_path: Path) -> None:
    path, count = bag
    out = tmp_path / "frames"
    assert main(["bag", "extract", str(path), str(out), "--label-set", "carla29"]) == 0
    assert len(open_dataset(str(out))) == count


def test_live_masks_without_stamps_are_not_guessed(segmenter: Segmenter, tmp_path: Path) -> None:
    """They come some time after their pictures, and not all pictures have one."""
    path = write_rosbag2(tmp_path / "drive", zero_stamps(drive(FRAMES)))
    masks = tmp_path / "masks"
    segment_bag(path, masks, segmenter, MaskSettings(image_topics=[CAMERA]))
    with BagReader(masks) as reader:
        recorded = list(reader.messages([CAMERA, LABELS]))
    types = {CAMERA: "sensor_msgs/msg/Image", LABELS: "sensor_msgs/msg/Image"}
    live = [
        Message(
            item.topic,
            types[item.topic],
            item.log_time_ns + (STEP_NS * 3 // 2 if item.topic == LABELS else 0),
            item.data,
        )
        for item in recorded
    ]
    late = write_rosbag2(tmp_path / "live", sorted(live, key=lambda item: item.time_ns))
    faults: list[str] = []
    frames = list(read_drive(late, DriveTopics(CAMERA, LABELS), MAX_PIXELS, faults.append))
    assert frames == []
    assert faults == [
        f"{LABELS}: {FRAMES} label maps are left out: stamps repeat, as 0.000 s does, and their "
        "pictures were recorded at other times"
    ]


def test_a_camera_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages = [item for item in drive(3) if item.topic in (CAMERA, SEMANTIC, DEPTH, REAR)]
    names = {CAMERA: "/left/image", SEMANTIC: "/semantic/image", REAR: "/rear/image/compressed"}
    path = write_rosbag2(
        tmp_path / "drive",
        [item._replace(topic=names.get(item.topic, item.topic)) for item in messages],
    )
    command = ["bag", "extract", str(path), str(tmp_path / "out"), "--label-set", "carla29"]
    assert main(command) == 1
    assert (
        "cannot tell which cameras belong together: /left/image, /rear/" in capsys.readouterr().err
    )
    assert main([*command, "--camera", "/left/image:/semantic/image"]) == 0
    spec = f"{path},label-set=carla29,cameras=/left/image"
    assert main(["data", "check", spec, "--sheets", str(tmp_path / "sheets")]) == 0


def test_one_camera_has_many_transports(segmenter: Segmenter, tmp_path: Path) -> None:
    """Raw pictures are taken before compressed ones, and other plugins' topics are no cameras."""
    [camera, rear] = (item for item in drive(1) if item.topic in (CAMERA, REAR))
    name = "/camera/color/image_raw"
    messages = [camera._replace(topic=name)]
    messages += [
        rear._replace(topic=f"{name}/{kind}") for kind in ("compressed", "zstd", "compressedDepth")
    ]
    path = write_rosbag2(tmp_path / "drive", messages)
    with BagReader(path) as reader:
        assert [item.image for item in choose_cameras(reader.topics)] == [name]
    outcome = segment_bag(path, tmp_path / "masks", segmenter, MaskSettings())
    assert (outcome.frames, outcome.faults) == ({name: 1}, [])
    assert [note.partition(" ")[0] for note in outcome.notes] == [
        f"{name}/zstd",
        f"{name}/compressedDepth",
    ]
