# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg ego-mask`: a mask of the own car, proposed from a recorded drive."""

from __future__ import annotations

import argparse
from pathlib import Path

from unet_seg_ros.cli.arguments import parse_count, parse_path

_DESCRIPTION = """\
Look for the car that carries the camera in a recorded drive: what is below an edge that stays where
it is across the picture while everything else moves. Two files are written: the mask, a PNG that is
255 on the own car and 0 elsewhere, and beside it NAME_overlay.png, three pictures of the drive with
the mask over them. Look at that one before the mask is used.

One sentence says so, and nothing is written, where no such edge is found or the drive hardly moves.
"""
_EXAMPLES = """\
examples:
  unet-seg ego-mask drive.mp4 --out bonnet.png
  unet-seg ego-mask pictures/front --out front.png --frames 200
  unet-seg ego-mask drive.bag --camera /front/image_raw --out front.png

The mask is what --ego-mask of segment, evaluate, bag segment and bag evaluate, and the parameter
ego_mask of the segmentation node take. Where the proposal is wrong, draw a polygon with labelme
instead and give them its .json file.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "ego-mask",
        help="propose a mask of the own car from a recorded drive",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "drive", type=parse_path, metavar="DRIVE", help="a folder of pictures, a video, or a bag"
    )
    parser.add_argument(
        "--out",
        type=parse_path,
        default=Path("ego_mask.png"),
        metavar="FILE",
        help="the mask to write, .png (default: %(default)s)",
    )
    parser.add_argument(
        "--camera", metavar="TOPIC", help="the camera's image topic, where a bag has several"
    )
    parser.add_argument(
        "--frames",
        type=parse_count,
        default=48,
        metavar="N",
        help="how many pictures to look at, evenly spread (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Propose a mask; return the exit status."""
    import cv2

    from unet_seg_ros.files import check_output, named_when_whole
    from unet_seg_ros.offline.ego_mask import propose
    from unet_seg_ros.pictures.files import write_picture

    out: Path = options.out
    if out.suffix.lower() != ".png":
        raise ValueError(f"{out}: a mask must be a PNG; call it {out.with_suffix('.png')}")
    overlay = out.with_name(f"{out.stem}_overlay.png")
    for path in (out, overlay):
        check_output(path)
    topics = [options.camera] if options.camera else []
    with named_when_whole(out) as mask_path, named_when_whole(overlay) as overlay_path:
        proposal = propose(options.drive, options.frames, topics)
        write_picture(mask_path, proposal.mask)
        write_picture(overlay_path, cv2.cvtColor(proposal.overlay, cv2.COLOR_RGB2BGR))
    share = (proposal.mask > 0).mean()
    print(f"{out}: the own car is {share:.1%} of {proposal.frames} pictures; look at {overlay}")
    return 0
