# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a recipe says of files is the same in every folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.training.recipe import Recipe
from unet_seg_ros.training.trainer import Optimization


def test_paths_become_absolute_and_names_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    data = (
        DataSpec("drives", label_set="mine.yaml", mapping="../map.yaml", share=2.0),
        DataSpec("~/drives", label_set="camvid11"),
        DataSpec("town:3:50"),
    )
    recipe = Recipe(
        data,
        Optimization(steps=1),
        label_set="carla29",
        encoder_weights="imagenet",
        start="carla29-small",
        unlabelled=("drive.mp4", "/bags/one"),
        teacher="runs/best.safetensors",
    ).with_absolute_paths()
    assert recipe.data == (
        DataSpec(
            f"{tmp_path}/drives",
            label_set=f"{tmp_path}/mine.yaml",
            mapping=f"{tmp_path}/../map.yaml",
            share=2.0,
        ),
        DataSpec("/home/me/drives", label_set="camvid11"),
        DataSpec("town:3:50"),
    )
    assert (recipe.label_set, recipe.encoder_weights) == ("carla29", "imagenet")
    assert (recipe.start, recipe.teacher) == ("carla29-small", f"{tmp_path}/runs/best.safetensors")
    assert recipe.unlabelled == (f"{tmp_path}/drive.mp4", "/bags/one")
