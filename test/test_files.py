# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unet_seg_ros.files import check_output, named_when_whole, replaced_when_whole, write_whole


def make_file(path: Path) -> None:
    path.write_text("whole")


def make_folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


@pytest.mark.parametrize("make", [make_file, make_folder])
def test_the_name_comes_with_the_end(make: Callable[[Path], None], tmp_path: Path) -> None:
    with named_when_whole(tmp_path / "new" / "drive.mp4") as partial:
        make(partial)
        assert partial.suffix == ".mp4"
        assert not (tmp_path / "new" / "drive.mp4").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["drive.mp4"]


@pytest.mark.parametrize("make", [make_file, make_folder])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_after_an_error(
    make: Callable[[Path], None], error: type[BaseException], tmp_path: Path
) -> None:
    def fail() -> None:
        with named_when_whole(tmp_path / "drive") as partial:
            make(partial)
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["drive.mp4", "drive.partial.mp4"])
def test_what_is_there_is_left_alone(name: str, tmp_path: Path) -> None:
    make_file(tmp_path / name)
    with (
        pytest.raises(FileExistsError, match=name),
        named_when_whole(tmp_path / "drive.mp4") as partial,
    ):
        make_file(partial)
    assert (tmp_path / name).read_text() == "whole"


def test_what_was_there_is_replaced_by_something_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.png"
    write_whole(path, b"old")
    with replaced_when_whole(path) as partial:
        partial.write_bytes(b"new")
        assert partial.suffix == ".png"
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "state.png"
    write_whole(path, b"old", sync=True)

    def fail() -> None:
        with replaced_when_whole(path) as partial:
            partial.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    check_output(tmp_path / "new" / "folders" / "drive.mp4")
    assert list(tmp_path.iterdir()) == []
    make_file(tmp_path / "file")
    with pytest.raises(FileExistsError, match="file exists already: give another output"):
        check_output(tmp_path / "file")
    with pytest.raises(OSError, match=r"file/drive: cannot be written: .*/file: Not a directory"):
        check_output(tmp_path / "file" / "drive")
