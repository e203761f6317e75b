# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a network learns to see, from nothing, in minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.training import run as training
from unet_seg_ros.training.recipe import Hardware, Recipe
from unet_seg_ros.training.trainer import Optimization


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_five_minutes_in_the_town_teach_what_is_where(tmp_path: Path) -> None:
    """It is measured at 800x600, on other views of the towns that it learnt from."""
    recipe = Recipe(
        data=(DataSpec("town:0:400", split="random"),),
        optimization=Optimization(steps=1000, learning_rate=5e-3),
        label_set="carla13",
        input_size=(160, 120),
        crops=((144, 112),),
        batch_px=4 * 144 * 112,
        variation="light",
        max_class_weight=1.0,
        validate_every=1000,
    )
    outcome = training.start(recipe, Hardware(accelerator="cpu"), tmp_path / "town", "")
    assert outcome.scores is not None
    assert outcome.scores["town-0"].pixel_accuracy > 0.8
