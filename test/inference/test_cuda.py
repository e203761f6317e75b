# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engine on CUDA.

Its pipeline consists of operations that every device has, so what it computes is tested on the
CPU; streams, graphs and memory are tested where there is a CUDA device.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from engines import EVERYTHING, in_order, only, outlined, picture, small_checkpoint

from unet_seg_ros.inference.cuda import FramePipeline, Inputs, Outputs
from unet_seg_ros.inference.network import InferenceNetwork
from unet_seg_ros.inference.options import Upsample
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter
from unet_seg_ros.labels.label_set import group_table
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.pictures.ego_mask import EgoMask

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return small_checkpoint()


@pytest.mark.parametrize("upsample", ["labels", "logits"])
@pytest.mark.parametrize("size", [(80, 60), (160, 120), (200, 150), (111, 97), (20, 9)])
def test_the_pipeline_computes_what_the_cpu_does(
    checkpoint: Checkpoint, size: tuple[int, int], upsample: Upsample
) -> None:
    rgb = [picture(*size, seed) for seed in range(2)]
    on_cpu = Segmenter(checkpoint, "cpu", "float32", "off", upsample=upsample)
    expected = on_cpu([Frame(pixels, "rgb") for pixels in rgb], EVERYTHING)
    pipeline = FramePipeline(
        InferenceNetwork(checkpoint, torch.float32),
        torch.from_numpy(checkpoint.label_set.color_table.copy()),
        size,
        checkpoint.input_size,
        upsample,
    )
    inputs = Inputs(
        frames=torch.from_numpy(np.stack([in_order(pixels, "bgra") for pixels in rgb])),
        channels=torch.tensor([2, 1, 0]),
        opacity=torch.tensor(EVERYTHING.overlay_opacity),
        group_tables=torch.from_numpy(
            np.stack([group_table(ids) for ids in EVERYTHING.groups.values()])
        ),
    )
    with torch.inference_mode():
        masks = pipeline(inputs, Outputs.of(EVERYTHING))
    assert {name: mask.dtype for name, mask in masks.items()} == dict.fromkeys(masks, torch.uint8)
    for index, result in enumerate(expected):
        labels = masks["labels"][index].numpy()
        # Areas are added up in another order, so a grey value may differ by one here and there.
        assert np.mean(labels == result.labels) >= 0.999
        same = labels == result.labels
        np.testing.assert_array_equal(
            masks["color_mask"][index].numpy()[same], result.color_mask[same]
        )
        overlay = masks["overlay"][index].numpy().astype(int)
        same_borders = same & (outlined(labels) == outlined(result.labels))
        assert np.abs(overlay[same_borders] - result.overlay[same_borders]).max() <= 1
        confidence = masks["confidence"][index].numpy().astype(int)
        assert np.abs(confidence[same] - result.confidence[same]).max() <= 4
        for group, name in enumerate(EVERYTHING.groups):
            mask = masks["groups"][group, index].numpy()
            np.testing.assert_array_equal(mask[same], result.group_masks[name][same])


def test_the_pipeline_computes_nothing_that_was_not_asked_for(checkpoint: Checkpoint) -> None:
    pipeline = FramePipeline(
        InferenceNetwork(checkpoint, torch.float32),
        torch.from_numpy(checkpoint.label_set.color_table.copy()),
        (80, 60),
        checkpoint.input_size,
        "labels",
    )
    inputs = Inputs(
        frames=torch.zeros((1, 60, 80, 3), dtype=torch.uint8),
        channels=torch.tensor([0, 1, 2]),
        opacity=torch.tensor(0.5),
        group_tables=torch.zeros((0, 256), dtype=torch.uint8),
    )
    with torch.inference_mode():
        assert list(pipeline(inputs, Outputs.of(Request()))) == ["labels"]


@needs_cuda
class TestCuda:
    """On the device itself."""

    def test_the_own_car_is_unknown_in_its_frame_alone(self, checkpoint: Checkpoint) -> None:
        """Two frames of one graph; what comes down is written to on the host."""
        segmenter = Segmenter(checkpoint, "cuda", "float32")
        pixels = in_order(picture(160, 120, 1), "bgra")
        mask = np.zeros((120, 160), np.uint8)
        mask[-30:] = 1
        frames = [Frame(pixels, "bgra", EgoMask(mask, "mask")), Frame(pixels, "bgra")]
        masked, whole = segmenter(frames, EVERYTHING)
        assert (masked.labels[-30:] == 255).all()
        for name, array in masked.pictures():
            if name not in ("labels", "overlay"):
                assert not array[-30:].any()
            assert np.array_equal(array[:-31], dict(whole.pictures())[name][:-31])
        assert (whole.labels < 255).all()

    @pytest.mark.parametrize(
        ("precision", "agreement"), [("float32", 0.999), ("float16", 0.99), ("bfloat16", 0.97)]
    )
    def test_it_agrees_with_the_cpu(
        self, checkpoint: Checkpoint, precision: Any, agreement: float
    ) -> None:
        """Frames of several sizes and colour orders, in one call."""
        frames = [
            Frame(picture(200, 150, 0), "rgb"),
            Frame(in_order(picture(160, 120, 1), "bgra"), "bgra"),
            Frame(picture(200, 150, 2), "bgr"),
            Frame(picture(200, 150, 3), "rgb"),
        ]
        expected = Segmenter(checkpoint, "cpu", "float32", "off")(frames, EVERYTHING)
        results = Segmenter(checkpoint, "cuda", precision)(frames, EVERYTHING)
        for result, reference in zip(results, expected, strict=True):
            same = result.labels == reference.labels
            assert same.mean() >= agreement
            np.testing.assert_array_equal(result.color_mask[same], reference.color_mask[same])
            assert np.abs(result.overlay[same].astype(int) - reference.overlay[same]).max() <= 1
            for name, mask in reference.group_masks.items():
                np.testing.assert_array_equal(result.group_masks[name][same], mask[same])

    def test_the_next_call_reuses_host_and_device_memory(self, checkpoint: Checkpoint) -> None:
        """Other pictures, groups and opacity do not record another graph either."""
        segmenter = Segmenter(checkpoint, "cuda")
        before = only(segmenter([Frame(picture(200, 150), "rgb")], EVERYTHING))
        allocated = torch.cuda.memory_allocated()
        request = Request(True, True, True, {"x": (2,), "y": (3, 4)}, overlay_opacity=1.0)
        after = only(segmenter([Frame(picture(200, 150, 1), "rgb")], request))
        assert torch.cuda.memory_allocated() == allocated
        assert np.shares_memory(before.labels, after.labels)
        np.testing.assert_array_equal(after.overlay, after.color_mask)
        np.testing.assert_array_equal(after.group_masks["x"], np.where(after.labels == 2, 255, 0))

    @pytest.fixture
    def little_memory(self) -> Iterator[None]:
        """Leave the process less memory than eight large frames at a time need."""
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, 1.2e9 / total))
        yield
        torch.cuda.set_per_process_memory_fraction(1.0)

    @pytest.mark.usefixtures("little_memory")
    def test_full_memory_halves_the_batch_and_is_counted(self, checkpoint: Checkpoint) -> None:
        """No frame is lost, and every result is right."""
        segmenter = Segmenter(checkpoint, "cuda", "float32", input_size=(1600, 1200))
        frames = [Frame(picture(1600, 1200, seed), "rgb") for seed in range(16)]
        results = segmenter(frames)
        assert segmenter.out_of_memory_count >= 1
        assert "frames at a time" in segmenter.notes[0]
        labels = [result.labels.copy() for result in results]
        for frame, found in zip(frames, labels, strict=True):
            assert np.mean(only(segmenter([frame])).labels == found) >= 0.999
