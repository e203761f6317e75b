# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag repair`: what it prints, for people and for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from written_bags import CAMERA, LABELS, LEGEND, PICTURE_SIZE, STEP_NS, drive, noise, write_drive

from unet_seg_ros.cli.main import main


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """Return a recording of four frames without its last byte."""
    write_drive(tmp_path / "drive", drive(frames=4))
    path = (tmp_path / "drive").rename(tmp_path / "drive.partial")
    (path / "metadata.yaml").unlink()
    file = path / "drive_0.mcap"
    file.write_bytes(file.read_bytes()[:-1])
    return path


def test_what_was_kept_is_said(cut_off, capsys):
    assert main(["bag", "repair", str(cut_off)]) == 0
    path = cut_off.with_suffix("")
    assert capsys.readouterr().out.splitlines() == [
        f"       1 {LEGEND}",
        f"       4 {CAMERA}",
        f"       4 {LABELS}",
        f"{path}: 9 messages, 1.1 s",
        "completed drive_0.mcap; lost: 0 bytes, 0 messages",
    ]
    assert main(["bag", "repair", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing was lost"


def test_what_was_lost_is_said(cut_off, capsys):
    file = cut_off / "drive_0.mcap"
    content = bytearray(file.read_bytes())
    content[content.index(noise(PICTURE_SIZE, seed=2)) + 7] ^= 1
    file.write_bytes(content)
    assert main(["bag", "repair", str(cut_off), str(cut_off.with_name("new"))]) == 0
    *_, about, lost, outcome = capsys.readouterr().out.splitlines()
    assert about == f"{cut_off.with_name('new')}: 8 messages, 1.1 s"
    assert re.fullmatch(
        r"drive_0.mcap: 300\d\d\d bytes from byte \d+ on cannot be read \(crc validation failed .*"
        r"\): nothing between 1.050 s and 1.150 s",
        lost,
    )
    assert re.fullmatch(
        r"completed drive_0.mcap; lost: 300\d\d\d bytes, nobody can tell how many messages", outcome
    )


def test_programs_read_json(cut_off, capsys):
    assert main(["bag", "repair", str(cut_off), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(cut_off.with_suffix("")),
        "messages": 9,
        "duration_s": (1_000_000_000 + 3 * STEP_NS + 10 - 100) / 1e9,
        "topics": {LEGEND: 1, CAMERA: 4, LABELS: 4},
        "completed_files": ["drive_0.mcap"],
        "cut_bytes": 0,
        "lost_messages": 0,
        "gaps": [],
    }


def test_what_is_no_bag_is_one_sentence(tmp_path, capsys):
    (tmp_path / "text.mcap").write_text("hello, this is text")
    assert main(["bag", "repair", str(tmp_path / "text.mcap")]) == 1
    assert capsys.readouterr().err.endswith("text.mcap is no MCAP file\n")
