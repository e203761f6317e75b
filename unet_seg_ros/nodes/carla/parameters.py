# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The CARLA node's parameters: what they are, and what values they may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from unet_seg_ros.carla.setting import MAX_STEP_S, TRAFFIC_MANAGER_PORT, Driver, Setting
from unet_seg_ros.messages.semantic import PALETTE, TAGS
from unet_seg_ros.ros.parameters import Changeable, ParameterSpec, check_name, read_choice

DRIVERS: tuple[Driver, ...] = get_args(Driver)
ANY_SPAWN_POINT = -1

PARAMETERS = (
    ParameterSpec(
        "host",
        "localhost",
        "The machine that CARLA runs on.",
    ),
    ParameterSpec(
        "port",
        2000,
        "CARLA's port.",
        range=(1, 65535),
    ),
    ParameterSpec(
        "timeout",
        10.0,
        "How many seconds CARLA may take to answer before it counts as lost.",
        range=(0.1, 600.0),
    ),
    ParameterSpec(
        "town",
        "",
        "The town to load, such as Town03; empty for the one that is loaded.",
    ),
    ParameterSpec(
        "weather",
        "",
        "One of CARLA's weathers by name, such as HardRainNoon; empty for what it is.",
    ),
    ParameterSpec(
        "rig",
        "front",
        "The cameras: front, surround, or the path of an objects.json as carla_ros_bridge reads "
        "it.",
    ),
    ParameterSpec(
        "role_name",
        "ego_vehicle",
        "The vehicle that carries them; part of topics and frames. One that has the role already "
        "is adopted, otherwise one is spawned.",
    ),
    ParameterSpec(
        "spawn_point",
        ANY_SPAWN_POINT,
        f"The number of the spawn point where it is spawned; {ANY_SPAWN_POINT} for any free one.",
        range=(ANY_SPAWN_POINT, 100_000),
    ),
    ParameterSpec(
        "driver",
        "none",
        "Who drives it: nobody of ours, or CARLA's traffic manager, which runs in this process, "
        f"listens at port {TRAFFIC_MANAGER_PORT} of every interface, and aborts the process when "
        "the simulator is lost.",
        f"One of {', '.join(DRIVERS)}.",
    ),
    ParameterSpec(
        "semantic",
        PALETTE,
        "What semantic cameras show: the classes' colours like carla_ros_bridge, or tags in the "
        "red channel like CARLA's own ROS 2 interface.",
        f"One of {PALETTE}, {TAGS}.",
    ),
    ParameterSpec(
        "step",
        0.05,
        "Seconds of simulation from one frame to the next.",
        range=(0.001, MAX_STEP_S),
    ),
    ParameterSpec(
        "real_time",
        True,
        "Whether simulation time is kept from running faster than real time.",
        changeable=Changeable.ALWAYS,
    ),
    ParameterSpec(
        "count",
        0,
        "The node ends after so many frames; 0 for no such end.",
        range=(0, 1_000_000_000),
    ),
    ParameterSpec(
        "playing",
        True,
        "Whether the simulation goes on; false halts it where it is.",
        changeable=Changeable.ALWAYS,
    ),
)


def read_setting(values: Mapping[str, Any]) -> Setting:
    """Return what the values ask of the world.

    Raises:
        ParameterError: One of them is impossible.
    """
    role_name, spawn_point = values["role_name"], values["spawn_point"]
    check_name("role_name", role_name)
    return Setting(
        role_name=role_name,
        town=values["town"],
        weather=values["weather"],
        spawn_point=None if spawn_point == ANY_SPAWN_POINT else spawn_point,
        driver=read_choice("driver", values["driver"], DRIVERS),
        step_s=values["step"],
    )


def read_semantic(values: Mapping[str, Any]) -> str:
    """Return what semantic cameras show, `PALETTE` or `TAGS`.

    Raises:
        ParameterError: It is something else.
    """
    return read_choice("semantic", values["semantic"], (PALETTE, TAGS))
