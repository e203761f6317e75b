# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Flat polygons: how they are stored, built, and placed in the world many times over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import dist, hypot

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unet_seg_ros.town.tags import Tag

PLAIN = -1  # texture number of a polygon in one colour

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Mesh:
    """P convex polygons with V corners in all, polygon after polygon.

    A polygon belongs to a solid (a convex body and what is painted on it), known by its middle.
    The painter draws the solids of a model from far to near, the polygons of a solid in order.
    """

    vertices: NDArray[np.float32]  # (V, 3) metres
    counts: NDArray[np.int32]  # (P,) corners of each polygon
    normals: NDArray[np.float32]  # (P, 3) outward; zero = seen from both sides
    centers: NDArray[np.float32]  # (P, 3) middle of the polygon's solid
    colors: NDArray[np.float32]  # (P, 3) RGB, 0 to 255, in white light
    labels: NDArray[np.uint8]  # (P,) class ids
    glow: NDArray[np.float32]  # (P,) 0 = lit by sun and sky, 1 = shines by itself
    textures: NDArray[np.int16]  # (P,) texture number or PLAIN
    repeats: NDArray[np.float32]  # (P, 2) times the texture repeats across and down

    def part(self, polygons: NDArray[np.integer]) -> Mesh:
        """Some of the polygons, by number."""
        first, counts = np.cumsum(self.counts) - self.counts, self.counts[polygons]
        others = list(Mesh.__dataclass_fields__)[1:]
        return Mesh(
            self.vertices[ranges(first[polygons], counts)],
            *(getattr(self, name)[polygons] for name in others),
        )


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh with the polygons of all, in order."""
    return Mesh(
        *(np.concatenate([getattr(m, name) for m in meshes]) for name in Mesh.__dataclass_fields__)
    )


@dataclass
class MeshBuilder:
    """Collects polygons; corners are given counter-clockwise as seen from outside.

    A textured polygon has four: bottom left, bottom right, top right, top left.
    """

    _polygons: list[NDArray] = field(default_factory=list)
    _rows: list[tuple] = field(default_factory=list)
    _center: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def solid(self, x: float, y: float, z: float) -> None:
        """Start a new solid; the faces that follow belong to it."""
        self._center = (x, y, z)

    def face(
        self,
        corners: ArrayLike,
        color: Color,
        tag: Tag,
        *,
        both_sides: bool = False,
        glow: float = 0.0,
        texture: int = PLAIN,
        repeat: tuple[float, float] = (1.0, 1.0),
    ) -> NDArray:
        """Add one polygon, (n, 3); returns its corners."""
        points = np.asarray(corners, np.float32)
        normal = np.zeros(3, np.float32)
        if not both_sides:
            (ax, ay, az), (bx, by, bz) = (points[[1, -1]] - points[0]).tolist()
            cross = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
            normal[:] = np.array(cross) / max(hypot(*cross), 1e-9)
        self._polygons.append(points)
        self._rows.append((normal, self._center, color, tag, glow, texture, repeat))
        return points

    def frustum(
        self,
        bottom: tuple[float, float, float, float],
        top: tuple[float, float, float, float],
        z0: float,
        z1: float,
        color: Color,
        tag: Tag,
        *,
        top_color: Color | None = None,
        texture: int = PLAIN,
        tile: tuple[float, float] = (1.0, 1.0),
        center: tuple[float, float, float] | None = None,
    ) -> list[NDArray]:
        """Add a solid between the rectangles (x0, y0, x1, y1) at heights z0 and z1.

        The texture is for the four sides, repeated about every `tile` = (across, up) metres.
        A center further away than the solid's middle makes it drawn earlier.

        Returns:
            The side faces: front (+x), left (+y), back (-x), right (-y), to paint details on.
        """
        low, high = (
            [(r[2], r[1], z), (r[2], r[3], z), (r[0], r[3], z), (r[0], r[1], z)]
            for r, z in ((bottom, z0), (top, z1))
        )
        self.solid(*(center or (sum(c) / 8 for c in zip(*low, *high, strict=True))))
        self.face(high, top_color or color, tag)
        self.face(low[::-1], color, tag)
        sides = []
        for i in range(4):
            j = (i + 1) % 4
            # Whole quarters across and halves up: no window is cut in two.
            across = max(round(4 * dist(low[i], low[j]) / tile[0]), 1) / 4
            repeat = (across, max(round(2 * (z1 - z0) / tile[1]), 1) / 2)
            corners = [low[i], low[j], high[j], high[i]]
            sides.append(self.face(corners, color, tag, texture=texture, repeat=repeat))
        return sides

    def box(
        self,
        rect: tuple[float, float, float, float],
        z0: float,
        z1: float,
        color: Color,
        tag: Tag,
        *,
        texture: int = PLAIN,
        tile: tuple[float, float] = (1.0, 1.0),
        center: tuple[float, float, float] | None = None,
    ) -> list[NDArray]:
        """Add an upright box; see `frustum`."""
        return self.frustum(
            rect, rect, z0, z1, color, tag,
            texture=texture, tile=tile, center=center,
        )  # fmt: skip

    def tube(
        self,
        start: tuple[float, float, float],
        end: tuple[float, float, float],
        radii: tuple[float, float],
        color: Color,
        tag: Tag,
    ) -> None:
        """Add a solid around the line from start to end, `radii` thick there, without its ends.

        The line must not be parallel to x.
        """
        sides = 6
        ends = np.array([start, end], np.float32)
        along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
        across = np.cross(along, (1.0, 0.0, 0.0))
        across /= np.linalg.norm(across)
        angle = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
        ring = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * np.cross(along, across)
        low, high = (point + radius * ring for point, radius in zip(ends, radii, strict=True))
        self.solid(*ends.mean(axis=0).tolist())
        for i in range(sides):
            j = (i + 1) % sides
            self.face([low[i], low[j], high[j], high[i]], color, tag)

    def panel(
        self,
        side: NDArray,
        u: tuple[float, float],
        v: tuple[float, float],
        color: Color,
        tag: Tag,
        *,
        glow: float = 0.0,
    ) -> None:
        """Paint a part of a four-cornered face: u left to right, v bottom to top, 0 to 1."""

        def at(s: float, t: float) -> NDArray:
            low, high = side[0] + s * (side[1] - side[0]), side[3] + s * (side[2] - side[3])
            return np.asarray(low + t * (high - low))

        corners = [at(u[0], v[0]), at(u[1], v[0]), at(u[1], v[1]), at(u[0], v[1])]
        self.face(corners, color, tag, glow=glow)

    def disc(
        self,
        center: tuple[float, float, float],
        radius: float,
        toward: tuple[float, float],
        color: Color,
        tag: Tag,
        *,
        glow: float = 0.0,
        both_sides: bool = False,
        sides: int = 10,
    ) -> None:
        """Add an upright regular polygon whose face looks along the direction `toward` (x, y)."""
        angle = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
        across = np.array([-toward[1], toward[0], 0.0])
        corners = (
            np.array(center)
            + radius * np.cos(angle)[:, None] * across
            + radius * np.sin(angle)[:, None] * np.array([0.0, 0.0, 1.0])
        )
        self.face(corners, color, tag, glow=glow, both_sides=both_sides)

    def build(self) -> Mesh:
        """Everything added so far."""
        normals, centers, colors, tags, glow, textures, repeats = zip(*self._rows, strict=True)
        return Mesh(
            vertices=np.concatenate(self._polygons),
            counts=np.array([len(p) for p in self._polygons], np.int32),
            normals=np.array(normals, np.float32),
            centers=np.array(centers, np.float32),
            colors=np.array(colors, np.float32),
            labels=np.array(tags, np.uint8),
            glow=np.array(glow, np.float32),
            textures=np.array(textures, np.int16),
            repeats=np.array(repeats, np.float32),
        )


@dataclass(frozen=True)
class Instances:
    """N models standing in the world."""

    models: NDArray[np.int32]  # (N,) model numbers
    positions: NDArray[np.float32]  # (N, 3)
    yaws: NDArray[np.float32]  # (N,) radians

    @staticmethod
    def gather(groups: Sequence[Instances]) -> Instances:
        """All of several groups, in order."""
        return Instances(
            np.concatenate([g.models for g in groups]),
            np.concatenate([g.positions for g in groups]),
            np.concatenate([g.yaws for g in groups]),
        )

    def __getitem__(self, index: NDArray) -> Instances:
        return Instances(self.models[index], self.positions[index], self.yaws[index])


@dataclass(frozen=True)
class Library:
    """M models in one mesh, so that any selection of them is placed without a Python loop."""

    mesh: Mesh
    polygons: NDArray[np.int64]  # (M + 1,) first polygon of each model
    first_corner: NDArray[np.int64]  # (P,) first corner of each polygon
    radius: NDArray[np.float32]  # (M,) of the ball around `middle` that holds the model
    middle: NDArray[np.float32]  # (M, 3)
    half_size: NDArray[np.float32]  # (M, 3) along x and y, and the height
    faces_camera: NDArray[np.bool_]  # (M,) billboards turn to the camera

    @staticmethod
    def of(models: Sequence[tuple[Mesh, bool]]) -> Library:
        """From (mesh, faces camera) pairs."""
        middle = [(m.vertices.min(axis=0) + m.vertices.max(axis=0)) / 2 for m, _ in models]
        mesh = join([m for m, _ in models])
        return Library(
            mesh=mesh,
            first_corner=np.cumsum(mesh.counts) - mesh.counts,
            polygons=np.cumsum([0] + [len(m.counts) for m, _ in models]),
            radius=np.array(
                [
                    np.linalg.norm(m.vertices - c, axis=1).max()
                    for (m, _), c in zip(models, middle, strict=True)
                ],
                np.float32,
            ),
            middle=np.array(middle, np.float32),
            half_size=np.array(
                [
                    (*np.abs(m.vertices[:, :2]).max(axis=0), m.vertices[:, 2].max())
                    for m, _ in models
                ],
                np.float32,
            ),
            faces_camera=np.array([f for _, f in models]),
        )

    def place(
        self, instances: Instances, eye: NDArray[np.floating]
    ) -> tuple[Mesh, NDArray[np.int64]]:
        """Polygons of the instances that face the eye, and (P,) the instance of each.

        The eye, (3,), and the polygons are in world coordinates.
        """
        m = self.mesh
        first = self.polygons[instances.models]
        number = self.polygons[instances.models + 1] - first
        polygon = ranges(first, number)
        owner = np.repeat(np.arange(len(number)), number)
        cos, sin = np.cos(instances.yaws), np.sin(instances.yaws)

        def turned(points: NDArray, of: NDArray) -> NDArray:
            c, s = cos[of], sin[of]
            x, y, z = points.T
            return np.stack([c * x - s * y, s * x + c * y, z], axis=1)

        # The eye as each instance sees it decides which of its polygons face it.
        x, y, z = (eye - instances.positions).T
        seen_from = np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=1)
        toward = seen_from[owner] - m.vertices[self.first_corner[polygon]]
        facing = np.einsum("ij,ij->i", m.normals[polygon], toward) >= 0.0
        polygon, owner = polygon[facing], owner[facing]
        counts = m.counts[polygon]
        corner = ranges(self.first_corner[polygon], counts)
        corner_owner = np.repeat(owner, counts)
        mesh = Mesh(
            vertices=turned(m.vertices[corner], corner_owner) + instances.positions[corner_owner],
            counts=counts,
            normals=turned(m.normals[polygon], owner),
            centers=turned(m.centers[polygon], owner) + instances.positions[owner],
            colors=m.colors[polygon],
            labels=m.labels[polygon],
            glow=m.glow[polygon],
            textures=m.textures[polygon],
            repeats=m.repeats[polygon],
        )
        return mesh, owner


def ranges(starts: NDArray, counts: NDArray) -> NDArray[np.int64]:
    """The numbers start, start + 1, ... (count of them) of every pair, one after another."""
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)
