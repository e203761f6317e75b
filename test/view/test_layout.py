# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The layout: what is shown gets a view, what is not there takes no room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from unet_seg_ros.messages.topics import CameraTopics

pytest.importorskip("rerun")

import rerun.blueprint as rrb

from unet_seg_ros.view.layout import Shown, blueprint

FRONT, REAR = CameraTopics("/front/image"), CameraTopics("/rear/image_raw/compressed")


def views(part: Any) -> Iterator[rrb.View]:
    """Yield the views of a blueprint or container."""
    for item in [part.root_container] if isinstance(part, rrb.Blueprint) else part.contents:
        if isinstance(item, rrb.View):
            yield item
        else:
            yield from views(item)


def names(shown: Shown) -> list[str]:
    return [str(view.name) for view in views(blueprint(shown, "stamp"))]


def test_cameras_stand_side_by_side_and_plots_below() -> None:
    shown = Shown([FRONT, REAR], [REAR], ["miou", "latency_ms"])
    assert names(shown) == ["/front/", "/rear/", "confidence /rear/", "latency, ms", "mIoU"]


def test_what_is_not_there_takes_no_room() -> None:
    assert names(Shown([FRONT])) == ["/front/"]
    assert names(Shown()) == []


def test_a_camera_shows_its_picture_below_its_labels() -> None:
    (view,) = views(blueprint(Shown([REAR]), "stamp"))
    assert view.contents == [REAR.image, "/rear/segmentation/labels"]
