# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The town: its plan, what stands in it, who moves through it, and what is seen of it in order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.bridges import build_bridges
from unet_seg_ros.town.layout import LayoutName, Path, ground, plan
from unet_seg_ros.town.mesh import Instances, Library, Mesh
from unet_seg_ros.town.occlusion import Occluders
from unet_seg_ros.town.order import PaintOrder
from unet_seg_ros.town.outskirts import surround
from unet_seg_ros.town.plots import fill_block
from unet_seg_ros.town.scenery import Scenery
from unet_seg_ros.town.shading import LightMap
from unet_seg_ros.town.sky import Sky
from unet_seg_ros.town.stock import Stock
from unet_seg_ros.town.streets import furnish_block, place_signals
from unet_seg_ros.town.traffic import Traffic


class Town:
    """A small town, the same for the same seed.

    Args:
        seed: of everything random: streets, houses, plants, colours, traffic.
        layout: `grid` is three by three blocks with junctions, `loop` a ring road.
        guests: shapes of vehicles that do not belong to the town and may be drawn in it.

    Attributes:
        ground: flat polygons in drawing order.
        library: the shapes of everything else.
        statics: what stands still, (N,) instances, on the places `feet`, (N, 2).
        order: knows what hides what; `occluders` knows what houses hide altogether.
        traffic: what moves.
        guest_models: the numbers of the guests' shapes in the library.
    """

    def __init__(
        self, seed: int = 0, layout: LayoutName = "grid", guests: Sequence[Mesh] = ()
    ) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, {"grid": 0, "loop": 1}.get(layout, 2)])
        self.layout = plan(layout, rng)
        models: list[tuple[Mesh, bool]] = []
        scenery = Scenery(rng, Stock(rng, models))
        build_bridges(scenery, self.layout)
        for block in self.layout.blocks:
            fill_block(scenery, self.layout, block)
            furnish_block(scenery, self.layout, block)
        surround(scenery, self.layout)
        signal_models = place_signals(scenery, self.layout)
        self.ground = ground(self.layout, rng, scenery.lots)
        self.traffic = Traffic(self.layout, scenery.signals, signal_models, models, rng)
        self.guest_models = range(len(models), len(models) + len(guests))
        self.library = Library.of([*models, *((mesh, False) for mesh in guests)])
        self.textures = scenery.stock.textures
        self.statics = scenery.instances
        self._scenery = scenery
        footprints = scenery.footprints
        self.feet = (footprints[:, :2] + footprints[:, 2:]) / 2
        self.order = PaintOrder(footprints, self.layout.kerb_lines)
        self.occluders = Occluders(*(np.array(c) for c in zip(*scenery.houses, strict=True)))
        self._signal_places = np.array(
            [(s.x, s.y, 0.0) for s in scenery.signals], np.float32
        ).reshape(-1, 3)
        self._signal_yaws = np.array([s.yaw for s in scenery.signals], np.float32)

    @cached_property
    def light(self) -> LightMap:
        """Light on the ground; large, and shared by all cameras."""
        outer, shadows, lamps = self.layout.outer, self._scenery.shadows, self._scenery.lamps
        return LightMap(outer, self.ground, shadows, lamps, self.seed)

    @cached_property
    def sky(self) -> Sky:
        """What is above the horizon."""
        return Sky(self.seed)

    @property
    def lanes(self) -> list[Path]:
        """Closed loops in the right-hand lanes; the ego vehicle drives the first."""
        return self.traffic.lanes

    @property
    def spawn_points(self) -> NDArray[np.float64]:
        """(N, 3) x, y and yaw of places in the lanes, every ten metres."""
        places = []
        for lane in self.lanes:
            points, headings = lane.at(np.arange(0.0, lane.length - 5.0, 10.0))
            places.append(np.column_stack([points, headings]))
        return np.concatenate(places)

    def movers(
        self, time_s: float, guests: NDArray[np.floating] | None = None
    ) -> tuple[Instances, Instances]:
        """Everybody of the town in the streets, and the traffic lights as they stand, at a moment.

        Args:
            time_s: the moment.
            guests: (G, 3) x, y and yaw of vehicles that do not belong to the town, which makes way
                for them; if left out, the ego vehicle is the only one.
        """
        actors, lights = self.traffic.at(time_s, guests)
        return actors, Instances(lights, self._signal_places, self._signal_yaws)
