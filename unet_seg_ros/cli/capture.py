# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg capture`: pictures with ground truth from a running CARLA."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import NoReturn

from unet_seg_ros.cli.arguments import parse_count, parse_path, parse_port

_EXAMPLES = """\
examples:
  unet-seg capture --town Town03 --frames 2000 --weather all --out captures/Town03
  unet-seg capture --frames 300 --weather ClearNoon,HardRainSunset --out captures/here
  unet-seg capture --frames 500 --rig my_rig.json --host simulator --out captures/mine
  unet-seg capture --frames 200 --driver none --out captures/standin   with unet-seg standin

A rig is front, surround, or a JSON file like ros-bridge's objects.json. Every RGB camera needs a
semantic camera with the same spawn_point, image size and fov.

The vehicle starts at one spawn point after the other and has every weather at each of them. Frames
are kept every few steps, unless it stands. Ctrl-C stops; the same command goes on. Whatever is in
the folder is whole at any moment, and `unet-seg data check FOLDER` shows it.

Other traffic comes from CARLA's own examples, asynchronous, since the capture does the stepping:
  python generate_traffic.py --asynch

The autopilot is the traffic manager of CARLA's client. It listens at port 8010 of every interface
of this machine while the capture lasts. With --driver none the vehicle is left to others.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "capture",
        help="pictures with ground truth from CARLA",
        description="Drive a rig of cameras through a running CARLA, and keep its pictures with "
        "the simulator's own tags beside them, ready for training and evaluation.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_extent(parser)
    _add_driving(parser)
    _add_simulator(parser)
    parser.set_defaults(run=run)


def _add_extent(parser: argparse.ArgumentParser) -> None:
    """Add how much is captured, where and in which weathers."""
    parser.add_argument(
        "--out",
        type=parse_path,
        required=True,
        metavar="FOLDER",
        help="the capture to write, or to go on with",
    )
    parser.add_argument(
        "--frames",
        type=parse_count,
        default=2000,
        help="how many to capture, of every camera (default: %(default)s)",
    )
    parser.add_argument("--town", default="", help="the map, such as Town03 (default: as it is)")
    parser.add_argument(
        "--weather",
        default="all",
        metavar="NAME[,NAME]",
        help="CARLA's weathers to have in turn, such as ClearNoon, or all (default)",
    )
    parser.add_argument(
        "--spawn-points",
        type=parse_count,
        default=8,
        metavar="N",
        help="how many places to start at in turn (default: %(default)s)",
    )


def _add_driving(parser: argparse.ArgumentParser) -> None:
    """Add what drives, with which cameras, and how it is stepped."""
    parser.add_argument(
        "--rig",
        default="front",
        metavar="NAME|FILE",
        help="the cameras: front, surround or a file (default: %(default)s)",
    )
    parser.add_argument(
        "--driver",
        choices=("autopilot", "none"),
        default="autopilot",
        help="who drives (default: %(default)s)",
    )
    parser.add_argument(
        "--every",
        type=parse_count,
        default=5,
        metavar="STEPS",
        help="steps of the simulation from one frame to the next (default: %(default)s)",
    )
    parser.add_argument(
        "--step",
        type=float,
        default=0.05,
        metavar="SECONDS",
        help="simulated time of a step, at most 0.1 (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="picks the spawn points, and is the autopilot's (default: %(default)s)",
    )


def _add_simulator(parser: argparse.ArgumentParser) -> None:
    """Add where the simulator is."""
    parser.add_argument("--host", default="127.0.0.1", help="where CARLA runs (default: here)")
    parser.add_argument("--port", type=parse_port, default=2000, help="default: %(default)s")
    parser.add_argument(
        "--timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long CARLA may take for an answer (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> NoReturn:
    """Capture as the options say, and leave the process with the exit status."""
    from unet_seg_ros.carla.client import CarlaError
    from unet_seg_ros.process import leave

    try:
        status = _capture(options)
    except (CarlaError, ValueError, OSError) as error:
        print(f"unet-seg: {error}", file=sys.stderr)
        status = 1
    leave(status)


def _capture(options: argparse.Namespace) -> int:
    from unet_seg_ros.carla.capture import cameras_with_truth, capture
    from unet_seg_ros.carla.capture_plan import make_plan
    from unet_seg_ros.carla.client import connect
    from unet_seg_ros.carla.rig_file import load_rig

    # An exception in the middle of a call could leave something behind; a flag cannot.
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    rig_file, left_out = cameras_with_truth(load_rig(options.rig))
    if left_out:
        print(f"without a semantic twin, so left out: {', '.join(left_out)}", file=sys.stderr)
    simulator = connect(options.host, options.port, options.timeout)
    plan = make_plan(
        simulator,
        town=options.town,
        frames=options.frames,
        weathers=options.weather.split(","),
        spawn_points=options.spawn_points,
        every=options.every,
        step_s=options.step,
        driver=options.driver,
        seed=options.seed,
    )
    frames = capture(simulator, rig_file, plan, options.out, stopped.is_set)
    if frames < plan.frames:
        print(f"{options.out} has {frames} of {plan.frames} frames; the same command goes on")
        return 130
    print(f"{options.out} has all {frames} frames; look at them with:")
    print(f"  unet-seg data check {options.out}")
    return 0
