# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Export of a checkpoint's network for other programs, each export compared with the original.

All formats hold the same function: `(N, 3, H, W)` float32 RGB pixels from 0 to 255 in, normalised
inside, `(N, classes, H, W)` float32 logits out. N is free; so are H and W, except in `.pt2`. The
exception is `.safetensors`: the checkpoint itself, in half the bytes.
"""

from __future__ import annotations

import copy
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from unet_seg_ros.files import replaced_when_whole
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

Function = Callable[[Tensor], Tensor]


class ExportError(ValueError):
    """A network cannot be exported, or the export computes something else."""


@dataclass(frozen=True)
class Agreement:
    """How close an export is to the original.

    Attributes:
        max_difference: Largest difference between two logits.
        pixel_agreement: Share of the pixels with the same winning class.
    """

    max_difference: float
    pixel_agreement: float


class ExportableNetwork(nn.Module):
    """A checkpoint's network with its normalisation, from pixels of 0 to 255 to logits.

    Args:
        checkpoint: The checkpoint, which is an attribute as well.
        pads: Whether pictures may have any size; else both sides must be multiples of the network's
            `size_multiple`, and no operation looks at the size.
    """

    def __init__(self, checkpoint: Checkpoint, pads: bool = True) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.pads = pads
        self.unet = copy.deepcopy(checkpoint.model).cpu().requires_grad_(False)
        self.mean = nn.Buffer(torch.tensor(checkpoint.normalization.mean).view(3, 1, 1))
        self.std = nn.Buffer(torch.tensor(checkpoint.normalization.std).view(3, 1, 1))
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of `(N, 3, H, W)` pixels."""
        network = self.unet if self.pads else self.unet.unpadded
        logits: Tensor = network((image / 255 - self.mean) / self.std)
        return logits


def export_network(
    checkpoint: Checkpoint, path: str | Path, size: tuple[int, int] | None = None
) -> Agreement:
    """Export the network of `checkpoint` in the format that the suffix of `path` names.

    `.onnx` is ONNX, `.pt2` is `torch.export`, `.ts` is TorchScript, `.safetensors` a checkpoint
    with weights in half precision. The file appears only when it agrees with the original.

    Args:
        checkpoint: What to export.
        path: The file to write.
        size: (width, height) of the pictures, by default the checkpoint's input size. It is fixed
            in `.pt2`; the other formats take any size.

    Raises:
        ExportError: unknown suffix, a package is missing, or the export disagrees.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise ExportError(
            f"cannot tell the format of {path}; end its name in {', '.join(_FORMATS)}"
        )
    if not path.parent.is_dir():
        raise ExportError(f"there is no folder {path.parent} to write {path.name} to; make it")
    format_ = _FORMATS[path.suffix]
    network = ExportableNetwork(checkpoint)
    width, height = size or checkpoint.input_size
    other_sizes = [] if path.suffix == ".pt2" else [(width // 2 + 1, height // 3 + 1)]
    with replaced_when_whole(path) as partial:
        exported = format_.write(network, noise_pictures(2, (width, height)), partial)
        return _compare(network, exported, [(width, height), *other_sizes], format_)


def write_onnx(network: ExportableNetwork, example: Tensor, file: Path | BinaryIO) -> None:
    """Write `network` as ONNX, for `(n, 3, height, width)` float32; the three names are free.

    Args:
        network: The network; its output is called `logits`.
        example: An input, called `image`, of which nothing but its size makes a difference: one
            that is small is faster.
        file: Where to.

    Raises:
        ExportError: A package is missing.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ExportError("torch writes ONNX with the package onnx: pip install onnx")
    free = {0: "n", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        # The exporter that replaces this one needs two packages more and fixes the sizes that
        # decide about padding.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            file,  # type: ignore[arg-type]  # a stream will do, says its documentation
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": free, "logits": free},
        )


def _export_onnx(network: ExportableNetwork, example: Tensor, path: Path) -> Function:
    if importlib.util.find_spec("onnxruntime") is None:
        raise ExportError("an ONNX export is checked with ONNX Runtime: pip install onnxruntime")
    write_onnx(network, example, path)
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(image: Tensor) -> Tensor:
        (logits,) = session.run(None, {"image": image.numpy()})
        return torch.from_numpy(logits)

    return run


def _export_torch(network: ExportableNetwork, example: Tensor, path: Path) -> Function:
    batch = {0: torch.export.Dim.DYNAMIC}
    program = torch.export.export(network, (example,), dynamic_shapes=(batch,))
    torch.export.save(program, path)
    run: Function = torch.export.load(path).module()
    return run


def _export_torchscript(network: ExportableNetwork, example: Tensor, path: Path) -> Function:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, (example,)), path)
        run: Function = torch.jit.load(path)
    return run


def _export_half(network: ExportableNetwork, _example: Tensor, path: Path) -> Function:
    save_checkpoint(path, network.checkpoint, half=True)
    return ExportableNetwork(load_checkpoint(path))


@dataclass(frozen=True)
class _Format:
    """A format: what writes a file and returns the function in it, and how exact it has to be.

    Other programs add up in another order; beyond `max_difference`, measured against the largest
    logit, it is another function.
    """

    write: Callable[[ExportableNetwork, Tensor, Path], Function]
    max_difference: float = 1e-3
    min_agreement: float = 0.9999


_FORMATS = {
    ".onnx": _Format(_export_onnx),
    ".pt2": _Format(_export_torch),
    ".ts": _Format(_export_torchscript),
    ".safetensors": _Format(_export_half, max_difference=1e-2, min_agreement=0.999),
}
SUFFIXES = tuple(_FORMATS)


def noise_pictures(count: int, size: tuple[int, int]) -> Tensor:
    """Return blurred noise, the same every time: `(count, 3, H, W)` float32 from 0 to 255."""
    width, height = size
    noise = torch.rand(
        (count, 3, height // 8 + 2, width // 8 + 2), generator=torch.Generator().manual_seed(0)
    )
    return nn.functional.interpolate(255 * noise, (height, width), mode="bilinear")


def _compare(
    original: Function, exported: Function, sizes: list[tuple[int, int]], format_: _Format
) -> Agreement:
    """Run both functions on pictures of `sizes`, one and two at a time.

    Raises:
        ExportError: they disagree.
    """
    max_difference, pixel_agreement = 0.0, 1.0
    with torch.inference_mode():
        for count, size in enumerate(sizes, start=1):
            image = noise_pictures(count, size)
            expected, found = original(image), exported(image)
            difference = (found - expected).abs().max().item()
            same = (found.argmax(1) == expected.argmax(1)).float().mean().item()
            allowed = format_.max_difference * expected.abs().max().item()
            # Negated, so that NaN disagrees.
            if not (difference <= allowed and same >= format_.min_agreement):
                raise ExportError(
                    f"the export disagrees with the original on a {size[0]}x{size[1]} picture: "
                    f"logits differ by up to {difference:.2g}, {same:.2%} of the pixels get the "
                    "same class; no file was written"
                )
            max_difference = max(max_difference, difference)
            pixel_agreement = min(pixel_agreement, same)
    return Agreement(max_difference, pixel_agreement)
