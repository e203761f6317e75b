# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recipe files: a training in stages, each of which starts from what the one before it learnt.

data:                                  # every entry has a name, by which it can be left out
  mine: "{data}/my_drives,share=2"     # as behind --data; {data} is what --data-root says
unlabelled:                            # likewise, as behind --unlabelled; may be missing
  drive: "{data}/drive.mp4"
options: {label-set: carla29}          # of all stages, as `unet-seg train` has them
stages:                                # what each has beside that, or otherwise
  - {max-class-weight: 4, steps: 8000}
  - {max-class-weight: 1, steps: 2000, fit-biases: true, without: [drive]}

In the place of entries, `data: carla29-small` is the data of another recipe. A stage may leave some
of the data out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from unet_seg_ros.datasets.spec import DataSpec

_BUILT_IN = Path(__file__).parent / "recipes"
_PLACE = "{data}"
_ENTRIES = ("data", "unlabelled", "options", "stages")


class RecipeError(ValueError):
    """A recipe file that cannot be used; the message says which, where and why."""


@dataclass(frozen=True)
class Stage:
    """One training of a recipe.

    Attributes:
        folder: The name of its run folder: the recipe's, with a number but for the last stage.
        arguments: Of `unet-seg train`, without --out; with --init where the file names one.
        follows: Whether it starts from the stage before it.
    """

    folder: str
    arguments: Sequence[str]
    follows: bool


def built_in_recipes() -> tuple[str, ...]:
    """Return the names of the recipes in the package."""
    return tuple(sorted(path.stem for path in _BUILT_IN.glob("*.yaml")))


def load_recipe(
    name_or_path: str, roots: Sequence[Path], without: Collection[str] = ()
) -> list[Stage]:
    """Read a recipe, by its name in the package or by its path.

    Args:
        name_or_path: Which.
        roots: Folders, in the first of which that has it each entry's `{data}/...` is found.
        without: Names of entries to leave out.

    Raises:
        RecipeError: There is none, it is none, or pictures that it names are missing.
    """
    path, document = _read("--recipe", name_or_path)
    try:
        return _stages(path.stem, document, roots, without)
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error


def _read(asked_by: str, name_or_path: str) -> tuple[Path, object]:
    """Return where the recipe that something asks for is, and what is in it."""
    built_in = _BUILT_IN / f"{name_or_path}.yaml"
    path = built_in if name_or_path in built_in_recipes() else Path(name_or_path).expanduser()
    try:
        return path, yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(
            f"{asked_by} {name_or_path}: is neither one of {', '.join(built_in_recipes())} nor a "
            f"file that can be read: {' '.join(str(error).split())}"
        ) from error


def _stages(
    name: str, document: object, roots: Sequence[Path], without: Collection[str]
) -> list[Stage]:
    if not isinstance(document, dict) or not {"data", "stages"} <= set(document) <= set(_ENTRIES):
        raise ValueError(f"must have data and stages, and nothing else than {', '.join(_ENTRIES)}")
    data = _data(document["data"])
    unlabelled, options = (
        _mapping(key, document.get(key, {})) for key in ("unlabelled", "options")
    )
    stages = document["stages"]
    if not isinstance(stages, list) or not stages:
        raise ValueError("stages must be a list with at least one stage")
    found = []
    for number, stage in enumerate(stages, 1):
        merged = {**options, **_mapping("a stage", stage)}
        left_out = _names_to_leave_out(merged.pop("without", []), without, [*data, *unlabelled])
        if left_out >= set(data):
            raise ValueError(f"stage {number}: no data is left to learn from")
        pictures = [
            f"--{option}={_placed(entry, spec, roots)}"
            for option, entries in (("data", data), ("unlabelled", unlabelled))
            for entry, spec in entries.items()
            if entry not in left_out
        ]
        found.append(
            Stage(
                folder=name if number == len(stages) else f"{name}_{number}",
                arguments=[*pictures, *_arguments(merged)],
                follows=number > 1 and "init" not in merged,
            )
        )
    return found


def _names_to_leave_out(
    of_stage: object, of_all: Collection[str], known: Sequence[str]
) -> set[str]:
    """Return which data a stage leaves out; raises ValueError where a name is none of `known`."""
    if not isinstance(of_stage, list):
        raise ValueError("without: must be a list of names of data, [NAME, NAME]")
    for asked_by, names in (("--without", of_all), ("a stage's without:", of_stage)):
        if unknown := sorted(set(map(str, names)) - set(known)):
            raise ValueError(
                f"{asked_by} {unknown[0]}: has no data of that name, only {', '.join(known)}"
            )
    return {*of_all, *map(str, of_stage)}


def _data(value: object) -> dict[str, object]:
    """Return the data of a recipe, or of the other one that it names, by name or path."""
    if not isinstance(value, str) or not value:
        return _mapping("data", value)
    path, other = _read("data:", value)
    if not isinstance(other, dict) or not isinstance(other.get("data"), dict):
        raise ValueError(f"data: {path} has no data of its own")
    return _mapping("data", other["data"])


def _mapping(what: str, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must have entries, NAME: VALUE")
    return dict(value)


def _placed(name: str, spec: object, roots: Sequence[Path]) -> str:
    """Return what stands behind --data for an entry, with the first root that has it."""
    if not isinstance(spec, str) or not spec:
        raise ValueError(f"{name}: must be what stands behind --data or --unlabelled")
    if _PLACE not in spec:
        return spec
    for root in roots:
        placed = spec.replace(_PLACE, str(root.expanduser()))
        if Path(DataSpec.parse(placed).path).exists():
            return placed
    place = DataSpec.parse(spec.replace(f"{_PLACE}/", "")).path
    where = ", ".join(map(str, roots)) or "no folder, since --data-root names none"
    raise ValueError(
        f"{name}: {place} is in {where if not roots else f'none of {where}'}; name the folder that "
        f"has it with --data-root, or leave it out with --without {name}"
    )


def _arguments(options: Mapping[str, object]) -> list[str]:
    arguments = []
    for name, value in options.items():
        for item in value if isinstance(value, list) else [value]:
            switches = {"true": f"--{name}", "false": f"--no-{name}"}
            arguments.append(switches.get(str(item), f"--{name}={item}"))
    return arguments
