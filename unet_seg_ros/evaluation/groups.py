# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames that belong together, by what their names say: the same weather, town or drive.

Names may have folders before them; what is said last holds, being nearest to the frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Kind = Literal["weather", "town", "drive"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_UNKNOWN = "unknown"
_TOWN = re.compile(r"Town\d+(?:HD)?", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
# What words in names say of the light, then of the weather: CARLA's presets (ClearNight,
# HardRainSunset), data sets' (rain, fog). A name without either says nothing.
_LIGHT = {"night": "night", "sunset": "sunset", "dusk": "sunset", "noon": "day", "day": "day"}
_SKY = {
    **dict.fromkeys(("rain", "rainy", "wet", "storm"), "rain"),
    "dust": "dust",
    **dict.fromkeys(("fog", "foggy"), "fog"),
    **dict.fromkeys(("clear", "cloudy"), ""),
}


def group_of(kinds: Sequence[Kind], name: str, drive: str) -> tuple[str, ...]:
    """Return what a frame's name, such as `Town05ClearNight_003201_rain`, says of each kind."""
    tellers = {"weather": weather_of, "town": town_of}
    return tuple(tellers[kind](name) if kind in tellers else drive for kind in kinds)


def town_of(name: str) -> str:
    """Return the town: `Town05`."""
    found = _TOWN.findall(name)
    return found[-1] if found else _UNKNOWN


def weather_of(name: str) -> str:
    """Return light and weather: `night`, `night, rain`; day and a clear sky go without saying."""
    parts = [_words(part) for part in reversed(name.split("/"))]
    light, sky = _first_said(parts, _LIGHT), _first_said(parts, _SKY)
    if not light and not sky:
        return _UNKNOWN
    # The twin of a clear scene that is called Town05Clear_rain has rain.
    return ", ".join(filter(None, (light[0] if light else "day", max(sky, default=""))))


def _first_said(parts: Sequence[Sequence[str]], meanings: Mapping[str, str]) -> list[str]:
    """Return what the words of the first part mean in which some have a meaning."""
    said = ([meanings[word] for word in part if word in meanings] for part in parts)
    return next(filter(None, said), [])


def _words(part: str) -> list[str]:
    words = [word.lower() for word in _WORD.findall(part)]
    # A storm of dust is without rain.
    return [word for word in words if word != "storm"] if "dust" in words else words
