# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The simulator's world: its town, its weathers, and who steps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unet_seg_ros.carla.client import CarlaError, Simulator, import_carla, translated_errors

if TYPE_CHECKING:
    import carla

_LOADING_TIMEOUT_S = 180.0
# A world in synchronous mode that stands still this long was left like that. Large pictures of many
# cameras take seconds a step.
_OTHER_STEPPER_S = 5.0


def weather_names() -> tuple[str, ...]:
    """Return the names of CARLA's weathers, such as `ClearNoon`, in alphabetical order."""
    kind = import_carla().WeatherParameters
    presets = {name for name in dir(kind) if isinstance(getattr(kind, name), kind)}
    return tuple(sorted(presets - {"Default"}))


def load_town(simulator: Simulator, town: str) -> tuple[str, int]:
    """Load a map where it is not loaded yet; return its name and how many spawn points it has.

    Args:
        simulator: Where to load it.
        town: As `Setting.town`.

    Raises:
        ServerLostError: The server stopped answering.
        CarlaError: It has no such map, or another client steps its world.
    """
    with translated_errors(simulator):
        world = world_of(simulator, town)
        return town_of(world), len(world.get_map().get_spawn_points())


def world_of(simulator: Simulator, town: str) -> carla.World:
    """Return the world with the map `town` loaded, stepping by itself.

    Raises:
        CarlaError: The simulator has no such map, or another client steps its world.
    """
    world = simulator.client.get_world()
    settings = world.get_settings()
    if settings.synchronous_mode:
        _require_nobody_steps(simulator, world)
        settings.synchronous_mode = False
        settings.fixed_delta_seconds = None
        world.apply_settings(settings)
    if not town or town == town_of(world):
        return world
    towns = sorted(name.rpartition("/")[2] for name in simulator.client.get_available_maps())
    if town not in towns:
        raise CarlaError(f"{simulator} has no town {town!r}: give one of {', '.join(towns)}")
    simulator.client.set_timeout(_LOADING_TIMEOUT_S)
    try:
        return simulator.client.load_world(town)
    finally:
        simulator.client.set_timeout(simulator.timeout_s)


def town_of(world: carla.World) -> str:
    """Return the name of the map, such as `Town03`."""
    return str(world.get_map().name).rpartition("/")[2]


def _require_nobody_steps(simulator: Simulator, world: carla.World) -> None:
    """Raise CarlaError where another client steps the world."""
    try:
        world.wait_for_tick(_OTHER_STEPPER_S)
    except RuntimeError:
        return  # it was left like that by a client that is gone
    raise CarlaError(
        f"another client steps {simulator} (its world is in synchronous mode and goes on): end "
        "that client first, or have it leave the stepping to this one"
    )
