# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames in, label maps out: one class, whatever the device.

Example:
    segmenter = Segmenter.from_checkpoint("carla29-small.safetensors")
    segmenter.warm_up([(800, 600)])
    (result,) = segmenter([Frame(pixels, "bgra")], Request(color_mask=True))
    result.labels  # (600, 800) uint8
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import torch

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.batched import BatchedEngine
from unet_seg_ros.inference.cpu import CpuEngine, missing_compiler
from unet_seg_ros.inference.cuda import Cuda, obstacle
from unet_seg_ros.inference.device_errors import first_line
from unet_seg_ros.inference.ego_mask import take_out
from unet_seg_ros.inference.errors import DeviceLost as DeviceLost
from unet_seg_ros.inference.errors import SegmenterError as SegmenterError
from unet_seg_ros.inference.frames import Frame as Frame
from unet_seg_ros.inference.frames import Request as Request
from unet_seg_ros.inference.frames import Segmentation as Segmentation
from unet_seg_ros.inference.onnx_runtime import OnnxRuntime, missing_tensorrt
from unet_seg_ros.inference.options import (
    COMPILE,
    ENGINES,
    Compile,
    EngineName,
    Precision,
    Upsample,
)
from unet_seg_ros.inference.threads import use_threads
from unet_seg_ros.labels.label_set import ColorOrder, LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.weights import AUTO, checkpoint_for, find_checkpoint

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
# Of Ampere, the first cards that multiply bfloat16.
_BFLOAT16_CAPABILITY = (8, 0)


class Engine(Protocol):
    """What a device must offer; frames come grouped by shape and colour order."""

    compiled: bool
    batch_limit: int
    notes: list[str]
    out_of_memory_count: int

    def is_warm(self, size: Size, batch: int, confidence: bool) -> bool:
        """Return whether `warm_up` would gain nothing, now."""

    @property
    def is_compiling(self) -> bool:
        """Whether frames are slow until a compiler in the background is done."""

    def warm_up(self, size: Size, batch: int, confidence: bool) -> None:
        """Prepare for up to `batch` frames of `size` at a time."""

    def segment(
        self, pictures: Sequence[Uint8Array], color_order: ColorOrder, request: Request
    ) -> list[Segmentation]:
        """Segment `(H, W, 3|4)` uint8 pictures of one shape and colour order."""

    def close(self) -> None:
        """Free the memory that is kept between calls."""


class Segmenter:
    """A checkpoint on a device, ready for frames.

    A frame is shrunk, keeping its aspect ratio, until it fits in `input_size`; a smaller one is
    enlarged where the checkpoint says so. The masks come back at the frame's size. The arrays of
    the results are overwritten by the next call. One thread may call at a time.

    Args:
        checkpoint: The network and what belongs to it.
        device: "cpu", "cuda", "cuda:1", ...; "auto" takes CUDA where it is usable.
        precision: Of the network. "auto" is float16 on CUDA, bfloat16 on CPUs that have it
            in hardware (AVX-512 BF16, AMX), otherwise float32.
        compile: Whether `warm_up` compiles the network (CPU only): "auto" does where there
            is a C++ compiler, "on" insists, also on what it makes; "background" does as "auto",
            but `warm_up` does not wait, and frames run uncompiled until the compiler is done.
        input_size: (width, height), by default the checkpoint's.
        upsample: "labels" brings the label map to the frame's size, "logits" the scores of the
            classes: smoother edges, several times the work.
        adapts: Whether frames of a size that comes often may wait, once, until the engine has
            recorded its work on them (CUDA only). Where no frame may wait, another thread does
            that by `warm_up`.
        threads: Of the CPU, in the whole process; 0 is as many as it has processors for.
        engine: What runs the network that was made ready: torch, or tensorrt (by ONNX Runtime, on
            CUDA in float16), which builds an engine for each size and number of frames first.

    Raises:
        SegmenterError: the device, the precision, the compiler or the engine is not there.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        precision: Precision = "auto",
        compile: Compile = "auto",
        input_size: Size | None = None,
        upsample: Upsample = "labels",
        adapts: bool = True,
        threads: int = 0,
        engine: EngineName = "torch",
    ) -> None:
        self.checkpoint = checkpoint
        self.device = choose_device(device)
        require_engine(engine, self.device, precision)
        self.engine = engine
        self.precision = choose_precision(precision, self.device)
        self.input_size = checkpoint.input_size if input_size is None else input_size
        if min(self.input_size) < 1:
            raise SegmenterError(f"input_size must be width and height, not {self.input_size}")
        if upsample not in ("labels", "logits"):
            raise SegmenterError(f"upsample must be labels or logits, not {upsample!r}")
        if threads < 0:
            raise SegmenterError(f"threads must be from 0 on, not {threads}")
        if compile not in COMPILE:
            raise SegmenterError(f"compile must be one of {', '.join(COMPILE)}, not {compile!r}")
        use_threads(threads)
        self._engine = self._make_engine(compile, upsample, adapts)
        if device == "auto" and self.device == "cpu" and (reason := why_not_cuda()):
            self._engine.notes.append(f"runs on the cpu: {reason}")

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        device: str = "auto",
        precision: Precision = "auto",
        compile: Compile = "auto",
        input_size: Size | None = None,
        upsample: Upsample = "labels",
        threads: int = 0,
        engine: EngineName = "torch",
    ) -> Segmenter:
        """Load the checkpoint at `path`; the other arguments are those of the class.

        Raises:
            CheckpointError: the file cannot be loaded.
            SegmenterError: the device, the precision, the compiler or the engine is not there.
        """
        checkpoint = load_checkpoint(path)
        return cls(
            checkpoint,
            device,
            precision,
            compile,
            input_size,
            upsample,
            threads=threads,
            engine=engine,
        )

    def __call__(self, frames: Sequence[Frame], request: Request = Request()) -> list[Segmentation]:  # noqa: B008
        """Segment `frames`, whose sizes and colour orders may differ, and return as many results.

        The arrays of the results belong to the segmenter: the next call overwrites them.

        Raises:
            DataError: The ego mask of a frame does not fit it.
            DeviceLost: The device does no more work in this process.
            MemoryError: A frame does not fit in the device's memory.
            SegmenterError: TensorRT cannot run the network.
        """
        groups: dict[tuple[tuple[int, ...], ColorOrder], list[int]] = {}
        for index, frame in enumerate(frames):
            groups.setdefault((frame.pixels.shape, frame.color_order), []).append(index)
        results: dict[int, Segmentation] = {}
        for (_, color_order), indices in groups.items():
            pictures = [frames[index].pixels for index in indices]
            segmented = self._engine.segment(pictures, color_order, request)
            results.update(zip(indices, segmented, strict=True))
        in_order = [results[index] for index in range(len(frames))]
        return self._without_own_car(frames, in_order, request)

    def begin(self, frames: Sequence[Frame], request: Request) -> Callable[[], list[Segmentation]]:
        """Begin to segment `frames` of one shape and colour order, and return what ends it.

        That gives what calling the segmenter gives, and raises what that raises. Between the two,
        the results of the call or `begin` before may still be read. End each before the next.
        """
        engine = self._engine
        if not (self.works_beside and isinstance(engine, BatchedEngine)):
            return lambda: self(frames, request)
        pictures = [frame.pixels for frame in frames]
        wait = engine.begin(pictures, frames[0].color_order, request)
        return lambda: self._without_own_car(frames, wait(), request)

    def warm_up(self, sizes: Iterable[Size], batch: int = 1, confidence: bool = False) -> None:
        """Prepare for frames of `sizes`, (width, height) each, so that none of them is slow.

        This is where networks are compiled, once for each size after shrinking; that takes up to a
        minute (TensorRT: minutes), or seconds when a cache knows the network. Frames of any other
        size run at once, uncompiled. It may run in another thread, as long as no frame comes
        meanwhile. What the engine is still prepared for costs nothing.

        Args:
            sizes: The sizes of frames to come.
            batch: How many frames of one size come in one call, at most.
            confidence: Whether confidence will be asked for.

        Raises:
            DeviceLost, MemoryError, SegmenterError: As where frames are segmented.
        """
        for size in sizes:
            if not self.is_warm(size, batch, confidence):
                self._engine.warm_up(size, batch, confidence)

    def is_warm(self, size: Size, batch: int = 1, confidence: bool = False) -> bool:
        """Return whether `warm_up` would make such frames no faster than they are now."""
        return self._engine.is_warm(size, batch, confidence)

    def close(self) -> None:
        """Free the memory kept between calls; the next call works, as before any `warm_up`."""
        self._engine.close()

    @property
    def label_set(self) -> LabelSet:
        """What the ids in the label maps are."""
        return self.checkpoint.label_set

    @property
    def compiled(self) -> bool:
        """Whether `warm_up` compiles the network (on the CPU)."""
        return self._engine.compiled

    @property
    def is_compiling(self) -> bool:
        """Whether frames run uncompiled until the compiler is done."""
        return self._engine.is_compiling

    @property
    def works_beside(self) -> bool:
        """Whether the processor has time for other work between `begin` and the end."""
        # ONNX Runtime's call, by which TensorRT runs, returns when the network is done.
        return isinstance(self._engine, BatchedEngine) and self.engine == "torch"

    @property
    def batch_limit(self) -> int:
        """How many frames gain from being segmented in one call; 1 where none does."""
        return self._engine.batch_limit

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about this engine, one sentence each; often nothing."""
        return tuple(self._engine.notes)

    @property
    def out_of_memory_count(self) -> int:
        """How often the device's memory was full."""
        return self._engine.out_of_memory_count

    def _without_own_car(
        self, frames: Sequence[Frame], results: list[Segmentation], request: Request
    ) -> list[Segmentation]:
        """Return `results` of `frames`, in which the own car is unknown from now on."""
        for frame, result in zip(frames, results, strict=True):
            if frame.ego_mask:
                opacity = request.overlay_opacity
                take_out(frame.ego_mask, frame, result, self.label_set, opacity)
        return results

    def _make_engine(self, compile: Compile, upsample: Upsample, adapts: bool) -> Engine:
        dtype = _DTYPES[self.precision]
        if self.device.startswith("cuda"):
            device = Cuda(self.device, exact=dtype == torch.float32)
            runtime = OnnxRuntime(self.checkpoint, device) if self.engine == "tensorrt" else None
            return BatchedEngine(
                self.checkpoint, device, dtype, self.input_size, upsample, adapts, runtime
            )
        obstacle = None if compile == "off" else missing_compiler()
        if compile == "on" and obstacle:
            raise SegmenterError(f"compile is on, but the network {obstacle}")
        engine = CpuEngine(
            self.checkpoint, dtype, self.input_size, upsample, "off" if obstacle else compile
        )
        if obstacle:
            engine.notes.append(obstacle)
        return engine


def choose_checkpoint(name_or_path: str, device: str) -> Path:
    """Return the file of a checkpoint by name or path; with "auto" the one for the device in use.

    Args:
        name_or_path: As `find_checkpoint` takes it, or "auto".
        device: As `Segmenter` takes it.

    Raises:
        SegmenterError: no such device here, or it does not work.
        ValueError: there is no such checkpoint in the box.
    """
    if name_or_path == AUTO:
        return checkpoint_for(choose_device(device))
    return find_checkpoint(name_or_path)


def choose_device(device: str) -> str:
    """Return the device to use: "cpu" or "cuda:N".

    Raises:
        SegmenterError: no such device here, or it does not work.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cpu" if not count or why_not_cuda() else "cuda:0"
    kind, _, index = device.partition(":")
    if device != "cpu" and (kind != "cuda" or (index and not index.isdecimal())):
        raise SegmenterError(f"device must be auto, cpu, cuda or cuda:N, not {device!r}")
    if kind == "cpu":
        return "cpu"
    if not count:
        built = "" if torch.version.cuda else " (this torch is built without CUDA)"
        raise SegmenterError(f"device is {device}, but there is no CUDA here{built}; use cpu")
    if int(index or 0) >= count:
        raise SegmenterError(f"device is {device}, but there are only {count} CUDA devices")
    if reason := why_not_cuda(int(index or 0)):
        raise SegmenterError(f"device is {device}, but {reason}; use cpu")
    return f"cuda:{int(index or 0)}"


def why_not_cuda(index: int = 0) -> str | None:
    """Return why a CUDA device that is there cannot be used; None if it can or is not there."""
    if not torch.cuda.is_available():
        return None
    error = obstacle(torch.device("cuda", index))
    return f"cuda:{index} cannot run a kernel ({first_line(error)})" if error else None


def choose_precision(precision: Precision, device: str) -> str:
    """Return the precision to use on `device`.

    Raises:
        SegmenterError: the device cannot do it.
    """
    if precision == "auto":
        if device != "cpu":
            return "float16"
        return "bfloat16" if cpu_has_bfloat16() else "float32"
    if precision not in _DTYPES:
        raise SegmenterError(f"precision must be auto or one of {', '.join(_DTYPES)}")
    if device == "cpu" and precision == "float16":
        raise SegmenterError("precision float16 needs CUDA; use bfloat16 or float32 on the cpu")
    if device != "cpu" and precision == "bfloat16":
        capability = torch.cuda.get_device_capability(device)
        if capability < _BFLOAT16_CAPABILITY:
            raise SegmenterError(
                f"precision bfloat16 needs a card of compute capability 8.0 or later, and {device} "
                f"has {capability[0]}.{capability[1]}; use float16 or float32"
            )
    return precision


def require_engine(engine: EngineName, device: str, precision: Precision) -> None:
    """Refuse an engine that cannot run on `device` ("cpu" or "cuda:N") in `precision`.

    Raises:
        SegmenterError: It cannot, or there is no such engine; the message says what to do.
    """
    if engine not in ENGINES:
        raise SegmenterError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "torch":
        return
    if device == "cpu":
        raise SegmenterError("engine tensorrt needs CUDA, and this would run on the cpu; use torch")
    if precision not in ("auto", "float16"):
        raise SegmenterError(f"engine tensorrt computes in float16, not {precision}; use torch")
    if obstacle := missing_tensorrt():
        raise SegmenterError(f"engine is tensorrt, but {obstacle}")


def cpu_has_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 in hardware."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
