# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from unet_seg_ros import weights
from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.training.recipe_file import RecipeError, built_in_recipes, load_recipe

IN_THE_BOX = sorted(path.stem for path in Path(weights.__file__).parent.glob("*.safetensors"))

RECIPE = """\
data:
  mine: "{data}/drives,share=2"
  theirs: "{data}/other,split=train"
  town: town:0:10
unlabelled:
  drive: "{data}/drive.mp4"
options: {label-set: carla29, crop: [64x48, 32x32]}
stages:
  - {max-class-weight: 4, steps: 8}
  - {max-class-weight: 1, steps: 2, fit-biases: true}
  - {init: carla29-small, label-set: carla13, steps: 3}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    for name in ("a/drives", "b/drives", "b/other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b" / "drive.mp4").touch()
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return str(tmp_path / "mine.yaml")


def test_stages_have_what_all_have_and_what_is_their_own(recipe: str, tmp_path: Path) -> None:
    first, second, third = load_recipe(recipe, [tmp_path / "a", tmp_path / "b"])
    pictures = [
        f"--data={tmp_path}/a/drives,share=2",
        f"--data={tmp_path}/b/other,split=train",
        "--data=town:0:10",
        f"--unlabelled={tmp_path}/b/drive.mp4",
    ]
    common = ["--label-set=carla29", "--crop=64x48", "--crop=32x32"]
    assert first.arguments == [*pictures, *common, "--max-class-weight=4", "--steps=8"]
    assert second.arguments[-2:] == ["--steps=2", "--fit-biases"]
    assert "--label-set=carla13" in third.arguments
    assert [stage.folder for stage in (first, second, third)] == ["mine_1", "mine_2", "mine"]
    assert [stage.follows for stage in (first, second, third)] == [False, True, False]


def test_data_can_be_left_out_by_name(recipe: str, tmp_path: Path) -> None:
    stages = load_recipe(recipe, [tmp_path / "a"], without=["theirs", "drive"])
    assert [item for item in stages[0].arguments if "data" in item or "unlabelled" in item] == [
        f"--data={tmp_path}/a/drives,share=2",
        "--data=town:0:10",
    ]


def test_a_stage_may_leave_data_out(tmp_path: Path) -> None:
    path = tmp_path / "staged.yaml"
    path.write_text("data: {a: town, b: town:1}\nstages: [{without: [b]}, {steps: 2}]\n")
    first, second = load_recipe(str(path), [])
    assert first.arguments == ["--data=town"]
    assert second.arguments == ["--data=town", "--data=town:1", "--steps=2"]
    with pytest.raises(RecipeError, match="stage 1: no data is left to learn from"):
        load_recipe(str(path), [], without=["a"])


def test_data_may_be_that_of_another_recipe(recipe: str, tmp_path: Path) -> None:
    more = tmp_path / "more.yaml"
    more.write_text(f"data: {recipe}\nstages: [{{init: mine.safetensors, steps: 2}}]\n")
    [stage] = load_recipe(str(more), [tmp_path / "b"], without=["theirs"])
    assert list(stage.arguments[:2]) == [f"--data={tmp_path}/b/drives,share=2", "--data=town:0:10"]
    more.write_text("data: hers\nstages: [{steps: 2}]\n")
    with pytest.raises(RecipeError, match=r"more.yaml: data: hers: is neither one of .*carla29-"):
        load_recipe(str(more), [])
    more.write_text(f"data: {more}\nstages: [{{steps: 2}}]\n")
    with pytest.raises(RecipeError, match=r"more.yaml: data: .*more.yaml has no data of its own"):
        load_recipe(str(more), [])


def test_what_is_missing_is_named_with_what_to_do(recipe: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"mine: drives is in no folder, since --data-root names"):
        load_recipe(recipe, [])
    with pytest.raises(RecipeError, match=r"theirs: other is in none of .*/a; .*--without theirs"):
        load_recipe(recipe, [tmp_path / "a"])
    with pytest.raises(RecipeError, match=r"--without ours: has no data of that name, only mine,"):
        load_recipe(recipe, [tmp_path / "b"], without=["ours"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must have data and stages"),
        ("data: {a: town}", "must have data and stages"),
        ("data: {a: town}\nstages: []", "stages must be a list with at least one"),
        ("data: [town]\nstages: [{}]", "data must have entries"),
        ("data: {a: [town]}\nstages: [{}]", "a: must be what stands behind --data"),
        ("data: {a: town}\nstages: [{without: [b]}]", "a stage's without: b: has no data of that"),
        ("data: {a: town}\nstages: [{without: a}]", "without: must be a list of names of data"),
        ("data: {a: town}\nstages: [{}]\nmore: 1", "nothing else than data, unlabelled"),
        ("data: {", "--recipe .*: is neither one of camvid11, "),
    ],
)
def test_what_is_no_recipe_is_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=why):
        load_recipe(str(path), [])


def test_every_checkpoint_in_the_box_has_a_recipe_for_the_shared_data(shared_data: Path) -> None:
    assert set(IN_THE_BOX) <= set(built_in_recipes())
    for name in built_in_recipes():
        # Their pictures are laid beside them by a script.
        regions = ["regions", "regions-town05", "regions-weathers", "regions-carla08"]
        stages = load_recipe(name, [shared_data], regions if name.startswith("carla") else [])
        assert stages[-1].folder == name
        for stage in stages:
            for argument in stage.arguments:
                if argument.startswith("--data="):
                    DataSpec.parse(argument.removeprefix("--data="))
