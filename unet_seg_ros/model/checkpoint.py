# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint: one safetensors file that holds a network and everything needed to run it.

The file's metadata has two entries: `unet_seg_ros`, a JSON document (format version, network
configuration, label set, input size, normalisation, metrics, data), and `sha256`, the checksum of
that document and the tensors. A file from elsewhere is untrusted: its sizes are checked against
the configuration before anything is allocated, and nothing is ever unpickled. The weights of
convolutions, nearly all of a file, may be stored in half precision.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from unet_seg_ros.files import write_whole
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.networks import Network, config_from_dict, make_network
from unet_seg_ros.model.unet import UNetConfig

FORMAT_VERSION = 3
MAX_INPUT_SIDE = 8192

_DOCUMENT_KEY = "unet_seg_ros"
_CHECKSUM_KEY = "sha256"
# A document with 255 classes takes 50 kB.
_MAX_HEADER_BYTES = 4 << 20
# torch.save writes a zip archive, formerly a bare pickle; protocols since 2 start with 0x80.
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class CheckpointError(ValueError):
    """A checkpoint cannot be loaded; the message names the file, the reason and the remedy."""


@dataclass(frozen=True)
class Normalization:
    """`(value / 255 - mean) / std` per channel (RGB); by default the statistics of ImageNet."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


@dataclass
class Checkpoint:
    """A network and what is needed to run it.

    Attributes:
        model: The network.
        label_set: What its classes are.
        input_size: (width, height) that frames are shrunk to fit in.
        enlarge: Whether smaller frames are enlarged to fit in it exactly.
        normalization: What the network expects of its pixels.
        metrics: What it was measured to do, JSON-able.
        data: What it was trained on, JSON-able.
        name: A name for people, such as "carla29-small".
    """

    model: Network
    label_set: LabelSet
    input_size: tuple[int, int]
    normalization: Normalization = field(default_factory=Normalization)
    metrics: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    enlarge: bool = False


def save_checkpoint(path: str | Path, checkpoint: Checkpoint, *, half: bool = False) -> None:
    """Write `checkpoint` to `path`, complete or not at all.

    Args:
        path: The file.
        checkpoint: What to write.
        half: Whether to store the weights of convolutions in half precision, half the bytes; one in
            a thousand pixels may then get another class.

    Raises:
        ValueError: the label set does not fit the network, or a part is not JSON-able.
        OSError: the file cannot be written.
    """
    path = Path(path)
    document = _to_document(checkpoint)
    _from_document(json.loads(document))
    state = checkpoint.model.state_dict()
    tensors = {name: _to_file(tensor, half) for name, tensor in state.items()}
    metadata = {_DOCUMENT_KEY: document, _CHECKSUM_KEY: _checksum(document, tensors)}
    write_whole(path, safetensors.torch.save(tensors, metadata), sync=True)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load a checkpoint; its network is on the CPU, in evaluation mode.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint of this package, from a
            newer format version, or does not fit its own configuration.
    """
    path = Path(path)
    _refuse_other_files(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return _read(path, file)
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or incomplete ({error}); copy or download it again"
        ) from error


def _refuse_other_files(path: Path) -> None:
    """Refuse what can be told from the first bytes alone."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint at {path}; check the path") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    header_bytes = int.from_bytes(start, "little")
    if len(start) < 8 or header_bytes > size - 8:
        if start.startswith(_PICKLE_STARTS):
            raise CheckpointError(
                f"{path} is a pickle, which could run any code and is never opened; load it with "
                "the program that made it and write it anew with save_checkpoint"
            )
        raise CheckpointError(
            f"{path} is not a safetensors file, or only the beginning of one; copy it again"
        )
    if header_bytes > _MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{path} has a header of {header_bytes} bytes, more than any checkpoint of this "
            "package; use another file"
        )


def _read(path: Path, file: Any) -> Checkpoint:
    metadata = file.metadata() or {}
    if _DOCUMENT_KEY not in metadata:
        raise CheckpointError(
            f"{path} is a safetensors file, but not a checkpoint of unet_seg_ros; give one that "
            "save_checkpoint wrote"
        )
    document = metadata[_DOCUMENT_KEY]
    try:
        checkpoint = _from_document(json.loads(document))
        _refuse_other_tensors(file, checkpoint.model)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error
    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata.get(_CHECKSUM_KEY) != _checksum(document, tensors):
        raise CheckpointError(
            f"{path} is damaged: its checksum does not match; copy or download it again"
        )
    checkpoint.model.load_state_dict(
        {name: _from_file(tensor) for name, tensor in tensors.items()}, assign=True
    )
    checkpoint.model.eval()
    return checkpoint


def _refuse_other_tensors(file: Any, model: Network) -> None:
    """Compare names, shapes and types with what the configuration says, reading no tensor."""
    expected = model.state_dict()
    found = set(file.keys())
    if wrong := sorted(found ^ expected.keys()):
        raise ValueError(
            f"its tensors do not fit its network configuration: {wrong[0]} is "
            f"{'unexpected' if wrong[0] in found else 'missing'}; save the checkpoint again"
        )
    for name, tensor in expected.items():
        entry = file.get_slice(name)
        shape = tuple(entry.get_shape())
        dtypes = ["I64" if tensor.dtype == torch.int64 else "F32"]
        if _may_be_half(tensor):
            dtypes.append("F16")
        if shape != tuple(tensor.shape) or entry.get_dtype() not in dtypes:
            raise ValueError(
                f"its tensors do not fit its network configuration: {name} is {entry.get_dtype()} "
                f"{shape} where {' or '.join(dtypes)} {tuple(tensor.shape)} is needed; save the "
                "checkpoint again"
            )


def _to_document(checkpoint: Checkpoint) -> str:
    try:
        return json.dumps(
            {
                "format_version": _format_version(checkpoint),
                "network": checkpoint.model.config.to_dict(),
                "label_set": checkpoint.label_set.to_dict(),
                "input_size": list(checkpoint.input_size),
                "normalization": {
                    "mean": list(checkpoint.normalization.mean),
                    "std": list(checkpoint.normalization.std),
                },
                "metrics": checkpoint.metrics,
                "data": checkpoint.data,
                "name": checkpoint.name,
                **({"enlarge": True} if checkpoint.enlarge else {}),
            }
        )
    except TypeError as error:
        raise ValueError(f"metrics and data must be plain values to be saved: {error}") from error


def _format_version(checkpoint: Checkpoint) -> int:
    """Return the oldest version that tells all of it, for those who know no newer one.

    1 knew plain U-Nets only, 2 has encoders, 3 says that frames are enlarged.
    """
    if checkpoint.enlarge:
        return 3
    return 1 if isinstance(checkpoint.model.config, UNetConfig) else 2


def _from_document(document: object) -> Checkpoint:
    """Return the checkpoint that `document` describes, its network without weights."""
    document = _mapping("the document", document)
    version = document.get("format_version")
    if not isinstance(version, int):
        raise ValueError("it does not state its format version; save the checkpoint again")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"it has format version {version} and this unet_seg_ros reads up to {FORMAT_VERSION}; "
            "update unet_seg_ros"
        )
    if missing := sorted({"network", "label_set", "input_size", "normalization"} - document.keys()):
        raise ValueError(f"its metadata lacks {', '.join(missing)}; save the checkpoint again")
    config = config_from_dict(_mapping("network", document["network"]))
    label_set = LabelSet.from_dict(document["label_set"]).with_aliases_of_today()
    if len(label_set) != config.classes:
        raise ValueError(
            f"its label set has {len(label_set)} classes and its network {config.classes}; both "
            "must agree"
        )
    normalization = _mapping("normalization", document["normalization"])
    mean = _three_numbers("mean", normalization.get("mean"))
    std = _three_numbers("std", normalization.get("std"))
    if min(std) <= 0:
        raise ValueError(f"the std of its normalization must be positive, not {std}")
    # On the meta device a network has shapes and no memory.
    with torch.device("meta"):
        model = make_network(config)
    return Checkpoint(
        model=model,
        label_set=label_set,
        input_size=_size(document["input_size"]),
        normalization=Normalization(mean, std),
        metrics=dict(_mapping("metrics", document.get("metrics", {}))),
        data=dict(_mapping("data", document.get("data", {}))),
        name=str(document.get("name", "")),
        enlarge=_switch("enlarge", document.get("enlarge", False)),
    )


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} in its metadata must be a mapping, not {value!r:.60}")
    return value


def _size(value: object) -> tuple[int, int]:
    if not (
        isinstance(value, Sequence)
        and len(value) == 2
        and all(type(side) is int and 1 <= side <= MAX_INPUT_SIDE for side in value)
    ):
        raise ValueError(
            "its input_size must be width and height, whole numbers from 1 to "
            f"{MAX_INPUT_SIDE}, not {value!r:.60}"
        )
    return value[0], value[1]


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} in its metadata must be true or false, not {value!r:.60}")
    return value


def _three_numbers(name: str, value: object) -> tuple[float, float, float]:
    if not (
        isinstance(value, Sequence)
        and len(value) == 3
        and all(type(part) in (int, float) and math.isfinite(part) for part in value)
    ):
        raise ValueError(f"the {name} of its normalization must be 3 numbers, not {value!r:.60}")
    red, green, blue = (float(part) for part in value)
    return red, green, blue


def _to_file(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if half and _may_be_half(tensor):
        return tensor.half()
    return tensor.float() if tensor.is_floating_point() else tensor


def _from_file(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _may_be_half(tensor: Tensor) -> bool:
    """Tell the weights of convolutions, few of which are large, from statistics and biases."""
    return tensor.ndim == 4


def _checksum(document: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(document.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().data)
    return digest.hexdigest()
