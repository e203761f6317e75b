# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg standin`: a stand-in for the CARLA simulator, for where none can run."""

from __future__ import annotations

import argparse
import logging
import signal
import threading

from unet_seg_ros.standin.faults import HELP, Faults

_EXAMPLES = """\
examples:
  unet-seg standin                                 on CARLA's own port, 2000
  unet-seg standin --port 0 --town loop            on free ports, which it tells
  unet-seg standin --version 0.9.15                refused by clients of 0.9.16
  unet-seg standin --fault 'delay={"tick_cue": 3}' --fault 'silent=["rgb_front"]'

It speaks CARLA 0.9.16's wire protocol, so that the unmodified `carla` client connects, spawns
vehicles and RGB and semantic cameras, ticks, sets the weather and loads its two maps, Grid and
Loop. Vehicles follow their lane by themselves until they are given a control. There are no other
sensors, and no walkers, traffic lights, physics or recorder that a client could reach.

What a test against it proves: that the code works with the real client library and wire format,
and what it does when the server is late, silent, gone or of another version.
What it does not prove: anything about a real simulator's pictures, physics, timing or load.

faults, each NAME=JSON:
{faults}

The first line it prints is "listening on HOST:PORT"; Ctrl-C ends it.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    faults = "\n".join(f"  {name:14} {text}" for name, text in HELP.items())
    parser = commands.add_parser(
        "standin",
        help="a stand-in for the CARLA simulator",
        description="Serve the built-in town to CARLA clients, where the simulator cannot run.",
        epilog=_EXAMPLES.replace("{faults}", faults),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the interface to listen on; nobody is asked who they are (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=2000,
        help="for calls; pictures have the next one; 0 = any free ones (default: %(default)s)",
    )
    parser.add_argument(
        "--town",
        choices=("grid", "loop"),
        default="grid",
        help="the map that is there at first (default: %(default)s)",
    )
    parser.add_argument(
        "--version",
        default="0.9.16",
        help="the release of CARLA that it says it is (default: %(default)s)",
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME=JSON", help="something to do wrong"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal says that it is enough."""
    try:
        from unet_seg_ros.standin.server import Server
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is not installed; the stand-in needs: pip install msgpack"
        ) from error

    logging.basicConfig(format="unet-seg standin: %(message)s")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = Server(
        options.host,
        options.port,
        layout=options.town,
        version=options.version,
        faults=Faults.parse(options.fault),
    )
    server.start()
    print(f"listening on {options.host}:{server.port}", flush=True)
    ended.wait()
    server.close()
    return 0


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65534:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65534, not {port}")
    return port
