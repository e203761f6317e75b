# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Records topics into a rosbag2 folder, for machines without `ros2 bag record`.

    ros2 run unet_seg_ros recorder_node --ros-args -p output:=drive -p pattern:='/carla/.*'

Messages go from the wire to the file as the bytes they are. The executor only queues them; a thread
writes. Ctrl-C or SIGTERM completes the bag, which has the name `<output>.partial` until then.

Messages that are reported as written are on the disk: neither `kill -9` nor a power cut takes them,
and `unet-seg bag repair <output>.partial` completes the bag. A message gets there within a second
while the disk keeps up. When the disk is full, or the bag has reached `max_disk_mib`, the node
completes the bag and ends with a sentence that says so.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from unet_seg_ros.bags.threaded import ThreadedBagWriter
from unet_seg_ros.bags.writer import BagError, Limits, Topic
from unet_seg_ros.messages.definitions import Definitions, UnknownTypeError, message_class
from unet_seg_ros.messages.sequence import SequenceGaps
from unet_seg_ros.messages.topics import DIAGNOSTICS
from unet_seg_ros.ros.parameters import (
    ParameterError,
    ParameterSpec,
    check_topic,
    declare,
    filled,
)
from unet_seg_ros.ros.run import run
from unet_seg_ros.ros.status import stamped, status
from unet_seg_ros.ros.type_watch import TypeWatch, published_type
from unet_seg_ros.units import NS_PER_S

NODE_NAME = "recorder"

PARAMETERS = (
    ParameterSpec(
        "output",
        "",
        "The folder to write, which must not exist; its last part names the bag.",
    ),
    ParameterSpec(
        "topics",
        [""],
        "The topics to record, by name.",
    ),
    ParameterSpec(
        "pattern",
        "",
        "A regular expression; topics whose whole name it matches are recorded too.",
        "For example /carla/.*",
    ),
    ParameterSpec(
        "max_waiting_mib",
        256,
        "How many MiB of messages may wait for the disk before further ones are dropped.",
        range=(1, 1 << 16),
    ),
    ParameterSpec(
        "max_file_mib",
        0,
        "A new file of the bag begins before one gets larger than so many MiB; 0 for a single "
        "file of any size.",
        "Less than 4096 on a FAT disk, which has no larger files.",
        range=(0, 1 << 30),
    ),
    ParameterSpec(
        "max_file_duration_s",
        0,
        "A new file of the bag begins after so many seconds, by the clock of the node; 0 for a "
        "single file of any length.",
        range=(0, 1 << 30),
    ),
    ParameterSpec(
        "max_disk_mib",
        0,
        "Recording ends before the bag gets larger than so many MiB; 0 for no limit but the disk.",
        range=(0, 1 << 30),
    ),
)

DISCOVERY_PERIOD_S = 0.1
REPORT_PERIOD_S = 1.0
# One second of a camera at 20 Hz: what the middleware keeps while the executor is busy.
SUBSCRIPTION_DEPTH = 20
_REMEMBERED = 4 * SUBSCRIPTION_DEPTH

QUEUE_FULL = "queue_full"  # the disk did not keep up
LOST = "lost"  # the middleware did not deliver it


@dataclass
class _Recording:
    """What is recorded of a topic, by one subscription or several.

    Attributes:
        topic_id: The topic's in the bag.
        type_name: Its type.
        message_type: The class of that.
        qos: What the last subscription, which asks for least, asks of publishers.
        gaps: Of each subscription.
    """

    topic_id: int
    type_name: str
    message_type: type
    qos: QoSProfile
    gaps: list[SequenceGaps] = field(default_factory=list)
    # More than may still be waiting in another subscription.
    _recent: deque[tuple[Any, ...]] = field(default_factory=partial(deque, maxlen=_REMEMBERED))

    def missed_before(self, number: int, info: Mapping[str, Any], has_one_publisher: bool) -> int:
        """Return what a subscription, by its number, missed that none before it could receive."""
        if any(gaps.knows(info) for gaps in self.gaps[:number]):
            return 0
        return self.gaps[number].missed_before(info, has_one_publisher)

    def is_repeated(self, info: Mapping[str, Any]) -> bool:
        """Tell whether another subscription has received the same message."""
        if len(self.gaps) == 1:
            return False
        publisher = info.get("publisher_gid")
        message = publisher and publisher["data"], info["source_timestamp"]
        is_repeated = message in self._recent
        self._recent.append(message)
        return is_repeated


class RecorderNode(Node):
    """Subscribes to every wanted topic as soon as somebody publishes it.

    Raises:
        ParameterError: a parameter has an impossible value.
        BagError: the bag cannot be begun, or, later, written on.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(NODE_NAME, **kwargs)
        declare(self, PARAMETERS)
        self._topics, self._pattern = self._read_wanted()
        self._output = self._read_output()
        max_waiting_bytes = self.get_parameter("max_waiting_mib").value << 20
        self._bag = ThreadedBagWriter(self._output, max_waiting_bytes, self._read_limits())
        self._definitions = Definitions()
        self._seen: set[str] = set()
        self._recording: dict[str, _Recording] = {}  # by topic
        self._refused: list[str] = []  # why others are not recorded
        self.dropped: Counter[str] = Counter()
        self._types = TypeWatch(self)
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS, 10)
        # Simulation time may stand still; recording goes on.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DISCOVERY_PERIOD_S, self._discover, clock=steady)
        self.create_timer(REPORT_PERIOD_S, self._report, clock=steady)
        self._discover()

    def destroy_node(self) -> None:
        """Complete the bag, then destroy the node."""
        super().destroy_node()
        self._bag.close({f"dropped.{cause}": str(count) for cause, count in self.dropped.items()})
        self.get_logger().info(f"recorded {self._summary()}")

    def _read_wanted(self) -> tuple[frozenset[str], re.Pattern[str] | None]:
        """Return the wanted topics' full names, and the pattern for further ones."""
        names = filled(self.get_parameter("topics").value)
        for name in names:
            check_topic("topics", name)
        expression = self.get_parameter("pattern").value
        if not names and not expression:
            raise ParameterError(
                "topics and pattern are both empty; name the topics to record, or give a pattern "
                "such as '/carla/.*'"
            )
        try:
            pattern = re.compile(expression) if expression else None
        except re.error as error:
            raise ParameterError(f"pattern: {expression!r} is not one: {error}") from error
        return frozenset(self.resolve_topic_name(name) for name in names), pattern

    def _read_output(self) -> Path:
        output = self.get_parameter("output").value
        if not output:
            raise ParameterError("output: is empty; give the folder to write the bag to")
        return Path(output).expanduser().absolute()

    def _read_limits(self) -> Limits:
        return Limits(
            file_bytes=self.get_parameter("max_file_mib").value << 20,
            file_duration_ns=self.get_parameter("max_file_duration_s").value * NS_PER_S,
            bag_bytes=self.get_parameter("max_disk_mib").value << 20,
        )

    def _discover(self) -> None:
        self._bag.check()
        if not self.get_clock().now().nanoseconds:
            return  # before simulation time runs: a replay would wait from 0 until then
        for name, type_names in self.get_topic_names_and_types():
            if name not in self._seen and self._is_wanted(name) and self.count_publishers(name):
                self._seen.add(name)
                self._record(name, published_type(self, name, type_names))

    def _is_wanted(self, name: str) -> bool:
        return name in self._topics or bool(self._pattern and self._pattern.fullmatch(name))

    def _record(self, name: str, type_name: str) -> None:
        try:
            definition = self._definitions.get(type_name)
            message_type = message_class(type_name)
        except UnknownTypeError as error:
            self._refused.append(f"{name} is not recorded: {error}")
            self.get_logger().error(self._refused[-1])
            return
        offers = self._offers(name, type_name)
        offered_qos = [_recorded_qos(offer) for offer in offers]
        topic_id = self._bag.add_topic(
            Topic(name, type_name, definition.text, definition.digest, offered_qos)
        )
        qos = _matching_qos(offers)
        self._recording[name] = _Recording(topic_id, type_name, message_type, qos)
        self._subscribe(name, qos)
        self.get_logger().info(f"recording {name}")

    def _subscribe(self, name: str, qos: QoSProfile) -> None:
        recording = self._recording[name]
        store = partial(self._store, name, len(recording.gaps))
        recording.gaps.append(SequenceGaps())
        recording.qos = qos
        self.create_subscription(recording.message_type, name, store, qos, raw=True)

    def _offers(self, name: str, type_name: str) -> list[QoSProfile]:
        """Return what the publishers of a topic offer that publish this type."""
        found = self.get_publishers_info_by_topic(name)
        return [item.qos_profile for item in found if item.topic_type == type_name]

    def _follow_offers(self) -> None:
        """Subscribe once more to topics that have got a publisher which offers less than before.

        The middleware would never connect it. The subscription that there is goes on, so that
        nothing of the other publishers is missed.
        """
        for name, recording in self._recording.items():
            wanted, qos = _matching_qos(self._offers(name, recording.type_name)), recording.qos
            # Both number the stricter policy lower.
            if wanted.reliability <= qos.reliability and wanted.durability <= qos.durability:
                continue
            wanted.reliability = max(wanted.reliability, qos.reliability)
            # What a publisher keeps for those who come late has been recorded.
            wanted.durability = DurabilityPolicy.VOLATILE
            self._subscribe(name, wanted)
            self.get_logger().info(f"recording {name} with what all its publishers offer now")

    def _store(self, name: str, number: int, data: bytes, info: Mapping[str, Any]) -> None:
        now_ns = self.get_clock().now().nanoseconds
        recording = self._recording[name]
        is_named = info.get("publisher_gid") is not None
        has_one_publisher = not is_named and self.count_publishers(name) == 1
        self._count(LOST, recording.missed_before(number, info, has_one_publisher))
        if recording.is_repeated(info):
            return
        if not self._bag.put(recording.topic_id, data, now_ns, info["source_timestamp"]):
            self._count(QUEUE_FULL, 1)

    def _count(self, cause: str, messages: int) -> None:
        if messages:
            self.dropped[cause] += messages
            self.get_logger().warning(
                f"messages dropped: {dict(self.dropped)}", throttle_duration_sec=REPORT_PERIOD_S
            )

    def _report(self) -> None:
        self._follow_offers()
        values = {
            "topics": str(len(self._recording)),
            "messages": str(self._bag.written),
            "disk_mib": f"{self._bag.size / (1 << 20):.1f}",
            "waiting_mib": f"{self._bag.waiting_bytes / (1 << 20):.1f}",
            f"dropped.{QUEUE_FULL}": str(self.dropped[QUEUE_FULL]),
            f"dropped.{LOST}": str(self.dropped[LOST]),
        }
        problems = [*self._types.problems().values(), *self._refused]
        if not (problems or self._recording):
            problems.append("nobody publishes what is to be recorded")
        is_fine = not (problems or self.dropped.total())
        level = DiagnosticStatus.OK if is_fine else DiagnosticStatus.WARN
        summary = "; ".join([*problems, self._summary()])
        report = status(f"{self.get_name()}: {self._output.name}", level, summary, values)
        self._diagnostics.publish(stamped(self, [report]))

    def _summary(self) -> str:
        return (
            f"{self._bag.written} messages in {self._output}, {self.dropped.total()} were dropped"
        )


def _matching_qos(offers: Sequence[QoSProfile]) -> QoSProfile:
    """Return the strictest profile that receives from every one of the publishers."""
    is_reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    is_latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    return QoSProfile(
        depth=SUBSCRIPTION_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
    )


def _recorded_qos(offer: QoSProfile) -> Qos:
    """Return a publisher's profile as a bag holds it; both number the policies as rmw does."""
    return Qos(
        QosHistory(int(offer.history)),
        offer.depth,
        QosReliability(int(offer.reliability)),
        QosDurability(int(offer.durability)),
        _recorded_time(offer.deadline),
        _recorded_time(offer.lifespan),
        QosLiveliness(int(offer.liveliness)),
        _recorded_time(offer.liveliness_lease_duration),
        offer.avoid_ros_namespace_conventions,
    )


def _recorded_time(duration: Duration) -> QosTime:
    return QosTime(*divmod(duration.nanoseconds, NS_PER_S))


def main(arguments: list[str] | None = None) -> int:
    """Run the node until Ctrl-C or SIGTERM; return the exit status."""
    return run(NODE_NAME, RecorderNode, arguments, expected_errors=(BagError,))
