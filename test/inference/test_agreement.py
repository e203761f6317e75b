# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engines against plain float32 PyTorch, on the trained network and real pictures.

Both get the same shrunk or enlarged picture; what is compared is the label map at camera size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from engines import Processor, has_cuda_bfloat16, only, plain_logits

from unet_seg_ros.inference.batched import BatchedEngine
from unet_seg_ros.inference.onnx_runtime import CPU, OnnxRuntime
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint
from unet_seg_ros.pictures.geometry import enlarge_labels, network_size, resize

CHECKPOINT = Path(__file__).parents[2] / "unet_seg_ros" / "weights" / "carla29-small.safetensors"

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(CHECKPOINT)


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> list[Any]:
    """Pictures of three sizes: 640x380, 160x80 and 1280x960, BGR as OpenCV reads them."""
    paths = [
        *sorted((shared_data / "carla_drive" / "rgb").iterdir())[::40],
        *sorted((shared_data / "carla_town02" / "rgb").iterdir())[::600],
        *sorted((shared_data / "carla_sequence_1280x960").glob("*.jpg"))[::20],
    ]
    return [cv2.imread(str(path)) for path in paths]


@pytest.fixture(scope="module")
def expected(checkpoint: Checkpoint, pictures: list[Any]) -> list[Any]:
    label_maps = []
    for picture in pictures:
        size = picture.shape[1], picture.shape[0]
        seen = resize(picture, network_size(size, checkpoint.input_size, checkpoint.enlarge))
        rgb = np.ascontiguousarray(seen[..., ::-1])
        labels = plain_logits(checkpoint, rgb).argmax(1)[0].numpy().astype(np.uint8)
        label_maps.append(enlarge_labels(labels, size))
    # A network that sees one class everywhere would agree with anything.
    assert len(np.unique(np.concatenate([labels.ravel() for labels in label_maps]))) >= 8
    return label_maps


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("device", "precision", "compile", "agreement"),
    [
        ("cpu", "float32", "off", 0.9999),
        ("cpu", "float32", "auto", 0.9999),
        ("cpu", "bfloat16", "off", 0.99),
        pytest.param("cuda", "float32", "off", 0.999, marks=needs_cuda),
        pytest.param("cuda", "float16", "off", 0.99, marks=needs_cuda),
        pytest.param("cuda", "bfloat16", "off", 0.99, marks=needs_cuda),
    ],
)
def test_the_engine_agrees_with_plain_pytorch(
    checkpoint: Checkpoint,
    pictures: list[Any],
    expected: list[Any],
    device: str,
    precision: Any,
    compile: Any,
    agreement: float,
) -> None:
    if (device, precision) == ("cuda", "bfloat16") and not has_cuda_bfloat16():
        pytest.skip("the card has no bfloat16")
    segmenter = Segmenter(checkpoint, device, precision, compile)
    if compile == "auto":
        segmenter.warm_up([(640, 380)])
    same = total = 0
    for picture, reference in zip(pictures, expected, strict=True):
        labels = only(segmenter([Frame(picture, "bgr")])).labels
        same += np.count_nonzero(labels == reference)
        total += labels.size
    assert same / total >= agreement


@pytest.mark.timeout(300)
def test_onnx_runtime_agrees_with_plain_pytorch(
    checkpoint: Checkpoint, pictures: list[Any], expected: list[Any]
) -> None:
    pytest.importorskip("onnxruntime")
    device = Processor()
    runtime = OnnxRuntime(checkpoint, device, CPU)
    size = checkpoint.input_size
    engine = BatchedEngine(checkpoint, device, torch.float32, size, "labels", False, runtime)
    for width, height in {(picture.shape[1], picture.shape[0]) for picture in pictures}:
        engine.warm_up((width, height), 1, confidence=False)
    device.unrecorded_runs = same = total = 0
    for picture, reference in zip(pictures, expected, strict=True):
        labels = only(engine.segment([picture], "bgr", Request())).labels
        same += np.count_nonzero(labels == reference)
        total += labels.size
    assert device.unrecorded_runs == 0
    assert same / total >= 0.999
