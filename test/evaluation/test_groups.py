# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from unet_seg_ros.evaluation.groups import group_of, town_of, weather_of


@pytest.mark.parametrize(
    ("name", "weather"),
    [
        ("Town05/Town05Clear_000123_clear", "day"),
        ("Town05/Town05Clear_000123_rain", "day, rain"),
        ("Town05/Town05ClearNight_000123_rain", "night, rain"),
        ("Town03/Town03ClearSunset_9200_clear", "sunset"),
        ("HardRainSunset/0001", "sunset, rain"),
        ("WetCloudyNoon/0001", "day, rain"),
        ("Town03_weathers/fog_150", "day, fog"),
        ("DustStorm/0001", "day, dust"),
        ("DustStorm_000123_rain", "day, rain"),
        ("storm_night/0001", "night, rain"),
        ("day_10", "day"),
        ("night/rain_10", "night, rain"),
        ("rainy_nights/Town03ClearNoon/0001", "day"),
        ("train/0016E5_07959", "unknown"),
    ],
)
def test_weather_is_what_a_name_says(name: str, weather: str) -> None:
    assert weather_of(name) == weather


def test_town_is_what_a_name_says() -> None:
    assert town_of("captures/Town10HD/0001") == "Town10HD"
    assert town_of("Town01/Town03ClearNoon/0001") == "Town03"
    assert town_of("0001") == "unknown"


def test_a_group_has_every_kind() -> None:
    name = "Town05ClearNight_000123_rain"
    assert group_of(["town", "weather"], name, "drive") == ("Town05", "night, rain")
    assert group_of(["drive"], name, "Town05/run0") == ("Town05/run0",)
