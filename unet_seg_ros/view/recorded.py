# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shows a recorded drive: every message of a bag, one after the other."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping

from tqdm import tqdm

from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.messages.cdr import CdrError, CdrReader
from unet_seg_ros.messages.topics import DIAGNOSTICS
from unet_seg_ros.view.drive_log import DriveLog
from unet_seg_ros.view.feed import DIAGNOSTIC_ARRAY, Feed, candidates, statuses

# So many messages may be on their way to the server.
_FLUSH_EVERY = 200


def log_bag(
    bag: BagReader, log: DriveLog, max_pixels: int, confidence: bool = True
) -> Mapping[str, int]:
    """Log a bag.

    Args:
        bag: The recorded drive.
        log: Where it goes.
        max_pixels: Larger pictures are refused.
        confidence: Whether confidence is shown.

    Returns:
        How many messages could not be shown, by why.

    Raises:
        BagError: the bag is damaged, or has no label maps.
    """
    feed = Feed(log, max_pixels, confidence)
    types = {name: topic.type_name for name, topic in bag.filled_topics.items()}
    shown = feed.add_topics(types, _segmented(bag, types))
    if not feed.has_cameras:
        raise BagError(
            f"{bag.path}: no camera in it has label maps; make them with `unet-seg bag segment`"
        )
    refused: Counter[str] = Counter()
    total = sum(bag.counts[name] for name in shown)
    messages = tqdm(bag.messages(shown), total=total, unit="message", disable=None)
    for number, message in enumerate(messages, start=1):
        try:
            for task in feed.take(message.topic, message.data, message.log_time_ns):
                task.run()
        # A message that breaks something costs that message.
        except Exception as error:
            refused[f"{message.topic}: {error}"] += 1
        if number % _FLUSH_EVERY == 0:
            log.flush()
    return refused


def _segmented(bag: BagReader, types: Mapping[str, str]) -> set[str]:
    """Return the image topics that label maps are of, where reports tell which of several it is."""
    undecided = [
        {camera.image for camera in cameras}
        for cameras in candidates(types).values()
        if len({camera.raw for camera in cameras}) > 1
    ]
    told: set[str] = set()
    if types.get(DIAGNOSTICS) != DIAGNOSTIC_ARRAY:
        return told
    for message in bag.messages([DIAGNOSTICS]) if undecided else ():
        with contextlib.suppress(CdrError):  # it is refused when its turn comes
            told |= {name.partition(": ")[2] for name, _ in statuses(CdrReader(message.data))}
        if all(images & told for images in undecided):
            break
    return told
