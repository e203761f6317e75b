# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ending the process of a node as a user or a launch system does."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

# What a machine without other work does in two seconds.
SOON_CPU_S = 2.0


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Send a signal to a process, which has to end soon and quietly; return what it printed.

    How soon is measured as the time that its main thread runs, so that nothing depends on what
    else the machine does. One that does not end at all fails by the test's time-out.
    """
    main_thread = Path(f"/proc/{process.pid}/task/{process.pid}/stat")
    before_s = _cpu_s(main_thread)
    process.send_signal(number)
    # Until somebody waits for it for good, it can still be asked.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    took_s = _cpu_s(main_thread) - before_s
    output = "".join(filter(None, process.communicate()))
    assert process.returncode == 0, output
    assert took_s < SOON_CPU_S
    assert "Traceback" not in output
    return output


def _cpu_s(stat: Path) -> float:
    """Return how long a thread has run (proc_pid_stat(5))."""
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
