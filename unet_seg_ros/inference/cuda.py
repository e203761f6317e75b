# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CUDA as a device of `BatchedEngine`: a stream, pinned memory, and graphs for recordings."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from unet_seg_ros.inference.batched import Recording, Work
from unet_seg_ros.inference.device_errors import first_line, is_out_of_memory

# Held by whoever waits for the whole device, which spoils a recording under way in any thread, and
# by whoever changes cuDNN's settings, which are the process's: else two would restore each other's.
_ALONE = threading.RLock()

# Torch hands out 32 streams in turn. An engine must have its own: what others did on it would
# become part of a recording. So streams are used again once their engine is gone.
_idle_streams: defaultdict[torch.device, list[torch.cuda.Stream]] = defaultdict(list)

# Torch goes on looking at graphs whose recording failed.
_failed_graphs: list[torch.cuda.CUDAGraph] = []


class Cuda:
    """One engine's part of a CUDA device.

    Args:
        device: "cuda:0", ...
        exact: Whether float32 means float32, not TensorFloat32.
    """

    def __init__(self, device: str, exact: bool) -> None:
        self.device = torch.device(device)
        self._exact = exact
        idle = _idle_streams[self.device]
        self._stream = idle.pop() if idle else torch.cuda.Stream(self.device)
        weakref.finalize(self, idle.append, self._stream)
        # Every graph is of the one stream and works in the one pool. They never run at the same
        # time, and what one gives is copied before the next runs.
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: list[torch.cuda.CUDAGraph] = []

    def at_work(self) -> AbstractContextManager[object]:
        """Queue operations on the engine's stream."""
        return torch.cuda.stream(self._stream)

    def unrecorded(self) -> AbstractContextManager[object]:
        """Have the settings that a graph is recorded with."""
        return _settings(benchmark=False) if self._exact else contextlib.nullcontext()

    def finish(self) -> None:
        """Wait for the engine's stream."""
        self._stream.synchronize()

    def host_memory(self, count: int) -> Tensor:
        """Return `(count,)` uint8 of pinned memory."""
        return torch.empty(count, dtype=torch.uint8, pin_memory=True)

    @torch.inference_mode()
    def record(self, work: Work, shape: tuple[int, int, int, int]) -> Recording:
        """Record `work` on a `(N, 3, h, w)` uint8 picture as a CUDA graph."""
        # Looking for the fastest algorithms pays because a graph runs thousands of times.
        with _settings(benchmark=True), self.at_work():
            image = torch.zeros(shape, dtype=torch.uint8, device=self.device)
            image = image.contiguous(memory_format=torch.channels_last)
            # Libraries choose their algorithms and get their memory before a graph is recorded.
            for _ in range(2):
                work(image)
            graph = torch.cuda.CUDAGraph()
            try:
                # Thread-local: another thread may be using another engine on this device.
                with torch.cuda.graph(
                    graph, self._pool, self._stream, capture_error_mode="thread_local"
                ):
                    labels, confidence = work(image)
            except BaseException:
                self._end_failed(graph)
                raise
            self._graphs.append(graph)
        return Recording(image, labels, confidence, graph.replay)

    def forget(self) -> None:
        """Drop every graph and their pool, and free the memory that torch keeps.

        All or none: with a graph goes the memory that cuBLAS has for its stream, in which the
        others of that stream work (pytorch issue 193402).
        """
        with _ALONE, torch.cuda.device(self.device):
            self._stream.synchronize()
            for graph in self._graphs:
                graph.reset()
            self._graphs.clear()
            self._pool = torch.cuda.graph_pool_handle()
            torch.cuda.empty_cache()

    def why_lost(self) -> str | None:
        """Return why no kernel runs on the device any more, None if one does."""
        error = obstacle(self.device)
        return None if error is None or is_out_of_memory(error) else first_line(error)

    def _end_failed(self, graph: torch.cuda.CUDAGraph) -> None:
        """End what torch leaves begun where a recording fails; else no memory is given back."""
        _failed_graphs.append(graph)
        with contextlib.suppress(RuntimeError, AttributeError):
            torch._C._cuda_endAllocateToPool(self.device.index, self._pool)


@contextlib.contextmanager
def _settings(benchmark: bool) -> Iterator[None]:
    """Have cuDNN's settings, and waiting for the device, to oneself."""
    with (
        _ALONE,
        torch.backends.cudnn.flags(enabled=True, benchmark=benchmark, allow_tf32=False),
    ):
        yield


def obstacle(device: torch.device) -> Exception | None:
    """Return why `device` runs no kernel of torch or cuDNN, None if it does.

    A card may be too old or too new for this torch, full, taken by another process, or lost.
    """
    try:
        ones = torch.ones((1, 8, 8, 8), device=device)
        torch.conv2d(ones, ones).sum().item()
    except Exception as error:  # a driver comes up with whatever it likes
        return error.with_traceback(None)
    return None
