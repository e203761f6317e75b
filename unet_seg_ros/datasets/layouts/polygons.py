# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with polygons in files of COCO or YOLO, as annotation tools export them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from unet_seg_ros.datasets.json_files import read_json_object
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.layouts.layout import Layout, lacks
from unet_seg_ros.datasets.layouts.pairing import (
    by_key,
    key_of,
    more_than_one,
    parts_of,
)
from unet_seg_ros.datasets.layouts.plain import all_sides
from unet_seg_ros.datasets.parts import is_part, part_and_drive
from unet_seg_ros.datasets.polygons import Region, draw_listed, draw_yolo
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats
from unet_seg_ros.labels.class_lists import BACKGROUND, background_id, label_set_of
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.folders import (
    files_below,
    files_in,
    folders_in,
    is_picture,
    pictures_below,
)

_ROBOFLOW_COCO = "_annotations.coco.json"
# What a file of COCO lists, and by which ids the entries belong together.
_COCO_LISTS = {
    "images": ("id",),
    "annotations": ("image_id", "category_id"),
    "categories": ("id",),
}
_CocoLists = Mapping[str, Sequence[dict[str, Any]]]
_MAX_COCO_BYTES = 1 << 30
_YOLO_NAMES = ("data.yaml", "data.yml", "dataset.yaml")


# --- COCO


def _coco_files(folder: Path) -> list[Path]:
    """Return the files of annotations: in `annotations/`, or one in the folder or each part."""
    listed = folder / "annotations"
    found = [path for path in files_in(listed) if path.suffix == ".json"] if listed.is_dir() else []
    parts = [item for item in folders_in(folder) if is_part(item.name)]
    beside = [item / _ROBOFLOW_COCO for item in (folder, *parts)]
    instances = [path for path in found if path.stem.startswith("instances")]
    return [*(instances or found), *(path for path in beside if path.is_file())]


@dataclass
class _Coco:
    """What is gathered from the files of a data set."""

    files: list[LabelledFile]
    regions: dict[Path, list[Region]]
    faults: list[str]
    unknown: set[str]


def _open_coco(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open pictures with the polygons and masks that files of COCO list."""
    listed = _coco_files(folder)
    if not listed:
        raise lacks(folder, "coco", f"annotations/instances_*.json or {_ROBOFLOW_COCO}")
    documents = [(path, read_json_object(path, _MAX_COCO_BYTES)) for path in listed]
    for path, document in documents:
        if not all(isinstance(document.get(name), list) for name in _COCO_LISTS):
            raise DataError(f"{path}: has no images, annotations and categories as COCO has them")
    usable = [_with_ids(document) for _, document in documents]
    names = [name for lists in usable for name in _categories(lists).values()]
    classes = label_set or _with_background(folder.name, list(dict.fromkeys(names)))
    gathered = _Coco([], {}, [], set())
    for (path, document), lists in zip(documents, usable, strict=True):
        gathered.faults += _without_ids(path, document, lists)
        _gather(gathered, folder, path, lists, classes)
    beside = dict.fromkeys(picture.parent for picture in gathered.regions)
    return _drawn(
        folder,
        "coco",
        classes,
        gathered.files,
        draw_labels=partial(draw_listed, regions=gathered.regions, background=_background(classes)),
        faults=gathered.faults,
        notes=_left_unlabelled(gathered.unknown, classes),
        without_labels=[
            path
            for place in beside
            for path in files_in(place)
            if is_picture(path) and path not in gathered.regions
        ],
    )


def _gather(
    gathered: _Coco, folder: Path, path: Path, lists: _CocoLists, classes: LabelSet
) -> None:
    """Add the pictures of one file."""
    part = next((name for name in re.split(r"[^a-z]+", path.stem.lower()) if is_part(name)), "")
    part = part or (path.parent.name.lower() if is_part(path.parent.name) else "")
    categories = _categories(lists)
    ids = _ids_of(categories.values(), classes)
    regions_of: dict[Any, list[Region]] = {}
    images = {item["id"]: item for item in lists["images"]}
    for key, item in images.items():
        picture = _find_picture(folder, path, str(item.get("file_name")))
        if picture is None:
            gathered.faults.append(
                f"{path}: lists {item.get('file_name')!r:.100}, which is missing"
            )
            continue
        is_new = picture not in gathered.regions  # else listed before, perhaps with other classes
        regions_of[key] = gathered.regions.setdefault(picture, [])
        if not is_new:
            continue
        name = key_of(picture, folder)
        _, drive = part_and_drive(
            [name for name in name.split("/")[:-1] if name != "images"], folder.name
        )
        gathered.files.append(LabelledFile(picture, (picture,), name, drive, part))
    lost = Counter[str]()
    for item in lists["annotations"]:
        regions = regions_of.get(item["image_id"], [])  # those of a missing picture are of no use
        if why := _why_lost(item, images, categories):
            lost[why] += 1
            regions.append(Region(UNKNOWN_ID, ()))  # which cannot be drawn, nor then the picture
            continue
        category = categories[item["category_id"]]
        if ids[category] == UNKNOWN_ID:
            gathered.unknown.add(category)
        size = _listed_size(images[item["image_id"]])
        regions.append(Region(ids[category], item["segmentation"], size))
    count = len(lists["annotations"])
    gathered.faults += [f"{path}: {n} of {count} regions {why}" for why, n in lost.items()]


def _why_lost(item: Mapping[str, Any], images: Collection[Any], categories: Collection[Any]) -> str:
    """Return why an annotation's pixels cannot be told, or "" where they can."""
    if item["image_id"] not in images:
        return "are of pictures that it does not list"
    if item["category_id"] not in categories:
        return "have a category that it does not list"
    if not item.get("segmentation"):
        return "are boxes without a polygon or mask, which do not say which pixels they mean"
    return ""


def _listed_size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the (height, width) that a picture is listed with; None where it is not."""
    height, width = image.get("height"), image.get("width")
    if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0:
        return height, width
    return None


def _categories(lists: _CocoLists) -> dict[Any, str]:
    return {item["id"]: str(item.get("name")) for item in lists["categories"]}


def _with_ids(document: Mapping[str, Any]) -> _CocoLists:
    """Return those entries of COCO's lists that have the ids they need, each its own."""
    found = {}
    for name, keys in _COCO_LISTS.items():
        entries = [
            item
            for item in document[name]
            if isinstance(item, dict) and all(_is_id(item.get(key)) for key in keys)
        ]
        counts = Counter(item["id"] for item in entries) if keys == ("id",) else Counter()
        found[name] = [item for item in entries if counts[item.get("id")] < 2]
    return found


def _is_id(value: Any) -> bool:
    # Tables, such as those of pandas, make 1.0 of 1; to a dict both are the same key.
    return isinstance(value, (int, str)) or (isinstance(value, float) and value.is_integer())


def _without_ids(path: Path, document: Mapping[str, Any], usable: _CocoLists) -> list[str]:
    """Return a fault for each of COCO's lists that has entries without the ids they need."""
    counts = {name: len(document[name]) - len(entries) for name, entries in usable.items()}
    return [
        f"{path}: entries of {name} without a usable {' and '.join(_COCO_LISTS[name])} are left "
        f"out: {count} of {len(document[name])}; ids are whole numbers or text, "
        "and no two of them the same"
        for name, count in counts.items()
        if count
    ]


def _find_picture(folder: Path, listed_in: Path, name: str) -> Path | None:
    """Return where a picture is that a file lists: beside it, or in one of the usual folders."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    part = listed_in.stem.rpartition("_")[2]  # train2017 of instances_train2017
    usual = ("", "images", part, f"images/{part}", f"{part}/images")
    candidates = [listed_in.parent / name, *(folder / place / name for place in usual)]
    return next((path for path in candidates if path.is_file()), None)


# --- YOLO


def _yolo_sides(folder: Path) -> list[tuple[Path, Path]]:
    """Return the folders of pictures with those of text files."""
    return [
        (pictures, labels)
        for pictures, labels in all_sides(folder)
        if any(path.suffix == ".txt" for path in files_below(labels))
        and not any(is_picture(path) for path in files_below(labels))
    ]


def _open_yolo(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `images/` with the text files in `labels/`; pictures without one are left out.

    So are pictures of one name, to either of which the text file may belong.
    """
    found = _yolo_sides(folder)
    if not found:
        raise lacks(folder, "yolo", "images/ with labels/ that has text files")
    names = _yolo_names(folder)
    classes = label_set or _with_background(folder.name, names)
    files, faults, without = [], [], list[Path]()
    for pictures, labels in found:
        above = pictures.parent.relative_to(folder).parts
        labelled = {}
        for key, paths in by_key(pictures_below(pictures), pictures).items():
            if (labels / f"{key}.txt").is_file():
                labelled[key] = paths
            else:
                without += paths
        faults += more_than_one(labelled, "pictures of one name")
        for key, paths in labelled.items():
            if len(paths) == 1:
                text = labels / f"{key}.txt"
                part, drive = part_and_drive([*above, *key.split("/")[:-1]], folder.name)
                name = "/".join([*above, key])
                files.append(LabelledFile(paths[0], (text,), name, drive, part))
    ids = _ids_of(names, classes)
    unknown = {name for name in names if ids[name] == UNKNOWN_ID}
    notes = [f"{len(without)} pictures have no text file and are left out"] if without else []
    draw = partial(
        draw_yolo, class_ids=[ids[name] for name in names], background=_background(classes)
    )
    notes += _left_unlabelled(unknown, classes)
    return _drawn(
        folder,
        "yolo",
        classes,
        files,
        draw_labels=draw,
        faults=faults,
        notes=notes,
        without_labels=without,
    )


def _yolo_names(folder: Path) -> list[str]:
    """Return the names of the classes, in the order of their numbers."""
    path = next((folder / name for name in _YOLO_NAMES if (folder / name).is_file()), None)
    if path is None:
        raise DataError(f"{folder}: has no {_YOLO_NAMES[0]} that names the classes of its polygons")
    try:
        names = yaml.safe_load(path.read_text(encoding="utf-8"))["names"]
        if isinstance(names, dict):
            names = [names[number] for number in range(len(names))]
        return [str(name) for name in names]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DataError(f"{path}: has no list of classes under names") from error


# --- both


def _with_background(name: str, classes: Sequence[str]) -> LabelSet:
    """Return a label set of what is drawn, after what nothing is drawn over."""
    others = [item for item in classes if item.lower() != BACKGROUND]
    return label_set_of(name, [(item, None) for item in (BACKGROUND, *others)])


def _background(classes: LabelSet) -> int:
    found = background_id(classes)
    return UNKNOWN_ID if found is None else found


def _ids_of(names: Any, classes: LabelSet) -> dict[str, int]:
    known = {item.name.lower(): item.id for item in classes.classes}
    return {name: known.get(name.lower(), UNKNOWN_ID) for name in names}


def _left_unlabelled(names: set[str], classes: LabelSet) -> list[str]:
    if not names:
        return []
    return [f"{', '.join(sorted(names))}: not in {classes.name}, so that these are not labelled"]


def _drawn(
    folder: Path,
    layout: str,
    classes: LabelSet,
    files: list[LabelledFile],
    **more: Any,
) -> LabelledFiles:
    return LabelledFiles(
        name=folder.name,
        label_set=classes,
        format=partial(formats.ids, label_set=classes),
        files=files,
        parts=parts_of(files),
        layout=layout,
        **more,
    )


COCO = Layout("coco", lambda folder: bool(_coco_files(folder)), _open_coco)
YOLO = Layout("yolo", lambda folder: bool(_yolo_sides(folder)), _open_yolo)
