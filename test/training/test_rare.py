# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from collections import Counter

import numpy as np
import pytest

from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.training.rare import Counted, RarePicker, paste_thing, rarities

CARLA = LabelSet.load("carla29")
ROAD, CAR, PERSON, POLE, LIGHT = (
    CARLA.class_id(name) for name in ("Roads", "Car", "Pedestrian", "Pole", "TrafficLight")
)
EVERY = np.array([True, True])


def counted(*pictures: dict[int, int], share: float = 1.0) -> Counted:
    pixels = np.zeros((len(pictures), 256), np.int64)
    for number, rows in enumerate(pictures):
        for row, count in rows.items():
            pixels[number, row] = count
    return Counted(pixels, share)


def sets() -> list[Counted]:
    plain = counted(*[{ROAD: 9000, CAR: 900}] * 200)
    with_people = counted(*[{ROAD: 9000, CAR: 900}] * 80, *[{ROAD: 9000, PERSON: 60}] * 20)
    return [plain, with_people]


def test_rare_classes_are_drawn_from_pictures_that_show_them() -> None:
    pick = RarePicker(sets(), range(len(CARLA)))
    assert pick.rows_of() == [ROAD, PERSON, CAR]
    picks = [pick(EVERY, np.random.default_rng(seed)) for seed in range(200)]
    rows = Counter(found.row for found in picks if found)
    assert rows[PERSON] > 150
    people = [found.draw for found in picks if found and found.row == PERSON]
    assert all(draw.set_number == 1 and draw.position >= 80 for draw in people)
    assert len(set(people)) > 15


def test_what_few_pictures_show_is_drawn_less_often() -> None:
    pictures = [{ROAD: 9000, PERSON: 60}] * 40 + [{ROAD: 9000, LIGHT: 60}]
    pick = RarePicker([counted(*pictures)], [PERSON, LIGHT])
    picks = [pick(EVERY[:1], np.random.default_rng(seed)) for seed in range(400)]
    rows = Counter(found.row for found in picks if found)
    assert 0 < rows[LIGHT] < 0.25 * rows[PERSON]


def test_a_set_that_sits_out_is_not_drawn_from() -> None:
    pick = RarePicker(sets(), [PERSON])
    assert pick(np.array([True, False]), np.random.default_rng(0)) is None


def test_nothing_is_cut_out_of_pictures_that_are_labelled_in_part() -> None:
    partly = counted({ROAD: 500, PERSON: 60, UNKNOWN_ID: 9000})
    with pytest.raises(ValueError, match=r"--paste 0.3: no picture that is labelled all over"):
        rarities([partly], CARLA, focus=0, paste=0.3)
    found = rarities([partly], CARLA, focus=0.3, paste=0)
    assert found
    assert found.pick.rows_of() == [ROAD, PERSON]


def test_signals_and_signs_are_cut_out_of_those_as_well() -> None:
    """Regions drawn by hand are rarely all of a picture, and show most of the signals."""
    partly = counted({ROAD: 500, PERSON: 60, POLE: 60, LIGHT: 60, UNKNOWN_ID: 9000})
    found = rarities([partly], CARLA, focus=0, paste=0.3)
    assert found
    assert found.pick_thing.rows_of() == [LIGHT]


def test_riders_and_what_they_ride_are_cut_out_as_often_as_people() -> None:
    """They come along with each other, and a network that saw three riders a person saw riders."""
    ridden = [CARLA.class_id(name) for name in ("Rider", "Motorcycle", "Bicycle")]
    street = counted(*[{ROAD: 90_000, **dict.fromkeys([PERSON, *ridden], 60)}] * 30)
    found = rarities([street], CARLA, focus=0, paste=0.3)
    assert found
    picks = [found.pick_thing(EVERY[:1], np.random.default_rng(seed)) for seed in range(400)]
    rows = Counter(pick.row for pick in picks if pick)
    assert set(rows) == {PERSON, *ridden}
    assert rows[PERSON] == pytest.approx(200, abs=40)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"--rare .*: give the share of the crops, from 0 to 1"):
        rarities(sets(), CARLA, focus=share, paste=0)


def test_nothing_asked_for_is_nothing() -> None:
    assert rarities(sets(), CARLA, focus=0, paste=0) is None


def test_a_thing_comes_whole_with_what_it_touches_and_nothing_else() -> None:
    rows = np.full((40, 60), ROAD, np.uint8)
    rows[10:30, 12], rows[8:14, 11:14] = POLE, LIGHT
    rows[20:30, 40:44] = PERSON
    image = np.repeat(rows[..., None] * 8, 3, axis=2)
    onto = np.zeros_like(image), np.full_like(rows, CAR)
    places = set()
    for seed in range(60):
        mixed, mixed_rows = paste_thing(
            onto, (image, rows), LIGHT, [POLE, LIGHT, PERSON], np.random.default_rng(seed)
        )
        is_new = mixed_rows != CAR
        assert Counter(mixed_rows[is_new].tolist()) == Counter({LIGHT: 18, POLE: 16})
        assert np.flatnonzero(is_new.any(axis=1)).tolist() == list(range(8, 30))
        assert (mixed[~is_new] == 0).all()
        assert mixed[is_new].any(axis=1).all()
        places.add(int(np.flatnonzero(is_new.any(axis=0))[0]))
    assert len(places) > 20
    assert not onto[0].any()
    assert (onto[1] == CAR).all()


@pytest.mark.parametrize("columns", [np.s_[:4], np.s_[56:]])
def test_what_a_side_cuts_off_stays_at_a_side(columns: slice) -> None:
    rows = np.full((40, 60), ROAD, np.uint8)
    rows[10:30, columns] = PERSON
    image = np.repeat(rows[..., None] * 8, 3, axis=2)
    onto = np.zeros_like(image), np.full_like(rows, CAR)
    places = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        is_new = paste_thing(onto, (image, rows), PERSON, [PERSON], rng)[1] == PERSON
        places.add(tuple(np.flatnonzero(is_new.any(axis=0)).tolist()))
    assert places == {(0, 1, 2, 3), (56, 57, 58, 59)}


def test_what_is_not_there_is_not_pasted() -> None:
    onto = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    assert paste_thing(onto, onto, LIGHT, [LIGHT], np.random.default_rng(0)) is onto
