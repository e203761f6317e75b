# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the scorer counts, without a node around it."""

from __future__ import annotations

import numpy as np

from unet_seg_ros.evaluation.scorer import LABELS, TRUTH, Scorer
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.messages.semantic import TAGS

CARLA29 = LabelSet.load("carla29")


def test_pairs_that_are_given_up_before_the_legend_are_counted() -> None:
    scorer = Scorer(CARLA29, TAGS, max_waiting=3, max_pixels=100)
    for stamp_ns in range(5):
        header = Header(stamp_ns, "camera")
        scorer.add(TRUTH, write_image(header, np.zeros((4, 8, 4), np.uint8), "bgra8"))
        scorer.add(LABELS, write_image(header, np.zeros((4, 8), np.uint8), "mono8"))
    scorer.use(CARLA29)
    stamps = []
    while scorer.has_pair:
        stamps.append(scorer.score_pair().stamp_ns)
    assert stamps == [2, 3, 4]
    frames = scorer.score().frames
    assert (frames["truth"], frames["scored"], frames["skipped"]) == (5, 3, 2)
