# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from unet_seg_ros.datasets.capture_writer import (
    CapturedPair,
    CaptureWriter,
    begin_capture,
    continue_capture,
)
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.errors import DataError
from unet_seg_ros.evaluation.groups import group_of

ROOT = Path(__file__).parents[2]

# Lines reach the limit long before these pictures do.
FILL_A_SMALL_DISK = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "test" / "datasets")!r})
from test_capture_writer import write
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write(Path(sys.argv[1]), range(100))
"""


def pair(number: int, camera: str = "front") -> CapturedPair:
    """Return a picture of one colour, whose tags are the number modulo 20."""
    image = np.zeros((6, 8, 4), np.uint8)
    image[:] = (number, 2, 3, 255)
    tags = np.zeros((6, 8, 4), np.uint8)
    tags[..., 2] = number % 20
    line = {
        "name": f"{number:08d}_{camera}",
        "camera": camera,
        "town": "Town03",
        "weather": "HardRainNight",
        "run": 0,
        "x": number / 3,
    }
    return CapturedPair(line, image, tags)


def write(capture: Path, numbers: Iterable[int]) -> None:
    """Add frames of these numbers."""
    with CaptureWriter(capture) as writer:
        for number in numbers:
            writer.add([pair(number)])


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    folder = tmp_path / "captures" / "Town03"
    begin_capture(folder, {"label_set": "carla29"})
    return folder


def test_what_is_written_is_read_again_in_order_and_without_loss(capture: Path) -> None:
    with CaptureWriter(capture) as writer:
        for number in range(50):
            writer.add([pair(number, "front"), pair(number, "back")])
    pictures = open_dataset(str(capture))
    assert not pictures.faults
    assert len(pictures) == 100
    sample = pictures[60]
    assert sample.name == "Town03/Town03HardRainNight/00000030_front"
    assert sample.camera == "front"
    by = group_of(["town", "weather"], sample.name, pictures.drives[60])
    assert by == ("Town03", "night, rain")
    assert (sample.image == (3, 2, 30)).all()
    assert (sample.labels == 10).all()
    assert continue_capture(capture) == (100, pair(49, "back").line)
    assert not list(capture.rglob("*.partial"))


def test_frames_are_added_to_those_that_there_are(capture: Path) -> None:
    write(capture, range(3))
    write(capture, range(3, 5))
    assert len(open_dataset(str(capture))) == 5


def test_frames_that_wait_are_written_when_an_exception_ends_it(capture: Path) -> None:
    numbers = chain(range(8), map(int, ["no number"]))
    with pytest.raises(ValueError, match="no number"):
        write(capture, numbers)
    assert len(open_dataset(str(capture))) == 8


def test_a_picture_that_cannot_be_written_ends_it_and_leaves_no_gap(capture: Path) -> None:
    (capture / "tags" / ".00000003_front.partial.png").mkdir()
    with pytest.raises(IsADirectoryError):
        write(capture, range(100))
    pictures = open_dataset(str(capture))
    assert not pictures.faults
    assert len(pictures) == 3


def test_a_full_disk_leaves_whole_lines(capture: Path) -> None:
    command = [sys.executable, "-c", FILL_A_SMALL_DISK, str(capture)]
    process = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    assert "OSError" in process.stderr
    written = (capture / "frames.jsonl").read_bytes()
    assert 900 < len(written) <= 1000
    assert written.endswith(b"}\n")
    assert not open_dataset(str(capture)).faults


def test_the_beginning_of_a_line_is_cut_off(capture: Path) -> None:
    write(capture, [0])
    with (capture / "frames.jsonl").open("a") as stream:
        stream.write('{"name": "0000')
    assert continue_capture(capture) == (1, pair(0).line)
    assert not open_dataset(str(capture)).faults


def test_a_capture_without_frames_has_no_last_line(capture: Path) -> None:
    assert continue_capture(capture) == (0, {})


def test_a_last_line_that_is_damaged_is_named(capture: Path) -> None:
    (capture / "frames.jsonl").write_text('{"name": "a"}\nnothing\n')
    with pytest.raises(DataError, match=r"frames\.jsonl, line 2: not JSON"):
        continue_capture(capture)


def test_what_a_process_began_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    (tmp_path / ".capture.partial.json").write_text("{")
    begin_capture(tmp_path, {"label_set": "carla13"})
    description = json.loads((tmp_path / "capture.json").read_text())
    assert description == {"format": 1, "label_set": "carla13"}
    assert not (tmp_path / ".capture.partial.json").exists()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(FileExistsError, match="has files that are not of a capture"):
        begin_capture(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
