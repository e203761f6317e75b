# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is logged, read back from the file that Rerun writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import viewed_drive as drive
from viewed_drive import CONFIDENCE, LABELS, PICTURE, Recording, read_recordings, stamp

from unet_seg_ros.labels.label_set import UNKNOWN_ID, ColorOrder, LabelSet
from unet_seg_ros.messages.images import Header, Image
from unet_seg_ros.messages.topics import CameraTopics

pytest.importorskip("rerun")

from unet_seg_ros.view.drive_log import DriveLog

CAMERA = CameraTopics(PICTURE)
REAR = CameraTopics("/rear/image")
STATUS = f"unet_segmentation: {PICTURE}"

Log = Callable[[Callable[[DriveLog], None]], list[Recording]]


@pytest.fixture
def logged(tmp_path: Path) -> Log:
    """Return a function that lets another one log and returns what was, recording by recording."""

    def logged(write: Callable[[DriveLog], None]) -> list[Recording]:
        files: list[Path] = []

        def save(recording: object) -> None:
            files.append(tmp_path / f"{len(files)}.rrd")
            recording.save(files[-1])  # type: ignore[attr-defined]

        log = DriveLog(save)
        write(log)
        log.close()
        return [recording for file in files for recording in read_recordings(file)]

    return logged


def frame(index: int, order: ColorOrder = "rgb") -> Image:
    color = dict(zip("rgba", (*drive.PICTURE_RGB, 0), strict=True))
    pixels = np.empty((drive.HEIGHT, drive.WIDTH, len(order)), np.uint8)
    pixels[:] = [color[channel] for channel in order]
    return Image(Header(stamp(index), "front"), pixels, order)


@pytest.mark.parametrize("order", ["rgb", "bgr", "rgba", "bgra"])
def test_a_picture_keeps_its_colors_and_its_stamp(order: ColorOrder, logged: Log) -> None:
    (recording,) = logged(lambda log: log.log_frame(CAMERA, frame(1, order), drive.labels()))
    (blob,) = recording.values(PICTURE, "EncodedImage:blob")
    decoded = cv2.imdecode(np.array(blob, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded.shape == (drive.HEIGHT, drive.WIDTH, 3)
    np.testing.assert_allclose(decoded.mean((0, 1)), drive.PICTURE_RGB, atol=2)
    assert recording.stamps(PICTURE) == [stamp(1)]


def test_a_label_map_is_logged_exactly_at_the_stamp_of_its_picture(logged: Log) -> None:
    (recording,) = logged(lambda log: log.log_frame(CAMERA, frame(1), drive.labels()))
    (buffer,) = recording.values(LABELS, "SegmentationImage:buffer")
    pixels = np.array(buffer, np.uint8).reshape(drive.HEIGHT, drive.WIDTH)
    np.testing.assert_array_equal(pixels, drive.labels())
    assert recording.stamps(LABELS) == [stamp(1)]


def test_classes_have_the_names_and_colors_of_the_legend(logged: Log) -> None:
    (recording,) = logged(lambda log: log.describe(CAMERA, drive.CARLA29))
    (context,) = recording.values(LABELS, "AnnotationContext:context")
    infos = {item["class_id"]: item["class_description"]["info"] for item in context}
    assert {infos[item.id]["label"] for item in drive.CARLA29.classes} == set(drive.CARLA29.names)
    red, green, blue = drive.CARLA29.classes[drive.CAR].color
    assert infos[drive.CAR]["color"] == red << 24 | green << 16 | blue << 8 | 0xFF
    assert infos[UNKNOWN_ID]["color"] & 0xFF == 0, "unknown pixels are to show the picture"


def test_another_checkpoint_brings_other_classes(logged: Log) -> None:
    def write(log: DriveLog) -> None:
        log.describe(CAMERA, drive.CARLA29)
        log.describe(CAMERA, LabelSet.load("camvid11"))

    (recording,) = logged(write)
    assert recording.class_names(LABELS)[drive.ROADS] == "Building"


def test_frames_keep_the_classes_that_they_were_logged_with(logged: Log) -> None:
    def write(log: DriveLog) -> None:
        for index, label_set in enumerate(
            (drive.CARLA29, drive.CARLA29, LabelSet.load("camvid11"))
        ):
            log.describe(CAMERA, label_set)
            log.log_frame(CAMERA, frame(index), drive.labels())

    first, second = logged(write)
    assert first.stamps(PICTURE) == [stamp(0), stamp(1)]
    assert first.class_names(LABELS)[drive.ROADS] == "Roads"
    assert second.stamps(PICTURE) == [stamp(2)]
    assert second.class_names(LABELS)[drive.ROADS] == "Building"


def test_confidence_is_a_picture(logged: Log) -> None:
    gray = np.full((4, 6), 200, np.uint8)
    (recording,) = logged(lambda log: log.log_confidence(CAMERA, stamp(2), gray))
    (blob,) = recording.values(CONFIDENCE, "EncodedImage:blob")
    decoded = cv2.imdecode(np.array(blob, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(decoded, gray, atol=1)


def test_reports_are_plotted_at_the_time_of_the_newest_picture(logged: Log) -> None:
    values = {
        "latency_ms.p95": "31.5",
        "rate_in_hz": "20.0",
        "dropped.replaced": "7",
        "refused.truncated": "1",
        "frames_in": "100",
    }

    def write(log: DriveLog) -> None:
        log.log_status(STATUS, values)  # before the first picture there is no time
        log.log_frame(CAMERA, frame(3), drive.labels())
        log.log_status(STATUS, values)
        log.log_status("recorder: drive", {"dropped.queue_full": "5"})
        log.log_score("/evaluation/score", '{"miou": 0.75}')
        log.log_score("/evaluation/score", '{"miou": null}')

    (recording,) = logged(write)
    plots = {
        entity: [value[0] if isinstance(value, list) else value for value in values]
        for entity in recording.rows
        if entity.startswith("/plots") and (values := recording.values(entity, "Scalars:scalars"))
    }
    assert plots == {
        f"/plots/latency_ms{PICTURE}/p95": [31.5],
        f"/plots/rate_hz{PICTURE}/in": [20.0],
        f"/plots/lost_frames{PICTURE}/replaced": [7.0],
        f"/plots/lost_frames{PICTURE}/truncated": [1.0],
        "/plots/miou/evaluation/score": [0.75],
    }
    assert {recording.stamps(entity)[0] for entity in plots} == {stamp(3)}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("[]", "no score"),
        ("{}", "no score"),
        ("not JSON", "Expecting value"),
        ('{"miou": "good"}', "could not convert"),
    ],
)
def test_what_is_no_score_is_refused(document: str, reason: str, logged: Log) -> None:
    def write(log: DriveLog) -> None:
        log.log_frame(CAMERA, frame(0), drive.labels())
        with pytest.raises(ValueError, match=reason):
            log.log_score("/x/score", document)

    logged(write)


def test_a_simulator_that_starts_again_begins_a_recording_with_the_same_classes(
    logged: Log,
) -> None:
    def write(log: DriveLog) -> None:
        log.describe(CAMERA, drive.CARLA29)
        for index in (100, 101, 0, 1):
            log.log_frame(CAMERA, frame(index), drive.labels())

    first, second = logged(write)
    assert first.stamps(PICTURE) == [stamp(100), stamp(101)]
    assert second.stamps(PICTURE) == [stamp(0), stamp(1)]
    assert second.class_names(LABELS)[drive.CAR] == "Car"


def test_cameras_whose_frames_come_late_or_whose_clocks_differ_share_a_recording(
    logged: Log,
) -> None:
    def write(log: DriveLog) -> None:
        log.log_frame(CAMERA, frame(100), drive.labels())
        log.log_frame(CAMERA, frame(99), drive.labels())
        log.log_frame(REAR, frame(0), drive.labels())
        log.log_frame(CAMERA, frame(101), drive.labels())

    (recording,) = logged(write)
    assert len(recording.stamps(PICTURE)) == 3
    assert recording.stamps(REAR.image) == [stamp(0)]


def test_a_stamp_of_the_calendar_is_one(logged: Log) -> None:
    of_2024_ns = 1_710_000_000_123_456_789
    picture = Image(Header(of_2024_ns, "front"), frame(0).pixels, "rgb")
    (recording,) = logged(lambda log: log.log_frame(CAMERA, picture, drive.labels()))
    assert recording.stamps(PICTURE) == [of_2024_ns]
