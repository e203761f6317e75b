# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg view`: the drive in a browser, live or recorded."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys

from unet_seg_ros.cli.arguments import parse_path, parse_port

_EXAMPLES = """\
examples:
  unet-seg view                                what the segmentation node does, live
  unet-seg view --bag demo_output/drive        a recorded drive; needs no ROS
  unet-seg view --bag town05.mcap --memory-limit 4GiB

On a machine without a screen, forward both ports and open the page at home:
  ssh -L 9090:localhost:9090 -L 9876:localhost:9876 gpu-machine     http://localhost:9090

Names of classes appear under the cursor. Select the label map for the opacity of the overlay. Drag
the time line to go back. Ctrl-C ends the view. Needs Rerun: pip install 'rerun-sdk==0.41.*'
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "view",
        help="look at a drive in a browser, live or recorded",
        description="Serve a page that shows cameras with their label maps over them, confidence, "
        "and plots of latency, frame rate, lost frames and mIoU.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--bag",
        type=parse_path,
        metavar="FILE",
        help="show this recorded drive (default: live topics)",
    )
    parser.add_argument(
        "--bind",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on this address; 0.0.0.0 lets everybody in the network look "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=parse_port, default=9090, help="of the page (default: %(default)s)"
    )
    parser.add_argument(
        "--grpc-port",
        type=parse_port,
        default=9876,
        metavar="PORT",
        help="that the page fetches the data from (default: %(default)s)",
    )
    parser.add_argument(
        "--memory-limit",
        default="1GiB",
        metavar="SIZE",
        help="how much of the drive is kept, such as 500MB, 4GiB or 25%%; beyond it the oldest is "
        "forgotten (default: %(default)s)",
    )
    parser.add_argument(
        "--no-confidence",
        dest="confidence",
        action="store_false",
        help="leave confidence out, which the network then need not compute",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the view until Ctrl-C or SIGTERM; return the exit status."""
    from unet_seg_ros.view import ViewError, require_rerun

    try:
        require_rerun()
        return _show_bag(options) if options.bag else _show_live(options)
    except ViewError as error:
        raise ValueError(error) from error


def _show_live(options: argparse.Namespace) -> int:
    try:
        from unet_seg_ros.nodes.viewer import node as viewer
    except ImportError as error:
        raise ValueError(
            f"live topics need ROS 2 ({error}): source its setup.bash, install the wheels in "
            "requirements/, or give a recorded drive with --bag"
        ) from error
    arguments = ["--ros-args"]
    for name in ("bind", "port", "grpc_port", "memory_limit", "confidence"):
        # ROS reads values as YAML, and JSON is YAML that leaves no doubt about types.
        arguments += ["-p", f"{name}:={json.dumps(getattr(options, name))}"]
    return viewer.main(arguments)


def _show_bag(options: argparse.Namespace) -> int:
    from unet_seg_ros.bags.reader import BagReader
    from unet_seg_ros.pictures.files import MAX_PIXELS
    from unet_seg_ros.view.drive_log import DriveLog
    from unet_seg_ros.view.recorded import log_bag
    from unet_seg_ros.view.server import ServerOptions, ViewServer

    # The server is to end with SIGTERM, too, and with a Ctrl-C that a shell's background ignores.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    where = ServerOptions(options.bind, options.port, options.grpc_port, options.memory_limit)
    try:
        with BagReader(options.bag) as bag, ViewServer(where) as server:
            print(f"open {server.url} in a browser; Ctrl-C ends the view", flush=True)
            with contextlib.closing(DriveLog(server.connect)) as log:
                refused = log_bag(bag, log, MAX_PIXELS, options.confidence)
            for reason, count in refused.items():
                print(f"unet-seg: {count} messages not shown: {reason}", file=sys.stderr)
            print("all of the drive is there", flush=True)
            server.wait()
    except KeyboardInterrupt:
        return 0
    return 1
