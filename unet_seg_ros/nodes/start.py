# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the process of a node so that a signal ends it quietly from the first moment on."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

from unet_seg_ros.packages import missing_package
from unet_seg_ros.processors import sleep_while_waiting


def start(module: str) -> int:
    """Import a module, which takes a second or more, and return what its `main()` returns.

    Where a package is missing, say so and return 1.

    Meanwhile Ctrl-C and SIGTERM end the process at once, with status 0: there is nothing to tidy up
    yet, and Python's own handler would print where the import was. `main` sets its own handlers.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_at_once)
    sleep_while_waiting()
    try:
        node = importlib.import_module(module)
    except ModuleNotFoundError as error:
        print(f"{module.split('.')[-2]}_node: {missing_package(error)}", file=sys.stderr)
        return 1
    status: int = node.main()
    return status


def _end_at_once(*_: Any) -> None:
    os._exit(0)
