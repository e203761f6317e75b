# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the town is furnished with: textures, and the models that stand in many places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unet_seg_ros.town import furniture, textures
from unet_seg_ros.town.mesh import Mesh
from unet_seg_ros.town.textures import Texture
from unet_seg_ros.town.vehicles import car

_TREES = (("broad", 8), ("tall", 4), ("fir", 5), ("palm", 2), ("bush", 4))


class Stock:
    """Draws textures and models; both are known by their numbers.

    Args:
        models: (mesh, faces camera) pairs, the stock's among them; it grows.

    Attributes:
        textures: all of them; `facades`, `curtain_walls`, `shops`, `masonry`, `concrete`, `hedges`,
            `fences`, `wire` and `forest` have the numbers of those for that.
        metal: the colour of lamp posts and of the masts of traffic lights.
        plants: numbers of the models of each kind of plant.
        plant_size: the height of each of these models, in metres.
    """

    def __init__(self, rng: np.random.Generator, models: list[tuple[Mesh, bool]]) -> None:
        self._models = models
        self.textures: list[Texture] = []

        def bank(draw: Callable[[], Texture], count: int) -> list[int]:
            first = len(self.textures)
            self.textures += [draw() for _ in range(count)]
            return list(range(first, first + count))

        self.facades = bank(lambda: textures.facade(rng), 14)
        self.curtain_walls = bank(lambda: textures.curtain_wall(rng), 6)
        self.shops = bank(lambda: textures.shopfront(rng), 6)
        self.masonry = bank(lambda: textures.masonry(rng), 4)
        self.concrete = bank(lambda: textures.concrete(rng), 4)
        self.hedges = bank(lambda: textures.hedge(rng), 2)
        kinds = ("pickets", "bars", "mesh", "pickets")
        self.fences = [bank(lambda k=k: textures.fence(k, rng), 1)[0] for k in kinds]  # type: ignore[misc]
        self.wire = bank(lambda: textures.fence("mesh", rng), 2)
        self.forest = bank(lambda: textures.forest(rng), 3)
        self.plants: dict[str, list[int]] = {}
        self.plant_size: dict[int, float] = {}
        for kind, count in _TREES:
            self.plants[kind] = []
            for texture in bank(lambda k=kind: textures.tree(k, rng), count):  # type: ignore[misc]
                low, high = {"bush": (1.2, 2.2), "fir": (7, 12), "palm": (7, 10)}.get(kind, (6, 10))
                size = float(rng.uniform(low, high))
                color = tuple(self.textures[texture].mean.tolist())
                height, width = self.textures[texture].levels[0].shape[:2]
                mesh = furniture.billboard(size * width / height, size, texture, color)
                model = self.add(mesh, faces_camera=True)
                self.plants[kind].append(model)
                self.plant_size[model] = size
        self.metal = furniture.METALS[rng.integers(len(furniture.METALS))]
        self.lamp = self.add(furniture.street_lamp(self.metal))
        self.signs = [self.add(furniture.sign(k)) for k in ("stop", "limit", "yield", "board")]
        self.bench = self.add(furniture.bench())
        self.bins = [
            self.add(furniture.bin_(c)) for c in ((44, 84, 56), (52, 58, 66), (120, 60, 40))
        ]
        paints = [(150, 30, 32), (210, 210, 208), (40, 44, 52), (52, 84, 132), (120, 124, 128)]
        self.parked = [
            self.add(car(str(rng.choice(["saloon", "hatch", "suv"])), paint)) for paint in paints
        ]

    def add(self, mesh: Mesh, faces_camera: bool = False) -> int:
        """Add a model and return its number."""
        self._models.append((mesh, faces_camera))
        return len(self._models) - 1
