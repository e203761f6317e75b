# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from unet_seg_ros import weights
from unet_seg_ros.model.checkpoint import load_checkpoint
from unet_seg_ros.weights import AUTO, checkpoint_for, find_checkpoint

IN_THE_BOX = sorted(Path(weights.__file__).parent.glob("*.safetensors"))


def test_a_name_is_a_file_in_the_box_and_anything_else_a_path() -> None:
    assert find_checkpoint("carla29-small") in IN_THE_BOX
    assert find_checkpoint("mine.safetensors") == Path("mine.safetensors")
    assert find_checkpoint("/somewhere/mine") == Path("/somewhere/mine")


def test_a_name_that_is_not_in_the_box_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="no 'nonsense' in the box") as refused:
        find_checkpoint("nonsense")
    assert ", ".join(path.stem for path in IN_THE_BOX) in str(refused.value)
    assert str(IN_THE_BOX[0].parent) not in str(refused.value)


def test_auto_is_the_large_one_on_cuda_and_the_small_one_elsewhere() -> None:
    assert checkpoint_for("cpu") == find_checkpoint("carla29-small")
    assert checkpoint_for("cuda:0") == checkpoint_for("cuda:1") == find_checkpoint("carla29-large")


def test_auto_itself_is_no_checkpoint() -> None:
    with pytest.raises(ValueError, match="no 'auto' in the box"):
        find_checkpoint(AUTO)


@pytest.mark.parametrize("path", IN_THE_BOX, ids=lambda path: path.stem)
def test_every_checkpoint_in_the_box_loads_and_has_a_card_with_its_figures(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    card = path.with_suffix(".md").read_text()
    assert checkpoint.name == path.stem
    assert path.stat().st_size < 8_000_000
    for figures in checkpoint.metrics.values():
        assert f"mIoU {figures['miou']:.3f}" in card
