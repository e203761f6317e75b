# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trained network made ready for inference, as one function from pixels to class ids."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.model.shape import UShaped, pad_to_multiple


class InferenceNetwork(nn.Module):
    """Pixels in, class ids out; what lies between never leaves the graph.

    It computes what the checkpoint's does with less work: batch normalisation is folded into the
    convolutions, and skips are added instead of concatenated. The weights are `dtype` and
    channels-last.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype) -> None:
        super().__init__()
        network = fold_batch_norm(checkpoint.model)
        self.decoder = nn.ModuleList(
            _AddingBlock(up, block) for up, block in zip(network.up, network.decoder, strict=True)
        )
        self.head = _ClassMajorHead(network.head)
        # What is left of it goes down.
        network.up = network.decoder = nn.ModuleList()
        network.head = nn.Identity()
        self.network = network
        self.to(dtype)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype = dtype
        mean = torch.tensor(checkpoint.normalization.mean).view(3, 1, 1)
        std = torch.tensor(checkpoint.normalization.std).view(3, 1, 1)
        # (value / 255 - mean) / std, in one multiplication and one addition.
        self.scale = nn.Buffer(1 / (255 * std))
        self.offset = nn.Buffer(-mean / std)

    def forward(
        self, image: Tensor, size: tuple[int, int] | None, confidence: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Segment a batch of pictures.

        Args:
            image: `(N, 3, h, w)` RGB, 0 to 255, uint8 or floating point, channels-last in memory.
            size: (height, width) the logits are resized to; None leaves them at (h, w).
            confidence: Whether the probability of the winning class is wanted.

        Returns:
            Class ids and, if wanted, probabilities x 255: `(N, *size)` uint8.
        """
        logits = self._logits((image * self.scale + self.offset).to(self.dtype))
        return winners(logits, image.shape[-2:], size, confidence)

    def _logits(self, image: Tensor) -> Tensor:
        """Return the logits of the padded picture as the head gives them."""
        *skips, x = self.network.encode(pad_to_multiple(image, self.network.size_multiple))
        for block in self.decoder:
            x = block(skips.pop(), x)
        logits: Tensor = self.head(x)
        return logits


def winners(
    logits: Tensor, shape: Sequence[int], size: tuple[int, int] | None, confidence: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the class of the largest logit of each pixel.

    Args:
        logits: `(N, classes, s, s, h, w)`: of s x s pixels for each of h x w places, which must lie
            in memory; what is padded is at the right and at the bottom.
        shape: (height, width) of the picture without padding.
        size: As in `InferenceNetwork.forward`.
        confidence: As there.

    Returns:
        As there.
    """
    height, width = shape
    if size is not None:
        logits = _spread(logits)[..., :height, :width]
        # Linear interpolation between the nearest four would pass over most logits of a frame
        # that the network sees enlarged.
        if size[0] < height:
            logits = F.interpolate(logits, size, mode="area")
        else:
            logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        labels = logits.argmax(dim=1).to(torch.uint8)
    else:
        labels = _spread(_winning_class(logits))[..., :height, :width]
    if not confidence:
        return labels, None
    probability = (255 * logits.float().softmax(dim=1).amax(dim=1)).round().to(torch.uint8)
    return labels, probability if size else _spread(probability)[..., :height, :width]


class _ClassMajorHead(nn.Module):
    """A network's head whose logits lie class by class in memory, not pixel by pixel.

    There the compiler finds the largest of each pixel with whole vectors of pixels; one pixel's
    classes fill none. A matrix product gives them in that order at once.
    """

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        convolution, self.stride = head, 1
        if isinstance(head, nn.Sequential):
            convolution, shuffle = head
            assert isinstance(shuffle, nn.PixelShuffle)
            self.stride = shuffle.upscale_factor
        assert isinstance(convolution, nn.Conv2d)
        self.weight = convolution.weight
        self.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """Return `(N, classes, s, s, h, w)`: logits of s x s pixels for each of `(N, C, h, w)`."""
        count, channels, height, width = x.shape
        weight = self.weight.view(1, -1, channels).expand(count, -1, -1)
        assert self.bias is not None
        bias = self.bias.view(1, -1, 1)
        if torch.compiler.is_compiling():
            # Added where the largest is looked for, in a type that is not rounded on the way.
            logits = torch.bmm(weight, x.flatten(2)).float() + bias.float()
        else:
            logits = torch.baddbmm(bias, weight, x.flatten(2))
        return logits.view(count, -1, self.stride, self.stride, height, width)


def _spread(values: Tensor) -> Tensor:
    """Return `(N, ..., s, s, h, w)` values of s x s pixels each as `(N, ..., h * s, w * s)`."""
    stride, _, height, width = values.shape[-4:]
    beside = values.movedim((-4, -3), (-3, -1))
    return beside.reshape(*values.shape[:-4], height * stride, width * stride)


class _AddingBlock(nn.Module):
    """A block of the decoder that convolves its two inputs apart and adds the results.

    The sum is the convolution of both inputs side by side, which need not be copied there.
    """

    def __init__(self, up: nn.Module, block: nn.Module) -> None:
        super().__init__()
        first, *rest = block.children()
        assert isinstance(first, nn.Conv2d)
        assert isinstance(up, nn.ConvTranspose2d)
        skip_weight, up_weight = first.weight.split(
            [first.in_channels - up.out_channels, up.out_channels], dim=1
        )
        self.up = up
        self.skip_convolution = _convolution(skip_weight, None)
        self.up_convolution = _convolution(up_weight, first.bias)
        self.rest = nn.Sequential(*rest)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        both = self.skip_convolution(skip) + self.up_convolution(self.up(below))
        output: Tensor = self.rest(both)
        return output


def _convolution(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return the 3x3 convolution with these parameters."""
    outputs, inputs = weight.shape[:2]
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias is not None)
    convolution.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        convolution.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return convolution


def _winning_class(logits: Tensor) -> Tensor:
    """Return the class of the largest of `(N, C, ...)` logits, `(N, ...)` uint8.

    The logits must lie in memory, as a head leaves them: what the compiler computes anew for
    each use need not be equal to itself.
    """
    if not torch.compiler.is_compiling():
        return logits.argmax(dim=1).to(torch.uint8)
    # The compiler makes vector instructions of a maximum and a comparison, but not of an argmax.
    ids = torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)
    ids = ids.view(-1, *(1,) * (logits.ndim - 2))
    is_largest = logits == logits.amax(dim=1, keepdim=True)
    return torch.where(is_largest, ids, 255).amin(dim=1).to(torch.uint8)


def fold_batch_norm(model: UShaped) -> UShaped:
    """Return a copy of `model` for inference whose convolutions do the batch normalisation too."""
    folded = copy.deepcopy(model).eval().requires_grad_(False)
    for module in folded.modules():
        if isinstance(module, nn.Sequential):
            _fold(module)
    return folded


def _fold(layers: nn.Sequential) -> None:
    """Fold each batch normalisation into the convolution before it, and drop every dropout."""
    before = ""
    for name, layer in list(layers.named_children()):
        convolution = getattr(layers, before, None)
        # Subclasses may do more than normalise.
        if type(layer) is nn.BatchNorm2d and isinstance(convolution, nn.Conv2d):
            setattr(layers, before, fuse_conv_bn_eval(convolution, layer))
            delattr(layers, name)
        elif isinstance(layer, nn.Dropout):
            delattr(layers, name)
        else:
            before = name
