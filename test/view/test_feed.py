# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics are shown, and what each message of theirs gives to log."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import viewed_drive as drive
from bag_files import COMPRESSED, IMAGE, STRING, Message, image, jpeg, text
from viewed_drive import CONFIDENCE, LABELS, LEGEND, PICTURE, SCORE, stamp

from unet_seg_ros.messages.images import Header, write_compressed_image

pytest.importorskip("rerun")

from unet_seg_ros.view.drive_log import DriveLog
from unet_seg_ros.view.feed import Feed

MAX_PIXELS = 1 << 20


class Shown:
    """A feed whose log is a file."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "shown.rrd"
        self._log = DriveLog(lambda recording: recording.save(self._file))
        self.feed = Feed(self._log, MAX_PIXELS)

    def take(self, *messages: Message, recorded: bool = False) -> list[str]:
        """Hand messages over and log what they give; return the keys of the tasks."""
        keys = []
        for message in messages:
            recorded_ns = message.time_ns if recorded else None
            for task in self.feed.take(message.topic, message.data, recorded_ns):
                keys.append(task.key)
                task.run()
        return keys

    def recording(self) -> drive.Recording:
        """Close the log and return what is in it."""
        self._log.close()
        (recording,) = drive.read_recordings(self._file)
        return recording


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path)


def test_topics_are_taken_as_they_appear_and_once(shown: Shown) -> None:
    assert shown.feed.add_topics({PICTURE: IMAGE, "/rosout": STRING}) == []
    assert not shown.feed.has_cameras
    first = {PICTURE: IMAGE, LABELS: IMAGE, "/rosout": STRING}
    assert set(shown.feed.add_topics(first)) == {PICTURE, LABELS}
    assert shown.feed.has_cameras
    assert set(shown.feed.add_topics(drive.TYPES)) == drive.TYPES.keys() - first.keys()
    assert shown.feed.add_topics(drive.TYPES) == []


def test_semantic_cameras_and_masks_are_no_cameras_of_the_view(shown: Shown) -> None:
    semantic = "/carla/ego_vehicle/semantic_segmentation_front/image"
    types = {**drive.TYPES, semantic: IMAGE, f"{drive.FRONT}/segmentation/color_mask": IMAGE}
    assert set(shown.feed.add_topics(types)) == drive.TYPES.keys()


def test_raw_pictures_come_before_compressed_ones(shown: Shown) -> None:
    compressed = f"{PICTURE}/compressed"
    added = shown.feed.add_topics({compressed: COMPRESSED, LABELS: IMAGE, PICTURE: IMAGE})
    assert set(added) == {PICTURE, LABELS}


def test_of_several_image_topics_the_one_that_is_segmented_is_shown(shown: Shown) -> None:
    another = f"{drive.FRONT}/another"  # the first by name
    types = {**drive.TYPES, another: IMAGE}
    added = shown.feed.add_topics(types, [f"{PICTURE}/compressed", "/rosout"])
    assert set(added) == drive.TYPES.keys()


def test_what_is_segmented_may_be_known_later(shown: Shown) -> None:
    another = f"{drive.FRONT}/another"
    types = {**drive.TYPES, another: IMAGE}
    assert another in shown.feed.add_topics(types)
    shown.take(drive.legend(), drive.picture(0, another))
    assert shown.feed.add_topics(types, [PICTURE]) == [PICTURE]
    assert another not in shown.feed.topics
    assert shown.take(drive.picture(1), drive.label_map(1)) == [PICTURE]
    assert shown.feed.add_topics(types, [PICTURE]) == shown.feed.add_topics(types) == []
    recording = shown.recording()
    assert recording.stamps(another) == []
    assert recording.stamps(PICTURE) == [stamp(1)]
    assert recording.class_names(LABELS)[drive.ROADS] == "Roads"


def test_where_nobody_knows_depths_are_not_taken_for_pictures(shown: Shown) -> None:
    depth = f"{drive.FRONT}/depth"
    assert set(shown.feed.add_topics({**drive.TYPES, depth: IMAGE})) == drive.TYPES.keys()


def test_confidence_is_left_alone_on_request(shown: Shown) -> None:
    feed = Feed(shown._log, MAX_PIXELS, confidence=False)
    assert CONFIDENCE not in feed.add_topics(drive.TYPES)


def test_a_picture_waits_for_the_labels_of_its_stamp(shown: Shown) -> None:
    shown.feed.add_topics(drive.TYPES)
    assert shown.take(drive.picture(0), drive.picture(1), drive.label_map(2)) == []
    assert shown.take(drive.label_map(1)) == [PICTURE]
    assert shown.take(drive.picture(2)) == [PICTURE]
    recording = shown.recording()
    assert recording.stamps(PICTURE) == recording.stamps(LABELS) == [stamp(1), stamp(2)]


def test_waiting_frames_are_few(shown: Shown) -> None:
    shown.feed.add_topics(drive.TYPES)
    shown.take(*[drive.picture(index) for index in range(1000)])
    assert shown.take(drive.label_map(0)) == []
    assert shown.take(drive.label_map(999)) == [PICTURE]


def test_everything_of_a_drive_arrives(shown: Shown) -> None:
    shown.feed.add_topics(drive.TYPES)
    keys = shown.take(*drive.drive(3))
    status = f"unet_segmentation: {PICTURE}"
    assert keys == [LEGEND] + 3 * [PICTURE, CONFIDENCE, status, SCORE]
    recording = shown.recording()
    assert recording.class_names(LABELS)[drive.ROADS] == "Roads"
    for entity in (PICTURE, LABELS, CONFIDENCE, f"/plots/lost_frames{PICTURE}/replaced"):
        assert recording.stamps(entity) == [stamp(0), stamp(1), stamp(2)]
    mious = recording.values("/plots/miou/evaluation/score", "Scalars:scalars")
    np.testing.assert_allclose(np.ravel(mious), [0.5, 0.51, 0.52])


@pytest.mark.parametrize("stamp_ns", [0, stamp(7)])
def test_recorded_confidence_lies_with_its_frame_also_where_stamps_do_not_tell(
    stamp_ns: int, shown: Shown
) -> None:
    shown.feed.add_topics(drive.TYPES)
    gray = np.full((drive.HEIGHT, drive.WIDTH), 200, np.uint8)
    pixels = np.dstack([gray] * 3)
    for index in range(3):
        frame = [(PICTURE, pixels, "rgb8"), (LABELS, drive.labels(), "mono8")]
        frame.append((CONFIDENCE, gray, "mono8"))
        delay_ns = stamp(10 * index + 7) - stamp_ns
        shown.take(
            *(image(item[0], stamp_ns, *item[1:], delay_ns) for item in frame), recorded=True
        )
    recording = shown.recording()
    assert recording.stamps(PICTURE) == [stamp(7), stamp(17), stamp(27)]
    assert recording.stamps(CONFIDENCE) == recording.stamps(PICTURE)


def test_compressed_pictures_and_label_maps_are_read(shown: Shown) -> None:
    picture, labels = f"{PICTURE}/compressed", f"{LABELS}/compressed"
    shown.feed.add_topics({picture: COMPRESSED, labels: COMPRESSED})
    pixels = np.full((drive.HEIGHT, drive.WIDTH, 3), 90, np.uint8)
    png = np.asarray(cv2.imencode(".png", drive.labels())[1], np.uint8)
    data = write_compressed_image(Header(stamp(0), "front"), png, "mono8; png compressed")
    message = Message(labels, COMPRESSED, stamp(0), data)
    assert shown.take(jpeg(picture, stamp(0), pixels), message) == [picture]
    (buffer,) = shown.recording().values(LABELS, "SegmentationImage:buffer")
    np.testing.assert_array_equal(np.ravel(buffer), drive.labels().ravel())


@pytest.mark.parametrize("topic", drive.TYPES)
@pytest.mark.parametrize("data", [b"", b"\x00\x01\x00\x00"], ids=["nothing", "only a beginning"])
def test_bytes_that_are_no_message_are_refused(shown: Shown, topic: str, data: bytes) -> None:
    shown.feed.add_topics(drive.TYPES)
    with pytest.raises(ValueError, match=r"CDR|outside the message"):
        shown.take(Message(topic, drive.TYPES[topic], 0, data))


@pytest.mark.parametrize("topic", [LEGEND, SCORE, drive.DIAGNOSTICS])
def test_lengths_beyond_the_message_are_refused(shown: Shown, topic: str) -> None:
    shown.feed.add_topics(drive.TYPES)
    data = b"\x00\x01\x00\x00" + b"\xff" * 64
    with pytest.raises(ValueError, match="outside the message"):
        shown.take(Message(topic, drive.TYPES[topic], 0, data))


def test_a_legend_that_is_none_is_refused(shown: Shown) -> None:
    shown.feed.add_topics(drive.TYPES)
    with pytest.raises(ValueError, match="not a label set: 'classes' is missing"):
        shown.take(text(LEGEND, 0, "{}"))


def test_a_picture_that_claims_to_be_huge_is_refused(shown: Shown) -> None:
    shown.feed = Feed(shown._log, max_pixels=drive.WIDTH * drive.HEIGHT - 1)
    shown.feed.add_topics(drive.TYPES)
    with pytest.raises(ValueError, match="more than the 6143 allowed"):
        shown.take(drive.picture(0), drive.label_map(0))
