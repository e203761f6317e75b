# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Long work beside a thread that must stay responsive."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def run_in_background(work: Callable[[], Result], name: str) -> Future[Result]:
    """Run `work` in a thread called `name`; its result or exception arrives in the future.

    Unlike those of `ThreadPoolExecutor`, the thread does not keep the process from ending: loading
    and compiling a network can take a minute, a Ctrl-C must not.
    """
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def wait_for(work: Future[Result], is_worth_waiting: Callable[[], bool]) -> Result:
    """Return what came of `work`, in a callback that holds the executor up.

    Raises:
        KeyboardInterrupt: It is not worth waiting any more. This goes through all callbacks: rclpy
            would answer in a context that a signal has shut down.
        Exception: What `work` raised.
    """
    while not concurrent.futures.wait([work], timeout=0.05).done:
        if not is_worth_waiting():
            raise KeyboardInterrupt
    return work.result()
