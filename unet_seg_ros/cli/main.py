# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg`: one command with a subcommand for everything that is no ROS node."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from unet_seg_ros.cli import (
    bag,
    capture,
    data,
    demo,
    ego_mask,
    evaluate,
    export,
    segment,
    standin,
    train,
    view,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `unet-seg` with the arguments of the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="unet-seg",
        description="Semantic masks with a U-Net: try it, train it, measure it, export it.",
        epilog="Each command has examples: unet-seg COMMAND --help",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (
        demo, segment, ego_mask, view, capture, data, train, evaluate, bag, export, standin
    ):  # fmt: skip
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except (ValueError, OSError) as error:
        print(f"unet-seg: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("unet-seg: interrupted", file=sys.stderr)
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
