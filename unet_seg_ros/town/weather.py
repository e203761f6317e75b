# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Light and air: where the sun stands, what the sky looks like, how far one sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.mesh import Color


@dataclass(frozen=True)
class Weather:
    """Everything that changes the picture and leaves the class ids as they are."""

    sun_azimuth_deg: float  # counter-clockwise from east
    sun_elevation_deg: float
    sun: Color  # light of the sun on a surface that faces it, 1 = full
    ambient: Color  # light from the whole sky
    zenith: Color  # sky colours, 0 to 255
    horizon: Color
    clouds: float = 0.2  # 0 none to 1 overcast
    fog: float = 0.002  # share of light lost per metre
    wetness: float = 0.0  # of the ground, 0 to 1
    rain: float = 0.0  # 0 to 1
    lamps: bool = False  # street lamps are on

    @property
    def sun_direction(self) -> NDArray[np.float64]:
        """Unit vector from the ground towards the sun, (3,)."""
        azimuth, elevation = radians(self.sun_azimuth_deg), radians(self.sun_elevation_deg)
        return np.array(
            [cos(elevation) * cos(azimuth), cos(elevation) * sin(azimuth), sin(elevation)]
        )

    def mixed(self, other: Weather, share: float) -> Weather:
        """Something between this and, at share 1, the other; the sun's azimuth is from here."""

        def between(x: float, y: float) -> float:
            return (1 - share) * x + share * y

        def blend(x: Color, y: Color) -> Color:
            return between(x[0], y[0]), between(x[1], y[1]), between(x[2], y[2])

        return Weather(
            sun_azimuth_deg=self.sun_azimuth_deg,
            sun_elevation_deg=between(self.sun_elevation_deg, other.sun_elevation_deg),
            sun=blend(self.sun, other.sun),
            ambient=blend(self.ambient, other.ambient),
            zenith=blend(self.zenith, other.zenith),
            horizon=blend(self.horizon, other.horizon),
            clouds=between(self.clouds, other.clouds),
            fog=between(self.fog, other.fog),
            wetness=between(self.wetness, other.wetness),
            rain=between(self.rain, other.rain),
            lamps=self.lamps if share < 0.5 else other.lamps,
        )

    def harder(self, share: float) -> Weather:
        """The same with so much of the sky's light taken away and given to the sun's."""

        def scaled(color: Color, factor: float) -> Color:
            return color[0] * factor, color[1] * factor, color[2] * factor

        sun, sky = sum(self.sun), sum(self.ambient)
        return replace(
            self,
            sun=scaled(self.sun, 1 + share * sky / sun),
            ambient=scaled(self.ambient, 1 - share),
        )

    @staticmethod
    def random(rng: np.random.Generator) -> Weather:
        """A mixture of two presets under a sun that stands somewhere else, at times a hard one."""
        a, b = (list(WEATHERS.values())[i] for i in rng.integers(len(WEATHERS), size=2))
        mixture: Weather = a.mixed(b, float(rng.random()))
        azimuth = float(rng.uniform(0, 360))
        dry = rng.random() >= 0.5
        weather = replace(mixture, sun_azimuth_deg=azimuth, rain=0.0 if dry else mixture.rain)
        is_sunny = not weather.lamps and weather.clouds < 0.5
        return weather.harder(float(rng.uniform(0, 0.7))) if is_sunny else weather


WEATHERS: dict[str, Weather] = {
    "clear_noon": Weather(
        118, 58, (0.66, 0.64, 0.58), (0.56, 0.60, 0.68), (72, 106, 160), (168, 186, 206)
    ),
    "cloudy_noon": Weather(
        118, 52, (0.30, 0.30, 0.29), (0.66, 0.68, 0.72), (112, 126, 150), (172, 178, 188),
        clouds=0.75, fog=0.003,
    ),
    "wet_noon": Weather(
        60, 48, (0.42, 0.41, 0.38), (0.60, 0.63, 0.70), (88, 112, 152), (170, 182, 196),
        clouds=0.5, fog=0.003, wetness=0.8,
    ),
    "hard_rain_noon": Weather(
        60, 50, (0.08, 0.08, 0.08), (0.60, 0.62, 0.66), (92, 96, 104), (128, 132, 138),
        clouds=1.0, fog=0.011, wetness=1.0, rain=1.0,
    ),
    "clear_sunset": Weather(
        20, 13, (0.95, 0.68, 0.42), (0.46, 0.46, 0.54), (84, 104, 146), (226, 186, 148),
        clouds=0.35, fog=0.004,
    ),
    "soft_rain_sunset": Weather(
        200, 15, (0.30, 0.24, 0.20), (0.50, 0.49, 0.54), (104, 104, 118), (176, 160, 148),
        clouds=0.8, fog=0.007, wetness=0.7, rain=0.4,
    ),
    "fog_morning": Weather(
        300, 20, (0.16, 0.16, 0.15), (0.66, 0.68, 0.72), (168, 174, 182), (190, 194, 200),
        clouds=1.0, fog=0.024,
    ),
    "clear_night": Weather(
        240, 40, (0.06, 0.06, 0.07), (0.24, 0.24, 0.25), (10, 14, 28), (30, 34, 48),
        clouds=0.15, fog=0.002, lamps=True,
    ),
}  # fmt: skip
