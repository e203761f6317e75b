# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg train`: from pictures with ground truth to a run folder with a measured checkpoint."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from unet_seg_ros.cli import train_recipe
from unet_seg_ros.cli.arguments import parse_path
from unet_seg_ros.cli.train_options import add_options

if TYPE_CHECKING:
    from unet_seg_ros.training.recipe import Recipe
    from unet_seg_ros.training.run import Outcome

_EXAMPLES = """\
examples:
  unet-seg train --data my_drives --label-set carla29 --out runs/mine
  unet-seg train --data camvid --label-set camvid11 --epochs 60 --out runs/camvid
  unet-seg train --data carla_town02 --data town --crop 160x80 --crop 320x192 --out runs/both
  unet-seg train --data nuclei --label-set nuclei2 --variation microscope --out runs/nuclei
  unet-seg train --data my_drives --init carla29-small --epochs 10 --out runs/tuned
  unet-seg train --data my_drives --init mine.safetensors --widen 2 --out runs/wide
  unet-seg train --data my_drives --encoder efficientnet-lite0 --out runs/pretrained
  unet-seg train --data my_drives --unlabelled drive.mp4 --unlabelled bag --out runs/more
  unet-seg train --recipe nuclei2 --data-root ../shared/data --out runs/nuclei2
  unet-seg train --resume runs/mine

Ctrl-C stops after the step under way, saves, and says how to resume. `unet-seg data check FOLDER`
says beforehand what is in a folder and whether all of it can be read.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "train",
        help="train a network on pictures with ground truth",
        description="Train a U-Net on pictures with ground truth, hold drives apart, score the "
        "network on them while it learns and at the end, and leave a run folder with the best "
        "checkpoint, its model card, curves, samples and logs for TensorBoard.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run_ = parser.add_mutually_exclusive_group(required=True)
    run_.add_argument("--out", type=parse_path, metavar="FOLDER", help="the run folder to write")
    run_.add_argument(
        "--resume",
        type=parse_path,
        metavar="FOLDER",
        help="go on with the training in this run folder, as it began; takes no other option",
    )
    train_recipe.add_arguments(parser.add_argument_group("a recipe"))
    add_options(parser)
    parser.set_defaults(run=run, parse=parser.parse_args, default_of=parser.get_default)


def run(options: argparse.Namespace) -> int:
    """Train as the options say; return the exit status."""
    try:
        from lightning.fabric.utilities.rank_zero import rank_zero_only

        from unet_seg_ros.training import run as training
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is not installed; training needs: pip install -r requirements/train.txt"
        ) from error

    say = rank_zero_only(print)
    folder = options.resume or options.out
    goes_on = f"unet-seg train --resume {folder}"
    if options.resume:
        _refuse_other_options(options)
        outcome = training.resume(folder)
    elif options.recipe:
        goes_on = "the same command"
        found, folder = train_recipe.train_stages(options, _recipe, _begin, training.resume)
        if found is None:
            say(f"{options.recipe}: is trained already; {folder / 'best.safetensors'}")
            return 0
        outcome = found
    else:
        outcome = _begin(options, folder)
    if outcome.scores is None:
        say(f"stopped after step {outcome.step}; go on with: {goes_on}")
        return 130
    for name, score in outcome.scores.items():
        say(
            f"{name}: mIoU {score.miou:.3f}, pixel accuracy {score.pixel_accuracy:.3f} on "
            f"{score.frames} pictures held apart"
        )
    say(f"wrote {folder / 'best.safetensors'}; what happened on the way is beside it")
    return 0


def _begin(options: argparse.Namespace, folder: Path) -> Outcome:
    """Train as the options say, in a new run folder."""
    from unet_seg_ros.training import run as training
    from unet_seg_ros.training.recipe import Hardware

    hardware = Hardware(
        accelerator=options.accelerator,
        devices=options.devices,
        nodes=options.nodes,
        strategy=options.strategy,
        precision=options.precision,
        compile=options.compile,
        workers=options.workers,
    )
    command = shlex.join(["unet-seg", *sys.argv[1:]])
    return training.start(_recipe(options), hardware, folder, command)


def _refuse_other_options(options: argparse.Namespace) -> None:
    for name, value in vars(options).items():
        if name not in ("resume", "run", "parse", "default_of") and value != options.default_of(
            name
        ):
            raise ValueError(
                f"--{name.replace('_', '-')}: a training that is resumed goes on as it began; "
                "leave this away"
            )


def _recipe(options: argparse.Namespace) -> Recipe:
    from unet_seg_ros.training.recipe import Recipe
    from unet_seg_ros.training.trainer import Optimization

    if not options.data:
        raise ValueError("nothing to learn from: give --data FOLDER")
    return Recipe(
        data=options.data,
        optimization=Optimization(
            steps=options.steps or 0,
            learning_rate=options.learning_rate,
            decline=options.decline,
            warm_up=options.warm_up,
            weight_decay=options.weight_decay,
            average_decay=options.average_decay,
            clip_norm=options.clip_norm,
            encoder_rate=options.encoder_rate,
        ),
        epochs=options.epochs,
        label_set=options.label_set,
        preset=options.preset,
        blend=options.blend,
        fit_biases=options.fit_biases,
        encoder=options.encoder,
        encoder_weights=options.encoder_weights or ("imagenet" if options.encoder else "none"),
        decoder=options.decoder,
        freeze_norm=options.freeze_norm,
        start=options.init,
        widen=options.widen,
        input_size=options.input_size,
        enlarge=options.enlarge,
        learn_at=options.learn_at,
        crops=options.crop or ((320, 192),),
        batch_px=options.batch_px,
        variation=options.variation,
        rare=options.rare,
        paste=options.paste,
        unlabelled=options.unlabelled or (),
        unlabelled_share=options.unlabelled_share,
        teacher=options.teacher,
        confidence=options.confidence,
        dice=options.dice,
        lovasz=options.lovasz,
        thin=options.thin,
        max_class_weight=options.max_class_weight,
        validate_every=options.validate_every,
        validation_pictures=options.validation_pictures,
        patience=options.patience,
        skip_bad=options.skip_bad,
        seed=options.seed,
    )
