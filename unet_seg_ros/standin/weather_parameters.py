# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a client's `carla.WeatherParameters` look like in the town."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

from unet_seg_ros.town.weather import WEATHERS, Weather

_NIGHT_DEG, _SUNSET_DEG, _NOON_DEG = -4.0, 15.0, 45.0  # altitudes of the sun in CARLA's presets


class WeatherParameters(NamedTuple):
    """Percentages, and the sun's angles in degrees; the rest is kept and changes nothing."""

    cloudiness: float = 5.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = 60.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 2.0
    fog_distance: float = 0.75
    fog_falloff: float = 0.1
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0

    @classmethod
    def read(cls, value: Any) -> WeatherParameters:
        """From an array.

        Raises:
            ValueError: a number is not finite.
        """
        numbers = [float(n) for n in value]
        if not all(map(isfinite, numbers)):
            raise ValueError(f"weather {numbers}: every number must be finite")
        return cls(*numbers)

    @property
    def seen(self) -> Weather:
        """Light and air like these: between the town's own weathers.

        As in CARLA, a negative cloudiness (the preset `Default`) means the weather that a map
        begins with.
        """
        if self.cloudiness < 0.0:
            return WeatherParameters().seen
        clouds, rain = _share(self.cloudiness), _share(self.precipitation)
        altitude = self.sun_altitude_angle
        # Rain clouds dim the light before they cover the sky.
        clear, overcast = _clear(altitude), _overcast(altitude)
        light = clear.mixed(overcast, max(clouds, rain))
        night = altitude <= _NIGHT_DEG
        # CARLA's night presets have a fog density of 60 and more, of which little is seen.
        fog = _share(self.fog_density) * (0.2 if night else 1.0)
        return replace(
            light,
            sun_azimuth_deg=-self.sun_azimuth_angle,
            # At night the light is that of a moon.
            sun_elevation_deg=light.sun_elevation_deg if night else min(max(altitude, 4.0), 90.0),
            clouds=clouds,
            fog=0.002 + 0.025 * fog + 0.007 * rain,
            wetness=max(_share(self.wetness), _share(self.precipitation_deposits)),
            rain=rain,
        )


def _clear(altitude_deg: float) -> Weather:
    return _by_altitude(altitude_deg, "clear_night", "clear_sunset", "clear_noon")


def _overcast(altitude_deg: float) -> Weather:
    return _by_altitude(altitude_deg, "clear_night", "soft_rain_sunset", "hard_rain_noon")


def _by_altitude(altitude_deg: float, night: str, sunset: str, noon: str) -> Weather:
    low, high = (_NIGHT_DEG, _SUNSET_DEG), (_SUNSET_DEG, _NOON_DEG)
    if altitude_deg < _SUNSET_DEG:
        first, second, (begin, end) = night, sunset, low
    else:
        first, second, (begin, end) = sunset, noon, high
    share = (altitude_deg - begin) / (end - begin)
    return WEATHERS[first].mixed(WEATHERS[second], min(max(share, 0.0), 1.0))


def _share(percent: float) -> float:
    return min(max(percent / 100.0, 0.0), 1.0)
