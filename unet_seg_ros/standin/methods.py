# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a client may call: the methods of CARLA's server, under their own names.

Arguments and results have the shapes of the wire.
"""

from __future__ import annotations

from typing import Any

from unet_seg_ros.standin import wire
from unet_seg_ros.standin.actors import Actor, CameraActor, Vehicle
from unet_seg_ros.standin.blueprints import BLUEPRINTS, VEHICLE_SHAPES, extent
from unet_seg_ros.standin.streams import Streams
from unet_seg_ros.standin.weather_parameters import WeatherParameters
from unet_seg_ros.standin.wire import WORLD_STREAM, EpisodeSettings, VehicleControl, Wire
from unet_seg_ros.standin.world import MAPS, World

# Methods that only say whether it was done; all others return a value.
RETURN_NOTHING = frozenset(
    {
        "load_new_episode",
        "set_weather_parameters",
        "set_actor_location",
        "set_actor_transform",
        "set_actor_target_velocity",
        "set_actor_simulate_physics",
        "set_actor_collisions",
        "apply_control_to_vehicle",
        "set_vehicle_light_state",
        "update_lights_state",
        "reset_all_traffic_lights",
    }
)

_MAX_BATCH = 1000
_MAX_TRAFFIC_MANAGERS = 16

# Commands of a batch, numbered as on the wire.
_SPAWN, _DESTROY, _CONTROL, _TRANSFORM, _PHYSICS, _LOCATION = 0, 1, 2, 6, 14, 19


class Methods:
    """The public methods are those that clients may call; a refused one raises ValueError.

    Args:
        version: that the server says it has.
    """

    def __init__(self, world: World, streams: Streams, version: str) -> None:
        self._world, self._streams, self._version = world, streams, version
        self._traffic_managers: dict[int, str] = {}

    # ------------------------------------------------------------------ the episode

    def version(self) -> Wire:
        """Which release of CARLA this pretends to be."""
        return self._version

    def get_episode_info(self) -> Wire:
        """Number of the episode, and where the state of the world is streamed."""
        return [self._world.episode, [self._streams.token(WORLD_STREAM)]]

    def get_sensor_token(self, stream: int) -> Wire:
        """Where a stream is found; asked before every subscription."""
        cameras = [a for a in self._world.actors.values() if isinstance(a, CameraActor)]
        if stream not in {WORLD_STREAM, *(camera.stream for camera in cameras)}:
            raise ValueError(f"there is no stream {stream}")
        self._streams.expect(stream)
        return [self._streams.token(stream)]

    def get_episode_settings(self) -> Wire:
        """How time passes."""
        return list(self._world.settings)

    def set_episode_settings(self, settings: Wire) -> Wire:
        """Change how time passes; returns the frame from which on it does."""
        self._world.settings = EpisodeSettings.read(settings)
        return self._world.frame

    def tick_cue(self) -> Wire:
        """The frame that will be simulated as soon as this is answered."""
        return self._world.frame + 1

    # ------------------------------------------------------------------ maps

    def get_available_maps(self) -> Wire:
        """Their full names."""
        return [f"/Game/{name}" for name in MAPS.values()]

    def load_new_episode(self, name: str, reset_settings: bool, _layers: int) -> None:
        """Begin anew on a map."""
        self._world.load(name, reset_settings)

    def get_map_info(self) -> Wire:
        """The map's name and where to spawn vehicles."""
        points = [wire.write_transform(point) for point in self._world.spawn_points]
        return [self._world.map_name, points]

    def get_map_data(self) -> Wire:
        """The map as OpenDRIVE."""
        return self._world.opendrive

    def get_required_files(self, _folder: str = "") -> Wire:
        """Files that the client is to fetch: none."""
        return []

    # ------------------------------------------------------------------ actors

    def get_actor_definitions(self) -> Wire:
        """The library of blueprints."""
        return [blueprint.definition for blueprint in BLUEPRINTS.values()]

    def get_spectator(self) -> Wire:
        """The actor that stands for the onlooker."""
        return self._actor(self._world.spectator)

    def get_actors_by_id(self, ids: list[int]) -> Wire:
        """Actors; unknown ids are left out."""
        actors = self._world.actors
        return [self._actor(actors[i]) for i in dict.fromkeys(ids) if i in actors]

    def get_actor_bounding_box(self, actor_id: int) -> Wire:
        """An actor's box."""
        return self._box(self._world.find(actor_id))

    def spawn_actor(self, description: Wire, transform: Wire) -> Wire:
        """Add an actor."""
        return self._actor(self._spawn(description, transform, 0))

    def spawn_actor_with_parent(
        self, description: Wire, transform: Wire, parent: int, _attachment: int, _socket: str = ""
    ) -> Wire:
        """Attach an actor to another."""
        return self._actor(self._spawn(description, transform, parent))

    def destroy_actor(self, actor_id: int) -> Wire:
        """Remove an actor."""
        self._world.destroy(actor_id)
        return True

    def set_actor_location(self, actor_id: int, location: Wire) -> None:
        """Put an actor somewhere else; it keeps its rotation."""
        _, rotation = wire.write_transform(self._world.find(actor_id).transform)
        self._world.move(actor_id, wire.read_transform([location, rotation]))

    def set_actor_transform(self, actor_id: int, transform: Wire) -> None:
        """Put an actor somewhere else."""
        self._world.move(actor_id, wire.read_transform(transform))

    def set_actor_target_velocity(self, actor_id: int, _velocity: Wire) -> None:
        """Taken, and without effect."""
        self._world.find(actor_id)

    def set_actor_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """Let a vehicle drive or stand."""
        self._world.find_vehicle(actor_id).physics = bool(enabled)

    def set_actor_collisions(self, actor_id: int, _enabled: bool) -> None:
        """Taken, and without effect: nothing collides."""
        self._world.find(actor_id)

    def apply_control_to_vehicle(self, actor_id: int, control: Wire) -> None:
        """Drive a vehicle, from now on."""
        vehicle = self._world.find_vehicle(actor_id)
        vehicle.control = VehicleControl.read(control)
        vehicle.controlled = True

    def apply_batch(self, commands: Wire, _tick: bool) -> Wire:
        """Carry out commands one after another, whatever becomes of each."""
        if len(commands) > _MAX_BATCH:
            raise ValueError(f"a batch of {len(commands)} commands: at most {_MAX_BATCH}")
        answers = []
        for ((kind, values),) in commands:
            try:
                answers.append(wire.good(self._command(kind, values)))
            except ValueError as reason:
                answers.append(wire.refused(str(reason)))
        return answers

    def _command(self, kind: int, values: list[Any]) -> int:
        """One command of a batch; returns the actor's id."""
        if kind == _SPAWN:
            # Between the parent and what follows are kind and place of the attachment.
            description, transform, (attached, *parent), *_, follow_ups = values
            actor_id = self._spawn(description, transform, parent[0] if attached else 0).id
            for ((next_kind, (_, *arguments)),) in follow_ups:
                self._command(next_kind, [actor_id, *arguments])
            return actor_id
        actor_id = int(values[0])
        if kind == _DESTROY:
            self.destroy_actor(actor_id)
        elif kind == _CONTROL:
            self.apply_control_to_vehicle(actor_id, values[1])
        elif kind == _TRANSFORM:
            self.set_actor_transform(actor_id, values[1])
        elif kind == _PHYSICS:
            self.set_actor_simulate_physics(actor_id, values[1])
        elif kind == _LOCATION:
            self.set_actor_location(actor_id, values[1])
        else:
            self._world.find(actor_id)
        return actor_id

    def _spawn(self, description: Wire, transform: Wire, parent: int) -> Actor:
        _, name, attributes = description
        return self._world.spawn(name, attributes, wire.read_transform(transform), parent)

    def _actor(self, actor: Actor) -> Wire:
        tags = token = b""
        if isinstance(actor, Vehicle):
            tags = bytes(sorted(set(VEHICLE_SHAPES[actor.blueprint.name].labels.tolist())))
        if isinstance(actor, CameraActor):
            token = self._streams.token(actor.stream)
        description = actor.blueprint.described(actor.attributes)
        return [actor.id, actor.parent, description, self._box(actor), tags, token]

    @staticmethod
    def _box(actor: Actor) -> Wire:
        """Middle, half sizes and rotation."""
        is_vehicle = isinstance(actor, Vehicle)
        length, width, height = extent(actor.blueprint.name) if is_vehicle else (0.0, 0.0, 0.0)
        return [[0.0, 0.0, height], [length, width, height], [0.0, 0.0, 0.0], actor.id]

    # ------------------------------------------------------------------ weather and lights

    def get_weather_parameters(self) -> Wire:
        """The weather."""
        return list(self._world.weather)

    def set_weather_parameters(self, weather: Wire) -> None:
        """Change the weather."""
        self._world.weather = WeatherParameters.read(weather)

    def query_lights_state(self, _client: str) -> Wire:
        """Street lights that a client could switch: none."""
        return []

    def update_lights_state(self, _client: str, _lights: Wire, _discard: bool) -> None:
        """Taken, and without effect."""

    def reset_all_traffic_lights(self) -> None:
        """Taken, and without effect: the town's lights turn green for who comes."""

    def get_vehicle_light_states(self) -> Wire:
        """Vehicles with a light on: none."""
        return []

    def get_vehicle_light_state(self, actor_id: int) -> Wire:
        """No light is on."""
        self._world.find_vehicle(actor_id)
        return [0]

    def set_vehicle_light_state(self, actor_id: int, _lights: Wire) -> None:
        """Taken, and without effect."""
        self._world.find_vehicle(actor_id)

    # --------------------------------- the traffic manager, which runs in one of the clients

    def is_traffic_manager_running(self, port: int) -> Wire:
        """Whether a client has one at this port."""
        return port in self._traffic_managers

    def get_traffic_manager_running(self, port: int) -> Wire:
        """Where other clients find it."""
        host = self._traffic_managers.get(port)
        return ["", 0] if host is None else [host, port]

    def add_traffic_manager_running(self, address: Wire) -> Wire:
        """Note where it is."""
        host, port = address
        if len(self._traffic_managers) >= _MAX_TRAFFIC_MANAGERS:
            raise ValueError(f"there are {_MAX_TRAFFIC_MANAGERS} traffic managers already")
        return self._traffic_managers.setdefault(port, host) == host

    def destroy_traffic_manager(self, port: int) -> Wire:
        """Forget it."""
        return self._traffic_managers.pop(port, None) is not None
