# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.datasets.splits import block_split, evenly_spread, split
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet


@dataclass
class Unread:
    """A data set whose pictures are never read."""

    drives: Sequence[str]
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    name: str = "unread"
    label_set: LabelSet = LabelSet.load("nuclei2")  # noqa: RUF009
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()
    layout: str = "unread"

    def __len__(self) -> int:
        return len(self.drives)

    def name_of(self, index: int) -> str:
        """Return a name without reading."""
        return str(index)

    def __getitem__(self, index: int) -> Sample:
        raise AssertionError("a split reads no picture")


def drives(**counts: int) -> Unread:
    return Unread([name for name, count in counts.items() for _ in range(count)])


# --- blocks


def test_blocks_are_held_apart_with_a_margin() -> None:
    divided = block_split(30, block=5, every=3, margin=2)
    assert divided.validation == (10, 11, 12, 13, 14, 25, 26, 27, 28, 29)
    assert divided.train == (0, 1, 2, 3, 4, 5, 6, 7, 17, 18, 19, 20, 21, 22)


@given(st.integers(0, 500), st.integers(1, 50), st.integers(2, 6))
def test_no_training_frame_is_within_the_margin(count: int, block: int, every: int) -> None:
    margin = block // 2
    divided = block_split(count, block, every, margin)
    held_apart = {v + offset for v in divided.validation for offset in range(-margin, margin + 1)}
    assert held_apart.isdisjoint(divided.train)


@given(st.integers(50, 2000))
def test_one_drive_of_any_length_is_divided_with_the_margin(count: int) -> None:
    divided = split(drives(only=count))
    held_apart = {v + offset for v in divided.validation for offset in range(-10, 11)}
    assert held_apart.isdisjoint(divided.train)
    assert 0.05 < len(divided.validation) / count < 0.25
    assert len(divided.train) >= count / 2


def test_a_drive_too_short_for_a_block_is_refused() -> None:
    with pytest.raises(DataError, match=r"49 pictures of one drive, too few .* give 50 or more"):
        split(drives(only=49))


# --- parts


def test_published_parts_are_kept_and_test_is_in_neither() -> None:
    parts = {"train": range(3), "val": range(3, 5), "test": range(5, 9)}
    divided = split(Unread(["a"] * 3 + ["b"] * 6, parts))
    assert (divided.train, divided.validation) == ((0, 1, 2), (3, 4))
    assert divided.summary == (
        "3 pictures to train on, 2 held apart: its published parts; 4 of the test part unused"
    )


@pytest.mark.parametrize("rule", ["blocks", "drives", "random", "train", "validate", "auto"])
def test_a_test_part_is_for_neither_whatever_the_rule(rule: str) -> None:
    parts = {"train": range(100), "test": range(100, 160)}
    divided = split(Unread(["a"] * 40 + ["b"] * 60 + ["a"] * 60, parts), rule)
    assert divided.train or divided.validation
    assert max((*divided.train, *divided.validation)) < 100
    assert divided.summary.endswith("; 60 of the test part unused")


def test_parts_that_share_a_drive_say_so() -> None:
    divided = split(Unread(["a", "b", "b"], {"train": range(2), "val": range(2, 3)}))
    assert divided.summary.endswith("its published parts, which share the drive b")


def test_parts_that_are_not_there_are_refused() -> None:
    with pytest.raises(DataError, match=r"unread: has no parts; .* needs train and val"):
        split(drives(a=100), "parts")
    with pytest.raises(DataError, match="has the parts train"):
        split(Unread(["a"], {"train": range(1)}), "parts")


# --- drives


@pytest.mark.parametrize(
    ("counts", "held"),
    [
        ({"a": 62, "b": 101, "c": 305}, {"b"}),
        ({"a": 80, "b": 10, "c": 10}, {"b", "c"}),
        ({"a": 500, "b": 400}, {"b"}),
    ],
)
def test_whole_drives_of_about_a_fifth_are_held_apart(
    counts: dict[str, int], held: set[str]
) -> None:
    pictures = drives(**counts)
    divided = split(pictures)
    assert {pictures.drives[position] for position in divided.validation} == held
    assert {pictures.drives[position] for position in divided.train} == set(counts) - held
    assert sorted(divided.train + divided.validation) == list(range(len(pictures)))


@given(st.lists(st.integers(2, 300), min_size=2, max_size=30))
def test_no_drive_is_on_both_sides(sizes: list[int]) -> None:
    pictures = drives(**{f"drive {number}": size for number, size in enumerate(sizes)})
    divided = split(pictures, "drives")
    train = {pictures.drives[position] for position in divided.train}
    validation = {pictures.drives[position] for position in divided.validation}
    assert train
    assert validation
    assert train.isdisjoint(validation)


def test_of_independent_pictures_a_tenth_is_held_apart_and_stays_so() -> None:
    few = Unread([f"picture {number}" for number in range(1000)])
    more = Unread([f"picture {number}" for number in range(-1000, 1000)])
    held = {few.drives[position] for position in split(few).validation}
    held_of_more = {more.drives[position] for position in split(more).validation}
    assert 70 < len(held) < 130
    assert held == held_of_more & set(few.drives)


def test_one_drive_is_not_divided_by_drives() -> None:
    with pytest.raises(DataError, match=r"has one drive; .* divide it by blocks"):
        split(drives(a=1000), "drives")


# --- random, and other names


def test_frames_at_random_are_held_apart_only_when_asked_for() -> None:
    pictures = drives(only=100)
    divided = split(pictures, "random")
    assert len(divided.validation) == 20
    assert sorted(divided.train + divided.validation) == list(range(100))
    assert divided == split(pictures, "random")
    assert "though neighbours in a drive look alike" in divided.summary
    assert split(pictures) == split(pictures, "blocks")


def test_a_whole_data_set_may_be_for_one_purpose() -> None:
    everything = tuple(range(4))
    learnt, measured = (split(drives(only=4), rule) for rule in ("train", "validate"))
    assert (learnt.train, learnt.validation) == (everything, ())
    assert (measured.train, measured.validation) == ((), everything)


def test_too_few_pictures_and_unknown_rules_are_refused() -> None:
    with pytest.raises(DataError, match="has 4 pictures, too few"):
        split(drives(only=4), "random")
    with pytest.raises(DataError, match="no split 'halves'; give one of auto, parts, drives"):
        split(drives(only=4), "halves")


def test_town02_is_divided_in_blocks_of_125(shared_data: Path) -> None:
    divided = split(open_dataset(str(shared_data / "carla_town02")))
    assert divided == block_split(2875, block=125, every=5, margin=10)
    assert divided.validation[:2] == (500, 501)
    assert (len(divided.train), len(divided.validation)) == (2295, 500)


@given(count=st.integers(1, 500), at_most=st.integers(1, 500))
def test_one_of_each_of_so_many_parts_is_taken(count: int, at_most: int) -> None:
    positions = range(7, 7 + count)
    chosen = evenly_spread(positions, at_most)
    assert len(chosen) == min(count, at_most)
    for number, position in enumerate(chosen):
        start, end = (k * count // len(chosen) for k in (number, number + 1))
        assert position in positions[start:end]


@pytest.mark.parametrize("cameras", [2, 3, 5, 6])
def test_cameras_that_take_turns_are_all_taken(cameras: int) -> None:
    """Every so many-th of their pictures would be one camera's."""
    chosen = evenly_spread(range(300 * cameras), 60)
    counts = [sum(position % cameras == camera for position in chosen) for camera in range(cameras)]
    assert min(counts) > 0.5 * 60 / cameras


def test_parts_have_several_names() -> None:
    parts = {"train": [0], "valid": [1], "test": [2], "training": [3], "val": [4], "testing": [5]}
    pictures = Unread(list("abcdef"), parts)
    divided = split(pictures)
    assert (divided.train, divided.validation) == ((0, 3), (1, 4))
    assert set(split(pictures, "train").train) == {0, 1, 3, 4}
