# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures go out, and in which forms: raw, compressed, as a semantic camera's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sensor_msgs.msg import CompressedImage, Image

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.compressed import write_compressed_mask
from unet_seg_ros.messages.images import Header, write_image, write_mask
from unet_seg_ros.messages.semantic import SEMANTIC_ENCODING, look_up
from unet_seg_ros.nodes.segmentation.groups import resolve_groups
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


class Offer(NamedTuple):
    """What is offered beside each camera.

    Attributes:
        groups: The class ids of every group that gets a mask.
        forms: The form of every output, by its name; the quickest come first.
    """

    groups: Mapping[str, tuple[int, ...]]
    forms: Mapping[str, Form]


def offer_of(settings: Settings, label_set: LabelSet) -> Offer:
    """Return what `settings` ask for, of a network with this label set.

    Raises:
        ParameterError: The label set has no such group or class, or none that a semantic camera
            shows.
    """
    groups = resolve_groups(settings.groups, label_set)
    return Offer(groups, _forms_of(settings, groups, label_set))


def _forms_of(settings: Settings, groups: Iterable[str], label_set: LabelSet) -> dict[str, Form]:
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
