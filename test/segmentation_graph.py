# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the segmentation node's tests share: networks, pictures, messages, and its reports."""

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import Graph
from sensor_msgs.msg import Image

from unet_seg_ros.inference.segmenter import Frame, Request, Segmentation, Segmenter
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.model.checkpoint import Checkpoint, save_checkpoint
from unet_seg_ros.model.unet import UNet, UNetConfig
from unet_seg_ros.nodes.segmentation.node import SegmentationNode

NODE = "/unet_segmentation"
FRONT = "/front/image"
LABELS = "/front/segmentation/labels"
WIDTH, HEIGHT = 64, 48

Start = Callable[..., SegmentationNode]
"""Adds the node with the parameters given by name, active unless told."""


def save_network(folder: Path, name: str, label_set: str = "carla29", filters: int = 2) -> Path:
    """Save an untrained network; what it says is noise, but always the same noise."""
    labels = LabelSet.load(label_set)
    torch.manual_seed(len(name))
    model = UNet(UNetConfig(classes=len(labels), base_filters=filters, levels=2)).eval()
    path = folder / f"{name}.safetensors"
    save_checkpoint(path, Checkpoint(model, labels, input_size=(32, 32), name=name))
    return path


def picture(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return a `(height, width, 3)` uint8 picture with something in it."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def message(pixels: np.ndarray, stamp_ns: int = 12_000_000_034, encoding: str = "bgr8") -> bytes:
    return write_image(Header(stamp_ns, "ego_vehicle/front"), pixels, encoding)


def pixels_of(image: Image) -> np.ndarray:
    array = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
    channels = image.step // image.width
    return array.reshape(image.height, image.width, channels).squeeze()


def stamp(image: Image) -> int:
    return image.header.stamp.sec * 10**9 + image.header.stamp.nanosec


def rclpy_version() -> int:
    return int(importlib.metadata.version("rclpy").partition(".")[0])


def segment(checkpoint: Path, pixels: np.ndarray, request: Request) -> dict[str, np.ndarray]:
    """Return what the engine itself makes of a BGR picture, by the topics' names."""
    segmenter = Segmenter.from_checkpoint(
        checkpoint, device="cpu", precision="float32", compile="off"
    )
    (result,) = segmenter([Frame(pixels, "bgr")], request)
    masks = {f"masks/{name}": mask for name, mask in result.group_masks.items()}
    return {
        "labels": result.labels,
        "color_mask": result.color_mask,
        "overlay": result.overlay,
        "confidence": result.confidence,
        **masks,
    }


class Gate:
    """Holds the engine's calls until it is opened: overload, on however fast a machine.

    `frames_per_call` tells of every call so far.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_reached = threading.Event()
        self.frames_per_call: list[int] = []
        self._permits = threading.Semaphore(0)
        self._is_open = False
        segment = Segmenter.__call__

        def held(segmenter: Segmenter, frames: list[Frame], *request: Any) -> list[Segmentation]:
            self.is_reached.set()
            self.frames_per_call.append(len(frames))
            if not self._is_open:
                self._permits.acquire()
            return segment(segmenter, frames, *request)

        monkeypatch.setattr(Segmenter, "__call__", held)

    def let_one_through(self) -> None:
        """Let one call through, the one that is held or the next."""
        self._permits.release()

    def open(self) -> None:
        """Let every call through from now on."""
        self._is_open = True
        self._permits.release()


class Reports:
    """The latest values on /diagnostics."""

    def __init__(self, graph: Graph) -> None:
        self._messages = graph.collect(DiagnosticArray, "/diagnostics")

    def status(self, name: str) -> DiagnosticStatus | None:
        """Return the latest status of `engine` or of a camera, by its image topic."""
        statuses = self._messages[-1].status if self._messages else []
        return next((item for item in statuses if item.name.endswith(f": {name}")), None)

    def value(self, name: str, key: str) -> str:
        """Return the latest value under `key`; empty where there is none."""
        status = self.status(name)
        return next((item.value for item in status.values if item.key == key), "") if status else ""

    def levels(self, name: str) -> list[bytes]:
        """Return the levels of all statuses so far."""
        return [
            item.level
            for report in self._messages
            for item in report.status
            if item.name.endswith(f": {name}")
        ]
