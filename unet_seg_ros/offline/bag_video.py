# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A segmented drive as a video."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from unet_seg_ros.bags.cameras import choose_cameras, read_picture
from unet_seg_ros.bags.drive import (
    DriveTopics,
    RecordedFrame,
    read_drive,
    read_legend,
)
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.files import named_when_whole
from unet_seg_ros.messages.images import BadImage
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.pictures.figures import labelled_view, with_legend
from unet_seg_ros.pictures.files import MAX_PIXELS
from unet_seg_ros.pictures.video import Video
from unet_seg_ros.units import NS_PER_S

_UNKNOWN_RATE_HZ = 20.0  # of a single picture
_RATE_SAMPLE = 100
# Between two runs of a simulation the last frame stands still no longer than this.
_LONGEST_NS = NS_PER_S


@dataclass
class Filmed:
    """What is in a video.

    Attributes:
        camera: The image topic.
        rate_hz: Frames per second.
        frames: How many there are.
        faults: What was wrong with each picture that is not among them.
    """

    camera: str
    rate_hz: float
    frames: int = 0
    faults: list[str] = field(default_factory=list)


def write_video(
    bag: Path,
    target: Path,
    view: str,
    *,
    topic: str = "",
    rate_hz: float = 0.0,
    legend: bool = False,
    after_frame: Callable[[int, int], None] = lambda _done, _total: None,
) -> Filmed:
    """Write the pictures of a camera with their label maps as a video, in the order of the drive.

    Args:
        bag: A bag with label maps.
        target: The `.mp4` file to write.
        view: One of `figures.VIEWS`.
        topic: The camera's image topic; may be empty where one camera has label maps.
        rate_hz: Frames per second; 0 for each frame as long as it was in the drive.
        legend: Whether there is a legend below the pictures.
        after_frame: Called with how many frames there are, and of how many.

    Raises:
        BagError: The bag cannot be read, has no label maps, or several cameras have them.
        OSError: The video cannot be written.
    """
    with BagReader(bag) as reader:
        camera = _choose_camera(reader, topic)
        label_set, _ = read_legend(reader, camera)
        topics = DriveTopics(camera.image, camera.labels_among(reader.filled_topics))
        total = reader.counts[topics.labels]
        filmed = Filmed(camera.image, rate_hz or _rate_hz(reader, topics.labels))
    with named_when_whole(target) as partial:
        with Video(partial, filmed.rate_hz) as video:
            times = _Times(filmed.rate_hz)
            for frame in read_drive(bag, topics, MAX_PIXELS, filmed.faults.append):
                time_ns = None if rate_hz else times.of(frame)
                shown = labelled_view(view, frame.image.rgb(), frame.labels, label_set)
                video.write(with_legend(shown, label_set) if legend else shown, time_ns)
                filmed.frames += 1
                after_frame(filmed.frames, total)
        if not filmed.frames:
            raise BagError(f"{bag}: no picture of {topics.image} has a label map of its stamp")
    return filmed


class _Times:
    """When frames are shown: as far apart as they were taken, by their stamps.

    Where these repeat or go back, as far apart as they were recorded, and at least a period.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(NS_PER_S / rate_hz)
        self._last: RecordedFrame | None = None
        self._time_ns = 0

    def of(self, frame: RecordedFrame) -> int:
        """Return the time of the next frame, since the beginning."""
        if self._last:
            apart_ns = frame.image.header.stamp_ns - self._last.image.header.stamp_ns
            if apart_ns <= 0:
                recorded_ns = frame.image_published_ns - self._last.image_published_ns
                apart_ns = min(recorded_ns, _LONGEST_NS) if recorded_ns > 0 else self._period_ns
            self._time_ns += apart_ns
        self._last = frame
        return self._time_ns


def _choose_camera(reader: BagReader, topic: str) -> CameraTopics:
    filled = reader.filled_topics
    cameras = choose_cameras(filled, [topic] if topic else ())
    labelled = [camera for camera in cameras if camera.labels_among(filled)]
    if not labelled:
        raise BagError(
            f"{reader.path}: has no label maps of {', '.join(item.image for item in cameras)}; "
            "make them with unet-seg bag segment"
        )
    if len(labelled) > 1:
        raise BagError(
            f"{reader.path}: several cameras have label maps; give the --camera to take: "
            f"{', '.join(item.image for item in labelled)}"
        )
    return labelled[0]


def _rate_hz(reader: BagReader, labels: str) -> float:
    """Return how many label maps a second the drive has at its beginning, by their stamps."""
    stamps_ns = []
    for message in itertools.islice(reader.messages([labels]), _RATE_SAMPLE):
        with contextlib.suppress(BadImage):
            stamps_ns.append(read_picture(reader.topics[labels], message.data).header.stamp_ns)
    duration_ns = stamps_ns[-1] - stamps_ns[0] if stamps_ns else 0
    return (len(stamps_ns) - 1) * NS_PER_S / duration_ns if duration_ns > 0 else _UNKNOWN_RATE_HZ
