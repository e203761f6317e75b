# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node: camera topics in, semantic masks beside them out.

A managed node. Configure loads the checkpoint and warms the network up, activate listens to the
cameras, deactivate stops listening and keeps the network, cleanup lets it go. This thread, the
executor's, only stores frames and answers services; the masks are made in `worker`.

docs/topics.md lists the topics, parameters and diagnostics.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.exceptions import InvalidHandle
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from unet_seg_ros.messages import topics
from unet_seg_ros.nodes.segmentation.background import Result, run_in_background
from unet_seg_ros.nodes.segmentation.diagnostics import EngineReport, camera_status, engine_status
from unet_seg_ros.nodes.segmentation.forms import forms_of
from unet_seg_ros.nodes.segmentation.networks import (
    describe,
    load_segmenter,
    read_label_set,
    refuse_unusable,
    summary,
)
from unet_seg_ros.nodes.segmentation.parameters import (
    BY_NAME,
    current_settings,
    declare_parameters,
    read_ego_masks,
    resolve_groups,
)
from unet_seg_ros.nodes.segmentation.worker import Camera, Worker, Workload
from unet_seg_ros.process import age_s, leave
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.parameters import Changeable, ParameterError, as_word
from unet_seg_ros.ros.run import run, sentence
from unet_seg_ros.ros.status import stamped
from unet_seg_ros.ros.type_watch import TypeWatch

if TYPE_CHECKING:  # it brings torch, which takes seconds to import: the loader's thread does that
    from unet_seg_ros.inference.segmenter import Segmenter

NODE_NAME = "unet_segmentation"
# As many as the engine keeps: a camera that changes its size for ever is not worth compiling for.
MAX_WORKLOADS = 8

# How long a batch in work may hold up the end of the process.
GRACE_S = 1.0


class SegmentationNode(LifecycleNode):
    """The managed node `unet_segmentation`.

    Raises:
        ParameterError: a parameter given at the start has an impossible value.
        rclpy.exceptions.ParameterException: or one of the wrong type or out of range.
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(NODE_NAME, **node_arguments)
        self._settings = declare_parameters(self)
        self._worker: Worker | None = None  # while configured
        self._listening: list[Subscription] = []  # while active
        self._loading: Future[Segmenter] | None = None
        self._ready: set[Workload] = set()  # what a network is warmed up for when it is loaded
        self._problem = ""
        self._is_compiling = False  # the network in use, in the background
        self._types = TypeWatch(self)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._loaded = self.create_guard_condition(self._take_over)
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        # By the steady clock: a simulator that pauses or jumps back must not silence the reports.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._settings.diagnostics_period, self._report, clock=steady)
        if self._settings.autostart:
            self._autostart = self.create_timer(0.0, self._start, clock=steady)

    # Transitions

    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Read the ego masks, load the checkpoint, warm the network up, offer the topics."""
        return self._attempt("configure", self._configure)

    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the cameras."""
        return self._attempt("activate", self._listen)

    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the network stays."""
        return self._attempt("deactivate", self._stop_listening)

    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Take the topics away and let the network and its memory go."""
        return self._attempt("clean up", self._release)

    def on_shutdown(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Let everything go, from whatever state."""
        return self._attempt("shut down", self._release)

    def on_error(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Let everything go, to be configured again."""
        return self._attempt("recover", self._release)

    def _attempt(self, name: str, work: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            work()
        except Exception as error:  # rclpy would swallow it without a word
            self.get_logger().error(f"cannot {name}: {sentence(error)}")
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def _start(self) -> None:
        """Configure and activate, once; end where that fails, for nobody may be there to see it."""
        self.destroy_timer(self._autostart)
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != TransitionCallbackReturn.SUCCESS:
                raise ParameterError("the node was to start itself (autostart) and cannot: it ends")

    def _configure(self) -> None:
        ego_masks = read_ego_masks(self._settings)
        segmenter = self._wait_for(self._load())
        try:
            self._worker = Worker(self, segmenter, self._settings, ego_masks)
        except Exception:
            segmenter.close()
            raise
        self._problem = ""
        self.get_logger().info(f"configured: {summary(segmenter)}")

    def _listen(self) -> None:
        assert self._worker
        self._worker.start()
        try:
            for camera in self._worker.cameras.values():
                self._listen_to(camera, self._worker)
        except Exception:
            self._stop_listening()
            raise
        self.get_logger().info(f"active: listening to {', '.join(self._worker.cameras)}")

    def _listen_to(self, camera: Camera, worker: Worker) -> None:
        names = camera.outputs.camera
        self._listening.append(
            self.create_subscription(
                CompressedImage if names.compressed else Image,
                names.image,
                functools.partial(worker.put, names.image),
                qos.newest_only(),
                qos_overriding_options=qos.overridable(),
                raw=True,
            )
        )
        self._listening.append(
            self.create_subscription(
                CameraInfo,
                names.camera_info,
                functools.partial(setattr, camera, "info"),
                qos.newest_only(),
            )
        )

    def _stop_listening(self) -> None:
        while self._listening:
            self.destroy_subscription(self._listening.pop())
        if self._worker:
            self._worker.stop(is_worth_waiting=self.context.ok)

    def _release(self) -> None:
        self._stop_listening()
        self._give_up_loading()
        if self._worker:
            self._worker.close()
            self._worker = None
        self._ready.clear()

    # The checkpoint

    def _load(self) -> Future[Segmenter]:
        """Load the checkpoint that the parameters name, beside whatever is in use."""
        self._ready |= {Workload(size) for size in self._settings.warm_up_sizes}
        settings = self._settings
        if self._worker and settings.compile == "background":
            # Frames have a network until this one takes over, compiled.
            settings = replace(settings, compile="auto")
        work = functools.partial(load_segmenter, settings, sorted(self._ready))
        return run_in_background(work, "checkpoint loader")

    def _wait_for(self, work: Future[Result]) -> Result:
        while not concurrent.futures.wait([work], timeout=0.05).done:
            if not self.context.ok():
                # Through all callbacks: rclpy would answer, and publish the transition's end, in a
                # context that a signal has shut down.
                raise KeyboardInterrupt
        return work.result()

    def _begin_swap(self) -> None:
        """Load the checkpoint beside the one in use; `_take_over` follows."""
        self._give_up_loading()
        self._loading = self._load()
        self._loading.add_done_callback(lambda _: self._wake_up())

    def _give_up_loading(self) -> None:
        if self._loading:
            self._loading.add_done_callback(_close_unused)
            self._loading = None

    def _wake_up(self) -> None:
        with contextlib.suppress(InvalidHandle):  # the node may be gone by now
            self._loaded.trigger()

    def _take_over(self) -> None:
        """Let the checkpoint that was loaded take over between two frames."""
        if not self._worker or not self._loading or not self._loading.done():
            return
        loading, self._loading = self._loading, None
        try:
            self._worker.use(loading.result(), self._settings)
        except Exception as error:
            _close_unused(loading)
            self._problem = f"the checkpoint in use stays: {sentence(error)}"
            self.get_logger().error(self._problem)
        else:
            self._problem = ""
            self.get_logger().info(f"now in use: {summary(self._worker.segmenter)}")

    def _keep_ready(self) -> None:
        """Make a network ready, beside the one in use, for what cameras turned out to send.

        Sizes that no `warm_up_sizes` announced, and confidence once somebody listens, run
        uncompiled until then.
        """
        if not self._worker or self._loading or not self._worker.segmenter.compiled:
            return
        cameras = self._worker.cameras.values()
        wanted = {camera.workload for camera in cameras if camera.workload} - self._ready
        if wanted and len(self._ready | wanted) <= MAX_WORKLOADS:
            self._ready |= wanted
            self.get_logger().info(f"compiling the network for {', '.join(map(str, wanted))}")
            self._begin_swap()

    # Parameters

    def _check_parameters(self, changes: Sequence[Parameter]) -> SetParametersResult:
        try:
            self._refuse_impossible(changes)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _refuse_impossible(self, changes: Sequence[Parameter]) -> None:
        settings = current_settings(self, changes)
        values = {change.name: change.value for change in changes if change.name in BY_NAME}
        if not self._worker:
            look = functools.partial(refuse_unusable, settings, values.keys())
            self._wait_for(run_in_background(look, "parameters"))  # torch takes seconds to import
            return
        old = {name: self.get_parameter(name).value for name in values}
        changed = {name for name in values if as_word(values[name]) != as_word(old[name])}
        for name in changed:
            if BY_NAME[name].changeable is not Changeable.ALWAYS:
                raise ParameterError(
                    f"{name}: can only be set while the node is unconfigured; clean it up"
                )
        label_set = self._worker.segmenter.label_set
        if "checkpoint" in changed:
            label_set = read_label_set(settings.checkpoint)
        forms_of(settings, resolve_groups(settings.groups, label_set), label_set)

    def _apply_parameters(self, changes: Sequence[Parameter]) -> None:
        changed = {change.name for change in changes} & BY_NAME.keys()
        if not changed:  # QoS overrides pass here as well
            return
        self._settings = current_settings(self)
        if self._worker and "checkpoint" in changed:
            self._begin_swap()
        elif self._worker:
            use = functools.partial(self._worker.use, self._worker.segmenter, self._settings)
            self._attempt("follow the parameters", use)

    # Diagnostics

    def _report(self) -> None:
        name, is_active = self.get_name(), bool(self._listening)
        types = self._types.problems()
        statuses = [engine_status(name, self._engine_report())]
        for image_topic, camera in self._worker.cameras.items() if self._worker else ():
            window = camera.statistics.take_window()
            info_topic = camera.outputs.camera.camera_info
            problem = types.get(image_topic) or types.get(info_topic, "")
            statuses.append(camera_status(name, image_topic, window, is_active, problem))
        self._diagnostics.publish(stamped(self, statuses))
        self._tell_compiled()
        self._keep_ready()

    def _tell_compiled(self) -> None:
        was_compiling = self._is_compiling
        self._is_compiling = bool(self._worker and self._worker.segmenter.is_compiling)
        if self._worker and was_compiling and not self._is_compiling:
            self.get_logger().info(
                f"{age_s():.1f} s after the start: {summary(self._worker.segmenter)}"
            )

    def _engine_report(self) -> EngineReport:
        if not self._worker:
            return EngineReport("unconfigured", {}, [], self._problem)
        values = {
            **describe(self._worker.segmenter),
            "ready_for": ", ".join(map(str, sorted(self._ready))),
            "loading": "yes" if self._loading else "no",
        }
        if self._worker.first_mask_s:
            values["first_mask_s"] = f"{self._worker.first_mask_s:.1f}"
        state = "active" if self._listening else "inactive"
        return EngineReport(state, values, self._worker.take_failures(), self._problem)

    def destroy_node(self) -> None:
        """Stop the worker, unless a batch takes too long, and destroy the node."""
        end = time.monotonic() + GRACE_S
        if self._worker:
            self._worker.stop(is_worth_waiting=lambda: time.monotonic() < end)
        super().destroy_node()
        # rclpy leaves its state machine to the garbage collector, and that keeps the node's part of
        # /dev/shm: for ever, in a process that leaves before.
        del self._state_machine


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the node until Ctrl-C or SIGTERM, then end the process with its exit status."""
    # On Jazzy, rclpy's RCLError is all that a request for an impossible transition leads to.
    leave(run(NODE_NAME, SegmentationNode, arguments, survived_errors=(RuntimeError,)))


def _close_unused(loading: Future[Segmenter]) -> None:
    if not loading.exception():
        loading.result().close()
