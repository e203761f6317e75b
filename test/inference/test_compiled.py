# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled network. Compiling takes a while, so the tests share one engine."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from engines import EVERYTHING, only, picture, small_checkpoint
from torch._subclasses.fake_tensor import FakeTensor

from unet_seg_ros.inference import compiling
from unet_seg_ros.inference.options import Compile, Upsample
from unet_seg_ros.inference.segmenter import (
    Frame,
    Segmenter,
    SegmenterError,
    missing_compiler,
)
from unet_seg_ros.model.checkpoint import Checkpoint

pytestmark = [
    pytest.mark.skipif(missing_compiler() is not None, reason="there is no C++ compiler"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return small_checkpoint()


@pytest.fixture(scope="module")
def segmenter(checkpoint: Checkpoint) -> Segmenter:
    return Segmenter(checkpoint, device="cpu", precision="float32", compile="off")


@pytest.fixture(scope="module")
def compiled(checkpoint: Checkpoint) -> Segmenter:
    """An engine that was warmed up in another thread while this one used it, as a node does."""
    segmenter = Segmenter(checkpoint, "cpu", "float32", "on")
    segmenter.warm_up([(160, 120)])
    replacement = Segmenter(checkpoint, "cpu", "float32", "on")
    thread = threading.Thread(
        target=lambda: replacement.warm_up([(160, 120), (320, 240)], confidence=True)
    )
    thread.start()
    frame = Frame(picture(160, 120), "rgb")
    expected = only(segmenter([frame])).labels.copy()
    while thread.is_alive():
        np.testing.assert_array_equal(only(segmenter([frame])).labels, expected)
    return replacement


def graphs() -> int:
    """Return how many graphs the compiler has made so far."""
    count: int = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    return count


def test_it_is_compiled(compiled: Segmenter) -> None:
    assert compiled.notes == ()
    assert compiled.compiled
    # Both sizes are the same to the network.
    assert len(compiled._engine._compiled) == 1


def test_it_agrees_with_the_eager_engine(compiled: Segmenter, segmenter: Segmenter) -> None:
    frame = Frame(picture(320, 240), "rgb")
    graphs_before = graphs()
    result, expected = only(compiled([frame], EVERYTHING)), only(segmenter([frame], EVERYTHING))
    assert graphs() == graphs_before
    assert np.mean(result.labels == expected.labels) >= 0.9999
    assert np.abs(result.confidence.astype(int) - expected.confidence).max() <= 1


@pytest.mark.parametrize("upsample", ["labels", "logits"])
def test_it_agrees_in_bfloat16(checkpoint: Checkpoint, upsample: Upsample) -> None:
    frame = Frame(picture(160, 120), "rgb")
    label_maps = []
    choices: tuple[Compile, ...] = ("off", "on")
    for compile in choices:
        segmenter = Segmenter(checkpoint, "cpu", "bfloat16", compile, upsample=upsample)
        segmenter.warm_up([(160, 120)])
        label_maps.append(only(segmenter([frame])).labels)
    # Untrained, the network is undecided in many places.
    assert np.mean(label_maps[0] == label_maps[1]) >= 0.97


def test_other_sizes_run_without_being_compiled(compiled: Segmenter, segmenter: Segmenter) -> None:
    frame = Frame(picture(320, 200), "rgb")
    graphs_before = graphs()
    labels = only(compiled([frame])).labels
    assert graphs() == graphs_before
    np.testing.assert_array_equal(labels, only(segmenter([frame])).labels)


@pytest.fixture
def held_compiler() -> Iterator[threading.Lock]:
    """A compiler that does not begin before the lock is released, nor outlive the test."""
    lock = compiling._one_at_a_time
    lock.acquire()
    yield lock
    if lock.locked():
        lock.release()
    for thread in threading.enumerate():
        if thread.name == "compiler":
            thread.join()


def test_frames_run_uncompiled_until_the_compiler_is_done(
    checkpoint: Checkpoint, segmenter: Segmenter, held_compiler: threading.Lock
) -> None:
    beside = Segmenter(checkpoint, "cpu", "float32", "background")
    beside.warm_up([(160, 120)])
    frame = Frame(picture(160, 120), "rgb")
    expected = only(segmenter([frame])).labels.copy()
    assert beside.is_compiling
    np.testing.assert_array_equal(only(beside([frame])).labels, expected)
    held_compiler.release()
    while beside.is_compiling:
        assert np.mean(only(beside([frame])).labels == expected) >= 0.9999
    assert beside.compiled
    assert beside.notes == ()
    assert len(beside._engine._compiled) == 1
    graphs_before = graphs()
    assert np.mean(only(beside([frame])).labels == expected) >= 0.9999
    assert graphs() == graphs_before


def test_what_is_closed_is_not_compiled_any_more(
    checkpoint: Checkpoint, held_compiler: threading.Lock
) -> None:
    beside = Segmenter(checkpoint, "cpu", "float32", "background")
    beside.warm_up([(160, 120)])
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "compiler")
    graphs_before = graphs()
    beside.close()
    held_compiler.release()
    thread.join()
    assert graphs() == graphs_before
    assert not beside.is_compiling
    assert len(beside._engine._compiled) == 0


def test_a_compiler_that_fails_is_noted_and_not_fatal(
    checkpoint: Checkpoint,
    segmenter: Segmenter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Segmenter(checkpoint, "cpu", "float32", "auto")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    with torch._inductor.config.patch({"cpp.cxx": ("false",)}):
        broken.warm_up([(96, 96)])
    assert not broken.compiled
    (note,) = broken.notes
    assert note.startswith("runs uncompiled: compiling the network failed (")
    frame = Frame(picture(96, 96), "rgb")
    np.testing.assert_array_equal(only(broken([frame])).labels, only(segmenter([frame])).labels)


def test_where_compiling_is_insisted_on_a_compiler_that_fails_is_an_error(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Segmenter(checkpoint, "cpu", "float32", "on")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    for _ in range(2):
        with (
            torch._inductor.config.patch({"cpp.cxx": ("false",)}),
            pytest.raises(SegmenterError, match=r"compile is on, but .* compiling .* failed"),
        ):
            broken.warm_up([(96, 96)])


def live_tensors() -> int:
    for _ in range(3):  # what goes lets go of more
        gc.collect()
    kinds = [type(item) for item in gc.get_objects()]
    # The compiler keeps descriptions of tensors, which have no memory of their own.
    return sum(issubclass(kind, torch.Tensor) and kind is not FakeTensor for kind in kinds)


def test_networks_are_compiled_however_many_there_were_and_leave_no_weights(
    compiled: Segmenter, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compiled.compiled
    monkeypatch.setattr(compiling, "MAX_COMPILED", 1)
    frame, left = Frame(picture(160, 120), "rgb"), []
    for _ in range(3):
        graphs_before, tensors_before = graphs(), live_tensors()
        segmenter = Segmenter(checkpoint, "cpu", "float32", "on")
        segmenter.warm_up([(160, 120)])
        assert graphs() == graphs_before + 1
        segmenter([frame])
        assert graphs() == graphs_before + 1
        assert live_tensors() > tensors_before
        segmenter.close()
        del segmenter
        left.append(live_tensors())
    # The first ones may leave what the compiler makes once in a process.
    assert left[2] <= left[1], left


def test_the_settings_of_the_compiler_are_left_alone(compiled: Segmenter) -> None:
    assert compiled.compiled
    assert not torch._inductor.config.freezing
