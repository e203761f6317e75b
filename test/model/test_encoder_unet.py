# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks over an encoder, and that everything made for the plain U-Net works with them, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engines import only, picture, plain_logits
from torch import Tensor, nn

from unet_seg_ros.inference.segmenter import Frame, Segmenter, missing_compiler
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from unet_seg_ros.model.efficientnet import EFFICIENTNET_NAMES
from unet_seg_ros.model.encoder_unet import EncoderUNet, EncoderUNetConfig
from unet_seg_ros.model.export import SUFFIXES, export_network
from unet_seg_ros.model.networks import config_from_dict
from unet_seg_ros.model.pretrained import NORMALIZATION

DECODERS = [(8, 8, 8), (8, 8, 8, 8), (8, 8, 8, 8, 8)]
LITE0 = EncoderUNetConfig(classes=2, decoder=(16, 8, 8, 8), detail=4)


@pytest.fixture
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    network = EncoderUNet(LITE0).train()
    # Statistics that differ from their initial values.
    for _ in range(3):
        network(torch.rand(2, 3, 64, 64))
    return Checkpoint(network.eval(), LabelSet.load("nuclei2"), (80, 60), NORMALIZATION)


@pytest.mark.parametrize("encoder", EFFICIENTNET_NAMES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_logits_have_the_size_of_the_picture(encoder: str, decoder: tuple[int, ...]) -> None:
    config = EncoderUNetConfig(classes=3, encoder=encoder, decoder=decoder, detail=4)
    with torch.device("meta"):
        network = EncoderUNet(config).eval()
        for size in [(1, 1), (37, 53), (64, 96)]:
            assert network(torch.rand(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_step_of_training_reaches_every_parameter(decoder: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = EncoderUNet(EncoderUNetConfig(classes=5, decoder=decoder, detail=4)).train()
    target = torch.randint(0, 5, (2, 64, 64))
    nn.functional.cross_entropy(network(torch.rand(2, 3, 64, 64)), target).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_pixels_of_a_place_start_alike_and_are_told_apart(decoder: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    config = EncoderUNetConfig(classes=5, decoder=decoder, detail=4)
    network = EncoderUNet(config).train()
    stride = config.output_stride
    image, target = torch.rand(1, 3, 64, 64), torch.randint(0, 5, (1, 64, 64))

    def spread() -> Tensor:
        places = network(image).unflatten(3, (-1, stride)).unflatten(2, (-1, stride))
        return places.std(dim=(3, 5), correction=0).max()

    assert spread() < 1e-5
    nn.functional.cross_entropy(network(image), target).backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    assert (spread() > 1e-4) == (stride > 1)


def test_frozen_statistics_stay_and_the_others_move() -> None:
    network = EncoderUNet(LITE0)
    network.has_frozen_statistics = True
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.train()(torch.rand(2, 3, 64, 64))
    moved = {
        name for name, buffer in network.named_buffers() if not torch.equal(buffer, before[name])
    }
    assert moved == {name for name in before if not name.startswith("encoder.")}


def test_it_comes_back_from_a_file(checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "one.safetensors", checkpoint)
    loaded = load_checkpoint(tmp_path / "one.safetensors")
    assert loaded.model.config == LITE0
    assert loaded.normalization == NORMALIZATION
    image = torch.rand(1, 3, 60, 80)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(image), checkpoint.model(image))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_export_agrees(checkpoint: Checkpoint, tmp_path: Path, suffix: str) -> None:
    # It raises where the export computes something else.
    export_network(checkpoint, tmp_path / f"network{suffix}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("compile_", ["off", "on"])
def test_the_engine_agrees_with_plain_pytorch(decoder: tuple[int, ...], compile_: Any) -> None:
    if compile_ == "on" and missing_compiler():
        pytest.skip("there is no C++ compiler")
    torch.manual_seed(0)
    network = EncoderUNet(EncoderUNetConfig(classes=11, decoder=decoder, detail=4)).train()
    for _ in range(3):
        network(torch.rand(2, 3, 64, 64))
    checkpoint = Checkpoint(network.eval(), LabelSet.load("camvid11"), (80, 60), NORMALIZATION)
    segmenter = Segmenter(checkpoint, "cpu", "float32", compile_)
    segmenter.warm_up([(80, 60)])
    assert segmenter.notes == ()
    rgb = picture(80, 60)
    expected = plain_logits(checkpoint, rgb).argmax(1)[0].numpy()
    assert len(np.unique(expected)) > 3
    found = only(segmenter([Frame(rgb, "rgb")])).labels
    assert np.mean(found == expected) >= 0.999


def test_a_configuration_survives_its_dictionary() -> None:
    values = LITE0.to_dict()
    assert values["kind"] == "encoder-unet"
    assert config_from_dict(values) == LITE0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"kind": "transformer"}, "knows no network of the kind 'transformer'"),
        ({"kind": ["encoder-unet"]}, "knows no network of the kind"),
        ({"classes": 256}, "classes must be"),
        ({"encoder": "resnet"}, "no encoder is called 'resnet'; choose efficientnet-lite0"),
        ({"encoder": ["efficientnet-lite0"]}, "no encoder is called"),
        ({"decoder": [8, 8]}, "decoder must have 3 to 5 blocks, not 2"),
        ({"decoder": [8] * 10**6}, "decoder must have 3 to 5 blocks"),
        ({"decoder": "8888"}, "decoder must be a list"),
        ({"decoder": None}, "decoder must be a list"),
        ({"decoder": [8, 8, 8, 10**9]}, "filters of the decoder must be"),
        ({"decoder": [8, 8, 8, 8.0]}, "filters of the decoder must be"),
        ({"detail": 0}, "detail must be"),
        ({"depth": 3}, r"missing or unknown.*depth"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        config_from_dict({**LITE0.to_dict(), **changes})


def test_a_configuration_that_lacks_something_is_refused() -> None:
    with pytest.raises(ValueError, match="missing or unknown"):
        config_from_dict({"kind": "encoder-unet", "classes": 3})
