# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engine of CUDA on a device that runs on the processor and fails when it is told to.

What it computes, what it records, and what it does when memory is full or the device is lost; the
CUDA device itself is in test_cuda.py.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from engines import (
    EVERYTHING,
    FULL,
    Processor,
    in_order,
    only,
    outlined,
    picture,
    small_checkpoint,
)

from unet_seg_ros.inference.batched import BatchedEngine
from unet_seg_ros.inference.errors import DeviceLost
from unet_seg_ros.inference.options import Upsample
from unet_seg_ros.inference.recordings import MAX_RECORDINGS, OFTEN
from unet_seg_ros.inference.segmenter import Frame, Request, Segmentation, Segmenter
from unet_seg_ros.labels.label_set import ColorOrder
from unet_seg_ros.model.checkpoint import Checkpoint


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return small_checkpoint()


@pytest.fixture
def device() -> Processor:
    return Processor()


MakeEngine = Callable[..., BatchedEngine]


@pytest.fixture
def make_engine(checkpoint: Checkpoint, device: Processor) -> MakeEngine:
    def make(
        upsample: Upsample = "labels", adapts: bool = False, enlarge: bool = False
    ) -> BatchedEngine:
        loaded = dataclasses.replace(checkpoint, enlarge=enlarge)
        return BatchedEngine(loaded, device, torch.float32, loaded.input_size, upsample, adapts)

    return make


def pictures(count: int, width: int = 160, height: int = 120) -> list[np.ndarray]:
    return [picture(width, height, seed) for seed in range(count)]


def labels_of(results: list[Segmentation]) -> list[np.ndarray]:
    return [result.labels.copy() for result in results]


@pytest.mark.parametrize("is_recorded", [False, True])
@pytest.mark.parametrize("upsample", ["labels", "logits"])
@pytest.mark.parametrize(
    ("size", "enlarge"),
    [
        *[((80, 60), False), ((160, 120), False), ((200, 150), False), ((111, 97), False)],
        *[((20, 9), False), ((20, 9), True), ((50, 40), True)],
    ],
)
def test_it_computes_what_the_cpu_engine_does(
    checkpoint: Checkpoint,
    device: Processor,
    make_engine: MakeEngine,
    size: tuple[int, int],
    enlarge: bool,
    upsample: Upsample,
    is_recorded: bool,
) -> None:
    """Three frames, padded to four where the network is recorded."""
    rgb = pictures(3, *size)
    loaded = dataclasses.replace(checkpoint, enlarge=enlarge)
    on_cpu = Segmenter(loaded, "cpu", "float32", "off", upsample=upsample)
    expected = on_cpu([Frame(pixels, "rgb") for pixels in rgb], EVERYTHING)
    engine = make_engine(upsample, enlarge=enlarge)
    if is_recorded:
        engine.warm_up(size, 3, confidence=True)
    results = engine.segment([in_order(pixels, "bgra") for pixels in rgb], "bgra", EVERYTHING)
    assert bool(device.replays) == is_recorded
    for result, reference in zip(results, expected, strict=True):
        assert {name: array.dtype for name, array in result.pictures()} == {
            name: np.uint8 for name, _ in reference.pictures()
        }
        # Areas are added up in another order, so a grey value may differ by one here and there;
        # where OpenCV enlarges, one in ten does, since its weights have eight bits.
        same = result.labels == reference.labels
        assert same.mean() >= (0.99 if enlarge else 0.999)
        np.testing.assert_array_equal(result.color_mask[same], reference.color_mask[same])
        same_borders = same & (outlined(result.labels) == outlined(reference.labels))
        overlay = result.overlay.astype(int)
        assert np.abs(overlay[same_borders] - reference.overlay[same_borders]).max() <= 1
        confidence = result.confidence.astype(int)
        assert np.abs(confidence[same] - reference.confidence[same]).max() <= 4
        for name, mask in reference.group_masks.items():
            np.testing.assert_array_equal(result.group_masks[name][same], mask[same])


def test_it_computes_nothing_that_was_not_asked_for(make_engine: MakeEngine) -> None:
    result = only(make_engine().segment(pictures(1), "rgb", Request()))
    assert [name for name, _ in result.pictures()] == ["labels"]


def test_warming_up_records_every_batch_that_cameras_may_make(
    device: Processor, make_engine: MakeEngine
) -> None:
    """Six cameras of which any number sends: no frame is the first of its kind."""
    engine = make_engine()
    engine.warm_up((160, 120), 6, confidence=False)
    assert [batch for batch, *_ in device.recorded] == [1, 2, 4, 8]
    device.unrecorded_runs = 0
    for count in range(1, 7):
        engine.segment(pictures(count), "rgb", Request(color_mask=True, overlay=True))
        rgba = [in_order(pixels, "rgba") for pixels in pictures(count)]
        engine.segment(rgba, "rgba", Request(groups={"a": (1,)}))
    assert device.unrecorded_runs == 0
    assert len(device.recorded) == 4


def test_frames_that_look_the_same_to_the_network_share_a_recording(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    engine.warm_up((160, 120), 1, confidence=False)
    assert engine.is_warm((320, 240), 1, confidence=False)
    engine.segment([picture(320, 240)], "rgb", Request())
    assert len(device.recorded) == 1
    assert device.unrecorded_runs == 0


def test_other_frames_run_unrecorded_until_they_have_come_often(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine(adapts=True)
    expected = labels_of(engine.segment(pictures(1), "rgb", Request()))
    for _ in range(OFTEN - 1):
        engine.segment(pictures(1), "rgb", Request())
    assert not device.recorded
    found = labels_of(engine.segment(pictures(1), "rgb", Request()))
    assert len(device.recorded) == device.replays == 1
    np.testing.assert_array_equal(found, expected)


def test_where_no_frame_may_wait_frames_record_nothing(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    for _ in range(2 * OFTEN):
        engine.segment(pictures(1), "rgb", Request())
    assert not device.recorded
    assert not engine.is_warm((160, 120), 1, confidence=False)


def test_sizes_beyond_the_limit_run_unrecorded(device: Processor, make_engine: MakeEngine) -> None:
    engine = make_engine()
    sizes = [(20 + 4 * (n % 12), 20 + 4 * (n // 12)) for n in range(MAX_RECORDINGS + 2)]
    for size in sizes:
        engine.warm_up(size, 1, confidence=False)
    assert len(device.recorded) == MAX_RECORDINGS
    device.unrecorded_runs = 0
    for size in sizes:
        engine.segment([picture(*size)], "rgb", Request())
    assert device.unrecorded_runs == 2
    assert engine.is_warm(sizes[-1], 1, confidence=False)


def test_the_next_call_reuses_the_memory_of_the_host(make_engine: MakeEngine) -> None:
    engine = make_engine()
    before = only(engine.segment(pictures(1), "rgb", EVERYTHING))
    request = Request(True, True, True, {"x": (2,), "y": (3, 4)}, overlay_opacity=1.0)
    after = only(engine.segment([picture(160, 120, 1)], "rgb", request))
    assert np.shares_memory(before.labels, after.labels)
    np.testing.assert_array_equal(after.overlay, after.color_mask)
    np.testing.assert_array_equal(after.group_masks["x"], np.where(after.labels == 2, 255, 0))


@pytest.mark.parametrize("color_order", ["rgb", "bgra"])
def test_results_last_while_the_next_batch_is_worked_on(
    make_engine: MakeEngine, color_order: ColorOrder
) -> None:
    engine = make_engine()
    first = only(engine.begin(pictures(1), "rgb", EVERYTHING)())
    copies = {name: array.copy() for name, array in first.pictures()}
    other = in_order(picture(160, 120, 1), color_order)
    second = only(engine.begin([other], color_order, EVERYTHING)())
    assert not np.array_equal(second.labels, first.labels)
    for name, array in first.pictures():
        np.testing.assert_array_equal(array, copies[name])


def test_begun_batches_use_the_memory_of_the_host_in_turns(make_engine: MakeEngine) -> None:
    engine = make_engine()
    labels = [only(engine.begin([frame], "rgb", Request())()).labels for frame in pictures(3)]
    assert np.shares_memory(labels[0], labels[2])
    assert not np.shares_memory(labels[0], labels[1])
    # What is not begun does not overwrite what was, either, and takes no memory of its own.
    assert np.shares_memory(only(engine.segment(pictures(1), "rgb", Request())).labels, labels[2])


def test_full_memory_where_a_batch_is_begun_or_ends(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    expected = labels_of(engine.segment(pictures(3), "rgb", Request()))
    engine.close()
    device.most = 2
    found = labels_of(engine.begin(pictures(3), "rgb", Request())())
    np.testing.assert_array_equal(found, expected)
    assert engine.out_of_memory_count == 1
    # Known to be too many, they are segmented in pieces at once.
    found = labels_of(engine.begin(pictures(3), "rgb", Request())())
    np.testing.assert_array_equal(found, expected)
    assert engine.out_of_memory_count == 1

    end = engine.begin(pictures(1), "rgb", Request())
    device.finish_errors.append(FULL)
    with pytest.raises(MemoryError, match="a 160x120 frame does not fit"):
        end()
    engine.close()
    engine.warm_up((160, 120), 1, confidence=False)
    end = engine.begin(pictures(1), "rgb", Request())
    device.finish_errors.append(FULL)
    np.testing.assert_array_equal(labels_of(end()), expected[:1])
    assert not device.recorded


def test_a_device_that_is_lost_while_a_batch_is_worked_on(
    device: Processor, make_engine: MakeEngine
) -> None:
    end = make_engine().begin(pictures(1), "rgb", Request())
    device.lost = "an illegal memory access was encountered"
    device.finish_errors.append(RuntimeError(f"CUDA error: {device.lost}"))
    with pytest.raises(DeviceLost, match=r"cpu does no more work in this process \(an illegal"):
        end()


def test_more_frames_than_a_batch_holds_come_back_in_order(make_engine: MakeEngine) -> None:
    engine = make_engine()
    expected = [
        only(engine.segment([frame], "rgb", Request())).labels.copy() for frame in pictures(11)
    ]
    found = labels_of(engine.segment(pictures(11), "rgb", Request()))
    np.testing.assert_array_equal(found, expected)


def test_an_engine_that_is_dropped_is_freed_at_once(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.warm_up((160, 120), 1, confidence=False)
    reference = weakref.ref(engine)
    gc.disable()
    try:
        del engine
        assert reference() is None
    finally:
        gc.enable()


def test_full_memory_costs_the_recordings_first(device: Processor, make_engine: MakeEngine) -> None:
    engine = make_engine()
    expected = labels_of(engine.segment(pictures(2), "rgb", Request()))
    engine.close()
    engine.warm_up((160, 120), 2, confidence=False)
    engine._buffers.cache_clear()
    device.most = 3  # two frames beside two recordings do not fit
    found = labels_of(engine.segment(pictures(2), "rgb", Request()))
    np.testing.assert_array_equal(found, expected)
    assert not device.recorded
    assert engine.out_of_memory_count == 1
    (note,) = engine.notes
    assert note == ("runs without recorded graphs, which is slower: the memory of cpu was full")
    engine.warm_up((160, 120), 2, confidence=False)
    assert not device.recorded


def test_full_memory_then_halves_the_batch_for_that_size_alone(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    expected = labels_of(engine.segment(pictures(8), "rgb", Request()))
    engine.close()
    device.most = 2
    found = labels_of(engine.segment(pictures(8), "rgb", Request()))
    np.testing.assert_array_equal(found, expected)
    assert engine.out_of_memory_count == 2
    (note,) = engine.notes
    assert note.startswith("runs at most 2 frames of 160x120 at a time: the memory of cpu")
    # Two frames of a quarter of the size fit eight times.
    engine.segment(pictures(8, 80, 60), "rgb", Request())
    assert engine.out_of_memory_count == 2


def test_closing_forgets_that_memory_was_full(device: Processor, make_engine: MakeEngine) -> None:
    engine = make_engine()
    device.most = 1
    engine.segment(pictures(2), "rgb", Request())
    assert engine.out_of_memory_count == 1
    engine.close()
    assert not engine.notes
    device.most = 1000
    device.unrecorded_runs = 0
    engine.segment(pictures(2), "rgb", Request())
    assert device.unrecorded_runs == 1
    engine.warm_up((160, 120), 1, confidence=False)
    assert len(device.recorded) == 1


def test_one_frame_that_does_not_fit_is_an_error(
    device: Processor, make_engine: MakeEngine
) -> None:
    device.most = 0
    with pytest.raises(MemoryError, match="a 160x120 frame does not fit in the memory of cpu"):
        make_engine().segment(pictures(2), "rgb", Request())


def test_full_memory_while_recording_costs_the_recordings(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    engine.warm_up((160, 120), 1, confidence=False)
    device.failure = FULL
    engine.warm_up((80, 40), 1, confidence=False)
    assert not device.recorded
    assert engine.out_of_memory_count == 1
    assert "the memory of cpu was full" in only(engine.notes)
    engine.segment(pictures(1), "rgb", Request())


def test_a_recording_that_fails_costs_speed_and_nothing_else(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    engine.warm_up((160, 120), 1, confidence=False)
    expected = labels_of(engine.segment(pictures(1), "rgb", Request()))
    device.failure = RuntimeError("CUDA error: operation failed due to a previous error\nCompile")
    engine.warm_up((80, 40), 1, confidence=False)
    assert engine.notes == [
        "runs without recorded graphs, which is slower: recording failed (CUDA error: operation "
        "failed due to a previous error)"
    ]
    assert not device.recorded
    assert engine.is_warm((80, 40), 1, confidence=False)
    found = labels_of(engine.segment(pictures(1), "rgb", Request()))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("step", ["segment", "warm_up", "record"])
def test_a_lost_device_is_told_from_a_failed_frame(
    device: Processor, make_engine: MakeEngine, step: str
) -> None:
    engine = make_engine()
    device.lost = "an illegal memory access was encountered"
    if step == "record":
        device.failure = RuntimeError("CUDA error: an illegal memory access was encountered")
    act: Callable[[], object] = functools.partial(engine.warm_up, (160, 120), 1, confidence=False)
    if step == "segment":
        act = functools.partial(engine.segment, pictures(1), "rgb", Request())
    with pytest.raises(DeviceLost, match=r"cpu does no more work in this process \(an illegal"):
        act()


def test_any_other_failure_is_the_frames_alone(device: Processor, make_engine: MakeEngine) -> None:
    engine = make_engine()
    device.finish_errors.append(RuntimeError("the driver hiccups"))
    with pytest.raises(RuntimeError, match="hiccups") as caught:
        engine.segment(pictures(1), "rgb", Request())
    assert not isinstance(caught.value, DeviceLost)
    engine.segment(pictures(1), "rgb", Request())
