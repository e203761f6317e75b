# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from collections import Counter

import numpy as np
import pytest

from unet_seg_ros.training.sampler import StepSampler


def one_set(length: int, count: int, seed: int = 0) -> StepSampler:
    return StepSampler([length], np.ones((1, 1)), [count], seed)


def test_a_step_is_the_same_whatever_was_asked_before() -> None:
    shares = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    forward = [StepSampler([5, 7, 11], shares, [4, 9], seed=3)(step) for step in range(50)]
    sampler = StepSampler([5, 7, 11], shares, [4, 9], seed=3)
    assert [sampler(step) for step in reversed(range(50))] == forward[::-1]


def test_a_late_step_needs_no_count_of_the_earlier_ones() -> None:
    # A million steps of a hundred pictures: going through them would take minutes.
    draws = one_set(1000, 100)(1_000_000).draws
    assert len(set(draws)) == 100


def test_another_seed_deals_otherwise() -> None:
    assert one_set(100, 10, seed=0)(0) != one_set(100, 10, seed=1)(0)


@pytest.mark.parametrize(("length", "count"), [(7, 3), (3, 7), (1, 4), (1500, 400)])
def test_no_picture_comes_again_before_all_have_come(length: int, count: int) -> None:
    sampler = one_set(length, count)
    steps = range(4 * length // count + 1)
    positions = [draw.position for step in steps for draw in sampler(step).draws]
    passes = np.reshape(positions[: len(positions) // length * length], (-1, length))
    assert (np.sort(passes, axis=1) == np.arange(length)).all()
    assert length == 1 or len({tuple(order) for order in passes.tolist()}) > 1


def test_no_picture_of_a_set_is_left_out_where_sets_and_crops_take_turns() -> None:
    shares = np.array([[0.9, 0.1], [0.25, 0.75], [1.0, 0.0]])
    sampler = StepSampler([10, 13], shares, [5, 7, 2], seed=0)
    positions: dict[int, list[int]] = {0: [], 1: []}
    for step in range(600):
        for draw in sampler(step).draws:
            positions[draw.set_number].append(draw.position)
    for number, length in enumerate((10, 13)):
        dealt = positions[number]
        passes = np.reshape(dealt[: len(dealt) // length * length], (-1, length))
        assert len(passes) > 50
        assert (np.sort(passes, axis=1) == np.arange(length)).all()


def test_shares_are_kept_and_evenly_spread() -> None:
    shares = np.array([0.7, 0.25, 0.05])
    sampler = StepSampler([10, 10, 10], shares[None], [4], seed=0)
    counts = np.zeros(3)
    for step in range(1000):
        counts += np.bincount([draw.set_number for draw in sampler(step).draws], minlength=3)
        np.testing.assert_allclose(counts, 4 * (step + 1) * shares, atol=2)


def test_a_set_without_a_share_of_a_crop_size_sits_out() -> None:
    sampler = StepSampler([5, 5], np.array([[0.5, 0.5], [0.0, 1.0]]), [6, 6], seed=0)
    for step in map(sampler, range(20)):
        assert {draw.set_number for draw in step.draws} == ({1} if step.crop == 1 else {0, 1})


def test_every_crop_size_has_its_turn_once_a_round_in_changing_order() -> None:
    sampler = StepSampler([5], np.ones((3, 1)), [1, 2, 3], seed=0)
    steps = [sampler(step) for step in range(60)]
    rounds = np.reshape([step.crop for step in steps], (-1, 3))
    assert (np.sort(rounds, axis=1) == np.arange(3)).all()
    assert len({tuple(order) for order in rounds.tolist()}) > 3
    assert all(len(step.draws) == step.crop + 1 for step in steps)


def test_every_picture_of_every_step_has_random_numbers_of_its_own() -> None:
    sampler = one_set(5, 5)
    first = [sampler.generator(step, place).random() for step in range(20) for place in range(20)]
    again = [sampler.generator(step, place).random() for step in range(20) for place in range(20)]
    assert first == again
    assert max(Counter(first).values()) == 1
