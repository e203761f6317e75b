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
    """The pictures it is measured on show towns that it never saw, at 800x600."""
    recipe = Recipe(
        data=(DataSpec("town:0:500"),),
        optimization=Optimization(steps=500),
        input_size=(200, 150),
        crops=((160, 120),),
        batch_px=96_000,
        max_class_weight=1.0,
        validate_every=500,
    )
    outcome = training.start(recipe, Hardware(accelerator="cpu"), tmp_path / "town", "")
    assert outcome.scores is not None
    assert outcome.scores["town-0"].pixel_accuracy > 0.85
