# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the class ids in the label maps mean, as latched messages.

`vision_msgs/LabelInfo` is the standard message but has names only, and is not installed everywhere;
the JSON legend has the colours and groups as well and needs std_msgs alone; its text needs no ROS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unet_seg_ros.labels import UNKNOWN_ID, LabelSet

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = VisionClass = None

if TYPE_CHECKING:
    from std_msgs.msg import String

__all__ = ["LabelInfo", "label_info_message", "legend_message", "legend_text"]


def legend_text(label_set: LabelSet, groups: Mapping[str, tuple[int, ...]], checkpoint: str) -> str:
    """Return the legend as JSON.

    Its keys `name` and `classes` are those of `LabelSet.to_dict`, so `LabelSet.from_dict` reads it.
    `groups` maps the name of every published mask to its class ids; `unknown_id` is the id of
    pixels whose class is not known.
    """
    legend = {
        **label_set.to_dict(),
        "unknown_id": UNKNOWN_ID,
        "groups": {name: list(ids) for name, ids in groups.items()},
        "checkpoint": checkpoint,
    }
    return json.dumps(legend)


def legend_message(
    label_set: LabelSet, groups: Mapping[str, tuple[int, ...]], checkpoint: str
) -> String:
    """Return the legend as std_msgs/String."""
    from std_msgs.msg import String

    return String(data=legend_text(label_set, groups, checkpoint))


def label_info_message(label_set: LabelSet) -> Any:
    """Return the class names as vision_msgs/LabelInfo; only where `LabelInfo` is not None."""
    return LabelInfo(
        class_map=[
            VisionClass(class_id=item.id, class_name=item.name) for item in label_set.classes
        ]
    )
