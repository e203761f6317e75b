# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Captures a data set: drives a rig about, and keeps what its cameras see with the truth beside it.

A capture visits its spawn points in turn and has every weather at each of them, for as many frames
each. How many frames there are tells which of them is next, so a capture can go on at any time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from unet_seg_ros.carla.actors import SpawnError
from unet_seg_ros.carla.capture_plan import CapturePlan
from unet_seg_ros.carla.client import CarlaError, Simulator
from unet_seg_ros.carla.rig import Rig, RigFrame, open_rig
from unet_seg_ros.carla.rig_file import RigFile, RigFileError
from unet_seg_ros.carla.setting import Setting
from unet_seg_ros.datasets.capture_format import DESCRIPTION_FILE, read_description
from unet_seg_ros.datasets.capture_writer import (
    CapturedPair,
    CaptureWriter,
    begin_capture,
    continue_capture,
)
from unet_seg_ros.errors import DataError
from unet_seg_ros.files import installed_version
from unet_seg_ros.poses import Pose
from unet_seg_ros.units import NS_PER_S

ROLE_NAME = "unet_seg_capture"  # not that of an ego vehicle, which would be adopted

MIN_DISTANCE_M = 0.3
"""A frame nearer than this to the one before shows nothing new."""

SETTLING_S = 1.0
"""How long a vehicle takes to drop onto the road, and cameras to get used to a new light."""

MAX_STANDSTILL_S = 60.0
"""Longer than a red light lasts."""

MAX_STANDSTILLS = 3
MAX_INCOMPLETE = 20


def cameras_with_truth(rig_file: RigFile) -> tuple[RigFile, tuple[str, ...]]:
    """Return the rig with only those RGB cameras that have a twin, and the ids of the others.

    Raises:
        RigFileError: None has a twin.
    """
    colors = [camera for camera in rig_file.cameras if not camera.is_semantic]
    twins = {camera.id: rig_file.twin(camera) for camera in colors}
    kept = {id_ for id_, twin in twins.items() if twin}
    kept |= {twin.id for twin in twins.values() if twin}
    left_out = tuple(id_ for id_, twin in twins.items() if not twin)
    if not kept:
        raise RigFileError(
            f"rig {rig_file.name}: camera {', '.join(left_out) or '(none)'} has no semantic camera "
            "of the same spawn_point, image size and fov, so there is no truth to capture"
        )
    cameras = tuple(camera for camera in rig_file.cameras if camera.id in kept)
    return replace(rig_file, cameras=cameras), left_out


def capture(
    simulator: Simulator,
    rig_file: RigFile,
    plan: CapturePlan,
    folder: Path,
    is_stopped: Callable[[], bool],
) -> int:
    """Add frames to a capture until it has all of them; return how many it has.

    Args:
        simulator: Where to capture.
        rig_file: The cameras, each with its twin (`cameras_with_truth`).
        plan: What to capture.
        folder: The capture, which may have been begun with the same plan and rig.
        is_stopped: Asked after every step whether to end early.

    Raises:
        CarlaError: The simulator refuses something, is lost, or nobody drives.
        DataError: The folder has a capture of another plan or rig, or a damaged one.
        OSError: The folder cannot be written.
    """
    setting = Setting(
        role_name=ROLE_NAME,
        town=plan.town,
        driver=plan.driver,
        step_s=plan.step_s,
        seed=plan.seed,
    )
    description = {
        "label_set": label_set_of(simulator.version),
        "versions": {"carla": simulator.version, "unet_seg_ros": installed_version("unet_seg_ros")},
        "plan": asdict(plan),
        "rig": rig_file.to_dict(),
    }
    if (folder / DESCRIPTION_FILE).exists():
        _require_same(folder, read_description(folder), description)
    else:
        begin_capture(folder, description)
    lines, last = continue_capture(folder)
    frames = lines // len(_pairs(rig_file))
    bar = tqdm(
        desc="capturing",
        total=plan.frames,
        initial=frames,
        unit="frame",
        dynamic_ncols=True,
        disable=None,
    )
    with CaptureWriter(folder) as writer, bar:
        session = _Session(simulator, rig_file, setting, plan, writer, bar, is_stopped)
        return session.go_on(frames, last)


def label_set_of(carla_version: str) -> str:
    """Return the name of the label set that a CARLA version's tags are of."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", carla_version)[:3])
    if numbers >= (0, 9, 14):
        return "carla29"
    return "carla23" if numbers >= (0, 9, 10) else "carla13"


class _Session:
    """One go at a capture: from the frames that it has to its end, or to an interruption."""

    def __init__(
        self,
        simulator: Simulator,
        rig_file: RigFile,
        setting: Setting,
        plan: CapturePlan,
        writer: CaptureWriter,
        bar: tqdm[Any],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._simulator = simulator
        self._rig_file = rig_file
        self._pairs = _pairs(rig_file)
        self._setting = setting
        self._plan = plan
        self._writer = writer
        self._bar = bar
        self._is_stopped = is_stopped
        self._frames = 0
        self._run = -1
        self._spawn_point: int | None = None
        self._standstills = 0
        self._incomplete = 0

    def go_on(self, frames: int, last: Mapping[str, Any]) -> int:
        """Add frames to those that there are, the last of which has that line; return how many."""
        self._frames = frames
        self._run = last.get("run", -1)
        start = Pose(**last["pose"]) if last else None
        while self._wants_more():
            spawn_point, _ = self._plan.leg(self._frames)
            with self._open(spawn_point, start) as rig:
                self._drive(rig, spawn_point)
            start = None
        return self._frames

    def _wants_more(self) -> bool:
        return self._frames < self._plan.frames and not self._is_stopped()

    def _open(self, spawn_point: int, start: Pose | None) -> Rig:
        """Open a rig at `start`, else at the spawn point, else at the next one that is free.

        After a standstill, the next one comes first.
        """
        points = self._plan.spawn_points
        first = points.index(spawn_point) + self._standstills
        turn = [points[(first + number) % len(points)] for number in range(len(points))]
        choices = [replace(self._setting, spawn_point=number) for number in turn]
        if start:
            choices.insert(0, replace(choices[0], start=start))
        for choice in choices:
            try:
                rig = open_rig(self._simulator, self._rig_file, choice)
            except SpawnError as error:
                refusal = error
            else:
                self._spawn_point = choice.spawn_point
                return rig
        raise refusal

    def _drive(self, rig: Rig, spawn_point: int) -> None:
        """Keep frames until another spawn point's turn has come, or the vehicle does not move."""
        weather = ""
        kept: RigFrame | None = None
        while self._wants_more():
            turn, sky = self._plan.leg(self._frames)
            if turn != spawn_point:
                return
            if sky != weather:
                weather = sky
                self._change_weather(rig, sky)
            frame = _advance(rig, self._plan.every)
            if frame.missing:
                self._count_incomplete(frame)
            elif kept is None or _distance_m(frame, kept) >= MIN_DISTANCE_M:
                self._keep(frame, weather)
                if kept:
                    self._standstills = 0
                kept = frame
            elif frame.stamp_ns - kept.stamp_ns > MAX_STANDSTILL_S * NS_PER_S:
                self._count_standstill()
                return

    def _change_weather(self, rig: Rig, name: str) -> None:
        rig.set_weather(name)
        self._run += 1
        self._bar.set_postfix_str(f"{name}, spawn point {self._spawn_point}")
        _advance(rig, math.ceil(SETTLING_S / self._plan.step_s))

    def _keep(self, frame: RigFrame, weather: str) -> None:
        line = {
            "frame": frame.number,
            "timestamp": frame.stamp_ns / NS_PER_S,
            "town": self._plan.town,
            "run": self._run,
            "spawn_point": self._spawn_point,
            "weather": weather,
            "pose": {axis: round(value, 4) for axis, value in asdict(frame.vehicle).items()},
            "carla": self._simulator.version,
            "rig": self._rig_file.name,
        }
        self._writer.add(
            [
                CapturedPair(
                    {"name": f"{self._frames:08d}_{camera}", "camera": camera, **line},
                    frame.pictures[camera],
                    frame.pictures[twin],
                )
                for camera, twin in self._pairs
            ]
        )
        self._frames += 1
        self._incomplete = 0
        self._bar.update()

    def _count_incomplete(self, frame: RigFrame) -> None:
        self._incomplete += 1
        if self._incomplete == MAX_INCOMPLETE:
            raise CarlaError(
                f"{self._simulator} sent no picture of camera {' and '.join(frame.missing)} for "
                f"{MAX_INCOMPLETE} frames in a row"
            )

    def _count_standstill(self) -> None:
        self._standstills += 1
        if self._standstills == MAX_STANDSTILLS:
            raise CarlaError(
                f"the vehicle did not move for {MAX_STANDSTILL_S:g} s of simulation, at "
                f"{MAX_STANDSTILLS} starts in a row; does anybody drive it? The driver is "
                f"{self._plan.driver}"
            )


def _pairs(rig_file: RigFile) -> list[tuple[str, str]]:
    """Return the ids of every RGB camera and of its twin."""
    return [
        (camera.id, twin.id)
        for camera in rig_file.cameras
        if not camera.is_semantic and (twin := rig_file.twin(camera))
    ]


def _advance(rig: Rig, steps: int) -> RigFrame:
    """Step the world and return the last frame."""
    for _ in range(steps - 1):
        rig.tick()
    return rig.tick()


def _distance_m(one: RigFrame, other: RigFrame) -> float:
    a, b = one.vehicle, other.vehicle
    return math.dist((a.x, a.y, a.z), (b.x, b.y, b.z))


def _require_same(folder: Path, begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise DataError, saying what differs, where a capture cannot go on as wanted."""
    wanted = json.loads(json.dumps(wanted))  # as read from a file: lists instead of tuples
    plan = begun.get("plan", {})
    differing = [
        f"{key.replace('_', ' ')} {plan.get(key)!s:.80}, not {value!s:.80}"
        for key, value in wanted["plan"].items()
        if plan.get(key) != value
    ]
    rig = begun.get("rig")
    # Its name is the path of its file, which can be written in several ways.
    name = rig.get("name") if isinstance(rig, Mapping) else None
    if rig != {**wanted["rig"], "name": name}:
        differing.append(f"other cameras than those of rig {wanted['rig']['name']}")
    if begun.get("label_set") != wanted["label_set"]:
        differing.append(f"tags of {begun.get('label_set')}, not {wanted['label_set']}")
    if differing:
        raise DataError(
            f"{folder}: was begun with {differing[0]}; go on with the options that it was begun "
            "with, or give another folder"
        )
