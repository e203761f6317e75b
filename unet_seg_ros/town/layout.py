# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Streets and blocks: the plan, the loops that traffic drives, the polygons of the ground."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unet_seg_ros.town.mesh import Color, Mesh, MeshBuilder
from unet_seg_ros.town.rects import Rect, corners_of, grown
from unet_seg_ros.town.tags import Tag

LayoutName = Literal["grid", "loop"]

LANE = 3.6  # metres; every street has one lane each way
HALF_STREET = LANE
SIDEWALK = 4.2
KERB = 0.25

_YELLOW: Color = (205, 150, 30)
_WHITE: Color = (205, 205, 200)


@dataclass(frozen=True)
class Path:
    """A closed polyline, sampled densely, that is driven or walked at a steady speed."""

    points: NDArray[np.float64]  # (n + 1, 2), the last one is the first again
    distance: NDArray[np.float64]  # (n + 1,) metres from the first point along the path
    headings: NDArray[np.float64]  # (n + 1,) radians, unwrapped

    @staticmethod
    def through(points: ArrayLike, step: float = 0.5) -> Path:
        """The closed path through (k, 2) corners, sampled every `step` metres or so."""
        corners = np.asarray(points, np.float64)
        ring = np.vstack([corners, corners[:1]])
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
        count = max(int(along[-1] / step), 4)
        s = np.linspace(0.0, along[-1], count, endpoint=False)
        sampled = np.stack([np.interp(s, along, ring[:, i]) for i in (0, 1)], axis=1)
        ahead = np.roll(sampled, -2, axis=0) - np.roll(sampled, 2, axis=0)
        heading = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
        turns = round((heading[-1] - heading[0]) / (2 * pi)) * 2 * pi
        closed = np.vstack([sampled, sampled[:1]])
        return Path(closed, np.append(s, along[-1]), np.append(heading, heading[0] + turns))

    @property
    def length(self) -> float:
        """Metres once around."""
        return float(self.distance[-1])

    def at(
        self, s: ArrayLike, left: ArrayLike = 0.0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points (..., 2) and headings (...) at s metres, moved to the left by `left` metres."""
        s = np.asarray(s, np.float64) % self.length
        point = np.stack([np.interp(s, self.distance, self.points[:, i]) for i in (0, 1)], axis=-1)
        heading = np.interp(s, self.distance, self.headings)
        sideways = np.stack([-np.sin(heading), np.cos(heading)], axis=-1)
        return point + sideways * np.asarray(left)[..., None], heading


@dataclass(frozen=True)
class Junction:
    """Where streets meet; `arms` are the directions (dx, dy) in which one leaves."""

    x: float
    y: float
    arms: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TownLayout:
    """The plan: street centre lines at xs and ys, blocks between them, kerbs rounded at corners."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    corner: float  # metres, radius of the blocks' kerbs

    @property
    def blocks(self) -> list[Rect]:
        """Kerb to kerb, column by column."""
        h = HALF_STREET
        return [
            (self.xs[i] + h, self.ys[j] + h, self.xs[i + 1] - h, self.ys[j + 1] - h)
            for i in range(len(self.xs) - 1)
            for j in range(len(self.ys) - 1)
        ]

    @property
    def streets(self) -> list[tuple[int, float, tuple[float, ...]]]:
        """Every street: at an x (0) or a y (1), which, and where others meet it."""
        return [(0, x, self.ys) for x in self.xs] + [(1, y, self.xs) for y in self.ys]

    @property
    def stretches(self) -> list[tuple[int, float, tuple[float, float]]]:
        """Every street between two others: at an x (0) or a y (1), which, from where to where."""
        return [(axis, at, span) for axis, at, stops in self.streets for span in pairwise(stops)]

    @property
    def outer(self) -> Rect:
        """The outer kerb of the streets around the town."""
        h = HALF_STREET
        return (self.xs[0] - h, self.ys[0] - h, self.xs[-1] + h, self.ys[-1] + h)

    @property
    def kerb_lines(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All x and all y at which a street begins or ends."""
        return tuple(  # type: ignore[return-value]
            np.concatenate([np.array(c) - HALF_STREET, np.array(c) + HALF_STREET])
            for c in (self.xs, self.ys)
        )

    @property
    def junctions(self) -> list[Junction]:
        """Meetings of three streets or more."""
        found = []
        for i, x in enumerate(self.xs):
            for j, y in enumerate(self.ys):
                arms = [(-1, 0)] * (i > 0) + [(1, 0)] * (i < len(self.xs) - 1)
                arms += [(0, -1)] * (j > 0) + [(0, 1)] * (j < len(self.ys) - 1)
                if len(arms) > 2:
                    found.append(Junction(x, y, tuple(arms)))
        return found

    def drive_around(self, cells: set[tuple[int, int]], clockwise: bool = True) -> Path:
        """The loop in the right-hand lane around a group of blocks.

        The group is on the driver's right (clockwise) or, for the whole town only, on the left.
        Loops around groups that share no block never meet: each lane has one block beside it.
        """
        corners = _outline(cells)
        if not clockwise:
            corners = corners[::-1]
        places = np.array([(self.xs[i], self.ys[j]) for i, j in corners])
        before = _unit(places - np.roll(places, 1, axis=0))
        after = _unit(np.roll(places, -1, axis=0) - places)
        right = np.stack([before[:, 1] + after[:, 1], -before[:, 0] - after[:, 0]], axis=1)
        places = places + right * (LANE / 2)
        turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
        radius = np.where(turn < 0, self.corner + LANE / 2, self.corner + 1.5 * LANE)
        return Path.through(_fillet(places, radius))

    def walk_around(self, block: Rect, outwards: float) -> Path:
        """The loop around a block at a distance from its kerb; negative is on its sidewalk."""
        return Path.through(_rounded(grown(block, outwards), self.corner + outwards))


def plan(name: LayoutName, rng: np.random.Generator) -> TownLayout:
    """Draw up a plan: `grid` has three by three blocks, `loop` is a ring road with wide bends."""
    if name == "loop":
        return TownLayout(
            (0.0, float(rng.uniform(150, 190))), (0.0, float(rng.uniform(110, 150))), 32.0
        )
    if name != "grid":
        raise ValueError(f"unknown town layout '{name}': choose grid or loop")
    xs, ys = (np.cumsum([0.0, *rng.uniform(58, 84, 3)]) for _ in range(2))
    return TownLayout(tuple(xs.tolist()), tuple(ys.tolist()), 6.0)


def ground(
    layout: TownLayout, rng: np.random.Generator, lots: list[tuple[Rect, Color, Tag]]
) -> Mesh:
    """Everything that lies flat, in drawing order."""
    build = MeshBuilder()

    def flat(corners: ArrayLike, color: Color, tag: Tag) -> None:
        outline = np.asarray(corners, np.float64)
        x, y = outline.mean(axis=0).tolist()
        build.solid(x, y, 0.0)
        build.face(np.column_stack([outline, np.zeros(len(outline))]), color, tag)

    asphalt = float(rng.uniform(88, 128))
    road: Color = (asphalt * 1.01, asphalt, asphalt * float(rng.uniform(0.96, 1.03)))
    pavement = float(rng.uniform(128, 165))
    slabs: Color = (pavement, pavement * 0.985, pavement * float(rng.uniform(0.9, 0.98)))
    kerb: Color = tuple(0.72 * c for c in slabs)  # type: ignore[assignment]
    grass: Color = (
        float(rng.uniform(62, 92)),
        float(rng.uniform(98, 122)),
        float(rng.uniform(36, 52)),
    )

    # From the widest to the narrowest: each covers the middle of the one before.
    far = 3000.0
    flat(corners_of(grown(layout.outer, far)), grass, Tag.TERRAIN)
    rim = layout.corner + 2 * HALF_STREET
    for margin, color in ((SIDEWALK, slabs), (KERB, kerb)):
        flat(_rounded(grown(layout.outer, margin), rim + margin), color, Tag.SIDEWALK)
    flat(_rounded(layout.outer, rim), road, Tag.ROAD)
    for block in layout.blocks:
        flat(_rounded(block, layout.corner), kerb, Tag.SIDEWALK)
        flat(_rounded(grown(block, -KERB), layout.corner - KERB), slabs, Tag.SIDEWALK)
        inner = max(layout.corner - SIDEWALK, 0.5)
        flat(_rounded(grown(block, -SIDEWALK), inner), grass, Tag.TERRAIN)
    for rect, color, tag in lots:
        flat(corners_of(rect), color, tag)
    for corners, shade in _repairs(layout, rng):
        flat(corners, (shade * road[0], shade * road[1], shade * road[2]), Tag.ROAD)
    for corners, color in _markings(layout, rng):
        flat(corners, color, Tag.ROAD_LINE)
    return build.build()


def _repairs(layout: TownLayout, rng: np.random.Generator) -> list[tuple[NDArray, float]]:
    """Seams and patches in the asphalt with their shades: they look like markings and are none."""
    found: list[tuple[NDArray, float]] = []
    for axis, street, (begin, end) in layout.stretches:
        first, last = begin + HALF_STREET + layout.corner, end - HALF_STREET - layout.corner
        for _ in range(int(rng.integers(0, 9))):
            width = float(rng.choice([0.05, 0.12, 0.5, 1.2]))
            along = float(rng.uniform(first, last))
            length = min(float(rng.choice([0.6, 2.0, 8.0, 30.0])), last - along)
            across = rng.uniform(-LANE, LANE) + np.array([0.0, rng.normal(0, 0.3) * length])
            reach = LANE - width
            ends = [along, along + length]
            line = np.column_stack([street + np.clip(across, -reach, reach), ends])
            shade = float(rng.uniform(0.6, 0.9) if rng.random() < 0.5 else rng.uniform(1.1, 1.35))
            line = line if axis == 0 else line[:, ::-1]
            found += [(quad, shade) for quad in _ribbon(line, 0.0, width)]
    return found


def _markings(layout: TownLayout, rng: np.random.Generator) -> list[tuple[NDArray, Color]]:
    """Centre lines, edge lines, stop lines and crossings."""
    marks: list[tuple[NDArray, Color]] = []
    for along_x, line_at, stops in layout.streets:
        centre, edges = str(rng.choice(["dashes", "double", "solid"])), rng.random() < 0.6
        color = _YELLOW if centre == "double" or rng.random() < 0.6 else _WHITE
        for begin, end in pairwise(stops):
            span = (begin + HALF_STREET + layout.corner, end - HALF_STREET - layout.corner)
            line = np.array([(s, line_at) if along_x else (line_at, s) for s in span])
            marks += _centre_line(line, centre, color)
            if edges:
                for side in (-1, 1):
                    marks += [(q, _WHITE) for q in _ribbon(line, side * (LANE - 0.3), 0.13)]
    marks += _corner_lines(layout)
    for junction in layout.junctions:
        for dx, dy in junction.arms:
            marks += _stop(layout, junction, dx, dy, crossing=rng.random() < 0.6)
    return marks


def _centre_line(line: NDArray, kind: str, color: Color) -> list[tuple[NDArray, Color]]:
    if kind == "dashes":
        return [(q, color) for q in _ribbon(line, 0.0, 0.15, dash=(3.0, 4.5))]
    offsets = (-0.14, 0.14) if kind == "double" else (0.0,)
    return [(q, color) for offset in offsets for q in _ribbon(line, offset, 0.13)]


def _corner_lines(layout: TownLayout) -> list[tuple[NDArray, Color]]:
    """The centre line around the four corners of the town, where only two streets meet."""
    ring = (layout.xs[0], layout.ys[0], layout.xs[-1], layout.ys[-1])
    outline = _rounded(ring, layout.corner + HALF_STREET, arc=16).reshape(4, -1, 2)
    return [(q, _YELLOW) for bend in outline for q in _ribbon(bend, 0.0, 0.14)]


def _stop(
    layout: TownLayout, junction: Junction, dx: int, dy: int, crossing: bool
) -> list[tuple[NDArray, Color]]:
    """Stop line and perhaps a zebra crossing across one arm of a junction."""
    start = HALF_STREET + layout.corner
    centre = np.array([junction.x, junction.y], np.float64)
    out, left = np.array([dx, dy], np.float64), np.array([-dy, dx], np.float64)

    def quad(a: float, b: float, c: float, d: float) -> NDArray:
        corners = [(a, c), (b, c), (b, d), (a, d)]
        return np.array([centre + p * out + q * left for p, q in corners])

    # Drivers come in on the arm's left side as seen from the junction.
    marks = [(quad(start + 0.2, start + 0.6, 0.15, LANE - 0.25), _WHITE)]
    if crossing:
        for side in np.arange(-LANE + 0.45, LANE - 0.45, 1.0).tolist():
            marks.append((quad(start - 3.2, start - 0.7, side, side + 0.5), _WHITE))
    return marks


def _ribbon(
    line: NDArray, offset: float, width: float, dash: tuple[float, float] | None = None
) -> list[NDArray]:
    """Quads along an open polyline, moved to its left; `dash` = length painted, length left out."""
    step = _unit(np.diff(line, axis=0))
    normals = np.vstack([step[:1], (step[1:] + step[:-1]) / 2, step[-1:]])
    left = _unit(np.column_stack([-normals[:, 1], normals[:, 0]]))
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    if dash:
        starts = np.arange(0.0, along[-1] - dash[0], sum(dash))
        spans = [(s, s + dash[0]) for s in starts]
    else:
        # Long quads are cut so that fog and the near plane treat each part by itself.
        marks = np.union1d(along, np.arange(0.0, along[-1], 12.0))
        spans = list(pairwise(marks))

    def at(s: float, side: float) -> list[float]:
        return [
            float(np.interp(s, along, line[:, i] + left[:, i] * (offset + side))) for i in (0, 1)
        ]

    w = width / 2
    return [np.array([at(a, -w), at(b, -w), at(b, w), at(a, w)]) for a, b in spans]


def _outline(cells: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Corners, clockwise, of a group of unit cells without holes that does not touch itself."""
    edges = set()
    for i, j in cells:
        ring = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
        edges |= {(ring[k - 1], ring[k]) for k in range(4)}
    following = {a: b for a, b in edges if (b, a) not in edges}
    start = min(following)
    walk = [start]
    while (ahead := following[walk[-1]]) != start:
        walk.append(ahead)
    straight = [
        (walk[k - 1][0] - p[0], walk[k - 1][1] - p[1])
        == (p[0] - walk[(k + 1) % len(walk)][0], p[1] - walk[(k + 1) % len(walk)][1])
        for k, p in enumerate(walk)
    ]
    return [p for p, s in zip(walk, straight, strict=True) if not s]


def _fillet(corners: NDArray, radius: NDArray) -> NDArray:
    """Round the right-angled corners of a closed polyline."""
    points = []
    for k, corner in enumerate(corners):
        back = _unit((corners[k - 1] - corner)[None])[0]
        ahead = _unit((corners[(k + 1) % len(corners)] - corner)[None])[0]
        r = radius[k]
        centre = corner + r * (back + ahead)
        for t in np.linspace(0.0, pi / 2, 12):
            points.append(centre - r * (ahead * cos(t) + back * sin(t)))
    return np.array(points)


def _rounded(rect: Rect, radius: float, arc: int = 7) -> NDArray:
    """A rectangle with rounded corners, counter-clockwise, `arc` points a corner."""
    x0, y0, x1, y1 = rect
    r = max(radius, 0.01)
    centres = [(x1 - r, y1 - r), (x0 + r, y1 - r), (x0 + r, y0 + r), (x1 - r, y0 + r)]
    angles = np.linspace(0.0, pi / 2, arc)
    return np.array(
        [
            (cx + r * cos(a + k * pi / 2), cy + r * sin(a + k * pi / 2))
            for k, (cx, cy) in enumerate(centres)
            for a in angles
        ]
    )


def _unit(vectors: NDArray) -> NDArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
