# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network by ONNX Runtime, which has TensorRT build an engine for each shape of pictures.

It takes the place of CUDA graphs in `BatchedEngine`: what would be recorded is done by a session,
and all that is not runs on torch. ONNX Runtime is looked for only where it is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

from unet_seg_ros.inference.batched import Device, Recording, Work
from unet_seg_ros.inference.device_errors import first_line, is_out_of_memory
from unet_seg_ros.inference.errors import SegmenterError
from unet_seg_ros.inference.network import winners
from unet_seg_ros.inference.pipeline import NetworkShape
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.model.export import ExportableNetwork, noise_pictures, write_onnx
from unet_seg_ros.model.shape import pad_to_multiple

TENSORRT = "TensorrtExecutionProvider"
CPU = "CPUExecutionProvider"

# Of pixels of noise, torch in half precision gives 99.8 % the class that it gives in single
# (carla29-small; camvid11: 99.9 %), and with red and blue exchanged 61 % (83 %).
_MIN_AGREEMENT = 0.95


class OnnxRuntime:
    """Makes recordings that are sessions of ONNX Runtime.

    Attributes:
        name: What frames run without where a recording fails.

    Args:
        checkpoint: The network and what belongs to it.
        device: The engine's.
        provider: What ONNX Runtime computes with: `TENSORRT`, in half precision; or `CPU`, for
            tests: it runs the same way on any machine.
    """

    def __init__(self, checkpoint: Checkpoint, device: Device, provider: str = TENSORRT) -> None:
        self.name = "TensorRT" if provider == TENSORRT else "ONNX Runtime"
        self._device = device
        self._provider = provider
        self._classes = len(checkpoint.label_set)
        self._multiple = checkpoint.model.size_multiple
        file = io.BytesIO()
        side = max(64, self._multiple)
        write_onnx(ExportableNetwork(checkpoint, pads=False), torch.zeros(1, 3, side, side), file)
        self._model = file.getvalue()
        # Recordings with and without confidence share one; with the last of them it goes.
        self._sessions: WeakValueDictionary[tuple[int, ...], _Session] = WeakValueDictionary()

    def record(self, work: Work, shape: NetworkShape, batch: int) -> Recording:
        """Return a recording of `work`, what torch does on `(batch, 3, h, w)` pictures.

        The first time on a machine this takes as long as TensorRT builds: minutes.

        Raises:
            SegmenterError: It cannot be had here, or gives other classes than torch.
            Exception: The device's memory is full, as `is_out_of_memory` tells.
        """
        try:
            with self._device.at_work(), torch.inference_mode():
                recording = self._record(shape, batch)
                agreement = self._agreement(recording, work)
        except Exception as error:
            if isinstance(error, SegmenterError) or is_out_of_memory(error):
                raise
            # ONNX Runtime raises classes of its own.
            raise SegmenterError(
                f"{self.name} cannot run the network ({first_line(error)}); use engine torch, or "
                f"remove {_cache()} if a file in it is damaged"
            ) from error
        # Negated, so that NaN disagrees.
        if not agreement >= _MIN_AGREEMENT:
            raise SegmenterError(
                f"{self.name} gives {1 - agreement:.0%} of the pixels another class than "
                "torch does; use engine torch"
            )
        return recording

    def _record(self, shape: NetworkShape, batch: int) -> Recording:
        height, width = shape.input_size
        multiple = self._multiple
        padded = batch, 3, height + -height % multiple, width + -width % multiple
        session = self._sessions.get(padded)
        if session is None:
            session = self._sessions[padded] = self._open(padded)
        device = self._device.device
        image = torch.zeros((batch, 3, height, width), dtype=torch.uint8, device=device)

        def run() -> tuple[Tensor, Tensor | None]:
            logits = session(pad_to_multiple(image.float(), multiple))
            places = logits[:, :, None, None]  # of one pixel each
            return winners(places, (height, width), shape.logits_size, shape.confidence)

        labels, confidence = run()  # here TensorRT builds, or reads what it built before

        def replay() -> None:
            with torch.inference_mode():
                new_labels, new_confidence = run()
                labels.copy_(new_labels)
                if confidence is not None and new_confidence is not None:
                    confidence.copy_(new_confidence)

        return Recording(image, labels, confidence, replay)

    def _agreement(self, recording: Recording, work: Work) -> float:
        """Return the share of pixels of noise to which both give the same class."""
        batch, _, height, width = recording.image.shape
        recording.image.copy_(noise_pictures(batch, (width, height)).round())
        recording.replay()
        with self._device.unrecorded():
            expected, _ = work(recording.image.contiguous(memory_format=torch.channels_last))
        return (recording.labels == expected).float().mean().item()

    def _open(self, shape: tuple[int, ...]) -> _Session:
        """Return a session for pictures of `shape`, `(N, 3, h, w)`.

        Python waits meanwhile. So no size is fixed in the model: TensorRT would build here, and not
        in the first run, beside which Python goes on.
        """
        import onnxruntime  # type: ignore[import-untyped]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors
        providers: list[Any] = [self._provider]
        if self._provider == TENSORRT:
            with contextlib.suppress(ImportError):
                importlib.import_module("tensorrt")  # pip's brings libraries that no path leads to
            # What TensorRT does not know runs on the card all the same, or is an error.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            card = {"device_id": self._device.device.index or 0}
            providers = [
                (TENSORRT, {**card, **_tensorrt_options(self._model, shape)}),
                ("CUDAExecutionProvider", card),
            ]
        session = onnxruntime.InferenceSession(
            self._model, options, providers=providers, enable_fallback=0
        )
        # A provider whose libraries do not load is left out without an error.
        if session.get_providers()[0] != self._provider:
            raise RuntimeError(f"this onnxruntime could not load {self._provider}")
        return _Session(session, self._classes, self._device.finish)


class _Session:
    """A session of ONNX Runtime as a function of tensors on the device."""

    def __init__(self, session: Any, classes: int, finish: Callable[[], None]) -> None:
        self.session = session
        self._classes = classes
        self._finish = finish

    def __call__(self, image: Tensor) -> Tensor:
        """Return the `(N, classes, h, w)` float32 logits of `(N, 3, h, w)` float32, 0 to 255."""
        image = image.contiguous()
        count, _, height, width = image.shape
        logits = image.new_empty((count, self._classes, height, width))
        binding = self.session.io_binding()
        binding.bind_input("image", *_memory(image))
        binding.bind_output("logits", *_memory(logits))
        # Its queue knows nothing of the engine's (onnxruntime issue 32673); it waits for its own.
        self._finish()
        self.session.run_with_iobinding(binding)
        return logits


def _memory(tensor: Tensor) -> tuple[str, int, type[np.float32], list[int], int]:
    """Return where a contiguous float32 tensor lies, as ONNX Runtime wants to be told."""
    device = tensor.device
    return device.type, device.index or 0, np.float32, list(tensor.shape), tensor.data_ptr()


def _tensorrt_options(model: bytes, shape: tuple[int, ...]) -> dict[str, object]:
    folder = engine_folder(model, shape)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SegmenterError(
            f"{folder}: cannot keep TensorRT's engines ({error.strerror}); set XDG_CACHE_HOME to a "
            "folder that can be written"
        ) from error
    return {
        "trt_fp16_enable": True,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(_cache()),
    }


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "unet_seg_ros/tensorrt")


def engine_folder(model: bytes, shape: tuple[int, ...]) -> Path:
    """Return where the engine of `model` for pictures of `shape` is kept.

    Each has a folder of its own, since ONNX Runtime takes networks that differ only in weights or
    shapes for the same (onnxruntime issues 6455 and 32254).
    """
    network = hashlib.sha256(model).hexdigest()[:32]
    return _cache() / network / "x".join(map(str, shape))


def missing_tensorrt() -> str | None:
    """Return why there is no TensorRT for this Python, None if there seems to be."""
    install = f"install for {sys.executable}: pip install onnx onnxruntime-gpu tensorrt"
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not there; {install}"
    import onnxruntime

    if TENSORRT not in onnxruntime.get_available_providers():
        return (
            f"this onnxruntime ({onnxruntime.__version__}) is built without TensorRT; uninstall "
            f"it and {install}"
        )
    return None
