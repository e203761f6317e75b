# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag repair`: what it prints, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from written_bags import CAMERA, LABELS, LEGEND, STEP_NS, drive, write_drive

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
        "completed drive_0.mcap; 0 bytes after the last whole chunk were cut off",
    ]
    assert main(["bag", "repair", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing was cut off"


def test_programs_read_json(cut_off, capsys):
    assert main(["bag", "repair", str(cut_off), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(cut_off.with_suffix("")),
        "messages": 9,
        "duration_s": (1_000_000_000 + 3 * STEP_NS + 10 - 100) / 1e9,
        "topics": {LEGEND: 1, CAMERA: 4, LABELS: 4},
        "completed_files": ["drive_0.mcap"],
        "cut_bytes": 0,
    }


def test_what_is_no_bag_is_one_sentence(tmp_path, capsys):
    (tmp_path / "text.mcap").write_text("hello, this is text")
    assert main(["bag", "repair", str(tmp_path / "text.mcap")]) == 1
    assert capsys.readouterr().err.endswith("text.mcap is no MCAP file\n")
