# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who moves through the town: everything is a function of time, so any moment can be drawn.

Vehicles circle around groups of blocks in the right-hand lane. Such loops neither cross nor share
a lane, and everybody on one loop drives at one speed, so that nobody ever meets anybody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.layout import SIDEWALK, Path, TownLayout
from unet_seg_ros.town.mesh import Color, Instances, Mesh
from unet_seg_ros.town.people import WALK_PHASES, pedestrian
from unet_seg_ros.town.scenery import Signal
from unet_seg_ros.town.vehicles import bicycle, bus, car, motorcycle, truck

_PAINTS: tuple[Color, ...] = (
    (172, 28, 30), (225, 225, 222), (34, 36, 42), (46, 84, 150), (128, 132, 138),
    (216, 172, 30), (44, 98, 72), (88, 30, 46), (60, 150, 190),
)  # fmt: skip
_SHIRTS: tuple[Color, ...] = (
    (190, 60, 50), (60, 90, 150), (215, 212, 205), (60, 62, 66), (80, 130, 90), (200, 160, 70),
)  # fmt: skip
_TROUSERS: tuple[Color, ...] = ((44, 50, 74), (52, 48, 44), (120, 108, 90), (30, 30, 34))
_SHARES = {"car": 8, "truck": 2, "bus": 1, "motorcycle": 2, "bicycle": 2}  # of 15 vehicles
_SAW_GREEN_M = 45.0  # a light turns green for a vehicle this near
_ROOM_AHEAD_M, _ROOM_ASIDE_M = 9.0, 2.2  # middle to middle; nobody of the town is closer to a guest


class _Mover(NamedTuple):
    """Somebody on a path: at start + speed * t metres along it, `left` metres beside it."""

    path: int
    start: float
    speed: float
    left: float
    model: int  # the first of its phases
    stride: float  # metres of one cycle of its phases; 0 = it has one phase only


class _Fleet:
    """All movers on some closed paths, placed at once."""

    def __init__(self, paths: list[Path], movers: list[_Mover]) -> None:
        path, start, speed, left, model, stride = (np.array(c) for c in zip(*movers, strict=True))
        self._start, self._speed, self._left, self._stride = start, speed, left, stride
        self._model = model.astype(np.int32)
        # The paths one after another, as if they were one, with a metre between them.
        lengths = np.array([p.length for p in paths])
        begins = np.cumsum(lengths + 1.0) - lengths - 1.0
        self._begin, self._length = begins[path], lengths[path]
        self._along = np.concatenate([p.distance + b for p, b in zip(paths, begins, strict=True)])
        self._points = np.concatenate([p.points for p in paths])
        self._headings = np.concatenate([p.headings for p in paths])

    def at(self, time_s: float) -> Instances:
        travelled = self._start + self._speed * time_s
        s = self._begin + travelled % self._length
        x, y, heading = (
            np.interp(s, self._along, column) for column in (*self._points.T, self._headings)
        )
        x, y = x - self._left * np.sin(heading), y + self._left * np.cos(heading)
        phase = np.abs(travelled) / np.maximum(self._stride, 1e-9) * WALK_PHASES % WALK_PHASES
        phase = np.where(self._stride > 0, phase, 0).astype(np.int32)
        backwards = np.where(self._speed < 0, np.pi, 0.0)
        return Instances(
            self._model + phase,
            np.column_stack([x, y, np.zeros(len(x))]).astype(np.float32),
            (heading + backwards).astype(np.float32),
        )


class Traffic:
    """Vehicles, riders, pedestrians and the traffic lights.

    Attributes:
        lanes: the closed loops that are driven; the first one is the ego vehicle's.
        speeds: metres per second on each lane.
    """

    def __init__(
        self,
        layout: TownLayout,
        signals: list[Signal],
        signal_models: NDArray[np.int32],
        library: list[tuple[Mesh, bool]],
        rng: np.random.Generator,
    ) -> None:
        self._signals, self._signal_models = signals, signal_models
        groups = _groups(layout, rng)
        everything = set().union(*groups)
        self.lanes = [layout.drive_around(group) for group in groups]
        self.lanes.append(layout.drive_around(everything, clockwise=False))
        self.speeds: list[float] = [8.0, *rng.uniform(6.0, 9.0, len(self.lanes) - 1).tolist()]
        kinds = _vehicle_models(library, rng)
        vehicles = [
            mover
            for i, lane in enumerate(self.lanes)
            for mover in _convoy(i, lane.length, self.speeds[i], kinds, rng)
        ]
        self._vehicles = _Fleet(self.lanes, vehicles)
        walks = [layout.walk_around(block, -1.9) for block in layout.blocks]
        walks.append(layout.walk_around(layout.outer, SIDEWALK - 1.7))
        looks = _walker_models(library, rng)
        walkers = [m for i, walk in enumerate(walks) for m in _crowd(i, walk.length, looks, rng)]
        self._walkers = _Fleet(walks, walkers)

    @property
    def lap_s(self) -> float:
        """Seconds the ego vehicle takes once around its lane."""
        return self.lanes[0].length / self.speeds[0]

    def ego(self, time_s: float) -> tuple[float, float, float]:
        """Where the ego vehicle is: x, y, yaw."""
        point, heading = self.lanes[0].at(self.speeds[0] * time_s)
        return float(point[0]), float(point[1]), float(heading)

    def at(
        self, time_s: float, guests: NDArray[np.floating] | None = None
    ) -> tuple[Instances, NDArray[np.int32]]:
        """Everybody but the guests, and the model each traffic light shows.

        A light is green while somebody drives up to it, red otherwise. Vehicles that are in the
        way of a guest are left out.

        Args:
            time_s: the moment.
            guests: (G, 3) x, y and yaw of vehicles that are not the town's own; if left out, the
                ego vehicle is the only one.
        """
        if guests is None:
            guests = np.array([self.ego(time_s)])
        vehicles = self._vehicles.at(time_s)
        vehicles = vehicles[~_in_the_way(vehicles.positions[:, :2], guests)]
        places = np.vstack([vehicles.positions[:, :2], guests[:, :2]])
        lights = self._lights(places, np.append(vehicles.yaws, guests[:, 2]))
        return Instances.gather([vehicles, self._walkers.at(time_s)]), lights

    def _lights(self, places: NDArray, yaws: NDArray) -> NDArray[np.int32]:
        if not self._signals:
            return np.zeros(0, np.int32)
        stops = np.array([s.stop for s in self._signals])
        facing = np.array([s.yaw for s in self._signals])
        offset = places[None] - stops[:, None]  # (lights, vehicles, 2)
        out = np.stack([np.cos(facing), np.sin(facing)], axis=1)[:, None]
        away = (offset * out).sum(axis=2)
        aside = np.abs(offset[..., 0] * out[..., 1] - offset[..., 1] * out[..., 0])
        towards = np.cos(yaws[None] - facing[:, None]) < -0.7
        coming = (away > -12.0) & (away < _SAW_GREEN_M) & (aside < 2.0) & towards
        state = np.where(coming.any(axis=1), 0, 1)
        overhead = np.array([s.overhead for s in self._signals], np.int64)
        return np.asarray(self._signal_models[overhead, state])


def _in_the_way(places: NDArray[np.floating], guests: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether anybody at (N, 2) places is on a guest's own lane and too close, (N,)."""
    offset = places[:, None] - guests[:, :2]
    cos, sin = np.cos(guests[:, 2]), np.sin(guests[:, 2])
    ahead = np.abs(offset[..., 0] * cos + offset[..., 1] * sin)
    aside = np.abs(offset[..., 1] * cos - offset[..., 0] * sin)
    return np.asarray(((ahead < _ROOM_AHEAD_M) & (aside < _ROOM_ASIDE_M)).any(axis=1))


def _groups(layout: TownLayout, rng: np.random.Generator) -> list[set[tuple[int, int]]]:
    """Part the blocks into groups; the first is a large one, whose outline turns left and right."""
    columns, rows = len(layout.xs) - 1, len(layout.ys) - 1
    cells = {(i, j) for i in range(columns) for j in range(rows)}
    if len(cells) < 9:
        return [{cell} for cell in sorted(cells)]
    shapes = [
        {(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)},
        {(1, 0), (0, 1), (1, 1), (2, 1), (1, 2)},
        {(0, 0), (1, 0), (2, 0), (0, 1), (2, 1)},
        {(0, 0), (0, 1), (0, 2), (1, 1), (2, 1)},
    ]
    large = shapes[rng.integers(len(shapes))]
    for _ in range(rng.integers(4)):
        large = {(j, 2 - i) for i, j in large}
    return [large, *({cell} for cell in sorted(cells - large))]


def _vehicle_models(
    library: list[tuple[Mesh, bool]], rng: np.random.Generator
) -> dict[str, list[tuple[int, float]]]:
    """Models by kind, each with its first phase and the metres a cycle of phases takes."""
    kinds: dict[str, list[tuple[int, float]]] = {}

    def add(kind: str, meshes: list[Mesh], stride: float = 0.0) -> None:
        kinds.setdefault(kind, []).append((len(library), stride))
        library.extend((mesh, False) for mesh in meshes)

    for body in ("saloon", "hatch", "suv", "van"):
        for paint in rng.permutation(len(_PAINTS))[:5]:
            add("car", [car(body, _PAINTS[paint])])
    for paint in _PAINTS[:5]:
        add("truck", [truck(paint)])
        add("motorcycle", [motorcycle(paint, _SHIRTS[rng.integers(len(_SHIRTS))])])
    for paint in ((200, 60, 40), (40, 110, 150), (214, 176, 60)):
        add("bus", [bus(paint)])
        shirt = _SHIRTS[rng.integers(len(_SHIRTS))]
        pedalling = [bicycle(paint, shirt, phase) for phase in range(WALK_PHASES)]
        add("bicycle", pedalling, stride=5.0)
    return kinds


def _walker_models(library: list[tuple[Mesh, bool]], rng: np.random.Generator) -> list[int]:
    """The first phases of pedestrians in different clothes."""
    first = []
    for look in range(9):
        shirt = _SHIRTS[rng.integers(len(_SHIRTS))]
        trousers = _TROUSERS[rng.integers(len(_TROUSERS))]
        first.append(len(library))
        library.extend(
            (pedestrian(shirt, trousers, look, phase), False) for phase in range(WALK_PHASES)
        )
    return first


def _convoy(
    path: int,
    length: float,
    speed: float,
    kinds: dict[str, list[tuple[int, float]]],
    rng: np.random.Generator,
) -> list[_Mover]:
    """Vehicles one after another with random gaps; on lane 0 the start is the ego vehicle's."""
    movers = []
    s = float(rng.uniform(18, 26)) if path == 0 else 0.0
    deck: list[str] = []
    while s < length - 22.0:
        deck = deck or rng.permutation([k for k, n in _SHARES.items() for _ in range(n)]).tolist()
        kind = deck.pop()
        model, stride = kinds[kind][rng.integers(len(kinds[kind]))]
        left = {"bicycle": -0.9, "motorcycle": 0.2}.get(kind, 0.0)
        movers.append(_Mover(path, s, speed, left, model, stride))
        s += float(rng.uniform(17, 46))
    return movers


def _crowd(path: int, length: float, looks: list[int], rng: np.random.Generator) -> list[_Mover]:
    """Pedestrians both ways around a block, each keeping to the right; some stand still."""
    movers = []
    for _ in range(int(length // 28)):
        speed = float(rng.uniform(0.9, 1.6) * rng.choice([-1, 1]) * (rng.random() > 0.15))
        left = -0.45 * float(np.sign(speed)) + float(rng.uniform(-0.15, 0.15))
        model = int(rng.choice(looks))
        movers.append(_Mover(path, float(rng.uniform(0, length)), speed, left, model, 1.5))
    return movers
