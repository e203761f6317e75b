# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From data sets to a scored checkpoint: what `unet-seg train` does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.datasets.sources import open_source
from unet_seg_ros.datasets.splits import block_split
from unet_seg_ros.datasets.town import random_views
from unet_seg_ros.inference.geometry import Size, enlarge_labels, network_size, shrink
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.labels import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, Normalization, save_checkpoint
from unet_seg_ros.model.unet import UNet, preset
from unet_seg_ros.training.batches import LabelledPicture, PictureSource, batches, rows_of
from unet_seg_ros.training.loss import admissible_classes, balancing_weights
from unet_seg_ros.training.model_card import model_card
from unet_seg_ros.training.scoring import score
from unet_seg_ros.training.trainer import Schedule, train

TOWN = "town"
TOWN_VALIDATION_PICTURES = 100
# Of the town: its validation pictures come from towns that training never saw.
_VALIDATION_SEED = 1_000_000


@dataclass(frozen=True)
class Recipe:
    """What to train, on what, how.

    Attributes:
        data: Folders with ground truth, or "town" for the built-in one.
        label_set: The label set of the network.
        preset: The network (`unet.PRESET_NAMES`).
        input_size: (width, height) that frames are shrunk to fit in.
        schedule: How long and how fast.
        batch_pixels: About how many pixels a batch has.
        town_pictures: How many pictures of the town to train on.
        seed: The same seed trains the same network on the same machine.
        max_class_weight: How much more than a pixel of a frequent class one of a rare may count.
        start: A checkpoint to start from, whose network and classes are kept; None for a new one.
        out: The checkpoint file; its model card goes beside it.
        command: The command line that this came from, for the model card.
    """

    data: Sequence[str]
    label_set: LabelSet
    preset: str
    input_size: Size
    schedule: Schedule
    batch_pixels: int
    town_pictures: int
    seed: int
    max_class_weight: float
    start: Checkpoint | None
    out: Path
    command: str


@dataclass(frozen=True)
class _DataSet:
    """One data set, divided; `summary` says how, for the checkpoint and its card."""

    name: str
    label_set: LabelSet
    train: Sequence[Sample]
    validation: Sequence[Sample]
    summary: str


def run(recipe: Recipe) -> Checkpoint:
    """Train, score on what was held apart, and write checkpoint and model card.

    Raises:
        ValueError: a data set cannot be read or has nothing to train on.
    """
    torch.manual_seed(recipe.seed)
    data_sets = [_load(spec, recipe) for spec in recipe.data]
    pictures = _labelled_pictures(data_sets)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = _first_model(recipe).to(device)
    normalization = Normalization()
    with tqdm(total=recipe.schedule.steps, unit="step", dynamic_ncols=True) as bar:
        trained = train(
            model,
            batches([_any_of(items) for items in pictures], recipe.batch_pixels, recipe.seed),
            admissible_classes([item.label_set for item in data_sets], recipe.label_set),
            balancing_weights(_pixels_per_row(pictures), recipe.max_class_weight),
            normalization,
            recipe.schedule,
            _progress(bar),
        )
        steps = int(bar.n)
    checkpoint = Checkpoint(
        model=trained.cpu(),
        label_set=recipe.label_set,
        input_size=recipe.input_size,
        normalization=normalization,
        data=_what_it_saw(recipe, data_sets, steps),
        name=recipe.out.stem,
    )
    # What is scored is what the checkpoint runs as: the engine, uncompiled, in full precision.
    segmenter = Segmenter(checkpoint, precision="float32", compile="off")
    for item in data_sets:
        samples = tqdm(item.validation, desc=f"scoring on {item.name}", unit="picture")
        checkpoint.metrics[item.name] = score(segmenter, samples, item.label_set).to_dict()
    segmenter.close()
    save_checkpoint(recipe.out, checkpoint)
    card = recipe.out.with_suffix(".md")
    card.write_text(model_card(checkpoint, recipe.command), encoding="utf-8")
    return checkpoint


def _first_model(recipe: Recipe) -> UNet:
    if recipe.start is None:
        return UNet(preset(recipe.preset, len(recipe.label_set)))
    if recipe.start.label_set != recipe.label_set:
        raise ValueError(
            f"{recipe.start.name} has the classes of {recipe.start.label_set.name!r}, not of "
            f"{recipe.label_set.name!r}; start from another checkpoint"
        )
    return recipe.start.model


def _what_it_saw(recipe: Recipe, data_sets: Sequence[_DataSet], steps: int) -> dict[str, Any]:
    saw: dict[str, Any] = {item.name: item.summary for item in data_sets}
    saw["steps"] = f"{steps} of about {recipe.batch_pixels} pixels"
    if recipe.start is not None:
        before = "; ".join(f"{name}: {what}" for name, what in recipe.start.data.items())
        saw["before that"] = f"{recipe.start.name} saw {before}"
    return saw


def _load(spec: str, recipe: Recipe) -> _DataSet:
    if spec == TOWN:
        return _town(recipe)
    source = open_source(spec)
    if source.label_set is None:
        raise ValueError(f"{spec}: has no ground truth to train on")
    samples = list(tqdm(source, desc=f"reading {spec}", unit="picture"))
    split = block_split(len(samples))
    if not split.train or not split.validation:
        raise ValueError(
            f"{spec}: has {len(samples)} pictures; too few to hold blocks of 125 apart"
        )
    return _DataSet(
        name=Path(spec).resolve().name,
        label_set=source.label_set,
        train=[_shrunk(samples[index], recipe.input_size) for index in split.train],
        validation=[samples[index] for index in split.validation],
        summary=f"{len(split.train)} pictures to train on, {len(split.validation)} held apart: "
        "every fifth block of 125 consecutive pictures, 10 on either side of it unused",
    )


def _town(recipe: Recipe) -> _DataSet:
    def views(count: int, seed: int) -> list[Sample]:
        pictures = itertools.islice(random_views(recipe.input_size, seed), count)
        return list(tqdm(pictures, desc="drawing the town", unit="picture", total=count))

    return _DataSet(
        name=TOWN,
        label_set=LabelSet.load("carla29"),
        train=views(recipe.town_pictures, recipe.seed),
        validation=views(TOWN_VALIDATION_PICTURES, _VALIDATION_SEED),
        summary=f"{recipe.town_pictures} views of towns to train on, "
        f"{TOWN_VALIDATION_PICTURES} of other towns held apart",
    )


def _shrunk(sample: Sample, input_size: Size) -> Sample:
    """Return the sample at the size at which the network sees it."""
    size = network_size((sample.image.shape[1], sample.image.shape[0]), input_size)
    labels = None if sample.labels is None else enlarge_labels(sample.labels, size)
    return Sample(shrink(sample.image, size), labels, sample.name)


def _labelled_pictures(data_sets: Sequence[_DataSet]) -> list[list[LabelledPicture]]:
    """Return the pictures to train on, of every data set."""
    pictures = []
    first_row = 0
    for item in data_sets:
        labelled = ((sample.image, sample.labels) for sample in item.train)
        pictures.append(
            [
                LabelledPicture(image, rows_of(labels, first_row))
                for image, labels in labelled
                if labels is not None
            ]
        )
        first_row += len(item.label_set)
    return pictures


def _pixels_per_row(pictures: Sequence[Sequence[LabelledPicture]]) -> torch.Tensor:
    """Return how many pixels each row has, `(256,)`, as if every data set were equally large."""
    shares = np.zeros(256)
    for items in pictures:
        counts = sum(np.bincount(item.rows.ravel(), minlength=256) for item in items)
        shares += counts / np.sum(counts)
    return torch.from_numpy(shares * 1e9)


def _any_of(pictures: Sequence[LabelledPicture]) -> PictureSource:
    return lambda random: pictures[int(random.integers(len(pictures)))]


def _progress(bar: tqdm[Any]) -> Callable[[int, float], None]:
    smooth: list[float] = []

    def after_step(_: int, loss: float) -> None:
        smooth.append(loss)
        del smooth[:-50]
        bar.set_postfix(loss=f"{np.mean(smooth):.3f}", refresh=False)
        bar.update()

    return after_step
