# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives a rig through CARLA and publishes what its cameras see.

    ros2 run unet_seg_ros carla_node --ros-args -p rig:=surround -p driver:=autopilot

Topics, frames and quality of service are those of carla_ros_bridge: for every camera
`/carla/<role_name>/<camera>/image` and `.../camera_info`, with the same stamp for all pictures of a
moment, and before them /clock, and /tf and /tf_static where tf2_msgs is installed.

A thread advances the simulation, step by step, and publishes; it waits for no subscriber. When the
simulator goes away, the topics stay and the thread drives on as soon as it is back. Whatever ends
the node, what it spawned is removed and the simulator's settings are as they were before.
"""

from __future__ import annotations

import threading
import time
from typing import Any, NoReturn

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.node import Node

from unet_seg_ros.carla.client import CarlaError, ServerLostError, connect
from unet_seg_ros.carla.rig import Rig, RigFrame, open_rig
from unet_seg_ros.carla.rig_file import RigFileError, load_rig
from unet_seg_ros.messages.topics import DIAGNOSTICS
from unet_seg_ros.nodes.carla.parameters import PARAMETERS, read_semantic, read_setting
from unet_seg_ros.nodes.carla.topics import RigTopics
from unet_seg_ros.nodes.statistics import CameraStatistics, Window
from unet_seg_ros.process import leave
from unet_seg_ros.ros.parameters import declare
from unet_seg_ros.ros.run import run
from unet_seg_ros.ros.status import stamped, status
from unet_seg_ros.ros.transforms import TFMessage

NODE_NAME = "carla"

LOG_PERIOD_S = 1.0
RETRY_LOG_PERIOD_S = 10.0
REPORT_PERIOD_S = 1.0
RETRY_PERIOD_S = 0.2
# ros2 launch kills what has not ended 10 s after Ctrl-C.
GRACE_S = 8.0
DELIVERY_TIMEOUT_S = 5.0


class CarlaNode(Node):
    """The rig's topics, the thread that drives it, and reports on both.

    While it spins, it raises why there is nothing to drive: `CarlaError`.

    Raises:
        ParameterError: a parameter has an impossible value.
        RigFileError: the rig's file cannot be used.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__(NODE_NAME, **node_options)
        values = declare(self, PARAMETERS)
        self._address = f"{self._value('host')}:{self._value('port')}"
        self._setting = read_setting(values)
        self._rig_file = load_rig(self._value("rig"))
        self._topics = RigTopics(
            self,
            self._setting.role_name,
            self._rig_file.cameras,
            read_semantic(values),
        )
        if not TFMessage:
            self.get_logger().info("no transforms on /tf: tf2_msgs is not installed here")
        self._statistics = {camera.id: CameraStatistics() for camera in self._rig_file.cameras}
        self._condition = DiagnosticStatus.WARN, f"connecting to CARLA at {self._address}"
        self._losses = 0
        self._frames = 0
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS, 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(REPORT_PERIOD_S, self._report, clock=steady)

        self._failure: Exception | None = None
        self._ended = self.create_guard_condition(self._finish)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="carla", daemon=True)
        self._thread.start()

    def destroy_node(self) -> None:
        """Let the thread leave the simulator as it was, then destroy the node."""
        self._ending.set()
        self._thread.join(GRACE_S)
        if self._thread.is_alive():
            self.get_logger().error(
                f"CARLA at {self._address} does not answer; what was spawned there, if anything, "
                f"stays until a rig with the role {self._setting.role_name} comes"
            )
        super().destroy_node()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    # The thread that drives

    def _run(self) -> None:
        try:
            rig: Rig | None = self._open()
            while rig:
                with rig:
                    is_lost = self._drive(rig)
                rig = self._reopen() if is_lost else None
            if self._is_complete():
                self._deliver()
                self._ended.trigger()
        # Whatever it is, the executor's thread has to hear of it.
        except Exception as error:
            self._failure = error
            if not self._is_ending():
                self._ended.trigger()

    def _open(self) -> Rig:
        simulator = connect(self._value("host"), self._value("port"), self._value("timeout"))
        rig = open_rig(simulator, self._rig_file, self._setting)
        for note in rig.notes:
            self.get_logger().info(note)
        where = f"{self._setting.role_name} is in {rig.town} with the rig {self._rig_file.name}"
        self.get_logger().info(where)
        self._condition = DiagnosticStatus.OK, where
        return rig

    def _drive(self, rig: Rig) -> bool:
        """Advance the simulation until the node ends; return whether the simulator was lost."""
        due_s = time.monotonic()
        while not self._is_ending() and not self._is_complete():
            try:
                if not self._value("playing"):
                    rig.check()
                    self._ending.wait(self._setting.step_s)
                    continue
                frame = rig.tick()
            except ServerLostError as error:
                self._losses += 1
                self._condition = DiagnosticStatus.ERROR, str(error)
                self.get_logger().error(f"{error}; the topics stay, trying again")
                return True
            self._publish(frame)
            # What comes late delays the rest: nobody is served by a burst of frames.
            due_s = max(due_s + self._setting.step_s, time.monotonic())
            if self._value("real_time"):
                self._ending.wait(due_s - time.monotonic())
        return False

    def _reopen(self) -> Rig | None:
        """Return the rig in the simulator that came back; None when the node ends before."""
        while not self._ending.wait(RETRY_PERIOD_S):
            try:
                return self._open()
            except CarlaError as error:
                self.get_logger().warning(
                    f"not back yet: {error}", throttle_duration_sec=RETRY_LOG_PERIOD_S
                )
        return None

    def _is_ending(self) -> bool:
        return self._ending.is_set() or not self.context.ok()

    def _is_complete(self) -> bool:
        return bool(0 < self._value("count") <= self._frames)

    def _deliver(self) -> None:
        """Wait until everything has been delivered."""
        deadline_s = time.monotonic() + DELIVERY_TIMEOUT_S
        for publisher in self.publishers:
            publisher.wait_for_all_acked(Duration(seconds=max(0.0, deadline_s - time.monotonic())))
        self.get_logger().info(f"the end, after {self._frames} frames")

    def _publish(self, frame: RigFrame) -> None:
        begin_s = time.monotonic()
        try:
            self._topics.publish(frame)
        except RuntimeError:  # rclpy's RCLError, where the context was shut down meanwhile
            if not self._is_ending():
                raise
        publish_ms = 1e3 * (time.monotonic() - begin_s)
        self._frames += 1
        for camera_id in frame.pictures:
            self._statistics[camera_id].frame_published({"publish": publish_ms})
        for camera_id in frame.missing:
            self._statistics[camera_id].frame_refused("missing", f"frame {frame.number}")
        if frame.missing:
            self.get_logger().warning(
                f"frame {frame.number} has no picture of {', '.join(frame.missing)}",
                throttle_duration_sec=LOG_PERIOD_S,
            )

    # The executor's thread

    def _finish(self) -> None:
        """End the spinning: the thread has ended."""
        if self._failure:
            raise self._failure
        self.context.try_shutdown()

    def _report(self) -> None:
        statuses = [self._simulator_status()]
        for camera_id, statistics in self._statistics.items():
            topic = self._topics.image_topic(camera_id)
            window = statistics.take_window()
            statuses.append(_camera_status(f"{self.get_name()}: {topic}", window))
        self._diagnostics.publish(stamped(self, statuses))

    def _simulator_status(self) -> DiagnosticStatus:
        level, message = self._condition
        return status(
            f"{self.get_name()}: simulator",
            level,
            message,
            {
                "address": self._address,
                "role_name": self._setting.role_name,
                "rig": self._rig_file.name,
                "frames": str(self._frames),
                "losses": str(self._losses),
            },
        )


def _camera_status(name: str, window: Window) -> DiagnosticStatus:
    """Return the status of one camera: WARN when pictures do not come."""
    level, message = DiagnosticStatus.OK, f"{window.rate_out:.1f} Hz"
    if window.recent_refused:
        level = DiagnosticStatus.WARN
        message = f"{window.recent_refused} pictures did not come, the last: {window.last_refusal}"
    elif not window.recent_published:
        level, message = DiagnosticStatus.WARN, "no pictures"
    values = {
        "rate_hz": f"{window.rate_out:.2f}",
        "pictures": str(window.published),
        "missing": str(window.refused.get("missing", 0)),
    }
    if "publish" in window.times:
        values["publish_ms.p50"] = f"{window.times['publish'].p50_ms:.2f}"
        values["publish_ms.p95"] = f"{window.times['publish'].p95_ms:.2f}"
    return status(name, level, message, values)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the node until Ctrl-C or SIGTERM, then end the process with its exit status."""
    # Not by returning: the client's threads can abort an interpreter that ends.
    leave(run(NODE_NAME, CarlaNode, arguments, expected_errors=(CarlaError, RigFileError)))
