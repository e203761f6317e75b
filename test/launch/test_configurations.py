# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The configurations for RViz and for ros2 bag record, against the topics that there are.

RViz itself cannot be tested here. The window's state in the files was saved by Qt 5 itself; its
dock widgets are found again by their names, which is tested.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from unet_seg_ros.carla.rig_file import load_rig
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.topics import CameraTopics

CONFIG = Path(__file__).parents[2] / "config"
RVIZ_FILES = {"carla.rviz": "front", "surround.rviz": "surround"}
DISPLAYS = "Displays"  # the panel


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))


def images(name: str) -> list[dict[str, Any]]:
    """Return the image displays of an RViz file."""
    displays = read(name)["Visualization Manager"]["Displays"]
    return [item for item in displays if item["Class"] == "rviz_default_plugins/Image"]


def cameras_of(rig: str) -> list[CameraTopics]:
    """Return the cameras of a built-in rig that are segmented."""
    return [
        CameraTopics(f"/carla/ego_vehicle/{camera.id}/image")
        for camera in load_rig(rig).cameras
        if not camera.is_semantic
    ]


def published(rig: str) -> set[str]:
    """Return the image topics that there are with a built-in rig."""
    pictures = {f"/carla/ego_vehicle/{camera.id}/image" for camera in load_rig(rig).cameras}
    outputs = (topics.LABELS, topics.COLOR_MASK, topics.OVERLAY, topics.CONFIDENCE)
    masks = {item.output(name) for item in cameras_of(rig) for name in outputs}
    return pictures | masks | {item.output(topics.LEGEND_IMAGE) for item in cameras_of(rig)}


@pytest.mark.parametrize(("name", "rig"), RVIZ_FILES.items())
def test_rviz_shows_topics_that_there_are(name, rig):
    shown = [image["Topic"]["Value"] for image in images(name)]
    assert set(shown) <= published(rig)
    assert len(shown) == len(set(shown))


def test_rviz_shows_every_camera_of_surround():
    overlays = {camera.output(topics.OVERLAY) for camera in cameras_of("surround")}
    legend = CameraTopics("/carla/ego_vehicle/rgb_front/image").output(topics.LEGEND_IMAGE)
    assert {image["Topic"]["Value"] for image in images("surround.rviz")} == overlays | {legend}


@pytest.mark.parametrize("name", RVIZ_FILES)
def test_of_all_pictures_rviz_asks_for_an_old_one_of_the_legend_alone(name):
    """A subscriber that asks for old pictures gets them from CARLA's own interface."""
    latched = {"Volatile": False, "Transient Local": True}
    for image in images(name):
        is_legend = image["Topic"]["Value"].endswith(f"/{topics.LEGEND_IMAGE}")
        assert latched[image["Topic"]["Durability Policy"]] == is_legend


@pytest.mark.parametrize("name", RVIZ_FILES)
def test_the_saved_window_has_a_place_for_every_picture(name):
    window = read(name)["Window Geometry"]
    names = {image["Name"] for image in images(name)} | {DISPLAYS}
    assert {key for key, value in window.items() if isinstance(value, dict)} == names
    # QDataStream: a mark, visibility and then, each in UTF-16 after its length, the names.
    state = bytes.fromhex(window["QMainWindow State"])
    found = re.findall(rb"\xfb(.{4})((?:\x00[ -~])+)", state, re.DOTALL)
    assert {text.decode("utf-16-be") for _, text in found} == names
    assert all(int.from_bytes(length, "big") == len(text) for length, text in found)


def test_every_latched_topic_that_is_recorded_is_listened_to_as_such():
    profiles = read("record_qos.yaml")
    legends = {
        camera.output(name)
        for camera in cameras_of("surround")
        for name in (topics.LEGEND, topics.LABEL_INFO, topics.LEGEND_IMAGE)
    }
    assert set(profiles) == legends | {"/evaluation/score", "/tf_static"}
    for profile in profiles.values():
        assert profile["durability"] == "transient_local"
        assert profile["reliability"] == "reliable"
        assert profile["history"] == "keep_last"
