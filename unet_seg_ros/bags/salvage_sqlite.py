# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what can still be read of a rosbag2 SQLite file, as if it were MCAP."""

from __future__ import annotations

from collections.abc import Iterator

from mcap.records import Message

from unet_seg_ros.bags.contents import Definition
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.bags.salvage import Gap, Salvage
from unet_seg_ros.bags.writer import BagError


class SqliteSalvage(Salvage):
    """A `Salvage` of a `.db3` file; of what cannot be read the size is not known."""

    def records(self) -> Iterator[Definition | Message]:
        """Yield topics, message types and messages.

        Raises:
            BagError: The file is something else, or not even its topics can be read.
        """
        with BagReader(self.path) as reader:
            self.has_end = True
            if self.expected is None:
                self.expected = sum(reader.counts.values())
            channels = {name: number for number, name in enumerate(reader.topics, start=1)}
            for name, number in channels.items():
                topic = reader.topics[name]
                yield topic.schema(number)
                yield topic.channel(number, schema_id=number)
            after_ns = None
            try:
                for message in reader.messages():
                    self.message_count += 1
                    self.after_bytes(len(message.data))
                    after_ns = message.log_time_ns
                    yield Message(
                        channel_id=channels[message.topic],
                        sequence=0,
                        log_time=message.log_time_ns,
                        publish_time=message.publish_time_ns,
                        data=message.data,
                    )
            except BagError as error:
                self.gaps.append(Gap(0, 0, str(error), after_ns))
