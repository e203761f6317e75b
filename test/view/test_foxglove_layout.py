# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Foxglove layout: every panel is configured, and shows something that the nodes publish."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unet_seg_ros.messages import topics
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.nodes.evaluation.parameters import PARAMETERS as EVALUATION_PARAMETERS
from unet_seg_ros.nodes.segmentation.diagnostics import camera_status
from unet_seg_ros.nodes.segmentation.parameters import BY_NAME
from unet_seg_ros.nodes.segmentation.watchdog import Watchdog
from unet_seg_ros.nodes.statistics import CameraStatistics

LAYOUT = json.loads(
    (Path(__file__).parents[2] / "config" / "foxglove_layout.json").read_text(encoding="utf-8")
)
CONFIGS = LAYOUT["configById"]
(CAMERA,) = (CameraTopics(topic) for topic in BY_NAME["image_topics"].default)


def panels(node: Any) -> Iterator[str]:
    """Yield the panels of a layout: a panel's name, or two layouts side by side."""
    if isinstance(node, str):
        yield node
        for tab in CONFIGS[node].get("tabs", ()):
            yield from panels(tab["layout"])
    else:
        assert node["direction"] in ("row", "column")
        yield from panels(node["first"])
        yield from panels(node["second"])


def plotted() -> list[tuple[str, str]]:
    """Return the status and the key of everything that is plotted."""
    pattern = r'/diagnostics\.status\[:\]\{name=="(.+)"\}\.values\[:\]\{key=="(.+)"\}\.value'
    paths = [path for config in CONFIGS.values() for path in config.get("paths", ())]
    matches = [re.fullmatch(pattern, path["value"]) for path in paths]
    assert all(path["enabled"] for path in paths)
    return [(match[1], match[2]) for match in matches if match] if all(matches) else []


def test_every_panel_is_in_the_layout_once_and_has_its_settings() -> None:
    assert sorted(panels(LAYOUT["layout"])) == sorted(CONFIGS)


def test_pictures_are_those_of_the_camera_that_the_nodes_have_by_default() -> None:
    shown = {
        config["imageMode"]["imageTopic"] for config in CONFIGS.values() if "imageMode" in config
    }
    outputs = (topics.OVERLAY, topics.COLOR_MASK, topics.CONFIDENCE)
    assert shown == {CAMERA.image, *map(CAMERA.output, outputs)}


def test_plots_are_of_what_the_segmentation_node_reports() -> None:
    statistics = CameraStatistics()
    for cause in ("replaced", "missed", "failed"):
        statistics.frame_dropped(cause)
    statistics.frame_received()
    statistics.frame_published({"latency": 20.0})
    window, punctuality = statistics.take_window(), Watchdog().look(0.0)
    status = camera_status("unet_segmentation", CAMERA.image, window, punctuality, True)
    reported = {(status.name, pair.key) for pair in status.values}
    wanted = {item for item in plotted() if item[0].startswith("unet_segmentation")}
    assert len(wanted) == 8
    assert wanted <= reported


def test_the_score_is_of_the_same_camera() -> None:
    (default,) = (spec.default for spec in EVALUATION_PARAMETERS if spec.name == "image_topic")
    assert (f"evaluation: {default}", "miou") in plotted()


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_diagnostics_come_from_the_topic_of_all_nodes(config: dict[str, Any]) -> None:
    assert config.get("topicToRender", topics.DIAGNOSTICS) == topics.DIAGNOSTICS
