# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a training is made of: which pictures, which network, how long, how it is judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.datasets.town import is_town
from unet_seg_ros.labels.label_set import built_in_label_sets
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.training.augmentation import Variation
from unet_seg_ros.training.trainer import Optimization
from unet_seg_ros.weights import checkpoint_names


@dataclass(frozen=True)
class Recipe:
    """Everything that determines what a training learns; JSON-able by `to_dict`.

    Attributes:
        data: The data sets, each with how it is read, divided and mapped to the network's classes.
        optimization: Learning rate and so on; `steps` 0 stands for what `epochs` makes of it.
        epochs: How often as many crops are seen as there are pictures to learn from.
        label_set: Name or path of the network's label set, "" for that of `start`, or carla29.
        preset: The plain network's name (`model.unet.PRESET_NAMES`), where there is no `encoder`.
        encoder: The encoder's name (`EncoderUNetConfig.encoder`), "" for a plain network.
        encoder_weights: What the encoder starts from: "imagenet", a file, or "none".
        decoder: Filters of the decoder's blocks over an encoder, () for the usual ones or for those
            of `start`.
        freeze_norm: Whether the encoder's batch normalisation keeps its means and variances.
        start: Name or path of a checkpoint to start from, "" for an untrained network.
        widen: How many times as many filters as that checkpoint's the network has.
        input_size: (width, height) that frames are shrunk to fit in, None for that of `start`, or
            400x300.
        enlarge: Whether smaller frames are enlarged to fit in it exactly, None as `start` has it,
            or not.
        learn_at: The same while learning, where it is another: larger teaches more detail.
        crops: (width, height) of the crops, one of which each batch has.
        batch_px: About how many pixels a batch has, on every device.
        variation: How the crops are varied.
        rare: Share of the crops that are cut around something rare.
        paste: Share of the crops into which a rare thing of another picture is pasted.
        unlabelled: Folders, videos and bags with pictures without labels.
        unlabelled_share: How many crops of those a batch has, for each labelled one.
        teacher: Name or path of the checkpoint that labels them, "" for the moving average.
        confidence: How probable a class must be for such a label.
        dice: Weight of the Dice term beside the cross-entropy.
        lovasz: Weight of the Lovász-softmax term.
        thin: How many times as much a pixel of what is thin counts (`loss.thin_parts`).
        max_class_weight: How much more than a pixel of a frequent class one of a rare may count;
            1 lets all count the same.
        blend: How much of what was learnt remains at the end, above 0 and at most 1; the rest are
            the weights of `start`.
        fit_biases: Whether the biases of the classes are fitted at the end.
        validate_every: Steps between two validations.
        validation_pictures: How many pictures a validation looks at, of every data set; the last
            one looks at all.
        patience: Validations without a better score before training ends; 0 = goes on.
        skip_bad: Whether pictures that cannot be read are counted and left out.
        seed: The same seed learns the same on one device.
    """

    data: Sequence[DataSpec]
    optimization: Optimization
    epochs: int = 40
    label_set: str = ""
    preset: str = "small"
    encoder: str = ""
    encoder_weights: str = "none"
    decoder: Sequence[int] = ()
    freeze_norm: bool = False
    start: str = ""
    widen: int = 1
    input_size: Size | None = None
    enlarge: bool | None = None
    learn_at: Size | None = None
    crops: Sequence[Size] = ((320, 192),)
    batch_px: int = 160_000
    variation: Variation = "street"
    rare: float = 0.0
    paste: float = 0.0
    unlabelled: Sequence[str] = ()
    unlabelled_share: float = 0.5
    teacher: str = ""
    confidence: float = 0.9
    dice: float = 0.0
    lovasz: float = 0.0
    thin: float = 1.0
    max_class_weight: float = 3.0
    blend: float = 1.0
    fit_biases: bool = False
    validate_every: int = 500
    validation_pictures: int = 100
    patience: int = 0
    skip_bad: bool = False
    seed: int = 0

    def optimization_for(self, pictures: int, world_size: int) -> Optimization:
        """Return the optimization with its number of steps.

        Args:
            pictures: How many there are to learn from.
            world_size: How many devices learn together, each on batches of its own.
        """
        if self.optimization.steps:
            return self.optimization
        per_step = [max(1, self.batch_px // (width * height)) for width, height in self.crops]
        per_epoch = pictures * len(per_step) / (sum(per_step) * world_size)
        return dataclasses.replace(self.optimization, steps=max(1, round(self.epochs * per_epoch)))

    @property
    def learning_size(self) -> Size:
        """The (width, height) that the pictures to learn from are seen as brought to fit in."""
        size = self.learn_at or self.input_size
        assert size, "a recipe must be completed first"
        return size

    def seeing(self, input_size: Size | None, enlarge: bool | None) -> Recipe:
        """Return the recipe with these where it does not say itself how frames are seen."""
        return dataclasses.replace(
            self,
            input_size=self.input_size or input_size,
            enlarge=enlarge if self.enlarge is None else self.enlarge,
        )

    def with_absolute_paths(self) -> Recipe:
        """Return the recipe as it can be read in any folder: names stay, paths become absolute."""
        label_sets, checkpoints = built_in_label_sets(), checkpoint_names()
        data = tuple(
            dataclasses.replace(
                spec,
                path=spec.path if is_town(spec.path) else _absolute(spec.path),
                label_set=_absolute(spec.label_set, label_sets),
                mapping=_absolute(spec.mapping),
            )
            for spec in self.data
        )
        return dataclasses.replace(
            self,
            data=data,
            label_set=_absolute(self.label_set, label_sets),
            encoder_weights=_absolute(self.encoder_weights, ("imagenet", "none")),
            start=_absolute(self.start, checkpoints),
            unlabelled=tuple(_absolute(path) for path in self.unlabelled),
            teacher=_absolute(self.teacher, checkpoints),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `to_dict` gave.

        Raises:
            ValueError: It lacks something, or has something that is not known.
        """
        try:
            return cls(
                **{
                    **values,
                    "data": tuple(DataSpec(**spec) for spec in values["data"]),
                    "unlabelled": tuple(values.get("unlabelled", ())),
                    "optimization": Optimization(**values["optimization"]),
                    "input_size": _size(values["input_size"]),
                    "enlarge": values.get("enlarge", False),  # before there was a choice, none were
                    "learn_at": _size(values.get("learn_at")),
                    "decoder": tuple(values.get("decoder", ())),
                    "crops": tuple(tuple(size) for size in values["crops"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a recipe of this version of unet-seg: {error}") from error


def _size(value: Any) -> Size | None:
    """Return a size that JSON has made a list."""
    return tuple(value) if value else None


def _absolute(path: str, names: Sequence[str] = ()) -> str:
    """Return a path that leads to the same from every folder; "" and `names` as they are."""
    return path if not path or path in names else str(Path(path).expanduser().absolute())


@dataclass(frozen=True)
class Hardware:
    """Where a training runs, in the words of Lightning Fabric; does not change what is learnt."""

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "auto"
    compile: str = "auto"
    workers: int = 1
