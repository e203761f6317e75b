# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The engine on the CPU: geometry, masks, buffers, and what it refuses.

test_compiled.py has the compiled network, test_cuda.py the other device, and test_agreement.py the
comparison with plain PyTorch on a trained network and real pictures.
"""

from __future__ import annotations

import dataclasses
import gc
import tracemalloc
import weakref
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from engines import EVERYTHING, in_order, only, outlined, picture, plain_logits, small_checkpoint

from unet_seg_ros.inference import segmenter as module
from unet_seg_ros.inference.cpu import MAX_SIZES
from unet_seg_ros.inference.segmenter import (
    Frame,
    Request,
    Segmenter,
    SegmenterError,
    choose_checkpoint,
    choose_device,
    choose_precision,
)
from unet_seg_ros.labels.label_set import ColorOrder, LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, Normalization, save_checkpoint
from unet_seg_ros.model.unet import UNet, UNetConfig
from unet_seg_ros.pictures.geometry import enlarge_labels
from unet_seg_ros.pictures.overlay import OPACITY


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return small_checkpoint()


@pytest.fixture(scope="module")
def segmenter(checkpoint: Checkpoint) -> Segmenter:
    return Segmenter(checkpoint, device="cpu", precision="float32", compile="off")


def brightness_checkpoint(input_size: tuple[int, int]) -> Checkpoint:
    """Return a network whose class is 1 where red is above the middle; it sees one pixel."""
    network = UNet(UNetConfig(classes=2, base_filters=1, levels=1, batch_norm=False))
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        for block in (network.encoder[0], network.decoder[0]):
            for layer in block:
                if isinstance(layer, torch.nn.Conv2d):
                    layer.weight[0, 0, 1, 1] = 1
        network.head.weight[1] = 1
        network.head.bias[1] = -0.5
    normalization = Normalization((0, 0, 0), (1, 1, 1))
    return Checkpoint(network, LabelSet.load("nuclei2"), input_size, normalization)


def test_labels_are_those_of_the_network_alone(
    segmenter: Segmenter, checkpoint: Checkpoint
) -> None:
    rgb = picture(80, 60)
    labels = only(segmenter([Frame(rgb, "rgb")])).labels
    assert labels.shape == (60, 80)
    assert labels.dtype == np.uint8
    expected = plain_logits(checkpoint, rgb).argmax(1)[0].numpy()
    assert len(np.unique(expected)) > 3
    assert np.mean(labels == expected) >= 0.9999


@pytest.mark.parametrize("color_order", get_args(ColorOrder))
def test_the_color_order_of_a_frame_does_not_matter(
    segmenter: Segmenter, color_order: ColorOrder
) -> None:
    rgb = picture(200, 150)
    expected = only(segmenter([Frame(rgb, "rgb")], EVERYTHING))
    expected_labels, expected_overlay = expected.labels.copy(), expected.overlay.copy()
    result = only(segmenter([Frame(in_order(rgb, color_order), color_order)], EVERYTHING))
    np.testing.assert_array_equal(result.labels, expected_labels)
    np.testing.assert_array_equal(result.overlay, expected_overlay)


def test_padded_rows_and_read_only_pixels_are_taken_as_they_are(segmenter: Segmenter) -> None:
    rgb = picture(200, 150)
    expected = only(segmenter([Frame(rgb, "rgb")], EVERYTHING)).overlay.copy()
    padded = np.zeros((150, 233, 3), np.uint8)
    padded[:, :200] = rgb
    view = padded[:, :200]
    view.flags.writeable = False
    result = only(segmenter([Frame(view, "rgb")], EVERYTHING))
    np.testing.assert_array_equal(result.overlay, expected)


@pytest.mark.parametrize("upsample", ["labels", "logits"])
@pytest.mark.parametrize("size", [(160, 120), (320, 240), (180, 120), (160, 40), (60, 60)])
def test_masks_lie_exactly_over_the_picture(size: tuple[int, int], upsample: Any) -> None:
    segmenter = Segmenter(
        brightness_checkpoint((60, 60)), device="cpu", compile="off", upsample=upsample
    )
    width, height = size
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[height // 4 : height - height // 4, width // 4 : width - width // 4] = 255
    labels = only(segmenter([Frame(rgb, "rgb")])).labels
    # A picture that is its own mirror image must have such a mask: half a pixel of shift shows.
    np.testing.assert_array_equal(labels, labels[:, ::-1])
    np.testing.assert_array_equal(labels, labels[::-1])
    truth = rgb[..., 0] > 0
    ratio = max(width / 60, 1)
    border = cv2.dilate(truth.astype(np.uint8), None, iterations=int(ratio)) - cv2.erode(
        truth.astype(np.uint8), None, iterations=int(ratio)
    )
    assert (labels.astype(bool) == truth)[border == 0].all()


def test_frames_of_any_size_come_back_at_their_size_and_in_order(segmenter: Segmenter) -> None:
    sizes = [(1, 1), (200, 150), (80, 60), (200, 150), (3, 500), (640, 2), (33, 47)]
    frames = [Frame(picture(*size, seed=i), "rgb") for i, size in enumerate(sizes)]
    frames[3] = Frame(in_order(frames[3].pixels, "bgra"), "bgra")
    together = segmenter(frames, EVERYTHING)
    copies = [(result.labels.copy(), result.overlay.copy()) for result in together]
    for frame, size, (labels, overlay) in zip(frames, sizes, copies, strict=True):
        assert labels.shape == size[::-1]
        alone = only(segmenter([frame], EVERYTHING))
        np.testing.assert_array_equal(labels, alone.labels)
        np.testing.assert_array_equal(overlay, alone.overlay)


def test_no_frames_give_no_results(segmenter: Segmenter) -> None:
    assert segmenter([]) == []


def test_masks_follow_from_the_labels(segmenter: Segmenter) -> None:
    rgb = picture(200, 150)
    request = Request(color_mask=True, overlay=True, groups={"a": (0, 2), "b": (9,)})
    result = only(segmenter([Frame(in_order(rgb, "bgra"), "bgra")], request))
    colors = segmenter.label_set.color_table[result.labels]
    np.testing.assert_array_equal(result.color_mask, colors)
    inside = ~outlined(result.labels)
    blended = (1 - OPACITY) * rgb + OPACITY * colors
    np.testing.assert_allclose(result.overlay[inside], blended[inside], atol=0.5)
    np.testing.assert_array_equal(result.overlay[~inside], colors[~inside])
    assert list(result.group_masks) == ["a", "b"]
    for name, ids in request.groups.items():
        expected = np.where(np.isin(result.labels, ids), 255, 0)
        np.testing.assert_array_equal(result.group_masks[name], expected)


@pytest.mark.parametrize(("opacity", "shown"), [(0.0, "frame"), (1.0, "mask")])
def test_opacity_goes_from_the_frame_to_the_mask(
    segmenter: Segmenter, opacity: float, shown: str
) -> None:
    rgb = picture(200, 150)
    request = Request(color_mask=True, overlay=True, overlay_opacity=opacity)
    result = only(segmenter([Frame(rgb, "rgb")], request))
    inside = rgb if shown == "frame" else result.color_mask
    outlines = outlined(result.labels)[..., None]
    np.testing.assert_array_equal(result.overlay, np.where(outlines, result.color_mask, inside))


def test_what_was_not_asked_for_is_not_there(segmenter: Segmenter) -> None:
    frame = Frame(picture(200, 150), "rgb")
    segmenter([frame], EVERYTHING)
    result = only(segmenter([frame]))
    assert result.color_mask is None
    assert result.overlay is None
    assert result.confidence is None
    assert not result.group_masks
    assert only(segmenter([frame], Request(overlay=True))).color_mask is None


def test_confidence_is_the_probability_of_the_winning_class(
    segmenter: Segmenter, checkpoint: Checkpoint
) -> None:
    rgb = picture(80, 60)
    result = only(segmenter([Frame(rgb, "rgb")], Request(confidence=True)))
    expected = 255 * plain_logits(checkpoint, rgb).softmax(1).amax(1)[0].numpy()
    assert np.ptp(expected) > 50
    np.testing.assert_allclose(result.confidence, expected, atol=0.6)


def test_confidence_has_the_size_of_the_frame(segmenter: Segmenter) -> None:
    result = only(segmenter([Frame(picture(200, 150), "rgb")], Request(confidence=True)))
    assert result.confidence.shape == (150, 200)


def test_upsampled_logits_are_resized_before_the_winner_is_chosen(checkpoint: Checkpoint) -> None:
    segmenter = Segmenter(checkpoint, "cpu", "float32", "off", upsample="logits")
    rgb = picture(160, 120)
    result = only(segmenter([Frame(rgb, "rgb")], Request(confidence=True)))
    small = cv2.resize(rgb, (80, 60), interpolation=cv2.INTER_AREA)
    logits = F.interpolate(plain_logits(checkpoint, small), (120, 160), mode="bilinear")
    assert np.mean(result.labels == logits.argmax(1)[0].numpy()) >= 0.9999
    np.testing.assert_allclose(result.confidence, 255 * logits.softmax(1).amax(1)[0], atol=0.6)


def test_another_input_size_replaces_the_checkpoints(checkpoint: Checkpoint) -> None:
    segmenter = Segmenter(checkpoint, "cpu", "float32", "off", input_size=(40, 40))
    rgb = picture(160, 120)
    labels = only(segmenter([Frame(rgb, "rgb")])).labels
    small = cv2.resize(rgb, (40, 30), interpolation=cv2.INTER_AREA)
    expected = plain_logits(checkpoint, small).argmax(1)[0].numpy().astype(np.uint8)
    expected = cv2.resize(expected, (160, 120), interpolation=cv2.INTER_NEAREST_EXACT)
    assert np.mean(labels == expected) >= 0.999


@pytest.mark.parametrize("upsample", ["labels", "logits"])
def test_a_small_frame_is_enlarged_where_the_checkpoint_says_so(
    checkpoint: Checkpoint, upsample: Any
) -> None:
    """Its masks are those of the enlarged frame, and lie over it."""
    enlarging = dataclasses.replace(checkpoint, enlarge=True)
    segmenter = Segmenter(enlarging, "cpu", "float32", "off", upsample=upsample)
    rgb = picture(40, 20)
    result = only(segmenter([Frame(rgb, "rgb")], EVERYTHING))
    assert {array.shape[:2] for _, array in result.pictures()} == {(20, 40)}
    logits = plain_logits(
        checkpoint, cv2.resize(rgb, (80, 40), interpolation=cv2.INTER_LINEAR_EXACT)
    )
    if upsample == "logits":
        expected = F.avg_pool2d(logits, 2).argmax(1)[0].numpy()
    else:
        expected = enlarge_labels(logits.argmax(1)[0].numpy().astype(np.uint8), (40, 20))
    assert len(np.unique(expected)) > 3
    assert np.mean(result.labels == expected) >= 0.999


def test_the_next_call_reuses_the_arrays(segmenter: Segmenter) -> None:
    frames = [Frame(in_order(picture(800, 600, seed), "bgra"), "bgra") for seed in (0, 1)]
    first = segmenter(frames, EVERYTHING)
    tracemalloc.start()
    second = segmenter(frames, EVERYTHING)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for before, after in zip(first, second, strict=True):
        assert after.labels is before.labels
        assert after.overlay is before.overlay
        assert after.color_mask is before.color_mask
        assert after.confidence is before.confidence
        assert after.group_masks["odd"] is before.group_masks["odd"]
    assert not np.shares_memory(second[0].labels, second[1].labels)
    # A label map alone would be 480 kB.
    assert peak < 100_000


def test_a_camera_that_changes_size_for_ever_does_not_fill_the_memory(
    checkpoint: Checkpoint,
) -> None:
    segmenter = Segmenter(checkpoint, "cpu", "float32", "off")
    first = weakref.ref(only(segmenter([Frame(picture(100, 100), "rgb")])).labels)
    for width in range(101, 100 + MAX_SIZES):
        segmenter([Frame(picture(width, 100), "rgb")])
    gc.collect()
    assert first() is not None
    segmenter([Frame(picture(200, 100), "rgb")])
    gc.collect()
    assert first() is None


def test_close_frees_the_buffers_and_a_later_call_still_works(checkpoint: Checkpoint) -> None:
    segmenter = Segmenter(checkpoint, "cpu", "float32", "off")
    frame = Frame(picture(100, 100), "rgb")
    labels = only(segmenter([frame])).labels
    expected, reference = labels.copy(), weakref.ref(labels)
    del labels
    segmenter.close()
    gc.collect()
    assert reference() is None
    np.testing.assert_array_equal(only(segmenter([frame])).labels, expected)


def test_what_is_warm_is_not_warmed_up_again(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is asked, which forgets the sizes that were used longest ago."""
    segmenter = Segmenter(checkpoint, "cpu", "float32", "off")
    warmed_up: list[object] = []
    warm_up = segmenter._engine.warm_up

    def noted(size: tuple[int, int], batch: int, confidence: bool) -> None:
        warmed_up.append(size)
        warm_up(size, batch, confidence)

    monkeypatch.setattr(segmenter._engine, "warm_up", noted)
    sizes = [(40 + step, 40) for step in range(MAX_SIZES + 1)]
    for size in (sizes[0], sizes[0], *sizes[1:]):
        segmenter.warm_up([size])
        assert segmenter.is_warm(size)
    assert warmed_up == sizes
    assert not segmenter.is_warm(sizes[0])
    segmenter.warm_up([sizes[0]])
    assert warmed_up == [*sizes, sizes[0]]
    segmenter.close()
    assert not segmenter.is_warm(sizes[0])


def test_without_a_compiler_it_says_why_and_runs(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    segmenter = Segmenter(checkpoint, "cpu", "float32", "auto")
    segmenter.warm_up([(80, 60)])
    assert not segmenter.compiled
    (note,) = segmenter.notes
    assert "no C++ compiler (no-such-compiler); install g++" in note
    with pytest.raises(SegmenterError, match=r"compile is on, but .*install g\+\+"):
        Segmenter(checkpoint, "cpu", "float32", "on")


def test_an_engine_is_made_from_a_file(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, checkpoint)
    segmenter = Segmenter.from_checkpoint(path, device="cpu", compile="off")
    assert segmenter.device == "cpu"
    assert segmenter.input_size == (80, 60)
    assert segmenter.label_set == checkpoint.label_set
    assert segmenter.precision == ("bfloat16" if module.cpu_has_bfloat16() else "float32")
    assert segmenter.out_of_memory_count == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"device": "tpu"}, "device must be auto, cpu, cuda or cuda:N, not 'tpu'"),
        ({"device": "cuda:x"}, "device must be"),
        ({"device": "cpu:1"}, "device must be"),
        ({"device": "cuda:99"}, "device is cuda:99, but there"),
        ({"device": "cpu", "precision": "float16"}, "float16 needs CUDA"),
        ({"precision": "int8"}, "precision must be auto or one of float32, bfloat16, float16"),
        ({"compile": "yes"}, "compile must be one of auto, on, off, background, not 'yes'"),
        ({"upsample": "image"}, "upsample must be labels or logits"),
        ({"input_size": (0, 300)}, "input_size must be"),
    ],
)
def test_what_cannot_be_done_is_refused(
    checkpoint: Checkpoint, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SegmenterError, match=complaint):
        Segmenter(checkpoint, **arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_without_cuda_it_says_so() -> None:
    assert choose_device("auto") == "cpu"
    assert choose_checkpoint("auto", "auto").stem == "carla29-small"
    with pytest.raises(SegmenterError, match=r"no CUDA here.*use cpu"):
        choose_device("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_a_cuda_device_that_runs_no_kernel_is_passed_over_with_a_note(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torch without kernels for a card says that there is one, and fails when it is used."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    segmenter = Segmenter(checkpoint, "auto", "float32", "off")
    assert segmenter.device == "cpu"
    (note,) = segmenter.notes
    assert note.startswith("runs on the cpu: cuda:0 cannot run a kernel (")
    assert choose_checkpoint("auto", "auto").stem == "carla29-small"
    with pytest.raises(SegmenterError, match=r"device is cuda, but cuda:0 cannot run a kernel"):
        choose_device("cuda")


def test_a_checkpoint_that_is_named_is_taken_whatever_the_device() -> None:
    assert choose_checkpoint("carla29-small", "cuda").stem == "carla29-small"
    assert choose_checkpoint("mine.safetensors", "cuda") == Path("mine.safetensors")


def test_bfloat16_is_refused_on_cards_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    complaint = r"compute capability 8\.0 or later, and cuda:0 has 7\.5; use float16 or float32"
    with pytest.raises(SegmenterError, match=complaint):
        choose_precision("bfloat16", "cuda:0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 6))
    assert choose_precision("bfloat16", "cuda:0") == "bfloat16"


def test_cuda_runs_in_half_precision_unless_told_otherwise() -> None:
    assert choose_precision("auto", "cuda:0") == "float16"
    assert choose_precision("float32", "cuda:0") == "float32"


@pytest.mark.parametrize(
    ("pixels", "color_order", "complaint"),
    [
        (np.zeros((4, 4, 3), np.uint8), "gbr", "color_order is 'gbr'"),
        (np.zeros((4, 4, 3), np.uint8), "bgra", r"bgra frame must be \(H, W, 4\) uint8"),
        (np.zeros((4, 4, 3), np.float32), "rgb", "float32"),
        (np.zeros((4, 4), np.uint8), "rgb", r"\(4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), "rgb", r"\(0, 4, 3\)"),
    ],
)
def test_a_frame_that_is_none_is_refused(pixels: Any, color_order: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Frame(pixels, color_order)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"overlay_opacity": 1.5}, "overlay_opacity must be from 0 to 1"),
        ({"overlay_opacity": float("nan")}, "overlay_opacity"),
        ({"groups": {"lane": (6, 300)}}, r"group 'lane' has class ids .*\[300\]"),
        ({"groups": {"lane": (-1,)}}, "lane"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Request(**arguments)
