# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that stands still: buildings, gardens, trees, street furniture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import atan2, pi

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town import models, textures
from unet_seg_ros.town.layout import HALF_STREET, LANE, SIDEWALK, Layout, Rect
from unet_seg_ros.town.mesh import Color, Instances, Mesh, MeshBuilder
from unet_seg_ros.town.tags import Tag
from unet_seg_ros.town.textures import BAY, FLOOR, Texture

_ROOFS: list[Color] = [(112, 58, 48), (84, 72, 66), (66, 68, 74), (138, 92, 66)]
_TREES = (("broad", 8), ("tall", 4), ("fir", 5), ("palm", 2), ("bush", 4))


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
    """Fills the plan with things. `models` grows; the rest places them."""

    layout: Layout
    rng: np.random.Generator
    models: list[tuple[Mesh, bool]]
    textures: list[Texture] = field(default_factory=list)
    lots: list[tuple[Rect, Color, Tag]] = field(default_factory=list)
    shadows: list[tuple[NDArray[np.float64], float, float]] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    lamps: list[tuple[float, float]] = field(default_factory=list)
    houses: list[tuple[Rect, float]] = field(default_factory=list)
    _rows: list[tuple[int, float, float, float]] = field(default_factory=list)
    _footprints: list[Rect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._paint()
        for block in self.layout.blocks:
            self._fill(block)
            self._furnish(block)
        self._surround()
        self._regulate()

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

    def _paint(self) -> None:
        """Draw the textures and the models that are used many times."""
        rng = self.rng

        def bank(draw: Callable[[], Texture], count: int) -> list[int]:
            first = len(self.textures)
            self.textures += [draw() for _ in range(count)]
            return list(range(first, first + count))

        self._facades = bank(lambda: textures.facade(rng), 14)
        self._shops = bank(lambda: textures.shopfront(rng), 6)
        self._masonry = bank(lambda: textures.masonry(rng), 4)
        self._hedges = bank(lambda: textures.hedge(rng), 2)
        kinds = ("pickets", "bars", "mesh", "pickets")
        self._fences = [bank(lambda k=k: textures.fence(k, rng), 1)[0] for k in kinds]  # type: ignore[misc]
        self._forest = bank(lambda: textures.forest(rng), 3)
        self._plants: dict[str, list[int]] = {}
        self._plant_size: dict[int, float] = {}
        for kind, count in _TREES:
            self._plants[kind] = []
            for texture in bank(lambda k=kind: textures.tree(k, rng), count):  # type: ignore[misc]
                low, high = {"bush": (1.2, 2.2), "fir": (7, 12), "palm": (7, 10)}.get(kind, (6, 10))
                size = float(rng.uniform(low, high))
                color = tuple(self.textures[texture].mean.tolist())
                height, width = self.textures[texture].levels[0].shape[:2]
                mesh = models.billboard(size * width / height, size, texture, color)
                model = self._model(mesh, faces_camera=True)
                self._plants[kind].append(model)
                self._plant_size[model] = size
        self._lamp = self._model(models.street_lamp())
        self._signs = [self._model(models.sign(k)) for k in ("stop", "limit", "yield", "board")]
        self._bench = self._model(models.bench())
        self._bins = [
            self._model(models.bin_(c)) for c in ((44, 84, 56), (52, 58, 66), (120, 60, 40))
        ]
        paints = [(150, 30, 32), (210, 210, 208), (40, 44, 52), (52, 84, 132), (120, 124, 128)]
        self._parked = [
            self._model(models.car(str(rng.choice(["saloon", "hatch", "suv"])), paint))
            for paint in paints
        ]

    def _model(self, mesh: Mesh, faces_camera: bool = False) -> int:
        self.models.append((mesh, faces_camera))
        return len(self.models) - 1

    def _put(self, model: int, x: float, y: float, yaw: float = 0.0, size: float = 0.05) -> None:
        self._rows.append((model, x, y, yaw))
        self._footprints.append((x - size, y - size, x + size, y + size))

    def _put_unique(self, mesh: Mesh, footprint: Rect) -> None:
        """A mesh made in place."""
        self._rows.append((self._model(mesh), 0.0, 0.0, 0.0))
        self._footprints.append(footprint)

    # ------------------------------------------------------------------ blocks

    def _fill(self, block: Rect) -> None:
        """Lots along the four sides of a block; the first two sides own the corners."""
        x0, y0, x1, y1 = (
            block[0] + SIDEWALK, block[1] + SIDEWALK, block[2] - SIDEWALK, block[3] - SIDEWALK,
        )  # fmt: skip
        depth = float(self.rng.uniform(13, 16))
        lots: list[tuple[Rect, tuple[int, int]]] = []
        for y, inwards in ((y0, 1), (y1, -1)):
            for a, b in self._divide(x0, x1):
                lots.append(
                    (
                        (a, min(y, y + inwards * depth), b, max(y, y + inwards * depth)),
                        (0, -inwards),
                    )
                )
        for x, inwards in ((x0, 1), (x1, -1)):
            for a, b in self._divide(y0 + depth, y1 - depth):
                lots.append(
                    (
                        (min(x, x + inwards * depth), a, max(x, x + inwards * depth), b),
                        (-inwards, 0),
                    )
                )
        for lot, street in lots:
            if not self._beside_bend(lot, block):
                self._lot(lot, street)
        middle = (x0 + depth + 1, y0 + depth + 1, x1 - depth - 1, y1 - depth - 1)
        self._trees(middle, int(self.rng.integers(4, 9)), ("broad", "fir", "tall"))

    def _divide(self, a: float, b: float) -> list[tuple[float, float]]:
        """Cut a frontage into lots of 11 to 20 metres or so."""
        count = max(round((b - a) / float(self.rng.uniform(11, 20))), 1)
        cuts = np.linspace(a, b, count + 1)
        cuts[1:-1] += self.rng.uniform(-1.5, 1.5, count - 1)
        return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))

    def _lot(self, lot: Rect, street: tuple[int, int]) -> None:
        """One plot; `street` is the direction in which its street lies."""
        kinds = {"flats": 0.36, "house": 0.30, "park": 0.14, "yard": 0.12, "parking": 0.08}
        kind = self.rng.choice(list(kinds), p=list(kinds.values()))
        getattr(self, f"_{kind}")(lot, street)

    def _beside_bend(self, lot: Rect, block: Rect) -> bool:
        """Whether the rounding of a block's corner, where it is wide, cuts into a lot."""
        cut = self.layout.corner if self.layout.corner > 10 else 0.0
        return any(
            min(abs(lot[i] - x) for i in (0, 2)) < cut * 0.8
            and min(abs(lot[j] - y) for j in (1, 3)) < cut * 0.8
            for x in (block[0], block[2])
            for y in (block[1], block[3])
        )

    def _flats(self, lot: Rect, street: tuple[int, int]) -> None:
        """A town house at the pavement, shops below, a flat roof with a parapet."""
        rect = _inset(lot, street, front=0.3, sides=0.0, back=float(self.rng.uniform(1, 4)))
        floors = int(self.rng.integers(2, 7))
        height = FLOOR * (floors + 1)
        facade = int(self.rng.choice(self._facades))
        color = tuple(self.textures[facade].mean.tolist())
        build, tag = MeshBuilder(), Tag.BUILDING
        shop = int(self.rng.choice(self._shops)) if self.rng.random() < 0.7 else facade
        tile_height = FLOOR if shop != facade else 2 * FLOOR
        build.box(rect, 0.0, FLOOR, color, tag, texture=shop, tile=(4 * BAY, tile_height))
        build.box(rect, FLOOR, height, color, tag, texture=facade, tile=(4 * BAY, 2 * FLOOR))
        edge: Color = tuple(0.8 * c for c in color)
        build.box(_grow(rect, 0.2), height, height + 0.6, edge, tag)
        self._put_unique(build.build(), rect)
        self.houses.append((rect, height))
        self.shadows.append((_corners(rect), 0.0, height))

    def _house(self, lot: Rect, street: tuple[int, int]) -> None:
        """A house with a gabled roof in a garden behind a fence, a wall or a hedge."""
        rect = _inset(lot, street, front=5.5, sides=1.8, back=1.0)
        eaves = FLOOR * float(self.rng.integers(1, 3)) + 0.4
        facade = int(self.rng.choice(self._facades))
        color = tuple(self.textures[facade].mean.tolist())
        build, tag = MeshBuilder(), Tag.BUILDING
        build.box(rect, 0.0, eaves, color, tag, texture=facade, tile=(4 * BAY, 2 * FLOOR))
        _gable(
            build,
            rect,
            eaves,
            along_x=bool(street[1]),
            wall=color,
            roof=_ROOFS[self.rng.integers(4)],
        )
        self._put_unique(build.build(), rect)
        self.houses.append((rect, eaves))
        self.shadows.append((_corners(rect), 0.0, eaves + 1.6))
        self._boundary(lot, street)
        garden = _inset(lot, street, front=1.2, sides=0.8, back=_depth(lot, street) - 4.8)
        self._trees(garden, int(self.rng.integers(0, 3)), ("broad", "tall", "bush"))
        self._trees(garden, int(self.rng.integers(0, 4)), ("bush",))

    def _park(self, lot: Rect, street: tuple[int, int]) -> None:
        if self.rng.random() < 0.5:
            self._boundary(lot, street)
        inner = _inset(lot, street, front=2.5, sides=1.0, back=1.0)
        self._trees(inner, int(self.rng.integers(3, 7)), ("broad", "fir", "tall", "palm", "bush"))
        x, y = self._somewhere(
            _inset(lot, street, front=1.2, sides=2.0, back=_depth(lot, street) - 2.0)
        )
        self._put(self._bench, x, y, atan2(street[1], street[0]), 0.3)

    def _yard(self, lot: Rect, street: tuple[int, int]) -> None:
        """A high wall with trees behind it."""
        self._barrier(lot, street, "wall", float(self.rng.uniform(1.8, 2.8)))
        inner = _inset(lot, street, front=2.5, sides=1.0, back=1.0)
        self._trees(inner, int(self.rng.integers(2, 6)), ("broad", "fir"))

    def _parking(self, lot: Rect, street: tuple[int, int]) -> None:
        """Paved ground with parked cars nose to the street, behind a low fence at times."""
        self.lots.append((lot, (104.0, 103.0, 101.0), Tag.GROUND))
        across = (lot[2] - lot[0]) if street[1] else (lot[3] - lot[1])
        for k in range(int(across // 3.2)):
            if self.rng.random() < 0.75:
                offset = (k + 0.5) * 3.2
                x, y = (lot[0] + offset, lot[1]) if street[1] else (lot[0], lot[1] + offset)
                front = _inset(lot, street, 4.0, 0.0, 0.0)
                if street[1]:
                    y = front[3] if street[1] > 0 else front[1]
                else:
                    x = front[2] if street[0] > 0 else front[0]
                yaw = atan2(street[1], street[0]) + (pi if self.rng.random() < 0.5 else 0.0)
                self._put(int(self.rng.choice(self._parked)), x, y, yaw, 0.9)
                self.shadows.append((_corners((x - 1.2, y - 1.2, x + 1.2, y + 1.2)), 0.0, 1.2))

    def _boundary(self, lot: Rect, street: tuple[int, int]) -> None:
        kind = str(self.rng.choice(["fence", "fence", "wall", "hedge"]))
        height = {"fence": 1.2, "wall": 0.9, "hedge": 1.3}[kind] * float(self.rng.uniform(0.8, 1.2))
        self._barrier(lot, street, kind, height)

    def _barrier(self, lot: Rect, street: tuple[int, int], kind: str, height: float) -> None:
        """Along the front of a lot, in pieces of about six metres."""
        thick = {"fence": 0.04, "wall": 0.3, "hedge": 0.8}[kind]
        strip = _inset(lot, street, front=0.4, sides=0.1, back=_depth(lot, street) - 0.4 - thick)
        bank = {"fence": self._fences, "wall": self._masonry, "hedge": self._hedges}[kind]
        texture = int(self.rng.choice(bank))
        color = tuple(self.textures[texture].mean.tolist())
        along_x = bool(street[1])
        a, b = (strip[0], strip[2]) if along_x else (strip[1], strip[3])
        cuts = np.linspace(a, b, max(round((b - a) / 6), 1) + 1)
        for p, q in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            rect = (p, strip[1], q, strip[3]) if along_x else (strip[0], p, strip[2], q)
            build = MeshBuilder()
            if kind == "fence":
                middle = (rect[1] + rect[3]) / 2 if along_x else (rect[0] + rect[2]) / 2
                ends = [(p, middle), (q, middle)] if along_x else [(middle, p), (middle, q)]
                corners = [(*ends[0], 0), (*ends[1], 0), (*ends[1], height), (*ends[0], height)]
                repeat = (round((q - p) / (2 * height), 2), 1.0)
                build.solid((rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2, height / 2)
                build.face(
                    corners, color, Tag.FENCE, both_sides=True, texture=texture, repeat=repeat
                )
            else:
                tag, tile = (
                    (Tag.WALL, (4.0, 2.0)) if kind == "wall" else (Tag.VEGETATION, (3.0, 1.5))
                )
                build.box(rect, 0.0, height, color, tag, texture=texture, tile=tile)
            self._put_unique(build.build(), rect)
            self.shadows.append((_corners(rect), 0.0, height * (0.5 if kind == "fence" else 1.0)))

    def _trees(self, area: Rect, count: int, kinds: tuple[str, ...]) -> None:
        if area[2] <= area[0] or area[3] <= area[1]:
            return
        for _ in range(count):
            self._plant(str(self.rng.choice(kinds)), *self._somewhere(area))

    def _plant(self, kind: str, x: float, y: float) -> None:
        model = int(self.rng.choice(self._plants[kind]))
        self._put(model, x, y)
        size = self._plant_size[model]
        radius = size * {"broad": 0.42, "palm": 0.3, "bush": 0.4}.get(kind, 0.22)
        angles = np.linspace(0, 2 * pi, 9, endpoint=False)
        lumps = radius * self.rng.uniform(0.75, 1.1, 9)
        crown = np.column_stack([x + lumps * np.cos(angles), y + lumps * np.sin(angles)])
        low, high = (0.0, size * 0.8) if kind in ("bush", "fir") else (size * 0.45, size * 0.9)
        self.shadows.append((crown, low, high))

    def _somewhere(self, area: Rect) -> tuple[float, float]:
        return float(self.rng.uniform(area[0], area[2])), float(self.rng.uniform(area[1], area[3]))

    # ------------------------------------------------------------------ streets

    def _furnish(self, block: Rect) -> None:
        """Lamps, trees, signs, bins and benches between kerb and walkway."""
        x0, y0, x1, y1 = block
        clear = max(self.layout.corner, 6.0) + 3.0
        sides = (
            ((x0 + clear, y0 + 0.7), (x1 - clear, y0 + 0.7), (0, -1)),
            ((x1 - 0.7, y0 + clear), (x1 - 0.7, y1 - clear), (1, 0)),
            ((x1 - clear, y1 - 0.7), (x0 + clear, y1 - 0.7), (0, 1)),
            ((x0 + 0.7, y1 - clear), (x0 + 0.7, y0 + clear), (-1, 0)),
        )
        for start, end, out in sides:
            self._kerbside(np.array(start), np.array(end), out)

    def _kerbside(self, start: NDArray, end: NDArray, out: tuple[int, int]) -> None:
        """One kerb: its traffic runs from `end` to `start`, its street lies towards `out`."""
        length = float(np.linalg.norm(end - start))
        street_yaw = atan2(out[1], out[0])
        leafy = self.rng.random() < 0.6
        kinds = [str(k) for k in self.rng.choice(["broad", "tall", "palm", "broad"], 1)]
        for k in range(max(int(length // 6), 1)):
            x, y = (start + (end - start) * ((k + 0.5) * 6.0 / max(length, 6.0))).tolist()
            if k % 4 == 1:
                self._put(self._lamp, x, y, street_yaw)
                self.lamps.append((x + 2 * out[0], y + 2 * out[1]))
            elif k % 4 == 3 and self.rng.random() < 0.45:
                along = (end - start) / length
                # A driver in this lane sees the sign's face: it looks back along the lane.
                self._put(int(self.rng.choice(self._signs)), x, y, atan2(along[1], along[0]))
            elif leafy and k % 2 == 0 and self.rng.random() < 0.7:
                self._plant(kinds[0], x, y)
            elif self.rng.random() < 0.2:
                self._put(int(self.rng.choice(self._bins)), x, y, street_yaw, 0.3)

    def _regulate(self) -> None:
        """A traffic light beyond each junction for every street that comes in."""
        models_by_state = [
            [self._model(models.traffic_light(state, overhead)) for state in ("green", "red")]
            for overhead in (False, True)
        ]
        self.signal_models = np.array(models_by_state, np.int32)  # (overhead, state)
        for junction in self.layout.junctions:
            overhead = bool(self.rng.random() < 0.5)
            for dx, dy in junction.arms:
                # Drivers come in against (dx, dy) and find the light on their right beyond.
                aside = HALF_STREET + 2.9
                x, y = junction.x - aside * dx - aside * dy, junction.y - aside * dy + aside * dx
                reach = HALF_STREET + self.layout.corner
                stop = (
                    junction.x + reach * dx - LANE / 2 * dy,
                    junction.y + reach * dy + LANE / 2 * dx,
                )
                self.signals.append(Signal(x, y, atan2(dy, dx), stop, overhead))

    def _surround(self) -> None:
        """Meadows, trees and houses outside the ring of streets, woods on the horizon."""
        x0, y0, x1, y1 = _grow(self.layout.outer, SIDEWALK)
        depth = 15.0
        for y, out in ((y0, -1), (y1, 1)):
            for a, b in self._divide(x0 + 10, x1 - 10):
                lot = (a, min(y, y + out * depth), b, max(y, y + out * depth))
                self._lot(lot, (0, -out))
            self._kerbside(
                *_run(
                    (x0 + 16, y - out * (SIDEWALK - 0.7)),
                    (x1 - 16, y - out * (SIDEWALK - 0.7)),
                    out < 0,
                ),
                (0, -out),
            )
        for x, out in ((x0, -1), (x1, 1)):
            for a, b in self._divide(y0 + 10, y1 - 10):
                lot = (min(x, x + out * depth), a, max(x, x + out * depth), b)
                self._lot(lot, (-out, 0))
            self._kerbside(
                *_run(
                    (x - out * (SIDEWALK - 0.7), y0 + 16),
                    (x - out * (SIDEWALK - 0.7), y1 - 16),
                    out > 0,
                ),
                (-out, 0),
            )
        self._woods((x0, y0, x1, y1))

    def _woods(self, town: Rect) -> None:
        for margin, count in ((24.0, 70), (45.0, 60)):
            ring = _grow(town, margin)
            for _ in range(count):
                t, side = self.rng.random(), self.rng.integers(4)
                x = ring[0] + t * (ring[2] - ring[0]) if side < 2 else ring[2 * (side - 2)]
                y = ring[1] + t * (ring[3] - ring[1]) if side >= 2 else ring[1 + 2 * side]
                shift = self.rng.uniform(-6, 6, 2)
                self._plant(
                    str(self.rng.choice(["fir", "broad", "tall"])),
                    float(x + shift[0]),
                    float(y + shift[1]),
                )
        for margin, height in ((90.0, 13.0), (160.0, 26.0)):
            x0, y0, x1, y1 = _grow(town, margin)
            span = 4 * height
            for (ax, ay), (bx, by) in (
                ((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)),
                ((x1, y1), (x0, y1)), ((x0, y1), (x0, y0)),
            ):  # fmt: skip
                count = max(round(max(abs(bx - ax), abs(by - ay)) / span), 1)
                for k in range(count):
                    p = (ax + (bx - ax) * k / count, ay + (by - ay) * k / count)
                    q = (ax + (bx - ax) * (k + 1) / count, ay + (by - ay) * (k + 1) / count)
                    build = MeshBuilder()
                    build.solid((p[0] + q[0]) / 2, (p[1] + q[1]) / 2, 0.0)
                    build.face(
                        [(*p, 0), (*q, 0), (*q, height), (*p, height)], (60, 84, 52),
                        Tag.VEGETATION, both_sides=True, texture=int(self.rng.choice(self._forest)),
                    )  # fmt: skip
                    footprint = (min(p[0], q[0]), min(p[1], q[1]), max(p[0], q[0]), max(p[1], q[1]))
                    self._put_unique(build.build(), footprint)


def _gable(
    build: MeshBuilder, rect: Rect, eaves: float, along_x: bool, wall: Color, roof: Color
) -> None:
    """A gabled roof with its ridge along x or y."""
    x0, y0, x1, y1 = rect
    o = 0.35  # overhang
    half = ((y1 - y0) if along_x else (x1 - x0)) / 2
    ridge = eaves + 0.62 * half
    build.solid((x0 + x1) / 2, (y0 + y1) / 2, eaves + 1.0)
    if along_x:
        m = (y0 + y1) / 2
        gables = [
            [(x1, y0, eaves), (x1, y1, eaves), (x1, m, ridge)],
            [(x0, y1, eaves), (x0, y0, eaves), (x0, m, ridge)],
        ]
        slopes = [
            [
                (x0 - o, y0 - o, eaves - 0.2),
                (x1 + o, y0 - o, eaves - 0.2),
                (x1 + o, m, ridge),
                (x0 - o, m, ridge),
            ],
            [
                (x1 + o, y1 + o, eaves - 0.2),
                (x0 - o, y1 + o, eaves - 0.2),
                (x0 - o, m, ridge),
                (x1 + o, m, ridge),
            ],
        ]
    else:
        m = (x0 + x1) / 2
        gables = [
            [(x0, y0, eaves), (x1, y0, eaves), (m, y0, ridge)],
            [(x1, y1, eaves), (x0, y1, eaves), (m, y1, ridge)],
        ]
        slopes = [
            [
                (x1 + o, y0 - o, eaves - 0.2),
                (x1 + o, y1 + o, eaves - 0.2),
                (m, y1 + o, ridge),
                (m, y0 - o, ridge),
            ],
            [
                (x0 - o, y1 + o, eaves - 0.2),
                (x0 - o, y0 - o, eaves - 0.2),
                (m, y0 - o, ridge),
                (m, y1 + o, ridge),
            ],
        ]
    for gable in gables:
        build.face(gable, wall, Tag.BUILDING)
    for slope in slopes:
        build.face(slope, roof, Tag.BUILDING)


def _inset(lot: Rect, street: tuple[int, int], front: float, sides: float, back: float) -> Rect:
    """A lot made smaller on its street side, its two flanks and its far side."""
    x0, y0, x1, y1 = lot
    if street[1]:
        low, high = (front, back) if street[1] < 0 else (back, front)
        return (x0 + sides, y0 + low, x1 - sides, y1 - high)
    low, high = (front, back) if street[0] < 0 else (back, front)
    return (x0 + low, y0 + sides, x1 - high, y1 - sides)


def _depth(lot: Rect, street: tuple[int, int]) -> float:
    return lot[3] - lot[1] if street[1] else lot[2] - lot[0]


def _grow(rect: Rect, by: float) -> Rect:
    return (rect[0] - by, rect[1] - by, rect[2] + by, rect[3] + by)


def _corners(rect: Rect) -> NDArray[np.float64]:
    x0, y0, x1, y1 = rect
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _run(
    a: tuple[float, float], b: tuple[float, float], backwards: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (np.array(b), np.array(a)) if backwards else (np.array(a), np.array(b))
