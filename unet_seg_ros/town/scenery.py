# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What stands still, and where: `plots`, `streets` and `outskirts` place it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import pi

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.mesh import Color, Instances, Mesh
from unet_seg_ros.town.rects import Rect, meet
from unet_seg_ros.town.stock import Stock
from unet_seg_ros.town.tags import Tag


@dataclass(frozen=True)
class Signal:
    """A traffic light: where it stands, which way it looks, where its drivers stop."""

    x: float
    y: float
    yaw: float
    stop: tuple[float, float]
    overhead: bool


@dataclass
class Scenery:
    """Things in their places, more with every call.

    Attributes:
        stock: the models and textures that are placed.
        lots: ground that is paved, in its colour.
        shadows: (K, 2) outlines, and the lowest and highest point of what throws each.
        signals: the traffic lights.
        lamps: x, y of the light of street lamps.
        houses: what houses cover, and their height.
        bridges: what bridges cover, under which nothing else stands.
        vistas: what lies before a highway, where only low things stand.
    """

    rng: np.random.Generator
    stock: Stock
    lots: list[tuple[Rect, Color, Tag]] = field(default_factory=list)
    shadows: list[tuple[NDArray[np.float64], float, float]] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    lamps: list[tuple[float, float]] = field(default_factory=list)
    houses: list[tuple[Rect, float]] = field(default_factory=list)
    bridges: list[Rect] = field(default_factory=list)
    vistas: list[Rect] = field(default_factory=list)
    _rows: list[tuple[int, float, float, float]] = field(default_factory=list)
    _footprints: list[Rect] = field(default_factory=list)

    @property
    def instances(self) -> Instances:
        """Where every model stands."""
        rows = np.array(self._rows)
        heights = np.zeros(len(rows))
        return Instances(
            rows[:, 0].astype(np.int32),
            np.column_stack([rows[:, 1:3], heights]).astype(np.float32),
            rows[:, 3].astype(np.float32),
        )

    @property
    def footprints(self) -> NDArray[np.float64]:
        """(N, 4) x0, y0, x1, y1 of what each instance covers near the ground."""
        return np.array(self._footprints)

    def is_bridged(self, area: Rect) -> bool:
        """Return whether a bridge is over some of an area."""
        return any(meet(area, bridge) for bridge in self.bridges)

    def is_clear(self, area: Rect) -> bool:
        """Return whether something high may stand in an area."""
        return not self.is_bridged(area) and not any(meet(area, vista) for vista in self.vistas)

    def put(self, model: int, x: float, y: float, yaw: float = 0.0, size: float = 0.05) -> None:
        """Place a model of the stock, which covers `size` metres around the place."""
        self._rows.append((model, x, y, yaw))
        self._footprints.append((x - size, y - size, x + size, y + size))

    def put_unique(self, mesh: Mesh, footprint: Rect) -> None:
        """Place a mesh that is made for its place, in the town's coordinates."""
        self._rows.append((self.stock.add(mesh), 0.0, 0.0, 0.0))
        self._footprints.append(footprint)

    def plant(self, kind: str, x: float, y: float) -> None:
        """Place a plant, with its shadow."""
        model = int(self.rng.choice(self.stock.plants[kind]))
        self.put(model, x, y)
        size = self.stock.plant_size[model]
        radius = size * {"broad": 0.42, "palm": 0.3, "bush": 0.4}.get(kind, 0.22)
        angles = np.linspace(0, 2 * pi, 9, endpoint=False)
        lumps = radius * self.rng.uniform(0.75, 1.1, 9)
        crown = np.column_stack([x + lumps * np.cos(angles), y + lumps * np.sin(angles)])
        low, high = (0.0, size * 0.8) if kind in ("bush", "fir") else (size * 0.45, size * 0.9)
        self.shadows.append((crown, low, high))

    def plant_some(self, area: Rect, count: int, kinds: tuple[str, ...]) -> None:
        """Place so many plants of these kinds anywhere in an area."""
        if area[2] <= area[0] or area[3] <= area[1]:
            return
        for _ in range(count):
            self.plant(str(self.rng.choice(kinds)), *self.somewhere(area))

    def somewhere(self, area: Rect) -> tuple[float, float]:
        """Return a place in an area."""
        return float(self.rng.uniform(area[0], area[2])), float(self.rng.uniform(area[1], area[3]))
