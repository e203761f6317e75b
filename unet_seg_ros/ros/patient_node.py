# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A managed node that answers services and reports while it gets ready to be configured."""

from __future__ import annotations

from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

from unet_seg_ros.ros.parameters import ParameterError


class PatientNode(LifecycleNode):
    """A managed node whose configuring may wait for something without holding anything else up.

    rclpy makes a transition in one callback, during which a single-threaded executor does nothing
    else. Here the request for *configure* first awaits `prepare`, in a callback group of its own:
    other services are answered, timers run, and one transition follows the other. Until then the
    node is unconfigured.

    Attributes:
        fatal: Why nothing will ever succeed in this process, if a transition has found that out.
    """

    def __init__(self, name: str, **node_arguments: Any) -> None:
        super().__init__(name, **node_arguments)
        self.fatal: Exception | None = None
        self._transitions = MutuallyExclusiveCallbackGroup()
        service = self._service_change_state
        self._change_state, service.callback = service.callback, self._on_change_state
        service.callback_group = self._transitions
        self._transitions.add_entity(service)

    async def prepare(self) -> None:
        """Get what `on_configure` needs; it runs next, whatever came of this."""
        raise NotImplementedError

    def autostart(self) -> None:
        """Configure and activate, once, when the node is spun."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._autostart = self.create_timer(
            0.0,
            self._start,  # type: ignore[arg-type]  # executors await it
            clock=steady,
            callback_group=self._transitions,
        )

    async def _start(self) -> None:
        """Configure and activate; end where that fails, for nobody may be there to see it.

        Raises:
            Exception: `fatal`, where it is known.
            ParameterError: It failed for another reason.
        """
        self.destroy_timer(self._autostart)
        await self.prepare()
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != TransitionCallbackReturn.SUCCESS:
                raise self.fatal or ParameterError(
                    "the node was to start itself (autostart) and cannot: it ends"
                )

    async def _on_change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        wanted = request.transition
        if wanted.id == Transition.TRANSITION_CONFIGURE or wanted.label == "configure":
            await self.prepare()
        return self._change_state(request, response)
