# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import struct

import pytest

from unet_seg_ros.standin import wire
from unet_seg_ros.standin.transform import Transform
from unet_seg_ros.standin.weather_parameters import WeatherParameters
from unet_seg_ros.standin.wire import ActorState, EpisodeSettings, Moment, VehicleControl

NAN = float("nan")


def test_messages_have_the_sizes_that_the_client_expects() -> None:
    assert len(wire.token(5, 2001)) == 24
    moment = Moment(frame=7, elapsed_s=0.35)
    assert len(wire.picture_header(13, moment, Transform(), 800, 600, 90.0)) == 48 + 12
    actors = [ActorState(1, Transform()), ActorState(2, Transform(), control=VehicleControl())]
    state = wire.world_state(
        17, moment, episode=1, platform_s=0.0, delta_s=0.05, flags=0, actors=actors
    )
    assert len(state) == 48 + 36 + 2 * 119
    assert struct.unpack_from("<QQd", state) == (17, 7, 0.35)


@pytest.mark.parametrize(
    ("read", "value", "reason"),
    [
        (wire.read_transform, [[0, 0, NAN], [0, 0, 0]], "transform"),
        (wire.read_transform, [[1e9, 0, 0], [0, 0, 0]], "transform"),
        (VehicleControl.read, [NAN, 0, 0, False, False, False, 0], "control"),
        (WeatherParameters.read, [NAN] * 14, "weather"),
        (EpisodeSettings.read, [True, False, [True, 2.0]], "fixed_delta_seconds is 2.0"),
        (EpisodeSettings.read, [True, False, [True, NAN]], "fixed_delta_seconds is nan"),
    ],
)
def test_absurd_numbers_are_refused(read, value, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(value)


def test_pedals_are_kept_within_their_range() -> None:
    control = VehicleControl.read([7.0, -9.0, 0.5, False, True, False, 3])
    assert control == VehicleControl(1.0, -1.0, 0.5, reverse=True, gear=3)


def test_a_step_that_is_left_open_is_a_twentieth_of_a_second() -> None:
    assert EpisodeSettings().step_s == EpisodeSettings.read([True, False, [True, 0.0]]).step_s
    assert EpisodeSettings.read([True, False, [True, 0.1]]).step_s == 0.1
