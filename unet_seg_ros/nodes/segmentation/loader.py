# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks that are loaded and made ready in a thread, beside the one in use."""

from __future__ import annotations

import concurrent.futures
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unet_seg_ros.nodes.segmentation.background import run_in_background
from unet_seg_ros.nodes.segmentation.camera import Workload
from unet_seg_ros.nodes.segmentation.networks import GivenUp, load_segmenter
from unet_seg_ros.nodes.segmentation.parameters import Settings

if TYPE_CHECKING:  # it brings torch, which takes seconds to import: the loader's thread does that
    from unet_seg_ros.inference.segmenter import Segmenter
    from unet_seg_ros.model.checkpoint import Checkpoint


@dataclass(frozen=True)
class Loading:
    """A network on its way, and what it is made ready for.

    `checkpoint` is the one in use, where the network is only made ready for more; None where the
    file that the parameter names is read. `is_given_up` is set once nobody wants it any more.
    """

    workloads: frozenset[Workload]
    checkpoint: Checkpoint | None
    future: Future[Segmenter]
    is_given_up: threading.Event


class Loader:
    """Loads one network at a time; of several that are asked for, the last.

    Args:
        on_loaded: Called in the loader's thread when a network is loaded, or could not be.
    """

    def __init__(self, on_loaded: Callable[[], None]) -> None:
        self._on_loaded = on_loaded
        self._loading: Loading | None = None
        # The compiler does one at a time anyway, in whatever order they come to it.
        self._turn = threading.Lock()

    @property
    def is_loading(self) -> bool:
        """Whether a network is asked for and not taken yet."""
        return self._loading is not None

    @property
    def is_done(self) -> bool:
        """Whether there is a network, or a reason why not, to `take`."""
        return self._loading is not None and self._loading.future.done()

    def begin(
        self,
        settings: Settings,
        workloads: frozenset[Workload],
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Begin to load a network, in place of any that is on its way."""
        self.give_up()
        is_given_up = threading.Event()
        load = functools.partial(load_segmenter, settings, sorted(workloads), checkpoint)
        work = functools.partial(self._load, load, is_given_up)
        future = run_in_background(work, "checkpoint loader")
        self._loading = Loading(workloads, checkpoint, future, is_given_up)
        future.add_done_callback(lambda _: self._on_loaded())

    def take(self) -> Loading | None:
        """Return, once, the network that is loaded or could not be; None if there is none yet."""
        return self.wait() if self.is_done else None

    def wait(self) -> Loading:
        """Wait for the network that is asked for, and take it."""
        assert self._loading
        taken, self._loading = self._loading, None
        concurrent.futures.wait([taken.future])
        return taken

    def give_up(self) -> None:
        """Let the network that is on its way go, when it is there."""
        if self._loading:
            self._loading.is_given_up.set()
            self._loading.future.add_done_callback(close_unused)
            self._loading = None

    def _load(self, load: Callable[..., Segmenter], is_given_up: threading.Event) -> Segmenter:
        """Load a network once those before it are done, unless nobody wants it then."""
        with self._turn:
            if is_given_up.is_set():
                raise GivenUp
            return load(is_wanted=lambda: not is_given_up.is_set())


def close_unused(future: Future[Segmenter]) -> None:
    """Close the network that nobody uses, unless it could not be loaded."""
    if not future.exception():
        future.result().close()
