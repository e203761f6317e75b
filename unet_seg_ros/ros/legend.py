# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the class ids in the label maps mean, as latched messages.

`vision_msgs/LabelInfo` is the standard message but has names only, and is not installed everywhere;
the JSON legend has the colours and groups as well and needs std_msgs alone.
For people there is a picture of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.messages.legend import legend_text
from unet_seg_ros.pictures.figures import legend

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = VisionClass = None

if TYPE_CHECKING:
    from std_msgs.msg import String

__all__ = ["LabelInfo", "label_info_message", "legend_image", "legend_message"]

_IMAGE_WIDTH = 440


def legend_message(
    label_set: LabelSet, groups: Mapping[str, tuple[int, ...]], checkpoint: str
) -> String:
    """Return the legend as std_msgs/String."""
    from std_msgs.msg import String

    return String(data=legend_text(label_set, groups, checkpoint))


def legend_image(label_set: LabelSet) -> bytes:
    """Return the colours and names of all classes as a serialized rgb8 sensor_msgs/Image."""
    pixels = legend(label_set, range(len(label_set)), _IMAGE_WIDTH)
    return write_image(Header(0, ""), pixels, "rgb8")


def label_info_message(label_set: LabelSet) -> Any:
    """Return the class names as vision_msgs/LabelInfo; only where `LabelInfo` is not None."""
    return LabelInfo(
        class_map=[
            VisionClass(class_id=item.id, class_name=item.name) for item in label_set.classes
        ]
    )
