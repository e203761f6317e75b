# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg demo`: a drive through a simulator, or the user's own pictures, as real ROS nodes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from unet_seg_ros.cli.arguments import parse_path, parse_size
from unet_seg_ros.cli.engine import CHECKPOINT_HELP
from unet_seg_ros.weights import AUTO

# CARLA's steps allow no fewer than the last.
_RATES_HZ = (20.0, 10.0)

_EXAMPLES = """\
examples:
  unet-seg demo                                    twenty seconds through the stand-in for CARLA
  unet-seg demo --input town                       the same kind of town, without CARLA's client
  unet-seg demo --input pictures/                  a folder of pictures
  unet-seg demo --input drive.mp4 --seconds 60     a video
  unet-seg demo --device cuda --rate 60            on the GPU, at 60 Hz

The stand-in speaks CARLA's protocol; carla_node drives through it with CARLA's own client, as it
does through CARLA. Camera, network, scorer and recorder run as ROS 2 nodes; ROS_DOMAIN_ID is
respected where it is set. What they made is in the output folder: drive/ (a rosbag2), overlay.mp4,
summary.png, report.json, and nodes/ with each node's parameters and log.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "demo",
        help="see it work: simulator, network, score and recording as real nodes",
        description="Drive through a stand-in for CARLA, or play pictures as a camera; segment "
        "every frame, score and record it, and show what came out.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--input",
        default="standin",
        metavar="FOLDER|VIDEO|town[:SEED]|standin",
        help="what the camera shows (default: the stand-in for CARLA)",
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how long to drive (default: %(default)s)"
    )
    parser.add_argument(
        "--rate",
        type=float,
        help="pictures per second (default: 20, or 10 if this machine's network would see less "
        "than half of a picture's width otherwise)",
    )
    parser.add_argument(
        "--size",
        type=parse_size,
        default=(800, 600),
        metavar="WxH",
        help="of the simulator's or the town's camera (default: 800x600); other pictures keep "
        "their size",
    )
    parser.add_argument("--checkpoint", default=AUTO, metavar="NAME|FILE", help=CHECKPOINT_HELP)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--input-size",
        type=parse_size,
        metavar="WxH",
        help="what the network sees of a frame (default: as much as this machine keeps up with)",
    )
    parser.add_argument(
        "--output",
        type=parse_path,
        default=Path("demo_output"),
        metavar="FOLDER",
        help="replaced if it is an earlier demonstration's (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Demonstrate as the options say; return the exit status."""
    from unet_seg_ros.carla.setting import MAX_STEP_S
    from unet_seg_ros.demo import run as demo
    from unet_seg_ros.inference.segmenter import choose_checkpoint

    rates_hz = _RATES_HZ if options.rate is None else (options.rate,)
    if options.seconds <= 0 or min(rates_hz) <= 0:
        raise ValueError("--seconds and --rate must be above 0")
    if options.input == demo.STAND_IN and min(rates_hz) * MAX_STEP_S < 1:
        raise ValueError(f"--rate must be at least {1 / MAX_STEP_S:g}: CARLA's steps are short")
    report = demo.run(
        demo.Options(
            source=options.input,
            seconds=options.seconds,
            rates_hz=rates_hz,
            size=options.size,
            checkpoint=choose_checkpoint(options.checkpoint, options.device),
            device=options.device,
            input_size=options.input_size,
            output=options.output,
        ),
        say=lambda sentence: print(sentence, file=sys.stderr),
    )
    print(json.dumps(report, indent=2) if options.json else _for_people(report, options.output))
    return 0


def _for_people(report: dict[str, Any], output: Path) -> str:
    latency = report["latency_ms"]
    lines = [
        f"{report['frames_out']} of {report['frames_in']} frames segmented, "
        f"{report['dropped']} dropped, {report['fps']} frames per second "
        f"with {Path(report['checkpoint']).stem} on {report['device']} ({report['precision']})",
        f"from picture to masks: p50 {latency['p50']} ms, p95 {latency['p95']} ms, "
        f"p99 {latency['p99']} ms",
    ]
    if report["miou"] is not None:
        lines.append(f"mIoU {report['miou']:.3f}, pixel accuracy {report['pixel_accuracy']:.3f}")
    lines += [f"{output / name}" for name in ("summary.png", "overlay.mp4", "drive", "report.json")]
    return "\n".join(lines)
