# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The legend's text: what the class ids in the label maps mean, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet


def legend_text(label_set: LabelSet, groups: Mapping[str, tuple[int, ...]], checkpoint: str) -> str:
    """Return the legend as JSON.

    Its keys `name` and `classes` are those of `LabelSet.to_dict`, so `LabelSet.from_dict` reads it.
    `groups` maps the name of every published mask to its class ids; `unknown_id` is the id of
    pixels whose class is not known.
    """
    document = {
        **label_set.to_dict(),
        "unknown_id": UNKNOWN_ID,
        "groups": {name: list(ids) for name, ids in groups.items()},
        "checkpoint": checkpoint,
    }
    return json.dumps(document)
