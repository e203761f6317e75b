# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures, a small network, plain PyTorch to compare engines with, the processor as a device."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unet_seg_ros.inference.batched import Recording, Work
from unet_seg_ros.inference.segmenter import Request, Segmentation
from unet_seg_ros.labels.label_set import ColorOrder, LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.model.unet import UNet, UNetConfig

Uint8Array = npt.NDArray[np.uint8]

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
EVERYTHING = Request(
    color_mask=True, overlay=True, confidence=True, groups={"odd": (1, 3, 5), "none": ()}
)


def small_checkpoint() -> Checkpoint:
    """Return an untrained network with batch statistics that matter."""
    torch.manual_seed(0)
    network = UNet(UNetConfig(classes=11, base_filters=8, levels=3, dropout=0.3))
    network.train()
    for _ in range(3):
        network(torch.randn(2, 3, 32, 32))
    return Checkpoint(network.eval(), LabelSet.load("camvid11"), input_size=(80, 60))


def picture(width: int, height: int, seed: int = 0) -> Uint8Array:
    """Return blurred noise, `(height, width, 3)` RGB."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def in_order(rgb: Uint8Array, color_order: ColorOrder) -> Uint8Array:
    channels = {"r": rgb[..., 0], "g": rgb[..., 1], "b": rgb[..., 2]}
    alpha = np.full(rgb.shape[:2], 77, np.uint8)
    return np.stack([channels.get(name, alpha) for name in color_order], axis=-1)


def plain_logits(checkpoint: Checkpoint, rgb: Uint8Array) -> torch.Tensor:
    """Return the logits that PyTorch alone computes for a picture of network size."""
    mean = torch.tensor(checkpoint.normalization.mean).view(3, 1, 1)
    std = torch.tensor(checkpoint.normalization.std).view(3, 1, 1)
    image = torch.from_numpy(rgb).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        return checkpoint.model.eval()(((image - mean) / std).unsqueeze(0))


def only(results: list[Segmentation]) -> Segmentation:
    (result,) = results
    return result


def outlined(labels: Uint8Array) -> npt.NDArray[np.bool_]:
    """Return which pixels of a `(H, W)` label map have a neighbour of another class."""
    wider = np.pad(labels, 1, mode="edge")
    neighbours = (wider[:-2, 1:-1], wider[2:, 1:-1], wider[1:-1, :-2], wider[1:-1, 2:])
    return np.any([neighbour != labels for neighbour in neighbours], axis=0)


def has_cuda_bfloat16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


class Processor:
    """The processor as a device: a recording is the work itself.

    Attributes:
        recorded: The shapes of the recordings there are.
        replays: How often one was played.
        unrecorded_runs: How often the network ran without one.
        most: So many frames fit in its memory at a time; recordings take one frame's room.
        failure: What recording raises.
        finish_errors: What the next waits for its work raise.
        lost: Why it does no more work.
    """

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.recorded: list[tuple[int, ...]] = []
        self.replays = self.unrecorded_runs = 0
        self.most = 1000
        self.failure: Exception | None = None
        self.finish_errors: list[Exception] = []
        self.lost: str | None = None

    def at_work(self) -> AbstractContextManager[object]:
        """Fail where the device is lost."""
        if self.lost:
            raise RuntimeError(f"CUDA error: {self.lost}")
        return contextlib.nullcontext()

    def unrecorded(self) -> AbstractContextManager[object]:
        """Count a run."""
        self.unrecorded_runs += 1
        return contextlib.nullcontext()

    def finish(self) -> None:
        """Fail as told; there is nothing to wait for."""
        if self.finish_errors:
            raise self.finish_errors.pop(0)

    def host_memory(self, count: int) -> Tensor:
        """Return `(count,)` uint8, if there is room."""
        frames = count // (160 * 120 * 3)
        if frames + len(self.recorded) > self.most:
            raise FULL
        return torch.empty(count, dtype=torch.uint8)

    def record(self, work: Work, shape: tuple[int, int, int, int]) -> Recording:
        """Return the work on a picture of `shape`."""
        if self.failure:
            raise self.failure
        self.recorded.append(shape)
        image = torch.zeros(shape, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
        labels, confidence = work(image)

        def replay() -> None:
            self.replays += 1
            new_labels, new_confidence = work(image)
            labels.copy_(new_labels)
            if confidence is not None and new_confidence is not None:
                confidence.copy_(new_confidence)

        return Recording(image, labels, confidence, replay)

    def forget(self) -> None:
        """Drop every recording."""
        self.recorded.clear()

    def why_lost(self) -> str | None:
        """Return `lost`."""
        return self.lost
