# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engine on CUDA: streams, graphs and memory, where there is a CUDA device.

What it computes and when it records is tested on every machine, in test_batched.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from engines import (
    EVERYTHING,
    has_cuda_bfloat16,
    in_order,
    only,
    outlined,
    picture,
    small_checkpoint,
)

from unet_seg_ros.inference.cuda import _settings
from unet_seg_ros.inference.device_errors import is_out_of_memory
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.pictures.ego_mask import EgoMask

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return small_checkpoint()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cudaErrorMemoryAllocation"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("FIND was unable to find an engine to execute this computation"),
    ],
    ids=str,
)
def test_full_memory_is_known_in_all_its_forms(error: Exception) -> None:
    assert is_out_of_memory(error)
    later = RuntimeError("CUDA error: operation failed due to a previous error")
    later.__context__ = error  # as where ending a recording fails in the wake of it
    assert is_out_of_memory(later)


def test_other_errors_are_not_taken_for_full_memory() -> None:
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_one_thread_at_a_time_has_cudnns_settings_and_they_are_restored() -> None:
    """Of threads that leave in another order than they came, one would restore another's."""
    before = torch.backends.cudnn.benchmark
    inside = 0
    seen: list[tuple[int, bool]] = []

    def work(benchmark: bool) -> None:
        nonlocal inside
        for _ in range(50):
            with _settings(benchmark):
                inside += 1
                time.sleep(0)  # let the others in, if they can come
                seen.append((inside, torch.backends.cudnn.benchmark == benchmark))
                inside -= 1

    threads = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(1, True)] * 200
    assert torch.backends.cudnn.benchmark == before


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
        if precision == "bfloat16" and not has_cuda_bfloat16():
            pytest.skip("the card has no bfloat16")
        frames = [
            Frame(picture(200, 150, 0), "rgb"),
            Frame(in_order(picture(160, 120, 1), "bgra"), "bgra"),
            Frame(picture(200, 150, 2), "bgr"),
            Frame(picture(200, 150, 3), "rgb"),
        ]
        expected = Segmenter(checkpoint, "cpu", "float32", "off")(frames, EVERYTHING)
        segmenter = Segmenter(checkpoint, "cuda", precision)
        for is_recorded in (False, True):
            if is_recorded:
                segmenter.warm_up([frame.size for frame in frames], 2, confidence=True)
            for result, reference in zip(segmenter(frames, EVERYTHING), expected, strict=True):
                same = result.labels == reference.labels
                assert same.mean() >= agreement
                np.testing.assert_array_equal(result.color_mask[same], reference.color_mask[same])
                same_borders = same & (outlined(result.labels) == outlined(reference.labels))
                overlay = result.overlay.astype(int)
                assert np.abs(overlay[same_borders] - reference.overlay[same_borders]).max() <= 1
                for name, mask in reference.group_masks.items():
                    np.testing.assert_array_equal(result.group_masks[name][same], mask[same])

    def test_results_last_while_the_device_works_on_the_next(self, checkpoint: Checkpoint) -> None:
        """Half of the results' memory is written to, the other half read."""
        segmenter = Segmenter(checkpoint, "cuda", "float32")
        segmenter.warm_up([(160, 120)])
        frames = [Frame(picture(160, 120, seed), "rgb") for seed in range(3)]
        expected = [only(segmenter([frame])).labels.copy() for frame in frames]
        before = only(segmenter.begin(frames[:1], Request())()).labels
        for number in (1, 2):
            end = segmenter.begin([frames[number]], Request())
            np.testing.assert_array_equal(before, expected[number - 1])
            found = only(end()).labels
            np.testing.assert_array_equal(before, expected[number - 1])
            np.testing.assert_array_equal(found, expected[number])
            before = found

    def test_what_is_warm_records_no_more(self, checkpoint: Checkpoint) -> None:
        """Other pictures, masks, groups and opacity, any number of frames."""
        segmenter = Segmenter(checkpoint, "cuda")
        segmenter.warm_up([(200, 150)], 4, confidence=True)
        assert segmenter.is_warm((200, 150), 3, confidence=True)
        device = segmenter._engine._device
        graphs = list(device._graphs)
        assert len(graphs) == 3
        for count in range(1, 5):
            frames = [Frame(picture(200, 150, seed), "rgb") for seed in range(count)]
            segmenter(frames, EVERYTHING)
            segmenter(frames, Request(confidence=True, groups={"x": (2,)}))
        assert device._graphs == graphs
        segmenter.close()
        assert not segmenter.is_warm((200, 150))

    def test_an_engine_is_closed_while_another_records(self, checkpoint: Checkpoint) -> None:
        """A hot swap, over and over; the engine in use goes on giving the same masks."""
        in_use = Segmenter(checkpoint, "cuda", adapts=False)
        in_use.warm_up([(160, 120)])
        frame = Frame(picture(160, 120), "rgb")
        expected = only(in_use([frame])).labels.copy()

        def load() -> None:
            for step in range(8):
                loaded = Segmenter(checkpoint, "cuda", adapts=False)
                loaded.warm_up([(160 + 16 * step, 120)], 4)
                loaded.close()

        loader = threading.Thread(target=load)
        loader.start()
        while loader.is_alive():
            np.testing.assert_array_equal(only(in_use([frame])).labels, expected)
        assert in_use.notes == ()

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
        assert "at a time" in segmenter.notes[0]
        labels = [result.labels.copy() for result in results]
        for frame, found in zip(frames, labels, strict=True):
            assert np.mean(only(segmenter([frame])).labels == found) >= 0.999
