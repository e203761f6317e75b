# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle

import numpy as np
import pytest

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.datasets.town import VIEWS_PER_TOWN, TownViews
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet

SMALL = (160, 120)


def is_same(a: Sample, b: Sample) -> bool:
    return a.name == b.name and bool((a.image == b.image).all() and (a.labels == b.labels).all())


def test_a_view_depends_on_seed_and_index_alone() -> None:
    views = TownViews(seed=7, count=1000, size=SMALL)
    first, other_view = views[3], views[4]
    other_town = TownViews(seed=8, count=4, size=SMALL)[3]
    sent = pickle.loads(pickle.dumps(views))
    assert is_same(sent[4], other_view)
    assert is_same(sent[3], first)
    assert (first.image != other_view.image).any()
    assert (first.image != other_town.image).any()


def test_a_data_set_of_the_town_has_views_of_camera_size_and_towns_as_drives() -> None:
    views = open_dataset(f"town:3:{VIEWS_PER_TOWN + 1}")
    assert len(views) == VIEWS_PER_TOWN + 1
    assert views.drives == ["town 0"] * VIEWS_PER_TOWN + ["town 1"]
    assert views.label_set == LabelSet.load("carla29")
    sample = views[0]
    assert sample.image.shape == (600, 800, 3)
    assert sample.labels is not None
    assert len(np.unique(sample.labels)) > 5
    assert sample.labels.max() < len(views.label_set)


def test_it_ends() -> None:
    with pytest.raises(IndexError):
        TownViews(count=3)[3]


@pytest.mark.parametrize("spec", ["town:x", "town:-1", "town:1:", "town:1:2:3", "town:1:0"])
def test_what_is_no_town_is_refused(spec: str) -> None:
    with pytest.raises(DataError, match=f"{spec}: "):
        open_dataset(spec)


def test_the_town_has_one_label_set() -> None:
    assert len(open_dataset("town", label_set="carla29")) == 1000
    with pytest.raises(DataError, match="is labelled in carla29"):
        open_dataset("town", label_set="carla13")
