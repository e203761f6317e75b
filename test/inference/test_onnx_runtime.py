# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network by ONNX Runtime, on the processor, in the engine that has TensorRT run it on a card.

Everything is real but the card: the export, the sessions, and all around them. TensorRT itself is
tested where there is one.
"""

from __future__ import annotations

import gc
import stat
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engines import (
    EVERYTHING,
    Processor,
    in_order,
    only,
    outlined,
    picture,
    small_checkpoint,
)

from unet_seg_ros.inference import onnx_runtime, segmenter
from unet_seg_ros.inference.batched import BatchedEngine
from unet_seg_ros.inference.errors import SegmenterError
from unet_seg_ros.inference.onnx_runtime import (
    CPU,
    TENSORRT,
    OnnxRuntime,
    engine_folder,
    missing_tensorrt,
)
from unet_seg_ros.inference.options import EngineName, Upsample
from unet_seg_ros.inference.recordings import OFTEN
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter, require_engine
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.model.unet import UNet, UNetConfig

pytest.importorskip("onnxruntime")
import onnx
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

SIZE = (160, 120)

needs_tensorrt = pytest.mark.skipif(
    not torch.cuda.is_available() or missing_tensorrt() is not None,
    reason="there is no TensorRT",
)


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
        upsample: Upsample = "labels", adapts: bool = False, network: Checkpoint = checkpoint
    ) -> BatchedEngine:
        runtime = OnnxRuntime(network, device, CPU)
        size = checkpoint.input_size
        return BatchedEngine(checkpoint, device, torch.float32, size, upsample, adapts, runtime)

    return make


def sessions(engine: BatchedEngine) -> dict[tuple[int, ...], Any]:
    runtime = engine._runtime
    assert isinstance(runtime, OnnxRuntime)
    return dict(runtime._sessions)


@pytest.mark.parametrize("upsample", ["labels", "logits"])
@pytest.mark.parametrize("size", [(80, 60), (160, 120), (200, 150), (111, 97), (20, 9)])
def test_it_computes_what_torch_does(
    checkpoint: Checkpoint,
    device: Processor,
    make_engine: MakeEngine,
    size: tuple[int, int],
    upsample: Upsample,
) -> None:
    """Three frames, filled up to four; shrunk, padded, in another order of colours, every mask."""
    rgb = [picture(*size, seed) for seed in range(3)]
    on_cpu = Segmenter(checkpoint, "cpu", "float32", "off", upsample=upsample)
    expected = on_cpu([Frame(pixels, "rgb") for pixels in rgb], EVERYTHING)
    engine = make_engine(upsample)
    engine.warm_up(size, 3, confidence=True)
    device.unrecorded_runs = 0
    results = engine.segment([in_order(pixels, "bgra") for pixels in rgb], "bgra", EVERYTHING)
    assert device.unrecorded_runs == 0
    for result, reference in zip(results, expected, strict=True):
        same = result.labels == reference.labels
        assert same.mean() >= 0.999
        np.testing.assert_array_equal(result.color_mask[same], reference.color_mask[same])
        same_borders = same & (outlined(result.labels) == outlined(reference.labels))
        overlay = result.overlay.astype(int)
        assert np.abs(overlay[same_borders] - reference.overlay[same_borders]).max() <= 1
        confidence = result.confidence.astype(int)
        assert np.abs(confidence[same] - reference.confidence[same]).max() <= 4
        for name, mask in reference.group_masks.items():
            np.testing.assert_array_equal(result.group_masks[name][same], mask[same])


def test_each_frame_of_a_batch_has_its_own_masks(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.warm_up(SIZE, 4, confidence=False)
    pictures = [picture(*SIZE, seed) for seed in range(4)]
    together = [result.labels.copy() for result in engine.segment(pictures, "rgb", Request())]
    for pixels, labels in zip(pictures, together, strict=True):
        alone = only(engine.segment([pixels], "rgb", Request())).labels
        assert np.mean(alone == labels) >= 0.999
    assert not np.array_equal(together[0], together[1])


def test_sizes_that_were_not_warmed_up_run_on_torch_at_once(
    device: Processor, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    engine.warm_up(SIZE, 1, confidence=False)
    device.unrecorded_runs = 0
    engine.segment([picture(30, 60)], "rgb", Request())
    assert device.unrecorded_runs == 1
    assert list(sessions(engine)) == [(1, 3, 64, 80)]
    assert not engine.is_warm((30, 60), 1, confidence=False)


def test_offline_a_size_that_comes_often_gets_a_session(make_engine: MakeEngine) -> None:
    engine = make_engine(adapts=True)
    for _ in range(OFTEN + 1):
        engine.segment([picture(*SIZE)], "rgb", Request())
    assert len(sessions(engine)) == 1


def test_with_and_without_confidence_share_a_session(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for confidence in (False, True):
        engine.warm_up(SIZE, 2, confidence)
    assert sorted(sessions(engine)) == [(1, 3, 64, 80), (2, 3, 64, 80)]


def test_close_frees_the_sessions_and_a_later_call_still_works(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.warm_up(SIZE, 1, confidence=False)
    session = weakref.ref(sessions(engine)[1, 3, 64, 80])
    before = only(engine.segment([picture(*SIZE)], "rgb", Request())).labels.copy()
    engine.close()
    gc.collect()
    assert session() is None
    assert not engine.is_warm(SIZE, 1, confidence=False)
    after = only(engine.segment([picture(*SIZE)], "rgb", Request())).labels
    assert np.mean(after == before) >= 0.999


def test_a_session_takes_as_many_threads_as_torch(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.warm_up(SIZE, 1, confidence=False)
    (session,) = sessions(engine).values()
    options = session.session.get_session_options()
    assert options.intra_op_num_threads == torch.get_num_threads()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_what_the_device_has_queued_is_done_before_a_session_runs(
    device: Processor, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime has a queue of its own and would read what is not written yet."""
    order: list[str] = []
    monkeypatch.setattr(device, "finish", lambda: order.append("finish"))
    engine = make_engine()
    engine.warm_up(SIZE, 1, confidence=False)
    (session,) = sessions(engine).values()
    run = session.session.run_with_iobinding

    def told(binding: object) -> None:
        order.append("run")
        run(binding)

    monkeypatch.setattr(session.session, "run_with_iobinding", told)
    order.clear()
    engine.segment([picture(*SIZE)], "rgb", Request())
    assert order == ["finish", "run", "finish"]


@pytest.mark.parametrize(("engine", "is_beside"), [("torch", True), ("tensorrt", False)])
def test_nothing_is_begun_beside_other_work_where_a_session_waits(
    checkpoint: Checkpoint,
    device: Processor,
    make_engine: MakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    engine: EngineName,
    is_beside: bool,
) -> None:
    """Masks that go out meanwhile would go out later for nothing."""
    monkeypatch.setattr(segmenter, "require_engine", lambda *_: None)
    monkeypatch.setattr(Segmenter, "_make_engine", lambda *_: make_engine())
    on_device = Segmenter(checkpoint, "cpu", engine=engine)
    assert on_device.works_beside == is_beside
    frames = [Frame(picture(*SIZE), "rgb")]
    expected = only(on_device(frames)).labels.copy()
    device.unrecorded_runs = 0
    end = on_device.begin(frames, Request())
    assert device.unrecorded_runs == is_beside
    np.testing.assert_array_equal(only(end()).labels, expected)
    assert device.unrecorded_runs == 1


def test_full_memory_costs_the_sessions_first(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    engine.warm_up(SIZE, 1, confidence=False)
    expected = only(engine.segment([picture(*SIZE)], "rgb", Request())).labels.copy()
    (session,) = sessions(engine).values()

    def fail(*_: object) -> None:
        raise RuntimeError("Error in execution: Failed to allocate memory for requested buffer")

    monkeypatch.setattr(session.session, "run_with_iobinding", fail)
    found = only(engine.segment([picture(*SIZE)], "rgb", Request())).labels
    assert np.mean(found == expected) >= 0.999
    assert engine.out_of_memory_count == 1
    assert engine.notes[0].startswith("runs without ONNX Runtime, which is slower: the memory of")


def test_full_memory_where_sessions_are_made_is_no_error(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()

    def fail(*_: object) -> None:
        raise RuntimeException(
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: "
            "bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 1048576"
        )

    monkeypatch.setattr(OnnxRuntime, "_open", fail)
    engine.warm_up(SIZE, 1, confidence=False)
    assert engine.notes[0].startswith("runs without ONNX Runtime")
    assert engine.out_of_memory_count == 1
    only(engine.segment([picture(*SIZE)], "rgb", Request()))


def test_a_session_that_gives_other_classes_is_refused(
    checkpoint: Checkpoint, make_engine: MakeEngine
) -> None:
    """As where an engine of other weights is taken from a cache."""
    torch.manual_seed(1)
    other = UNet(UNetConfig(classes=11, base_filters=8, levels=3)).eval()
    engine = make_engine(network=replace(checkpoint, model=other))
    with pytest.raises(SegmenterError, match=r"ONNX Runtime gives \d+% of the pixels another cl"):
        engine.warm_up(SIZE, 1, confidence=False)


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.skipif(torch.cuda.is_available(), reason="there may be TensorRT here")
def test_a_provider_that_does_not_load_is_an_error_and_not_the_processor(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    device = Processor()
    runtime = OnnxRuntime(checkpoint, device, TENSORRT)
    size = checkpoint.input_size
    engine = BatchedEngine(checkpoint, device, torch.float32, size, "labels", False, runtime)
    with pytest.raises(SegmenterError, match=r"^TensorRT cannot run the network \(.*; use engine"):
        engine.warm_up(SIZE, 1, confidence=False)


def test_a_network_of_many_levels_is_exported_too(device: Processor) -> None:
    """Its pictures are multiples of more pixels than an export usually looks at."""
    model = UNet(UNetConfig(classes=11, base_filters=2, levels=7)).eval()
    assert model.size_multiple == 128
    deep = replace(small_checkpoint(), model=model)
    runtime = OnnxRuntime(deep, device, CPU)
    engine = BatchedEngine(deep, device, torch.float32, (80, 60), "labels", False, runtime)
    engine.warm_up(SIZE, 1, confidence=False)
    assert list(sessions(engine)) == [(1, 3, 128, 128)]


def test_the_exported_network_looks_at_no_size(checkpoint: Checkpoint) -> None:
    """Such operations would run on the processor, between two parts of the network on the card."""
    model = OnnxRuntime(checkpoint, Processor(), CPU)._model
    operations = Counter(node.op_type for node in onnx.load_model_from_string(model).graph.node)
    assert operations["Conv"] >= 5
    assert not operations.keys() & {"Shape", "Gather", "Pad", "Slice", "Reshape", "Mod"}


def test_while_a_session_runs_python_goes_on(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT builds in the first run, for minutes."""
    engine = make_engine()
    engine.warm_up(SIZE, 1, confidence=False)
    (session,) = sessions(engine).values()
    run = session.session.run_with_iobinding
    under_way, seen, over = threading.Event(), threading.Event(), threading.Event()

    def told(binding: object) -> None:
        under_way.set()
        run(binding)
        under_way.clear()

    def look() -> None:
        while not over.wait(0.001):
            if under_way.is_set():
                seen.set()

    monkeypatch.setattr(session.session, "run_with_iobinding", told)
    looker = threading.Thread(target=look)
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(3600)  # so that the other thread runs where this one lets it alone
    looker.start()
    try:
        end = time.monotonic() + 30
        while not seen.is_set() and time.monotonic() < end:
            session(torch.zeros(4, 3, 480, 640))
    finally:
        sys.setswitchinterval(usual_s)
        over.set()
        looker.join()
    assert seen.is_set()


def test_engines_of_other_weights_and_shapes_are_kept_apart(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = OnnxRuntime(checkpoint, Processor(), CPU)._model
    again = OnnxRuntime(small_checkpoint(), Processor(), CPU)._model
    changed = small_checkpoint()
    with torch.no_grad():
        next(changed.model.parameters()).flatten()[0] += 1
    other = OnnxRuntime(changed, Processor(), CPU)._model
    shapes = [(1, 3, 60, 80), (2, 3, 60, 80)]
    folders = {engine_folder(bytes_, shape) for bytes_ in (model, other) for shape in shapes}
    assert len(folders) == 4
    assert engine_folder(again, shapes[0]) == engine_folder(model, shapes[0])
    assert all(folder.is_relative_to(tmp_path / "unet_seg_ros") for folder in folders)


def test_the_folder_of_engines_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = onnx_runtime._tensorrt_options(b"model", (1, 3, 60, 80))
    folder = Path(str(options["trt_engine_cache_path"]))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert options["trt_timing_cache_path"] == str(tmp_path / "unet_seg_ros" / "tensorrt")


def test_where_engines_cannot_be_kept_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(SegmenterError, match=r"file/unet_seg_ros.*cannot keep .*set XDG_CACHE_HO"):
        onnx_runtime._tensorrt_options(b"model", (1, 3, 60, 80))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_a_package_it_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = onnx_runtime.importlib.util.find_spec
    monkeypatch.setattr(
        onnx_runtime.importlib.util,
        "find_spec",
        lambda name: None if name == package else there(name),
    )
    with pytest.raises(
        SegmenterError, match=f"engine is tensorrt, but {package} is not there; install .*-gpu"
    ):
        require_engine("tensorrt", "cuda:0", "auto")


@pytest.mark.skipif(missing_tensorrt() is None, reason="there is TensorRT here")
def test_an_onnx_runtime_without_tensorrt_is_told_from_none() -> None:
    with pytest.raises(SegmenterError, match=r"this onnxruntime \(.*\) is built without TensorRT"):
        require_engine("tensorrt", "cuda:0", "float16")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"engine": "fast"}, "engine must be one of torch, tensorrt, not 'fast'"),
        ({"engine": "tensorrt"}, "engine tensorrt needs CUDA.*use torch"),
    ],
)
def test_engines_that_cannot_be_are_refused(
    checkpoint: Checkpoint, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SegmenterError, match=complaint):
        Segmenter(checkpoint, "cpu", **arguments)


def test_tensorrt_computes_in_float16_alone() -> None:
    with pytest.raises(SegmenterError, match="computes in float16, not bfloat16; use torch"):
        require_engine("tensorrt", "cuda:0", "bfloat16")


@needs_tensorrt
@pytest.mark.timeout(600)
def test_tensorrt_agrees_with_the_processor_also_from_its_cache(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    frames = [Frame(picture(*SIZE, seed), "rgb") for seed in range(2)]
    expected = Segmenter(checkpoint, "cpu", "float32", "off")(frames, EVERYTHING)
    for _ in range(2):
        engine = Segmenter(checkpoint, "cuda", adapts=False, engine="tensorrt")
        engine.warm_up([SIZE], 2, confidence=True)
        assert engine.is_warm(SIZE, 2, confidence=True)
        assert engine.notes == ()
        for result, reference in zip(engine(frames, EVERYTHING), expected, strict=True):
            assert np.mean(result.labels == reference.labels) >= 0.99
        engine.close()
    assert list(tmp_path.rglob("*.engine"))
