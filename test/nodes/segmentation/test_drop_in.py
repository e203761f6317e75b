# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics in the place of others: their names."""

from __future__ import annotations

from typing import Any

import pytest

from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.nodes.segmentation.drop_in import DROP_IN_PARAMETERS, OutputTopics, read_drop_in
from unet_seg_ros.ros.parameters import ParameterError

CAMERAS = [CameraTopics("/a/image"), CameraTopics("/b/image")]
DEFAULTS = {spec.name: spec.default for spec in DROP_IN_PARAMETERS}


def topics_of(**changes: Any) -> list[OutputTopics]:
    return read_drop_in(DEFAULTS | changes).topics_of(CAMERAS)


def semantic_topics(*topics: str) -> list[str]:
    names = topics_of(semantic_camera="tags", semantic_camera_topics=list(topics))
    return [item.semantic_camera for item in names]


def test_semantic_cameras_have_names_of_their_own_unless_told() -> None:
    own = [f"/{name}/segmentation/semantic_camera/image" for name in "ab"]
    assert semantic_topics("") == semantic_topics() == own
    assert semantic_topics("", "/truth/image") == [own[0], "/truth/image"]


@pytest.mark.parametrize("off", ["off", False])
def test_without_them_their_topics_do_not_matter(off: object) -> None:
    names = topics_of(semantic_camera=off, semantic_camera_topics=["/truth/image"])
    assert [item.semantic_camera for item in names] == ["", ""]


@pytest.mark.parametrize(
    ("topics", "reason"),
    [
        (["/truth/image"], "has 1 entries, image_topics has 2"),
        (["", "/a/semantic"], "would have its camera_info where another camera has it"),
        (["/truth/a", "/truth/b"], "would have its camera_info where another camera has it"),
    ],
)
def test_topics_that_do_not_fit_the_cameras_are_refused(topics: list[str], reason: str) -> None:
    with pytest.raises(ParameterError, match=f"semantic_camera_topics: .*{reason}"):
        semantic_topics(*topics)


def test_nav2s_names_are_the_first_cameras() -> None:
    first, second = topics_of(nav2_topics=True)
    assert first.of("labels") == ["/a/segmentation/labels", "/segmentation/mask"]
    assert first.of("color_mask") == ["/a/segmentation/color_mask"]
    assert second.of("labels") == ["/b/segmentation/labels"]


def test_a_topic_that_has_nav2s_name_anyway_is_there_once() -> None:
    names = OutputTopics(CameraTopics("/image"), nav2=True)
    assert names.of("confidence") == ["/segmentation/confidence"]
