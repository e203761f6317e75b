# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A drive for tests of the view, and what Rerun has of it.

Every picture is of one colour, the left half of its label map Roads, the right half Car: what the
view shows of them is known.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bag_files import IMAGE, STORE, STRING, Message, image, text

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.legend import legend_text

FRONT = "/carla/ego_vehicle/rgb_front"
PICTURE = f"{FRONT}/image"
LABELS = f"{FRONT}/segmentation/labels"
CONFIDENCE = f"{FRONT}/segmentation/confidence"
LEGEND = f"{FRONT}/segmentation/legend"
SCORE = "/evaluation/score"
DIAGNOSTICS = "/diagnostics"
DIAGNOSTIC_ARRAY = "diagnostic_msgs/msg/DiagnosticArray"
TYPES = {
    PICTURE: IMAGE,
    LABELS: IMAGE,
    CONFIDENCE: IMAGE,
    LEGEND: STRING,
    SCORE: STRING,
    DIAGNOSTICS: DIAGNOSTIC_ARRAY,
}

CARLA29 = LabelSet.load("carla29")
ROADS, CAR = CARLA29.class_id("Roads"), CARLA29.class_id("Car")
WIDTH, HEIGHT = 96, 64
PICTURE_RGB = (40, 200, 90)
STEP_NS = 50_000_000
REPORTED_NS = 5_000_000  # after the frame

DEADLINE_S = 60.0


def stamp(index: int) -> int:
    """Return the stamp of a frame, in simulation time."""
    return 10_000_000_000 + index * STEP_NS


def labels() -> np.ndarray:
    """Return the label map, `(HEIGHT, WIDTH)` uint8."""
    label_map = np.full((HEIGHT, WIDTH), ROADS, np.uint8)
    label_map[:, WIDTH // 2 :] = CAR
    return label_map


def picture(index: int, topic: str = PICTURE) -> Message:
    pixels = np.full((HEIGHT, WIDTH, 3), PICTURE_RGB, np.uint8)
    return image(topic, stamp(index), pixels, "rgb8")


def label_map(index: int, topic: str = LABELS) -> Message:
    return image(topic, stamp(index), labels(), "mono8")


def confidence(index: int) -> Message:
    pixels = np.full((HEIGHT, WIDTH), 200, np.uint8)
    return image(CONFIDENCE, stamp(index), pixels, "mono8")


def legend(label_set: LabelSet = CARLA29) -> Message:
    return text(LEGEND, stamp(0), legend_text(label_set, {}, "a checkpoint"))


def score(index: int, miou: float | None) -> Message:
    return text(SCORE, stamp(index) + REPORTED_NS, json.dumps({"miou": miou}))


def diagnostics(index: int, statuses: Mapping[str, Mapping[str, str]]) -> Message:
    """Return a report, given the values of each status by its name."""
    types = STORE.types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](99, 0), "")
    key_value = types["diagnostic_msgs/msg/KeyValue"]
    status = types["diagnostic_msgs/msg/DiagnosticStatus"]
    array = types[DIAGNOSTIC_ARRAY](
        header,
        [
            status(0, name, "fine", "here", [key_value(*pair) for pair in values.items()])
            for name, values in statuses.items()
        ],
    )
    data = bytes(STORE.serialize_cdr(array, DIAGNOSTIC_ARRAY))
    return Message(DIAGNOSTICS, DIAGNOSTIC_ARRAY, stamp(index) + REPORTED_NS, data)


def drive(frames: int) -> list[Message]:
    """Return the messages of a segmented drive, in order."""
    messages = [legend()]
    for index in range(frames):
        messages += [picture(index), label_map(index), confidence(index)]
        camera = {"latency_ms.p50": "20.5", "rate_out_hz": "19.0", "dropped.replaced": "3"}
        messages.append(diagnostics(index, {f"unet_segmentation: {PICTURE}": camera}))
        messages.append(score(index, 0.5 + index / 100))
    return messages


@dataclass
class Recording:
    """What a Rerun recording holds.

    Attributes:
        rows: For each entity, the components of each row by their names, and its time in ns under
            "stamp"; what is static has none.
    """

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def values(self, entity: str, component: str) -> list[Any]:
        """Return a component of an entity, row by row."""
        found = [row.get(component) for row in self.rows.get(entity, ())]
        return [value[0] for value in found if value]

    def stamps(self, entity: str) -> list[int]:
        """Return the times of the rows of an entity that have one, in ns."""
        return [row["stamp"] for row in self.rows.get(entity, ()) if "stamp" in row]

    def class_names(self, entity: str) -> dict[int, str]:
        """Return the names of classes by their ids, as an annotation context gives them."""
        contexts = self.values(entity, "AnnotationContext:context")
        infos = [item["class_description"]["info"] for item in contexts[-1]] if contexts else []
        return {info["id"]: info["label"] for info in infos}


def read_recordings(path: Path) -> list[Recording]:
    """Read all that a .rrd file has so far, which may still be written."""
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            return _read_recordings(path)
        except (
            RuntimeError
        ):  # its last message is being written, of which nothing else tells the end
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _read_recordings(path: Path) -> list[Recording]:
    from rerun.chunk import RrdReader

    recordings = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a file that is still written has no end
        reader = RrdReader(str(path))
        for store in reader.recordings():
            recording = Recording()
            for chunk in reader.stream(store=store):
                batch = chunk.to_record_batch()
                columns = {name: _values(batch.column(name)) for name in batch.schema.names}
                rows = recording.rows.setdefault(chunk.entity_path, [])
                rows += [
                    {name: column[row] for name, column in columns.items()}
                    for row in range(batch.num_rows)
                ]
            for rows in recording.rows.values():
                rows.sort(key=lambda row: row.get("stamp") or 0)
            recordings.append(recording)
    return recordings


def _values(column: Any) -> list[Any]:
    import pyarrow

    is_time = pyarrow.types.is_duration(column.type) or pyarrow.types.is_timestamp(column.type)
    return (column.cast(pyarrow.int64()) if is_time else column).to_pylist()


def free_ports() -> tuple[int, int]:
    """Return two ports of the loopback that nobody listens on."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


@contextlib.contextmanager
def saved_from(grpc_port: int, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Save what a view's server sends to a browser, with Rerun's own client, into a .rrd file."""
    spec = importlib.util.find_spec("rerun_cli")
    assert spec
    assert spec.origin
    command = [str(Path(spec.origin).parent / "rerun")]
    command += [f"rerun+http://127.0.0.1:{grpc_port}/proxy", "--save", str(path)]
    command += ["--bind", "127.0.0.1", "--port", "0"]
    # Its settings are not those of whoever runs the tests.
    folder = str(path.parent / "settings")
    with subprocess.Popen(
        command,
        env={**os.environ, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as client:
        try:
            yield client
        finally:
            client.terminate()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[Any], what: str) -> None:
    """Ask again and again until `condition()` is true; fail when the process ends or time is up."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE_S:g} s in vain for {what}"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.2)
            raise AssertionError(f"the process ended before {what}")
