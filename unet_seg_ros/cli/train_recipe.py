# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg train --recipe`: the stages of a recipe file, one after another."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from unet_seg_ros.cli.arguments import parse_path

if TYPE_CHECKING:
    from unet_seg_ros.training.recipe import Recipe
    from unet_seg_ros.training.recipe_file import Stage
    from unet_seg_ros.training.run import Outcome

# What says where to run, and not what to learn.
_WHERE_TO_RUN = ("accelerator", "strategy", "precision", "compile", "workers")
_OF_RECIPES = ("recipe", "data_root", "without", "out")


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Add --recipe and what belongs to it."""
    group.add_argument(
        "--recipe",
        default="",
        metavar="NAME|FILE",
        help="train in stages as a file says, or as a network of the box was trained; run again "
        "after Ctrl-C it goes on where it stopped (docs/training.md)",
    )
    group.add_argument(
        "--data-root",
        action="append",
        type=parse_path,
        metavar="FOLDER",
        help="where the recipe's data is; may be repeated",
    )
    group.add_argument(
        "--without",
        default="",
        metavar="NAME,NAME,...",
        help="data of the recipe to leave out, by the names in it",
    )


def train_stages(
    options: argparse.Namespace,
    recipe_of: Callable[[argparse.Namespace], Recipe],
    begin: Callable[[argparse.Namespace, Path], Outcome],
    resume: Callable[[Path], Outcome],
) -> tuple[Outcome | None, Path]:
    """Do what is left to do of a recipe.

    Args:
        options: Of the command.
        recipe_of: What options say is to be learnt.
        begin: Trains as options say, in a folder.
        resume: Goes on in a folder.

    Returns:
        How the last stage that was trained ended, None where nothing was left, and its folder.

    Raises:
        ValueError: The recipe cannot be used, an option contradicts it, or a stage was trained by
            another recipe.
    """
    from unet_seg_ros.training.recipe_file import load_recipe

    _refuse_what_the_recipe_says(options)
    names = [name for name in options.without.split(",") if name]
    stages = load_recipe(options.recipe, options.data_root or [], names)
    parsed = [_parsed(options, stage, number) for number, stage in enumerate(stages, 1)]
    for number, (stage, its_options) in enumerate(zip(stages, parsed, strict=True), 1):
        folder = options.out / stage.folder
        if any((folder / name).exists() for name in ("best.safetensors", "state.safetensors")):
            where = f"{options.recipe}, stage {number}"
            _refuse_another_stage(folder, recipe_of(its_options), where)
    outcome, before = None, Path()
    folder = options.out
    for number, (stage, its_options) in enumerate(zip(stages, parsed, strict=True), 1):
        folder = options.out / stage.folder
        if stage.follows:
            its_options.init = str(before / "best.safetensors")
        before = folder
        if (folder / "state.safetensors").exists():
            print(f"{options.recipe}: going on with stage {number} of {len(stages)} in {folder}")
            outcome = resume(folder)
        elif (folder / "best.md").exists():
            continue
        else:
            _clear(folder)
            print(f"{options.recipe}: stage {number} of {len(stages)} in {folder}")
            outcome = begin(its_options, folder)
        if outcome.scores is None:
            break
    return outcome, folder


def _parsed(options: argparse.Namespace, stage: Stage, number: int) -> argparse.Namespace:
    where = [
        f"--{name}={getattr(options, name)}"
        for name in _WHERE_TO_RUN
        if getattr(options, name) != options.default_of(name)
    ]
    try:
        parsed: argparse.Namespace = options.parse(
            [f"--out={stage.folder}", *where, *stage.arguments]
        )
    except SystemExit as error:
        raise ValueError(
            f"--recipe {options.recipe}: stage {number} has an option that cannot be taken; what "
            "is wrong with it stands above"
        ) from error
    return parsed


def _refuse_another_stage(folder: Path, recipe: Recipe, where: str) -> None:
    """Refuse to go on with or from a stage that does not learn as the recipe says today.

    What it learns from may have moved since: of its paths the last names are compared.
    """
    from unet_seg_ros.training.recipe import Recipe
    from unet_seg_ros.training.run_folder import read_description

    def what_is_learnt(recipe: Recipe) -> Recipe:
        recipe = recipe.with_absolute_paths()
        data = tuple(
            dataclasses.replace(
                spec,
                path=Path(spec.path).name,
                label_set=Path(spec.label_set).name,
                mapping=Path(spec.mapping).name,
                # 1 was the default before networks could enlarge, and means the same without that.
                enlarge=spec.enlarge or (None if recipe.enlarge else 1.0),
            )
            for spec in recipe.data
        )
        unlabelled = tuple(Path(path).name for path in recipe.unlabelled)
        recipe = dataclasses.replace(recipe, data=data, unlabelled=unlabelled, start="", teacher="")
        return Recipe.from_dict(recipe.to_dict())  # with tuples where options are lists

    before = Recipe.from_dict(read_description(folder).get("recipe", {}))
    # What the recipe left to the checkpoint that the stage starts from is written there.
    recipe = recipe.seeing(before.input_size, before.enlarge)
    if what_is_learnt(before) != what_is_learnt(recipe):
        raise ValueError(
            f"{folder}: was trained otherwise than {where} says today; give another --out, or "
            "remove that folder and those of the stages behind it"
        )


def _clear(folder: Path) -> None:
    """Remove what a stage left that was killed before its first validation."""
    if (folder / "run.json").is_file() and not (folder / "best.safetensors").exists():
        shutil.rmtree(folder)


def _refuse_what_the_recipe_says(options: argparse.Namespace) -> None:
    if options.devices > 1 or options.nodes > 1:
        raise ValueError(
            "--devices and --nodes: the stages of a recipe run on one device; on several, train "
            "each stage with a command of its own"
        )
    free = {*_WHERE_TO_RUN, *_OF_RECIPES, "run", "parse", "default_of"}
    for name, value in vars(options).items():
        if name not in free and value != options.default_of(name):
            raise ValueError(
                f"--{name.replace('_', '-')}: with --recipe the file says what to learn and how; "
                "leave this away, or write it into a recipe of your own"
            )
