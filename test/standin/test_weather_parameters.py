# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import fields

import numpy as np
import pytest

from unet_seg_ros.standin.weather_parameters import WeatherParameters

NOON = WeatherParameters()


def test_each_parameter_changes_what_is_seen() -> None:
    rain = NOON._replace(cloudiness=100, precipitation=80, precipitation_deposits=60).seen
    assert (rain.rain, rain.wetness, rain.clouds) == (0.8, 0.6, 1.0)
    assert rain.fog > NOON.seen.fog
    assert np.mean(rain.sun) < np.mean(NOON.seen.sun)
    assert NOON._replace(fog_density=80).seen.fog > 5 * NOON.seen.fog
    assert NOON._replace(wetness=40).seen.wetness == 0.4
    assert NOON._replace(sun_azimuth_angle=200).seen.sun_azimuth_deg == -200
    low = NOON._replace(sun_altitude_angle=10).seen
    assert low.sun_elevation_deg == 10
    assert low.horizon[0] > low.horizon[2], "a red evening"


def test_night_falls_bit_by_bit() -> None:
    seen = [NOON._replace(sun_altitude_angle=a).seen for a in (45, 15, 5, -4, -90)]
    light = [np.mean(weather.ambient) + np.mean(weather.sun) for weather in seen]
    assert light[:4] == sorted(light[:4], reverse=True)
    assert light[3] == light[4] < 0.4 * light[0]
    assert [weather.lamps for weather in seen] == [False, False, True, True, True]
    assert all(weather.sun_direction[2] > 0 for weather in seen)


def test_the_preset_default_is_the_weather_that_a_map_begins_with() -> None:
    assert WeatherParameters(*[-1.0] * 10, 1.0, 0.03, 0.0331, 0.0).seen == NOON.seen


@pytest.mark.parametrize("number", [-1e30, 1e30])
def test_numbers_out_of_range_are_kept_within_it(number: float) -> None:
    parameters = WeatherParameters(5.0, *[number] * 13)
    seen = parameters.seen
    for field in fields(seen):
        assert np.all(np.abs(getattr(seen, field.name)) <= 360 + abs(number)), field.name
    assert 0.0 <= seen.fog < 0.1
