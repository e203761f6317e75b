# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg export`: a checkpoint for other programs, or in half the bytes."""

from __future__ import annotations

import argparse

from unet_seg_ros.cli.arguments import parse_path, parse_size

_EXAMPLES = """\
The format follows from the name of the file: .onnx (ONNX), .pt2 (torch.export), .ts (TorchScript).
.safetensors is the checkpoint itself in half the bytes, its weights in half precision.
In: (N, 3, H, W) float32 RGB pixels from 0 to 255. Out: (N, classes, H, W) float32 logits.

examples:
  unet-seg export carla29-small carla29-small.onnx
  unet-seg export carla29-small carla29-small.pt2 --size 400x224
  unet-seg export runs/mine/best.safetensors mine.safetensors
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `export` to the commands of `unet-seg`."""
    parser = commands.add_parser(
        "export",
        help="write a checkpoint as ONNX, torch.export or TorchScript, or in half the bytes",
        description="Write a checkpoint for other programs, or in half the bytes, and check that "
        "it agrees.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint",
        metavar="NAME|FILE",
        help="a checkpoint in the box by name, or a .safetensors file",
    )
    parser.add_argument(
        "output", type=parse_path, help="the file to write (.onnx, .pt2, .ts or .safetensors)"
    )
    parser.add_argument(
        "--size",
        type=parse_size,
        metavar="WIDTHxHEIGHT",
        help="size of the pictures, fixed in .pt2 (default: the checkpoint's input size)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export and say how well the file agrees with the checkpoint."""
    # Here, so that `unet-seg --help` does not wait for torch.
    from unet_seg_ros.model.checkpoint import load_checkpoint
    from unet_seg_ros.model.export import export_network
    from unet_seg_ros.weights import find_checkpoint

    checkpoint = load_checkpoint(find_checkpoint(args.checkpoint))
    agreement = export_network(checkpoint, args.output, args.size)
    print(
        f"wrote {args.output}: logits differ by at most {agreement.max_difference:.2g}, "
        f"{agreement.pixel_agreement:.2%} of the pixels get the same class"
    )
    return 0
