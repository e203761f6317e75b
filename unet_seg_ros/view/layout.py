# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the view is laid out: cameras side by side, below them confidence and the plots."""

from __future__ import annotations

from dataclasses import dataclass, field

import rerun as rr
import rerun.blueprint as rrb

from unet_seg_ros.messages import topics
from unet_seg_ros.messages.topics import CameraTopics

PLOTS = "/plots"
# Of the label map over the picture: what is below the colours stays visible.
_OPACITY = 0.5
_TITLES = {
    "latency_ms": "latency, ms",
    "rate_hz": "frames per second",
    "lost_frames": "lost frames",
    "miou": "mIoU",
}


@dataclass(frozen=True)
class Shown:
    """What there is to be shown, in the order in which it came.

    Attributes:
        cameras: Those with label maps.
        confidence: Those of them with confidence.
        plots: Their names, keys of the titles.
    """

    cameras: list[CameraTopics] = field(default_factory=list)
    confidence: list[CameraTopics] = field(default_factory=list)
    plots: list[str] = field(default_factory=list)


def blueprint(shown: Shown, timeline: str) -> rrb.Blueprint:
    """Return the layout for what is shown; it follows the newest picture on `timeline`."""
    overlays = [_overlay(camera) for camera in shown.cameras]
    below: list[rrb.View | rrb.Container] = [
        rrb.TimeSeriesView(origin=f"{PLOTS}/{name}", name=_TITLES[name])
        for name in _TITLES
        if name in shown.plots
    ]
    if shown.confidence:
        below.insert(0, rrb.Tabs(*[_confidence(camera) for camera in shown.confidence]))
    rows = [rrb.Grid(*overlays)] + ([rrb.Horizontal(*below)] if below else [])
    return rrb.Blueprint(
        rrb.Vertical(*rows, row_shares=[5, 2][: len(rows)]),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed", timeline=timeline, play_state="following"),
        auto_layout=False,
        auto_views=False,
    )


def _overlay(camera: CameraTopics) -> rrb.Spatial2DView:
    labels = camera.output(topics.LABELS)
    return rrb.Spatial2DView(
        origin="/",
        name=camera.camera,
        contents=[camera.image, labels],
        overrides={labels: rr.SegmentationImage.from_fields(opacity=_OPACITY)},
    )


def _confidence(camera: CameraTopics) -> rrb.Spatial2DView:
    return rrb.Spatial2DView(
        origin="/", name=f"confidence {camera.camera}", contents=camera.output(topics.CONFIDENCE)
    )
