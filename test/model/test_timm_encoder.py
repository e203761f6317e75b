# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from engines import only, picture, plain_logits

from unet_seg_ros.inference.segmenter import Frame, Segmenter
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from unet_seg_ros.model.encoder_unet import EncoderUNet, EncoderUNetConfig
from unet_seg_ros.model.networks import config_from_dict
from unet_seg_ros.model.pretrained import encoder_normalization

needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason="timm is not installed"
)


@needs_timm
@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_100", "convnext_atto"])
def test_an_encoder_of_timm_is_one_like_any_other(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = EncoderUNetConfig(11, f"timm:{name}", decoder=(8, 8, 8, 8), detail=4)
    network = EncoderUNet(config).train()
    for _ in range(3):
        network(torch.rand(2, 3, 64, 64)).mean().backward()
    path = tmp_path / "network.safetensors"
    labels = LabelSet.load("camvid11")
    save_checkpoint(
        path, Checkpoint(network.eval(), labels, (80, 60), encoder_normalization(config.encoder))
    )
    checkpoint = load_checkpoint(path)
    assert checkpoint.model.config == config
    rgb = picture(80, 60)
    expected = plain_logits(checkpoint, rgb).argmax(1)[0].numpy()
    segmenter = Segmenter(checkpoint, "cpu", "float32", "off")
    assert np.mean(only(segmenter([Frame(rgb, "rgb")])).labels == expected) >= 0.999


@needs_timm
@pytest.mark.parametrize(
    ("name", "complaint"),
    [("no_such_network", "knows no timm:no_such_network"), ("vit_tiny_patch16_224", "strides of")],
)
def test_an_encoder_that_will_not_do_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EncoderUNet(EncoderUNetConfig(2, f"timm:{name}"))


def test_without_timm_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match="timm:resnet18 needs timm: pip install timm"):
        EncoderUNet(EncoderUNetConfig(2, "timm:resnet18"))


@pytest.mark.parametrize("name", ["timm:hf_hub:someone/network", "timm:", "timm:../x", "timm:A b"])
def test_names_that_could_load_from_elsewhere_are_refused(name: str) -> None:
    values = {**EncoderUNetConfig(2).to_dict(), "encoder": name}
    with pytest.raises(ValueError, match="is no name of an encoder of timm"):
        config_from_dict(values)
