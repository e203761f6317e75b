# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node's reports on /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from unet_seg_ros.nodes.segmentation.watchdog import Punctuality
from unet_seg_ros.nodes.statistics import Window
from unet_seg_ros.ros.status import status


@dataclass(frozen=True)
class EngineReport:
    """What the network is and how it fares.

    `values` say how it runs. `failures` say, one sentence each, how batches were lost in the
    window. `problem` is why the node does not run as its parameters say: a checkpoint that could
    not be loaded. `breakdown` is why it left `active` by itself.
    """

    state: str
    values: Mapping[str, str]
    failures: Sequence[str]
    problem: str
    breakdown: str = ""


def engine_status(node_name: str, report: EngineReport) -> DiagnosticStatus:
    """Return the status of the network: ERROR when it failed in the window, or broke down."""
    level, message = DiagnosticStatus.OK, report.state
    if report.problem:
        level, message = DiagnosticStatus.WARN, report.problem
    if report.failures:
        level = DiagnosticStatus.ERROR
        message = f"{len(report.failures)} batches lost, the last: {report.failures[-1]}"
    if report.breakdown:
        level, message = DiagnosticStatus.ERROR, report.breakdown
    return status(f"{node_name}: engine", level, message, {"state": report.state, **report.values})


def camera_status(
    node_name: str,
    image_topic: str,
    window: Window,
    punctuality: Punctuality,
    is_active: bool,
    problem: str = "",
) -> DiagnosticStatus:
    """Return the status of one camera.

    ERROR when its masks do not come or are late again and again, WARN when some were late, when it
    is silent or sends bad frames.

    `problem` says why nothing can be received, where that is known.
    """
    level = DiagnosticStatus.OK
    message = f"{window.rate_in:.1f} Hz in, {window.rate_out:.1f} Hz out"
    if not is_active:
        message = "not listening: the node is not active"
    elif problem:
        level, message = DiagnosticStatus.WARN, problem
    elif punctuality.error:
        level, message = DiagnosticStatus.ERROR, punctuality.error
    elif window.recent_refused:
        level = DiagnosticStatus.WARN
        message = f"{window.recent_refused} bad frames, the last: {window.last_refusal}"
    elif punctuality.warning:
        level, message = DiagnosticStatus.WARN, punctuality.warning
    elif not window.recent_received:
        level = DiagnosticStatus.WARN
        message = f"no frames arrive on {image_topic}"
    values = {
        "rate_in_hz": f"{window.rate_in:.2f}",
        "rate_out_hz": f"{window.rate_out:.2f}",
        "frames_in": str(window.received),
        "frames_out": str(window.published),
        "frames_in_work": str(window.in_work),
        "deadline_misses": str(punctuality.misses),
        "deadline_misses_in_a_row": str(punctuality.in_a_row),
        "last_bad_frame": window.last_refusal,
    }
    values.update({f"dropped.{cause}": str(count) for cause, count in window.dropped.items()})
    values.update({f"refused.{cause}": str(count) for cause, count in window.refused.items()})
    for stage, times in window.times.items():
        values[f"{stage}_ms.p50"] = f"{times.p50_ms:.2f}"
        values[f"{stage}_ms.p95"] = f"{times.p95_ms:.2f}"
        values[f"{stage}_ms.p99"] = f"{times.p99_ms:.2f}"
        values[f"{stage}_ms.max"] = f"{times.max_ms:.2f}"
    return status(f"{node_name}: {image_topic}", level, message, values)
