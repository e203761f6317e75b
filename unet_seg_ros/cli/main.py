# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg`: one command with a subcommand for everything that is no ROS node."""

from __future__ import annotations

import argparse
import io
import os
import select
import sys
from collections.abc import Sequence
from types import ModuleType

from unet_seg_ros import __version__
from unet_seg_ros.packages import missing_package
from unet_seg_ros.processors import sleep_while_waiting


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `unet-seg` with the arguments of the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="unet-seg",
        description="Semantic masks with a U-Net: try it, train it, measure it, export it.",
        epilog="Each command has examples: unet-seg COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _print_any_name()
    sleep_while_waiting()
    try:
        commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
        for command in _commands():
            command.add_parser(commands)
        options = parser.parse_args(arguments)
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError as error:
        return _after_closed_pipe(error)
    except ModuleNotFoundError as error:
        print(f"unet-seg: {missing_package(error)}", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"unet-seg: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("unet-seg: interrupted", file=sys.stderr)
        return 130
    return status


def _commands() -> tuple[ModuleType, ...]:
    """Return the modules of the commands, which are imported where what they lack can be said."""
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

    return demo, segment, ego_mask, view, capture, data, train, evaluate, bag, export, standin


def _print_any_name() -> None:
    """Let names of files be printed that are no text in this encoding: what is not is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _after_closed_pipe(error: BrokenPipeError) -> int:
    """Return 0 where whoever reads the output has had enough of it, as `| head` does."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(events & select.POLLERR for _, events in poll.poll(0)):
        # What is left would be tried once more at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    print(f"unet-seg: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
