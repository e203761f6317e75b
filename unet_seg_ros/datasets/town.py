# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The built-in town: views to learn from, and an endless drive. Class ids are those of `carla29`.

A source or data set is called `town`, `town:SEED` or `town:SEED:COUNT`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import label_set_choice
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.town.camera import CameraModel, CameraPose
from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.layout import LayoutName
from unet_seg_ros.town.renderer import Renderer
from unet_seg_ros.town.town import Town
from unet_seg_ros.town.weather import Weather

TOWN = "town"
LABEL_SET = "carla29"

VIEW_SIZE: Size = (800, 600)
DEFAULT_COUNT = 1000
MAX_COUNT = 1_000_000
# A town takes as long to build as forty views of it take to draw.
VIEWS_PER_TOWN = 100
# A new weather lights every surface anew, which takes as long as two pictures.
VIEWS_PER_WEATHER = 5
_LAYOUTS: tuple[LayoutName, ...] = ("grid", "loop")
# A moment of the traffic, seconds.
_LATEST_S = 3600.0
# What random numbers are for, so that no two uses share them.
_FOR_TOWN, _FOR_LIGHT, _FOR_VIEW = range(3)


def is_town(spec: str) -> bool:
    """Tell whether a data set or source is the built-in town."""
    return spec.split(":")[0] == TOWN


class TownDrive:
    """An endless drive through the town `town` or `town:SEED`, as a source of pictures."""

    def __init__(self, spec: str, size: Size, fov_deg: float, fps: float) -> None:
        seed, count = _parse(spec)
        if count is not None:
            raise DataError(f"{spec}: a drive has no end; leave the count away")
        width, height = size
        try:
            camera = CameraModel(width=width, height=height, fov_deg=fov_deg)
            self._drive = Drive(Town(seed), camera=camera, fps=fps)
        except ValueError as error:
            raise DataError(f"{spec}: {error}") from error
        self.label_set = LabelSet.load(LABEL_SET)

    def __iter__(self) -> Iterator[Sample]:
        for index, (image, labels) in enumerate(self._drive):
            yield Sample(image, labels, f"{TOWN}_{index:06}")


class TownViews:
    """Random views of random towns, as a data set (`LabelledPictures`); each town is a drive.

    A view is from the street or, now and then, the sidewalk, by a camera of another height, tilt
    and field of view, at another moment, in another weather. View `index` depends on the seed and
    on `index` alone. Views in order are drawn fast, others may each need a new town: a process
    keeps the town and the light that it drew last.
    """

    parts: Mapping[str, Sequence[int]] = {}
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()
    layout = TOWN

    def __init__(self, seed: int = 0, count: int = DEFAULT_COUNT, size: Size = VIEW_SIZE) -> None:
        self.name = f"{TOWN}-{seed}"
        self.label_set = LabelSet.load(LABEL_SET)
        self._seed, self._count, self._size = seed, count, size

    @classmethod
    def parse(cls, spec: str, label_set: LabelSet | None = None) -> TownViews:
        """Return the views that `spec` says.

        Raises:
            DataError: It is none, or the label set is not that of the town.
        """
        label_set_choice.fixed(LABEL_SET, label_set, spec)
        seed, count = _parse(spec)
        return cls(seed, DEFAULT_COUNT if count is None else count)

    @property
    def drives(self) -> Sequence[str]:
        """For every view its town."""
        return [f"town {index // VIEWS_PER_TOWN}" for index in range(self._count)]

    def __len__(self) -> int:
        return self._count

    def name_of(self, index: int) -> str:
        """Return the name of a view."""
        return f"{TOWN}_{self._seed}_{index:06}"

    def __getitem__(self, index: int) -> Sample:
        """Draw a view."""
        index = range(self._count)[index]
        renderer, weather = _light(self._seed, index // VIEWS_PER_WEATHER, self._size)
        random = np.random.default_rng([self._seed, _FOR_VIEW, index])
        pose = _random_pose(renderer.town, random)
        image, labels = renderer.render(pose, random.uniform(0, _LATEST_S), weather)
        return Sample(image, labels, self.name_of(index))


def _parse(spec: str) -> tuple[int, int | None]:
    """Return the seed, and the count where there is one."""
    _, *numbers = spec.split(":")
    if len(numbers) > 2 or not all(number.isdecimal() for number in numbers):
        raise DataError(
            f"{spec}: the town's seed must be a number from 0 on, and its count, if any, from 1 on"
        )
    seed = int(numbers[0]) if numbers else 0
    count = int(numbers[1]) if len(numbers) == 2 else None
    if count is not None and not 1 <= count <= MAX_COUNT:
        raise DataError(f"{spec}: has {count} views; 1 to {MAX_COUNT} are possible")
    return seed, count


@lru_cache(maxsize=1)
def _town(seed: int, number: int) -> Town:
    """Return a town that no other seed has."""
    random = np.random.default_rng([seed, _FOR_TOWN, number])
    return Town(int(random.integers(1 << 31)), _LAYOUTS[number % len(_LAYOUTS)])


@lru_cache(maxsize=1)
def _light(seed: int, number: int, size: Size) -> tuple[Renderer, Weather]:
    """Return what draws the views that share a camera and a weather."""
    random = np.random.default_rng([seed, _FOR_LIGHT, number])
    camera = CameraModel(*size, fov_deg=random.uniform(60, 110))
    town = _town(seed, number * VIEWS_PER_WEATHER // VIEWS_PER_TOWN)
    return Renderer(town, camera), Weather.random(random)


def _random_pose(town: Town, random: np.random.Generator) -> CameraPose:
    """Return a pose near the middle of a lane, looking along it or somewhere else."""
    x, y, yaw = town.spawn_points[random.integers(len(town.spawn_points))]
    sideways = random.normal(0, 0.6)
    looks_ahead = random.random() < 0.8
    return CameraPose(
        x - sideways * float(np.sin(yaw)),
        y + sideways * float(np.cos(yaw)),
        random.uniform(1.2, 2.8),
        yaw + (random.normal(0, 0.12) if looks_ahead else random.uniform(-np.pi, np.pi)),
        random.normal(-0.02, 0.06),
        random.normal(0, 0.015),
    )
