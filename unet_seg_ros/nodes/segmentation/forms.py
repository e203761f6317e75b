# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""In which forms the network's pictures go out: raw, compressed, as a semantic camera's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.compressed import write_compressed_mask
from unet_seg_ros.messages.images import Header, write_image, write_mask
from unet_seg_ros.messages.semantic import SEMANTIC_ENCODING, look_up
from unet_seg_ros.nodes.segmentation.parameters import Settings


@dataclass(frozen=True)
class Form:
    """What the messages of an output are.

    Attributes:
        picture: Which of the network's pictures, by the name that `Segmentation.pictures` has.
        message_type: The type of the message.
        write: Serializes it.
    """

    picture: str
    message_type: type
    write: Callable[[Header, Uint8Array], bytes]


def forms_of(settings: Settings, groups: Iterable[str], label_set: LabelSet) -> dict[str, Form]:
    """Return the form of every output that is offered, by its name; the quickest come first.

    Raises:
        ParameterError: The label set has no class that a semantic camera shows.
    """
    raw = [name for name in topics.OUTPUTS if name in settings.outputs and name != topics.MASKS]
    masks = map(topics.mask_output, groups) if topics.MASKS in settings.outputs else ()
    forms = {name: Form(name, Image, write_mask) for name in (*raw, *masks)}
    table = settings.drop_in.semantic_table(label_set)
    if table is not None:
        write = functools.partial(_write_semantic, table)
        forms[topics.SEMANTIC_CAMERA] = Form(topics.LABELS, Image, write)
    for name in topics.COMPRESSED_OUTPUTS:
        if name in settings.outputs:
            compressed = Form(name, CompressedImage, write_compressed_mask)
            forms[topics.compressed_topic(name)] = compressed
    return forms


def _write_semantic(table: Uint8Array, header: Header, labels: Uint8Array) -> bytes:
    return write_image(header, look_up(table, labels), SEMANTIC_ENCODING)
