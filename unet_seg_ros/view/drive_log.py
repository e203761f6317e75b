# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the view shows of a drive, as a Rerun recording.

| entity | what it is |
| --- | --- |
| `<image topic>` | the camera's picture, as JPEG |
| `<labels topic>` | its label map, with the names and colours of the classes |
| `<confidence topic>` | the confidence, as JPEG |
| `/plots/latency_ms/<image topic>/p50`, `p95`, `p99` | what the segmentation node reports |
| `/plots/rate_hz/<image topic>/in`, `out` | the same |
| `/plots/lost_frames/<image topic>/<cause>` | the same: frames dropped and refused so far |
| `/plots/miou<score topic>` | what the evaluation node reports |

Everything is on the time line `stamp`: that of the header of the pictures. Reports go where the
newest picture is: their own stamps may be of another clock.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

import cv2
import numpy as np
import rerun as rr

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.images import Image
from unet_seg_ros.messages.pairing import RESTART_NS
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.units import NS_PER_S
from unet_seg_ros.view import layout

APPLICATION = "unet_seg_ros"
TIMELINE = "stamp"
# Edges stay sharp in a twenty-fifth of the bytes.
_JPEG_QUALITY = 80
# Stamps after this (2001) are of the calendar, not of a simulation.
_CALENDAR_NS = 1_000_000_000 * NS_PER_S

_PLOTTED = {
    "latency_ms": re.compile(r"latency_ms\.(p50|p95|p99)"),
    "rate_hz": re.compile(r"rate_(in|out)_hz"),
    "lost_frames": re.compile(r"(?:dropped|refused)\.(\w+)"),
}

Item = TypeVar("Item")


class DriveLog:
    """Sends a drive to Rerun. One thread may call it at a time.

    When the stamps jump back, as they do when a simulator is restarted, a new recording begins:
    in the old one the new drive would be in the past. So it does when the ids of a camera come to
    mean other classes, which have one name each in a recording.

    Args:
        connect: Gives a new recording its sink.
    """

    def __init__(self, connect: Callable[[rr.RecordingStream], None]) -> None:
        self._connect = connect
        self._label_sets: dict[CameraTopics, LabelSet] = {}
        self._newest_ns: dict[CameraTopics, int] = {}
        self._shown = layout.Shown()
        self._begin()

    def describe(self, camera: CameraTopics, label_set: LabelSet) -> None:
        """Say what the ids in a camera's label maps mean."""
        known = self._label_sets.get(camera, label_set)
        self._label_sets[camera] = label_set
        if known != label_set and camera in self._newest_ns:
            self._begin_anew()
        else:
            self._log_classes(camera, label_set)

    def log_frame(self, camera: CameraTopics, picture: Image, labels: Uint8Array) -> None:
        """Log a picture and its `(H, W)` uint8 label map."""
        self._take_time(camera, picture.header.stamp_ns)
        self._log_jpeg(camera.image, picture.bgr())  # OpenCV leaves an alpha channel out
        self._recording.log(camera.output(topics.LABELS), rr.SegmentationImage(labels))
        self._show(self._shown.cameras, camera)

    def log_confidence(self, camera: CameraTopics, stamp_ns: int, confidence: Uint8Array) -> None:
        """Log a `(H, W)` uint8 picture of probabilities x 255."""
        self._take_time(camera, stamp_ns)
        self._log_jpeg(camera.output(topics.CONFIDENCE), confidence)
        self._show(self._shown.confidence, camera)

    def log_status(self, name: str, values: Mapping[str, str]) -> None:
        """Plot the status of a camera from /diagnostics; do nothing with that of anything else.

        Raises:
            ValueError: a figure is not a number.
        """
        _, _, image_topic = name.partition(": ")
        if not image_topic.startswith("/"):
            return
        for plot, pattern in _PLOTTED.items():
            for key, value in values.items():
                if match := pattern.fullmatch(key):
                    self._plot(plot, f"{image_topic}/{match[1]}", float(value))

    def log_score(self, topic: str, document: str) -> None:
        """Plot the mIoU of an evaluation node's score, JSON.

        Raises:
            ValueError: it is no score.
        """
        score = json.loads(document)
        if not isinstance(score, dict) or "miou" not in score:
            raise ValueError("is no score: it has no 'miou'")
        if score["miou"] is not None:
            self._plot("miou", topic, float(score["miou"]))

    def flush(self) -> None:
        """Wait until everything has been sent."""
        self._recording.flush()

    def close(self) -> None:
        """Send what is left and let go of the server."""
        self._recording.disconnect()

    def _begin(self) -> None:
        self._recording = rr.RecordingStream(APPLICATION, recording_id=uuid.uuid4())
        self._connect(self._recording)
        self._lay_out()
        for camera, label_set in self._label_sets.items():
            self._log_classes(camera, label_set)

    def _begin_anew(self) -> None:
        self._newest_ns.clear()
        self.close()
        self._begin()

    def _show(self, places: list[Item], item: Item) -> None:
        """Give something that is new a place in the layout."""
        if item not in places:
            places.append(item)
            self._lay_out()

    def _lay_out(self) -> None:
        self._recording.send_blueprint(layout.blueprint(self._shown, TIMELINE))

    def _log_classes(self, camera: CameraTopics, label_set: LabelSet) -> None:
        classes = [rr.AnnotationInfo(item.id, item.name, item.color) for item in label_set.classes]
        classes.append(rr.AnnotationInfo(UNKNOWN_ID, "unknown", (0, 0, 0, 0)))
        context = rr.AnnotationContext(classes)
        self._recording.log(camera.output(topics.LABELS), context, static=True)

    def _take_time(self, camera: CameraTopics, stamp_ns: int) -> None:
        """Go to the time of a frame, in a new recording where its camera's stamps jump back."""
        newest_ns = self._newest_ns.get(camera, stamp_ns)
        if stamp_ns < newest_ns - RESTART_NS:
            self._begin_anew()
            newest_ns = stamp_ns
        self._newest_ns[camera] = max(stamp_ns, newest_ns)
        if stamp_ns < _CALENDAR_NS:
            self._recording.set_time(TIMELINE, duration=np.timedelta64(stamp_ns, "ns"))
        else:
            self._recording.set_time(TIMELINE, timestamp=np.datetime64(stamp_ns, "ns"))

    def _plot(self, plot: str, series: str, value: float) -> None:
        if self._newest_ns:  # else there is no time yet
            self._recording.log(f"{layout.PLOTS}/{plot}{series}", rr.Scalars(value))
            self._show(self._shown.plots, plot)

    def _log_jpeg(self, entity: str, pixels: Uint8Array) -> None:
        # A tenth of the time of rr.Image.compress.
        _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        image = rr.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg")
        self._recording.log(entity, image)
