# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is simulated: a town, its weather, time, and the actors that clients have put there."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from unet_seg_ros.standin.actors import Actor, CameraActor, Vehicle, camera_model, sensor_period_s
from unet_seg_ros.standin.blueprints import BLUEPRINTS, SPECTATOR, VEHICLE_SHAPES, extent
from unet_seg_ros.standin.driving import OnLane
from unet_seg_ros.standin.opendrive import SPEED_LIMIT_KM_H, opendrive, reach
from unet_seg_ros.standin.pictures import Scene, View
from unet_seg_ros.standin.transform import Transform
from unet_seg_ros.standin.weather_parameters import WeatherParameters
from unet_seg_ros.standin.wire import MAP_CHANGED, WORLD_STREAM, ActorState, EpisodeSettings
from unet_seg_ros.town.layout import LayoutName
from unet_seg_ros.town.mesh import Instances
from unet_seg_ros.town.town import Town

MAPS: dict[LayoutName, str] = {"grid": "Carla/Maps/Grid", "loop": "Carla/Maps/Loop"}
MAX_ACTORS = 256

_SEED = 0
_SPAWN_HEIGHT_M = 0.3
_SPAWN_CLEARANCE_M = 4.0  # from a junction
_SHAPE_NUMBERS = {name: number for number, name in enumerate(VEHICLE_SHAPES)}

_AnyActor = TypeVar("_AnyActor", bound=Actor)


class World:
    """The simulation. Not to be used by two threads at once.

    What it refuses raises ValueError with the sentence that the client is to see, which is CARLA's
    own where CARLA has one.

    Attributes:
        episode: counts the maps that were loaded.
        frame: counts the steps.
        elapsed_s: simulated time.
        delta_s: simulated time of the last step.
        map_name: as CARLA's clients know it.
        opendrive: the map as XML.
        spawn_points: places in the lanes, away from junctions.
    """

    def __init__(self, layout: LayoutName) -> None:
        self.episode, self.frame, self.elapsed_s, self.delta_s = 1, 100, 0.0, 0.0
        self.settings = EpisodeSettings()
        self.weather = WeatherParameters()
        self.spectator = Actor(1, SPECTATOR, {}, Transform(z=10.0), parent=0)
        self.actors: dict[int, Actor] = {self.spectator.id: self.spectator}
        self._next_id, self._next_stream = self.spectator.id + 1, WORLD_STREAM + 1
        self._flags = 0
        self._build(layout)

    def load(self, name: str, reset_settings: bool) -> None:
        """Begin anew on a map, by its full or its short name; "" is the present one."""
        layouts = {_short(full): layout for layout, full in MAPS.items()}
        layout = layouts.get(_short(name or self.map_name))
        if layout is None:
            raise ValueError(f"Map '{name}' not found")
        self._build(layout)
        self.episode += 1
        self._flags = MAP_CHANGED
        self.actors = {self.spectator.id: self.spectator}
        self.weather = WeatherParameters()
        if reset_settings:
            self.settings = EpisodeSettings()

    def _build(self, layout: LayoutName) -> None:
        self.map_name = MAPS[layout]
        self.town = _town(layout)
        self.opendrive = opendrive(self.town.layout, _short(self.map_name))
        self.spawn_points = _spawn_points(self.town)

    def step(self) -> None:
        """Simulate one frame."""
        self.delta_s = self.settings.step_s
        self.frame += 1
        self.elapsed_s += self.delta_s
        for vehicle in self._of(Vehicle):
            vehicle.step(self.delta_s)

    # ------------------------------------------------------------------ what there is to see

    def take_flags(self) -> int:
        """What happened since the last call, as flags of the world's state."""
        flags, self._flags = self._flags, 0
        return flags

    def states(self) -> list[ActorState]:
        """All actors as they are now."""
        return [
            ActorState(a.id, a.transform, a.velocity, a.control, SPEED_LIMIT_KM_H)
            if isinstance(a, Vehicle)
            else ActorState(a.id, self.transform_of(a))
            for a in self.actors.values()
        ]

    def scene(self) -> Scene:
        """What cameras see now."""
        vehicles = self._of(Vehicle)
        models = [self.town.guest_models[_SHAPE_NUMBERS[v.blueprint.name]] for v in vehicles]
        places = [(v.transform.x, -v.transform.y, v.transform.z) for v in vehicles]
        guests = Instances(
            np.array(models, np.int32),
            np.array(places, np.float32).reshape(-1, 3),
            np.array([v.transform.town_yaw for v in vehicles], np.float32),
        )
        return Scene(
            self.town,
            self.elapsed_s,
            self.weather.seen,
            guests,
            np.array([v.id for v in vehicles], np.int64),
            self.town.movers(
                self.elapsed_s, np.column_stack([guests.positions[:, :2], guests.yaws])
            ),
        )

    def due_cameras(self) -> dict[View, list[CameraActor]]:
        """Cameras that take a picture now, by what they see."""
        due: dict[View, list[CameraActor]] = {}
        for camera in self._of(CameraActor):
            if self.elapsed_s + 1e-6 >= camera.next_picture_s:
                camera.next_picture_s = self.elapsed_s + camera.period_s
                view = View(camera.model, self.transform_of(camera), self._carrier(camera))
                due.setdefault(view, []).append(camera)
        return due

    def transform_of(self, actor: Actor) -> Transform:
        """Where an actor is in the world."""
        parent = self.actors.get(actor.parent)
        return self.transform_of(parent).compose(actor.transform) if parent else actor.transform

    def _carrier(self, actor: Actor) -> int:
        while parent := self.actors.get(actor.parent):
            actor = parent
        return actor.id if isinstance(actor, Vehicle) else 0

    # ------------------------------------------------------------------ what clients do

    def find(self, actor_id: int) -> Actor:
        """The actor with an id."""
        if actor_id not in self.actors:
            raise ValueError(f"unable to find actor. Actor Id: {actor_id}")
        return self.actors[actor_id]

    def find_vehicle(self, actor_id: int) -> Vehicle:
        """The vehicle with an id."""
        actor = self.find(actor_id)
        if not isinstance(actor, Vehicle):
            raise ValueError(f"actor {actor_id} ({actor.blueprint.name}) is no vehicle")
        return actor

    def spawn(
        self, name: str, attributes: Iterable[Any], transform: Transform, parent: int = 0
    ) -> Actor:
        """Add an actor.

        Args:
            name: of its blueprint.
            attributes: (name, kind, value) of each that the client set.
            transform: in the world, or relative to the parent.
            parent: id of the actor that a camera is attached to, or 0.
        """
        blueprint = BLUEPRINTS.get(name)
        if blueprint is None:
            raise ValueError("Spawn failed because of invalid actor description")
        if parent and parent not in self.actors:
            raise ValueError("unable to attach actor: parent actor not found")
        if len(self.actors) >= MAX_ACTORS:
            raise ValueError(f"Spawn failed: there are {MAX_ACTORS} actors already")
        values = blueprint.filled_in(attributes)
        actor: Actor
        if name in VEHICLE_SHAPES:
            if parent:
                raise ValueError("unable to attach actor: only cameras can be attached")
            actor = Vehicle(self._next_id, blueprint, values, transform, parent)
            if any(_overlap(actor, other) for other in self._of(Vehicle)):
                raise ValueError("Spawn failed because of collision at spawn position")
            actor.on_lane = OnLane.find(self.town.traffic, transform)
        else:
            actor = CameraActor(
                self._next_id,
                blueprint,
                values,
                transform,
                parent,
                stream=self._next_stream,
                model=camera_model(values),
                period_s=sensor_period_s(values),
                next_picture_s=self.elapsed_s,
            )
            self._next_stream += 1
        self._next_id += 1
        self.actors[actor.id] = actor
        return actor

    def destroy(self, actor_id: int) -> None:
        """Remove an actor; what is attached to it stays where it is, on its own."""
        if actor_id not in self.actors or actor_id == self.spectator.id:
            raise ValueError("unable to destroy actor: not found")
        for child in self.actors.values():
            if child.parent == actor_id:
                child.transform, child.parent = self.transform_of(child), 0
        del self.actors[actor_id]

    def move(self, actor_id: int, transform: Transform) -> None:
        """Put an actor somewhere else."""
        actor = self.find(actor_id)
        actor.transform = transform
        if isinstance(actor, Vehicle):
            actor.on_lane = OnLane.find(self.town.traffic, transform)

    def _of(self, kind: type[_AnyActor]) -> list[_AnyActor]:
        return [actor for actor in self.actors.values() if isinstance(actor, kind)]


@lru_cache(maxsize=len(MAPS))
def _town(layout: LayoutName) -> Town:
    return Town(_SEED, layout, list(VEHICLE_SHAPES.values()))


def _short(map_name: str) -> str:
    return map_name.rsplit("/", 1)[-1]


def _spawn_points(town: Town) -> list[Transform]:
    """Where the town's lanes run along a street and not through a junction."""
    layout = town.layout
    clear = reach(layout) + _SPAWN_CLEARANCE_M
    return [
        Transform.from_town(x, y, yaw, _SPAWN_HEIGHT_M)
        for x, y, yaw in town.spawn_points.tolist()
        if max(_nearest(layout.xs, x), _nearest(layout.ys, y)) > clear
    ]


def _nearest(places: tuple[float, ...], place: float) -> float:
    return min(abs(p - place) for p in places)


def _overlap(vehicle: Vehicle, other: Vehicle) -> bool:
    """Whether two vehicles touch, or would if they stood side by side."""
    apart = vehicle.transform.rotation.T @ (vehicle.transform.location - other.transform.location)
    room = np.add(extent(vehicle.blueprint.name), extent(other.blueprint.name))
    return bool((np.abs(apart) < room).all())
