# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Some pictures of a data set, chosen by name: those of a town, by night, without the rain."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_pictures import ids, row, write_picture

from unet_seg_ros.cli.data_spec import parse_data_spec
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError

WEATHERS = ("Clear_1_clear", "Clear_1_rain", "ClearNight_2_clear")


def names(pictures: LabelledPictures) -> list[str]:
    read = [pictures[position].name for position in range(len(pictures))]
    assert read == [pictures.name_of(position) for position in range(len(pictures))]
    return read


@pytest.fixture
def weathers(tmp_path: Path) -> str:
    for town in ("Town01", "Town05"):
        for weather in WEATHERS:
            write_picture(tmp_path / "set" / "images" / town / f"{town}{weather}.png", row(1))
            write_picture(tmp_path / "set" / "masks" / town / f"{town}{weather}.png", ids(1))
    return f"{tmp_path}/set,label-set=carla29"


def test_a_town_is_measured_on_and_the_rest_is_learnt_from(weathers: str) -> None:
    measured = parse_data_spec(f"{weathers},only=Town05").open()
    learnt = parse_data_spec(f"{weathers},without=Town05").open()
    assert set(names(measured)) == {f"Town05/Town05{weather}" for weather in WEATHERS}
    assert set(names(learnt)) == {f"Town01/Town01{weather}" for weather in WEATHERS}
    assert (set(measured.drives), set(learnt.drives)) == ({"Town05"}, {"Town01"})
    assert (measured.name, learnt.name) == ("set-only-Town05", "set-without-Town05")


def test_texts_are_alternatives_and_both_keys_count(weathers: str) -> None:
    chosen = parse_data_spec(f"{weathers},only=_rain+Night,without=Town01").open()
    assert names(chosen) == ["Town05/Town05ClearNight_2_clear", "Town05/Town05Clear_1_rain"]


def test_parts_are_those_of_the_chosen_pictures(tmp_path: Path) -> None:
    for part, name in (("train", "a_1"), ("train", "b_1"), ("val", "b_2")):
        write_picture(tmp_path / part / f"{name}.png", row(1))
        write_picture(tmp_path / f"{part}annot" / f"{name}.png", ids(1))
    chosen = parse_data_spec(f"{tmp_path},without=a_").open()
    assert chosen.parts == {"train": [0], "val": [1]}


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("only=Town07", "in its name; the first is called Town01/Town01ClearNight_2_clear"),
        ("without=town05", "has 'town05' in its name"),
        ("only=Town05,without=Town05", "leave no picture"),
    ],
)
def test_a_text_that_fits_nothing_is_refused(weathers: str, keys: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        parse_data_spec(f"{weathers},{keys}").open()
