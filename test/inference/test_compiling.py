# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of compiled networks; nothing is compiled here, since nothing is run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import pytest
from torch import nn

from unet_seg_ros.inference.compiling import CompiledNetworks


def test_a_network_that_gets_ready_while_all_are_let_go_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures: list[object] = []
    networks = CompiledNetworks(nn.Identity(), True, 2, failures.append)
    entered, cleared = threading.Event(), threading.Event()
    compilers: list[threading.Thread] = []

    class Slow(OrderedDict[Any, Any]):
        """A place for networks in which one is put while `clear` is under way."""

        def __setitem__(self, key: object, value: object) -> None:
            compilers.append(threading.current_thread())
            entered.set()
            cleared.wait(1)
            super().__setitem__(key, value)

    networks._ready = Slow()
    monkeypatch.setattr(threading, "excepthook", lambda raised: failures.append(raised.exc_value))
    networks.prepare("shape", lambda _: None)
    assert entered.wait(60)
    networks.clear()
    cleared.set()
    compilers[0].join()
    assert (len(networks), networks.is_compiling, failures) == (0, False, [])
