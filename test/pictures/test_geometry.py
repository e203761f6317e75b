# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.pictures.geometry import (
    area_matrix,
    enlarge_labels,
    nearest_indices,
    network_size,
    resize,
    resize_matrix,
    shrink,
)

sides = st.integers(1, 400)


@pytest.mark.parametrize(
    ("frame", "limit", "expected"),
    [
        ((800, 600), (400, 300), (400, 300)),
        ((1920, 1080), (400, 300), (400, 225)),
        ((600, 800), (400, 300), (225, 300)),
        ((160, 80), (400, 300), (160, 80)),
        ((400, 301), (400, 300), (399, 300)),
        ((10_000, 3), (400, 300), (400, 1)),
        ((1, 1), (400, 300), (1, 1)),
    ],
)
def test_a_frame_is_shrunk_until_it_fits(
    frame: tuple[int, int], limit: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert network_size(frame, limit) == expected


@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_the_network_size_fits_is_not_larger_and_keeps_the_aspect_ratio(
    frame: tuple[int, int], limit: tuple[int, int]
) -> None:
    size = network_size(frame, limit)
    scale = min(1.0, limit[0] / frame[0], limit[1] / frame[1])
    for small, large, most in zip(size, frame, limit, strict=True):
        assert 1 <= small <= min(large, most)
        assert small == 1 or abs(small - large * scale) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("frame", "expected"),
    [((160, 80), (400, 200)), ((1, 1), (300, 300)), ((800, 600), (400, 300)), ((399, 2), (400, 2))],
)
def test_a_smaller_frame_may_be_enlarged_until_it_fits(
    frame: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert network_size(frame, (400, 300), enlarge=True) == expected


def test_shrinking_takes_the_mean_of_what_a_pixel_covers() -> None:
    picture = np.array([[0, 100, 200, 40, 80, 120]], np.uint8).repeat(3, axis=0)[..., None]
    picture = picture.repeat(3, axis=2)
    assert shrink(picture, (2, 1))[0, :, 0].tolist() == [100, 80]


@given(st.data())
def test_enlarged_labels_are_those_at_the_pixel_centres(data: st.DataObject) -> None:
    width, height = data.draw(sides), data.draw(sides)
    small = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    labels = np.random.default_rng(0).integers(0, 256, small[::-1], dtype=np.uint8)
    enlarged = enlarge_labels(labels, (width, height))
    rows, columns = nearest_indices(small[1], height), nearest_indices(small[0], width)
    np.testing.assert_array_equal(enlarged, labels[rows][:, columns])
    # Fixed-point arithmetic may decide otherwise where a centre lies on a border.
    for indices, count in ((rows, small[1]), (columns, small[0])):
        centres = (np.arange(len(indices)) + 0.5) * count / len(indices)
        assert (np.abs(centres - (indices + 0.5)) <= 0.5 + 0.01).all()


@pytest.mark.parametrize(
    ("frame", "seen"),
    [
        *[((80, 60), (40, 30)), ((192, 108), (40, 23)), ((79, 61), (40, 31)), ((37, 20), (36, 19))],
        *[
            ((40, 30), (80, 60)),
            ((40, 23), (192, 108)),
            ((36, 19), (37, 20)),
            ((1, 9), (5, 45)),
            ((190, 383), (190, 384)),
        ],
    ],
)
def test_matrices_resize_as_opencv_does(frame: tuple[int, int], seen: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*frame[::-1], 3), dtype=np.uint8)
    rows, columns = resize_matrix(frame[1], seen[1]), resize_matrix(frame[0], seen[0])
    means = np.einsum("hH,HWc,wW->hwc", rows, picture.astype(np.float32), columns)
    difference = np.floor(means + 0.5) - resize(picture, seen)
    assert np.abs(difference).max() <= 1
    # OpenCV enlarges with weights of eight bits.
    assert np.mean(difference != 0) < (0.01 if max(seen) < max(frame) else 0.15)


@given(sides, st.data())
def test_rows_of_an_area_matrix_sum_to_one(source: int, data: st.DataObject) -> None:
    target = data.draw(st.integers(1, source))
    matrix = area_matrix(source, target)
    assert matrix.shape == (target, source)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(matrix.sum(axis=0), target / source, rtol=1e-5)
