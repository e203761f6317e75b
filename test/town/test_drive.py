# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from itertools import islice

import numpy as np
import pytest

from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.town import Town


def test_frames_come_in_any_order(drive: Drive) -> None:
    third = list(islice(drive, 4))[3]
    again = drive.frame(3)
    np.testing.assert_array_equal(third[0], again[0])
    np.testing.assert_array_equal(third[1], again[1])


def test_the_camera_moves_with_the_ego_vehicle(drive: Drive) -> None:
    a, b = drive.pose(0), drive.pose(int(drive.fps))
    moved = np.linalg.norm(b.position - a.position)
    assert moved == pytest.approx(drive.town.traffic.speeds[0], rel=0.1)


def test_the_route_closes(drive: Drive) -> None:
    lap = drive.town.traffic.lap_s * drive.fps
    np.testing.assert_allclose(drive.pose(round(lap)).position, drive.pose(0).position, atol=0.5)


def test_standing_still_is_refused(town: Town) -> None:
    with pytest.raises(ValueError, match="frames per second"):
        Drive(town, fps=0.0)
