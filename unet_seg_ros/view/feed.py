# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From serialized messages, live or recorded, to what the view shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.cdr import CdrReader, read_stamp_ns
from unet_seg_ros.messages.images import COMPRESSED_IMAGE, IMAGE, Image, read_any_image, read_image
from unet_seg_ros.messages.pairing import StampPairs
from unet_seg_ros.messages.topics import CameraTopics, is_camera
from unet_seg_ros.units import NS_PER_S
from unet_seg_ros.view.drive_log import DriveLog

STRING = "std_msgs/msg/String"
DIAGNOSTIC_ARRAY = "diagnostic_msgs/msg/DiagnosticArray"

_SCORE = "/score"
# One second of a camera at 20 Hz: how long a picture waits for its label map.
_MAX_WAITING = 20
_PICTURE, _LABELS = "picture", "labels"


@dataclass(frozen=True)
class Task:
    """Something to be logged.

    Attributes:
        key: What it is of; a newer task of the same key makes this one needless.
        run: Logs it; raises ValueError where the message is not what its topic promises.
    """

    key: str
    run: Callable[[], None]


Reader = Callable[[bytes, "int | None"], Iterator[Task]]
"""Reads a serialized message of one topic, and when it was recorded."""


class Feed:
    """Turns messages into tasks, which may be run later and in another thread, in order.

    A picture is shown with the label map of its own stamp, and not without one: over a newer
    picture the labels would lie beside the things.

    Args:
        log: What the tasks log to.
        max_pixels: Larger pictures are refused.
        confidence: Whether confidence is shown.
    """

    def __init__(self, log: DriveLog, max_pixels: int, confidence: bool = True) -> None:
        self._log = log
        self._max_pixels = max_pixels
        self._confidence = confidence
        self._readers: dict[str, Reader] = {}
        self._cameras: dict[str, tuple[CameraTopics, dict[str, Reader]]] = {}

    def add_topics(self, types: Mapping[str, str], segmented: Collection[str] = ()) -> list[str]:
        """Find what can be shown among topics; return what is new of it.

        Cameras are those with a label map beside their pictures.

        Args:
            types: The topics' types by their names.
            segmented: Image topics that are known to be those that label maps are of. Of several
                beside a label map, one of these is shown, also if that is known later.
        """
        for camera, labels_topic in _cameras(types, segmented).items():
            shown = self._cameras.get(camera.camera)
            if shown is None or _is_known_better(camera, shown[0], segmented):
                if shown:
                    del self._readers[shown[0].image]
                readers = self._camera_readers(camera, labels_topic)
                self._cameras[camera.camera] = camera, readers
        readers = {
            name: read for _, camera in self._cameras.values() for name, read in camera.items()
        }
        for name, type_name in types.items():
            if type_name == DIAGNOSTIC_ARRAY:
                readers[name] = self._read_diagnostics
            elif type_name == STRING and name.endswith(_SCORE):
                readers[name] = partial(self._read_score, name)
        readers = {name: read for name, read in readers.items() if name in types}
        added = [name for name in readers if name not in self._readers]
        self._readers = {**self._readers, **readers}
        return added

    @property
    def topics(self) -> Set[str]:
        """The topics that are shown."""
        return self._readers.keys()

    @property
    def has_cameras(self) -> bool:
        """Whether there is a camera to be shown."""
        return bool(self._cameras)

    def take(self, topic: str, data: bytes, recorded_ns: int | None = None) -> Iterator[Task]:
        """Yield what a serialized message gives to do, often nothing yet.

        Args:
            topic: Its topic.
            data: The message.
            recorded_ns: When it was recorded; None where it is live.

        Raises:
            ValueError: it is not what its topic promises.
        """
        return self._readers[topic](data, recorded_ns)

    def _camera_readers(self, camera: CameraTopics, labels_topic: str) -> dict[str, Reader]:
        pairs: StampPairs[bytes] = StampPairs((_PICTURE, _LABELS), _MAX_WAITING)
        show = partial(self._show_frame, camera, CameraTopics(labels_topic))
        readers: dict[str, Reader] = {
            camera.image: partial(self._pair, camera, pairs, _PICTURE, show),
            labels_topic: partial(self._pair, camera, pairs, _LABELS, show),
            camera.output(topics.LEGEND): partial(self._read_legend, camera),
        }
        if self._confidence:
            read = partial(self._read_confidence, camera, pairs)
            readers[camera.output(topics.CONFIDENCE)] = read
        return readers

    def _pair(
        self,
        camera: CameraTopics,
        pairs: StampPairs[bytes],
        side: str,
        show: Callable[[bytes, bytes, int | None], None],
        data: bytes,
        recorded_ns: int | None,
    ) -> Iterator[Task]:
        stamp_ns = read_stamp_ns(data)
        twin = pairs.put(side, stamp_ns, data, recorded_ns)
        if twin is not None:
            frame = (data, twin) if side == _PICTURE else (twin, data)
            moment_ns = _moment_ns(pairs, stamp_ns, recorded_ns)
            yield Task(camera.image, partial(show, *frame, moment_ns))
        elif stamp_ns in pairs.repeated.values() and recorded_ns is None:
            raise ValueError(
                f"the stamp {stamp_ns / NS_PER_S:.3f} s came twice; nothing tells which picture "
                "and label map belong together"
            )

    def _show_frame(
        self,
        camera: CameraTopics,
        labels_topic: CameraTopics,
        picture: bytes,
        labels: bytes,
        moment_ns: int | None,
    ) -> None:
        label_map = self._read_picture(labels_topic, labels).gray()
        image = self._read_picture(camera, picture)
        if moment_ns is not None:
            image = replace(image, header=replace(image.header, stamp_ns=moment_ns))
        self._log.log_frame(camera, image, label_map)

    def _read_confidence(
        self,
        camera: CameraTopics,
        pairs: StampPairs[bytes],
        data: bytes,
        recorded_ns: int | None,
    ) -> Iterator[Task]:
        moment_ns = _moment_ns(pairs, read_stamp_ns(data), recorded_ns)
        show = partial(self._show_confidence, camera, data, moment_ns)
        yield Task(camera.output(topics.CONFIDENCE), show)

    def _show_confidence(self, camera: CameraTopics, data: bytes, moment_ns: int | None) -> None:
        picture = read_image(data, self._max_pixels)
        stamp_ns = picture.header.stamp_ns if moment_ns is None else moment_ns
        self._log.log_confidence(camera, stamp_ns, picture.gray())

    def _read_legend(
        self, camera: CameraTopics, data: bytes, _recorded_ns: int | None
    ) -> Iterator[Task]:
        label_set = LabelSet.from_dict(json.loads(CdrReader(data).string()))
        yield Task(camera.output(topics.LEGEND), partial(self._log.describe, camera, label_set))

    def _read_diagnostics(self, data: bytes, _recorded_ns: int | None) -> Iterator[Task]:
        for name, values in statuses(CdrReader(data)):
            yield Task(name, partial(self._log.log_status, name, values))

    def _read_score(self, topic: str, data: bytes, _recorded_ns: int | None) -> Iterator[Task]:
        yield Task(topic, partial(self._log.log_score, topic, CdrReader(data).string()))

    def _read_picture(self, topic: CameraTopics, data: bytes) -> Image:
        return read_any_image(data, self._max_pixels, compressed=topic.compressed)


def candidates(types: Mapping[str, str]) -> dict[str, list[CameraTopics]]:
    """Return the image topics that the label maps of each camera may be of, in order of names.

    Raw pictures come before compressed ones, which would have to be compressed for this alone.
    """
    found: dict[str, list[CameraTopics]] = {}
    for name in sorted(types):
        camera = CameraTopics(name)
        wanted = COMPRESSED_IMAGE if camera.compressed else IMAGE
        if types[name] == wanted and camera.labels_among(types):
            found.setdefault(camera.camera, []).append(camera)
    return found


def _cameras(types: Mapping[str, str], segmented: Collection[str]) -> dict[CameraTopics, str]:
    """Return the cameras that have label maps, each with the topic of these."""
    cameras = {}
    for places in candidates(types).values():
        camera = min(
            places, key=lambda item: (not _is_among(item, segmented), not is_camera(item.image))
        )
        cameras[camera] = camera.labels_among(types)
    return cameras


def _is_among(camera: CameraTopics, segmented: Collection[str]) -> bool:
    """Tell whether a camera's pictures are, raw or compressed, those of one of the topics."""
    return any(CameraTopics(name).raw == camera.raw for name in segmented)


def _is_known_better(camera: CameraTopics, shown: CameraTopics, segmented: Collection[str]) -> bool:
    return _is_among(camera, segmented) and not _is_among(shown, segmented)


def _moment_ns(pairs: StampPairs[bytes], stamp_ns: int, recorded_ns: int | None) -> int | None:
    """Return when what has a stamp is shown, None for at that stamp.

    On the time line, frames of one stamp would lie on each other.
    """
    is_repeated = stamp_ns in pairs.repeated.values()
    return recorded_ns if is_repeated or not stamp_ns else None


def statuses(cdr: CdrReader) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name and the values of every status of a diagnostic_msgs/DiagnosticArray."""
    cdr.int32(), cdr.uint32(), cdr.string()  # the header
    for _ in range(cdr.uint32()):
        cdr.uint8()  # level
        name = cdr.string()
        cdr.string(), cdr.string()  # message, hardware_id
        yield name, {cdr.string(): cdr.string() for _ in range(cdr.uint32())}
