# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node: camera topics in, semantic masks beside them out.

A managed node. Configure loads the checkpoint and warms the network up, activate listens to the
cameras, deactivate stops listening and keeps the network, cleanup lets it go. This thread, the
executor's, only stores frames and answers services; the masks are made in `worker`.

docs/topics.md lists the topics, parameters and diagnostics.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.exceptions import InvalidHandle
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.task import Future as RosFuture

from unet_seg_ros.inference.errors import DeviceLost, SegmenterError
from unet_seg_ros.messages import topics
from unet_seg_ros.nodes.segmentation.background import run_in_background, wait_for
from unet_seg_ros.nodes.segmentation.camera import Workload
from unet_seg_ros.nodes.segmentation.diagnostics import EngineReport, camera_status, engine_status
from unet_seg_ros.nodes.segmentation.listening import Listening
from unet_seg_ros.nodes.segmentation.loader import Loader, Loading, close_unused
from unet_seg_ros.nodes.segmentation.networks import (
    describe,
    refuse_unfitting,
    refuse_unusable,
    summary,
    warm_ones,
)
from unet_seg_ros.nodes.segmentation.parameters import (
    BY_NAME,
    current_settings,
    declare_parameters,
    read_ego_masks,
)
from unet_seg_ros.nodes.segmentation.worker import Worker
from unet_seg_ros.process import age_s, leave
from unet_seg_ros.ros.parameters import ParameterError, as_word
from unet_seg_ros.ros.patient_node import PatientNode
from unet_seg_ros.ros.run import run, sentence
from unet_seg_ros.ros.status import stamped
from unet_seg_ros.ros.type_watch import TypeWatch

if TYPE_CHECKING:  # it brings torch, which takes seconds to import: the loader's thread does that
    from unet_seg_ros.model.checkpoint import Checkpoint

NODE_NAME = "unet_segmentation"
# As many as the engine keeps: a camera that changes its size for ever is not worth compiling for.
MAX_WORKLOADS = 8

# How long a batch in work may hold up the end of the process.
GRACE_S = 1.0


class SegmentationNode(PatientNode):
    """The managed node `unet_segmentation`.

    Raises:
        ParameterError: a parameter given at the start has an impossible value.
        rclpy.exceptions.ParameterException: or one of the wrong type or out of range.
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(NODE_NAME, **node_arguments)
        self._settings = declare_parameters(self)
        self._worker: Worker | None = None  # while configured
        self._listening: list[Listening] = []  # while active
        self._loader = Loader(self._wake_up)
        self._arrival: RosFuture | None = None  # of the network that `configure` waits for
        self._checkpoint = ""  # what the parameter named when the network in use was loaded
        self._ready: frozenset[Workload] = frozenset()  # what that network is made ready for
        self._never_ready: set[Workload] = set()  # what it could not be made ready for
        self._is_setting_back = False
        self._problem = ""  # why the node does not run as its parameters say
        self._breakdown = ""  # why it is not active any more
        self._is_compiling = False  # the network in use, in the background
        self._types = TypeWatch(self)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._news = self.create_guard_condition(self._follow_news)
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        # By the steady clock: a simulator that pauses or jumps back must not silence the reports.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._settings.diagnostics_period, self._report, clock=steady)
        if self._settings.autostart:
            self.autostart()

    # Transitions

    async def prepare(self) -> None:
        """Load the network that `_configure` then takes."""
        settings = None
        while not self._worker and settings is not self._settings:  # set anew meanwhile
            settings = self._settings
            try:
                read_ego_masks(settings)
            except ParameterError:  # of which `_configure` says more
                self._loader.give_up()  # it was loaded for other settings
                return
            self._load_checkpoint()
            self._arrival = RosFuture()
            await self._arrival

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
            if isinstance(error, DeviceLost):
                self.fatal = error
                self._wake_up()
            self.get_logger().error(f"cannot {name}: {sentence(error)}")
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        ego_masks = read_ego_masks(self._settings)
        if not self._loader.is_loading:
            self._load_checkpoint()
        loading = self._loader.wait()
        segmenter = loading.future.result()
        try:
            self._worker = Worker(self, segmenter, self._settings, ego_masks, self._wake_up)
        except Exception:
            segmenter.close()
            raise
        self._now_in_use(loading)
        self.get_logger().info(f"configured: {self._summary()}")

    def _listen(self) -> None:
        assert self._worker
        self._worker.start()
        try:
            for camera in self._worker.cameras.values():
                self._listening.append(Listening(self, camera, self._worker))
        except Exception:
            self._stop_listening()
            raise
        self._breakdown = ""
        self.get_logger().info(f"active: listening to {', '.join(self._worker.cameras)}")

    def _stop_listening(self) -> None:
        while self._listening:
            self._listening.pop().stop()
        worker = self._worker
        if worker:
            worker.stop(lambda: bool(self.context.ok() and not worker.problem()))

    def _release(self) -> None:
        self._stop_listening()
        self._loader.give_up()
        if self._worker:
            self._worker.close()
            self._worker = None
        self._ready = frozenset()
        self._problem = self._breakdown = ""

    # The worker and its network

    def _wake_up(self) -> None:
        with contextlib.suppress(InvalidHandle):  # the node may be gone by now
            self._news.trigger()

    def _follow_news(self) -> None:
        """Look at what another thread has done: a network is loaded, the worker is dead."""
        if self._arrival and self._loader.is_done:
            self._arrival.set_result(None)
            self._arrival = None
        self._supervise()
        self._take_over()

    def _supervise(self) -> None:
        """Leave `active` when the worker does not work; end the process when none ever could.

        Raises:
            DeviceLost: only a new process can go on.
        """
        lost = self.fatal or (self._worker and self._worker.death)
        if isinstance(lost, DeviceLost):
            raise lost
        problem = self._worker.problem() if self._worker else ""
        if problem and self._listening:
            self._breakdown = f"{problem}; the node is not active any more: activate it again"
            self.get_logger().error(self._breakdown)
            self.trigger_deactivate()

    def _load_checkpoint(self) -> None:
        """Load the checkpoint that the parameter names, beside any that is in use."""
        self._never_ready.clear()
        self._load(self._ready | {Workload(size) for size in self._settings.warm_up_sizes})

    def _load(self, workloads: frozenset[Workload], checkpoint: Checkpoint | None = None) -> None:
        settings = self._settings
        if self._worker and settings.compile == "background":
            # Frames have a network until this one takes over, compiled.
            settings = replace(settings, compile="auto")
        self._loader.begin(settings, workloads, checkpoint)

    def _take_over(self) -> None:
        """Let a network that was loaded take over between two frames."""
        if not self._worker or not (loading := self._loader.take()):
            return
        try:
            segmenter = loading.future.result()
            if loading.checkpoint and self._worker.segmenter.compiled and not segmenter.compiled:
                raise SegmenterError("; ".join(segmenter.notes))
            self._worker.use(segmenter, self._settings)
        except DeviceLost:
            raise
        except Exception as error:
            close_unused(loading.future)
            self._stay_as_it_is(loading, sentence(error))
        else:
            self._now_in_use(loading)
            self.get_logger().info(f"now in use: {self._summary()}")

    def _now_in_use(self, loading: Loading) -> None:
        self._problem = ""
        self._ready = loading.workloads
        if not loading.checkpoint:
            self._checkpoint = self.get_parameter("checkpoint").value

    def _stay_as_it_is(self, loading: Loading, reason: str) -> None:
        """Report why a network could not take over, and do not try it again."""
        if loading.checkpoint:
            missing = loading.workloads - self._ready
            self._never_ready |= missing
            sizes = ", ".join(map(str, sorted(missing)))
            self._problem = f"the network cannot be made ready for {sizes}: {reason}"
        else:
            self._problem = f"the checkpoint in use stays: {reason}"
            self._set_checkpoint_back()
        self.get_logger().error(self._problem)

    def _set_checkpoint_back(self) -> None:
        """Let the parameter name what is in use."""
        self._is_setting_back = True
        (result,) = self.set_parameters([Parameter("checkpoint", value=self._checkpoint)])
        self._is_setting_back = False
        if not result.successful:  # its file is gone, say
            self._problem += f" (the parameter cannot be set back: {result.reason})"

    def _keep_ready(self) -> None:
        """Make a network ready, beside the one in use, for what cameras turned out to send.

        Sizes that no `warm_up_sizes` announced, and confidence once somebody listens, run slower
        until then: uncompiled or, on CUDA, unrecorded.
        """
        if not self._worker or self._loader.is_loading:
            return
        segmenter = self._worker.segmenter
        if segmenter.is_compiling or (not segmenter.compiled and segmenter.device == "cpu"):
            return
        new = self._asked() - self._ready - self._never_ready
        if not new or len(self._ready | new) > MAX_WORKLOADS:
            return
        # Frames of several sizes may be the same to the network.
        self._ready |= warm_ones(new, segmenter, self._settings)
        if wanted := new - self._ready:
            self.get_logger().info(f"making the network ready for {', '.join(map(str, wanted))}")
            self._load(self._ready | wanted, segmenter.checkpoint)

    def _asked(self) -> frozenset[Workload]:
        """Return what the cameras last asked of the network."""
        cameras = self._worker.cameras.values() if self._worker else ()
        return frozenset(camera.workload for camera in cameras if camera.workload)

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
            # Torch takes seconds to import.
            wait_for(run_in_background(look, "parameters"), self.context.ok)
            return
        old = {name: self.get_parameter(name).value for name in values}
        changed = {name for name in values if as_word(values[name]) != as_word(old[name])}
        refuse_unfitting(settings, changed, self._worker.segmenter)

    def _apply_parameters(self, changes: Sequence[Parameter]) -> None:
        changed = {change.name for change in changes} & BY_NAME.keys()
        if not changed:  # QoS overrides pass here as well
            return
        self._settings = current_settings(self)
        if self._worker and "checkpoint" in changed and not self._is_setting_back:
            self._load_checkpoint()
        elif self._worker:
            use = functools.partial(self._worker.use, self._worker.segmenter, self._settings)
            self._attempt("follow the parameters", use)

    # Diagnostics

    def _report(self) -> None:
        self._supervise()
        name, is_active = self.get_name(), bool(self._listening)
        types = self._types.problems()
        statuses = [engine_status(name, self._engine_report())]
        for image_topic, camera in self._worker.cameras.items() if self._worker else ():
            window = camera.statistics.take_window()
            info_topic = camera.outputs.camera.camera_info
            topics_listened_to = map(self.resolve_topic_name, (image_topic, info_topic))
            problem = next(filter(None, map(types.get, topics_listened_to)), "")
            punctuality = camera.watchdog.look(self._settings.max_latency_ms)
            statuses.append(
                camera_status(name, image_topic, window, punctuality, is_active, problem)
            )
        self._diagnostics.publish(stamped(self, statuses))
        self._tell_compiled()
        self._keep_ready()

    def _tell_compiled(self) -> None:
        was_compiling = self._is_compiling
        self._is_compiling = bool(self._worker and self._worker.segmenter.is_compiling)
        if self._worker and was_compiling and not self._is_compiling:
            self.get_logger().info(f"{age_s():.1f} s after the start: {self._summary()}")

    def _summary(self) -> str:
        assert self._worker
        return summary(self._worker.segmenter, self._settings, self._asked() or self._ready)

    def _engine_report(self) -> EngineReport:
        if not self._worker:
            _, label = self._state_machine.current_state  # unconfigured, or finalized
            state = "configuring" if self._loader.is_loading else label
            return EngineReport(state, {}, [], self._problem)
        values = {
            **describe(self._worker.segmenter, self._settings, self._asked() or self._ready),
            "ready_for": ", ".join(map(str, sorted(self._ready))),
            "loading": "yes" if self._loader.is_loading else "no",
        }
        if self._worker.first_mask_s:
            values["first_mask_s"] = f"{self._worker.first_mask_s:.1f}"
        state = "active" if self._listening else "inactive"
        failures = self._worker.take_failures()
        return EngineReport(state, values, failures, self._problem, self._breakdown)

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
    status = run(
        NODE_NAME,
        SegmentationNode,
        arguments,
        retried_errors=(DeviceLost,),
        survived_errors=(RuntimeError,),
    )
    leave(status)
