# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark for GPUs, as far as it needs none: what it says without one, how it ends sections.

The sections that run on the processor run here on small pictures; the others are seen on a device.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from engines import Processor, small_checkpoint

from unet_seg_ros import weights
from unet_seg_ros.inference.batched import BatchedEngine
from unet_seg_ros.inference.onnx_runtime import CPU, OnnxRuntime
from unet_seg_ros.inference.options import EngineName
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.model.checkpoint import save_checkpoint
from unet_seg_ros.weights import LARGE, SMALL

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(FOLDER))

import gpu  # noqa: E402
import gpu_checks  # noqa: E402
import gpu_facts  # noqa: E402
import gpu_speed  # noqa: E402
import gpu_tensorrt  # noqa: E402

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def facts() -> dict[str, Any]:
    return {}


@pytest.fixture
def say(facts: dict[str, Any]) -> Callable[[str, object], None]:
    return facts.__setitem__


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "gpu.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_without_a_gpu_it_says_so_in_one_sentence() -> None:
    done = run()
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == ("there is no GPU that torch can use here; run this where there is one\n")


def test_sections_that_cannot_run_are_refused() -> None:
    done = run("--device", "cpu", "memory")
    assert done.returncode == 2
    assert "section memory needs a GPU" in done.stderr


def test_a_section_is_cut_off_in_time_and_what_follows_left_out() -> None:
    """In so short a time torch is hardly imported."""
    done = run("--device", "cpu", "--seconds", "5.5", "--json", "agree", "first")
    report = json.loads(done.stdout)
    assert report["device"] == "cpu"
    assert report["sections"]["agree"]["FAILED"].startswith("cut off after ")
    assert report["sections"]["first"] == {"left out": "no time was left"}


def test_every_section_says_what_it_is_about() -> None:
    assert all(section.title for section in gpu.SECTIONS.values())
    assert sum(section.limit_s for section in gpu.SECTIONS.values()) < 15 * 60


def test_agreement_is_told_by_checkpoint_precision_and_way(
    say: Callable[[str, object], None], facts: dict[str, Any]
) -> None:
    gpu_checks.agree(say, "cpu", sizes=((64, 48),))
    exact = facts["carla29-small float32 warmed up: least share of equal labels"]
    assert exact.startswith("1.00000")
    assert facts["nuclei2 float16"].startswith("refused: precision float16 needs CUDA")


def test_every_checkpoint_in_the_box_is_compared_and_the_one_for_cuda_measured(
    say: Callable[[str, object], None],
    facts: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (SMALL, LARGE):
        save_checkpoint(tmp_path / f"{name}.safetensors", replace(small_checkpoint(), name=name))
    monkeypatch.setattr(weights, "_FOLDER", tmp_path)
    gpu_checks.agree(say, "cpu", sizes=((64, 48),))
    assert {fact.partition(" ")[0] for fact in facts} == {SMALL, LARGE}
    assert gpu_facts.load().name == LARGE
    assert gpu.device_facts("cpu")["network"].startswith(LARGE)


def test_cameras_are_measured_flat_out_and_paced(
    say: Callable[[str, object], None], facts: dict[str, Any]
) -> None:
    gpu_speed.cameras(say, "cpu", sizes=((64, 48),), rate_hz=50, seconds=0.1)
    assert len(facts) == 12
    assert "frames/s" in facts["64x48 x8 everything: flat out"]
    assert facts["64x48 x1 labels: at 50 Hz"].endswith("late")


def test_first_frames_are_timed_in_another_thread(
    say: Callable[[str, object], None], facts: dict[str, Any]
) -> None:
    gpu_checks.first_frames(say, "cpu", size=(64, 48), cameras=2)
    assert facts["2 frames, everything"].startswith("first ")
    assert "unknown size, again, ms" in facts


def test_tensorrt_is_left_out_with_a_sentence_where_there_is_none(
    say: Callable[[str, object], None], facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # which the section changes
    gpu_tensorrt.tensorrt(say, "cpu")
    assert facts == {
        "left out": "engine tensorrt needs CUDA, and this would run on the cpu; use torch"
    }


class _ByOnnxRuntime(Segmenter):
    """By ONNX Runtime on the processor."""

    def _make_engine(self, *_: object) -> BatchedEngine:
        device = Processor()
        runtime = OnnxRuntime(self.checkpoint, device, CPU)
        size = self.input_size
        return BatchedEngine(self.checkpoint, device, torch.float32, size, "labels", False, runtime)


def test_tensorrt_is_told_beside_torch(
    say: Callable[[str, object], None], facts: dict[str, Any]
) -> None:
    checkpoint = small_checkpoint()

    def make(engine: EngineName) -> Segmenter:
        kind = Segmenter if engine == "torch" else _ByOnnxRuntime
        return kind(checkpoint, "cpu", "float32", "off")

    gpu_tensorrt.compare(say, make, size=(64, 48), seconds=0.1)
    assert float(facts["x8 TensorRT: least share of labels as by torch"]) >= 0.999
    assert facts["x1 TensorRT, kept"].endswith("frames/s")
    assert facts["x8 TensorRT: notes"] == ()
