# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A training from beginning to end: a recipe in, a run folder out."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from unet_seg_ros.files import check_writable
from unet_seg_ros.inference.cpu import missing_compiler
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint
from unet_seg_ros.progress import make_bar
from unet_seg_ros.training.biases import fit_biases, has_fitted_biases
from unet_seg_ros.training.blend import blend, is_blended
from unet_seg_ros.training.data import (
    open_data_sets,
    rare_things,
    refuse_one_class,
    rows_of,
    segmentation_loss,
    training_sets,
)
from unet_seg_ros.training.first_network import (
    completed,
    first_network,
    network_label_set,
    starting_checkpoint,
)
from unet_seg_ros.training.hardware import launch, precision
from unet_seg_ros.training.interruption import interruption
from unet_seg_ros.training.model_card import model_card
from unet_seg_ros.training.recipe import Hardware, Recipe
from unet_seg_ros.training.run_folder import (
    BEST,
    LAST,
    RunFolder,
    read_run,
    read_state,
    refuse_used_folder,
)
from unet_seg_ros.training.same_data import digests, refuse_other_data
from unet_seg_ros.training.semi_supervised import load_teacher, semi_supervision
from unet_seg_ros.training.speed import Speed
from unet_seg_ros.training.trainer import Learner
from unet_seg_ros.training.validation import Score, sample_figure, validate
from unet_seg_ros.training.views import Batch, TwinBatch, training_loader
from unet_seg_ros.training.weather import scene_of

# Steps between two rows of figures, for each of which a GPU is waited for.
LOG_EVERY = 20


@dataclasses.dataclass
class Standing:
    """What a training knows of itself beside its learner; kept for resuming."""

    last_miou: float = float("nan")
    best_miou: float = -1.0
    validations_since_best: int = 0

    def update(self, miou: float) -> bool:
        """Take a validation's score into account; return whether it is the best so far.

        Where nothing in its pictures is labelled it is NaN, and the best while none has a number.
        """
        self.last_miou = miou
        if miou > self.best_miou:
            self.best_miou, self.validations_since_best = miou, 0
            return True
        self.validations_since_best += 1
        return self.best_miou < 0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a training ended: after how many steps, and how well by data set.

    `scores` is None where the training was interrupted and can be resumed.
    """

    step: int
    scores: Mapping[str, Score] | None


def start(recipe: Recipe, hardware: Hardware, out: Path, command: str) -> Outcome:
    """Train a new network and leave everything in the folder `out`.

    Args:
        recipe: What to learn from, and how.
        hardware: Where.
        out: The run folder, which must not exist or be empty.
        command: The command line that this came from, for the model card.

    Raises:
        ValueError: The recipe asks for something that is not there; the message says what.
    """
    refuse_used_folder(out)
    check_writable(out)
    training = _Training(launch(hardware), recipe, hardware, out, command)
    training.say_what_is_new()
    training.open_folder()
    return training.run()


def resume(out: Path) -> Outcome:
    """Go on with the training in `out` exactly where it stopped, on hardware of the same kind.

    Raises:
        ValueError: There is nothing that can be resumed, or its data is not what it was.
    """
    run = read_run(out)
    state, facts = read_state(out)
    recipe, hardware = Recipe.from_dict(run["recipe"]), Hardware(**run["hardware"])
    training = _Training(launch(hardware), recipe, hardware, out, str(run["command"]))
    refuse_other_data(out, run.get("digests", ()), training.digests)
    training.restore(state, Standing(**json.loads(facts["standing"])))
    training.open_folder()
    return training.run()


class _Training:
    """A training under way. Only the first rank has a folder to write in."""

    def __init__(
        self, fabric: Fabric, recipe: Recipe, hardware: Hardware, out: Path, command: str
    ) -> None:
        self._fabric = fabric
        self._hardware = hardware
        self._out = out
        self._command = command
        self._folder: RunFolder | None = None
        self._standing = Standing()
        self._kept_step = 0
        # What is soon done comes first: a wrong name is to be refused before pictures are read.
        self._start = starting_checkpoint(recipe)
        self._recipe = recipe = completed(recipe, self._start)
        self._label_set = network_label_set(recipe, self._start)
        teacher = load_teacher(recipe, self._label_set)
        torch.manual_seed(recipe.seed)
        first = first_network(recipe, self._label_set, self._start)
        self._normalization = first.normalization
        self._untaught = first.untaught
        # The network itself is about to learn.
        self._began = copy.deepcopy(first.network.state_dict()) if recipe.blend < 1 else None
        self._data_sets = open_data_sets(recipe)
        rows = rows_of(self._data_sets, self._label_set)
        refuse_one_class(recipe, self._data_sets, rows, self._label_set)
        self._sets = training_sets(recipe, self._data_sets, rows)
        self._rarities = rare_things(recipe, self._data_sets, rows, self._label_set)
        can_teach = self._start is not None and not first.untaught
        self._semi = semi_supervision(
            recipe, teacher, can_teach, self._label_set, self._sets, rows, fabric
        )
        unlabelled = self._semi.unlabelled if self._semi else ()
        # What it began with matters again only where it is blended in at the end.
        checkpoints = (recipe.teacher, recipe.start if recipe.blend < 1 else "")
        self.digests = digests(self._data_sets, rows, unlabelled, checkpoints)
        self._scene = scene_of(self._label_set, rows.admissible)
        self._optimization = recipe.optimization_for(
            sum(len(item.indices) for item in self._sets), fabric.world_size
        )
        on_cuda = fabric.device.type == "cuda"
        # Else a GPU would be waited for at every step, or every rank for the others.
        self._may_look_at_losses = not on_cuda and fabric.world_size == 1
        self._learner = Learner(
            fabric,
            first.network,
            segmentation_loss(recipe, self._data_sets, rows),
            self._normalization,
            self._optimization,
            recipe.seed,
            # On CPUs it gains a tenth and takes a minute (benchmarks/training.py).
            compiled=hardware.compile == "on"
            or (hardware.compile == "auto" and on_cuda and missing_compiler() is None),
        )

        if self._semi:
            self._semi.begin(self._learner, self._optimization.steps)

    def restore(self, state: dict[str, Tensor], standing: Standing) -> None:
        """Take over where another training stopped."""
        self._learner.restore(state)
        self._kept_step = self._learner.step
        self._standing = standing

    def say_what_is_new(self) -> None:
        """Tell which classes the checkpoint that it starts from does not know."""
        if self._untaught and self._fabric.is_global_zero:
            names = ", ".join(self._untaught)
            print(f"{self._recipe.start}: learnt from nothing: {names}", file=sys.stderr)

    def open_folder(self) -> None:
        """Begin to write, or to write on."""
        if self._fabric.is_global_zero:
            self._folder = RunFolder(self._out, self._learner.step)
            self._folder.describe(self._description())

    def run(self) -> Outcome:
        """Learn, validate and write until the end, or until interrupted."""
        recipe = self._recipe
        if self._has_no_patience:  # resumed after it was killed at its end
            return self._finish()
        with interruption() as is_interrupted, self._progress_bar() as bar:
            speed = Speed()
            for batch in self._batches():
                loss = self._learner.learn(*batch)
                step = self._learner.step
                speed.add(len(batch.pictures) * self._fabric.world_size)
                bar.update()
                is_due = step % recipe.validate_every == 0 or step == self._optimization.steps
                if is_due or self._may_look_at_losses:
                    self._stop_if_diverged(loss, is_due)
                if is_due or step % LOG_EVERY == 0:
                    self._log(bar, loss, speed.restart())
                if is_due:
                    self._validate(bar)
                    speed.restart()
                    if self._has_no_patience:
                        break
                if self._any_rank(is_interrupted(), step):
                    return self._pause()
        return self._finish()

    @property
    def _has_no_patience(self) -> bool:
        return 0 < self._recipe.patience <= self._standing.validations_since_best

    def _batches(self) -> DataLoader[Batch | TwinBatch]:
        recipe = self._recipe
        return training_loader(
            self._sets,
            crops=recipe.crops,
            input_size=recipe.learning_size,
            batch_px=recipe.batch_px,
            seed=recipe.seed,
            first_step=self._learner.step,
            steps=self._optimization.steps - self._learner.step,
            workers=self._hardware.workers,
            variation=recipe.variation,
            scene=self._scene,
            rarities=self._rarities,
            pins_memory=self._fabric.device.type == "cuda",
            twins=self._semi.twins if self._semi else None,
            rank=self._fabric.global_rank,
            world=self._fabric.world_size,
        )

    def _stop_if_diverged(self, loss: Tensor, looks_at_weights: bool) -> None:
        """Raise ValueError where the loss, or a weight of the network, is no number."""
        mean = self._fabric.all_reduce(loss)
        assert isinstance(mean, Tensor)
        if mean.isfinite() and (not looks_at_weights or self._learner.is_finite()):
            return
        if self._folder:
            self._folder.close()
        step = self._learner.step
        kept = "nothing was kept, since this was before the first validation"
        if self._kept_step:
            kept = f"{self._out / LAST}.safetensors is what it was at step {self._kept_step}"
        raise ValueError(
            f"the training diverged: at step {step} the loss is {float(mean):.3g}; begin anew with "
            f"a lower --learning-rate than {self._recipe.optimization.learning_rate:g} ({kept})"
        )

    def _any_rank(self, is_interrupted: bool, step: int) -> bool:
        """Return whether the training was interrupted: all ranks must stop at the same step."""
        if self._fabric.world_size == 1:
            return is_interrupted
        if step % LOG_EVERY:
            return False
        flag = torch.tensor(float(is_interrupted), device=self._fabric.device)
        return bool(self._fabric.all_reduce(flag, reduce_op="sum"))

    def _log(self, bar: tqdm[Any], loss: Tensor, pictures_per_s: float) -> None:
        mean = self._fabric.all_reduce(loss)
        assert isinstance(mean, Tensor)
        values = {
            "loss": float(mean),
            "learning_rate": self._optimization.learning_rate_at(self._learner.step - 1),
            "pictures_per_s": pictures_per_s,
        }
        shown = [f"loss {values['loss']:.3f}", f"mIoU {self._standing.last_miou:.3f}"]
        if self._learner.labelled_share is not None:
            values["teacher_sure"] = float(self._learner.labelled_share)
            shown.append(f"teacher sure of {values['teacher_sure']:.0%}")
        bar.set_postfix_str(", ".join([*shown, f"{pictures_per_s:.0f} pictures/s"]))
        if self._folder:
            self._folder.log(self._learner.step, values)

    def _validate(self, bar: tqdm[Any]) -> None:
        """Score the averaged network on some of the pictures held apart, and keep it."""
        checkpoint = self._checkpoint()
        bar.set_description("validating")
        scores = validate(
            self._fabric, checkpoint, self._data_sets, self._recipe.validation_pictures
        )
        bar.set_description("training")
        checkpoint.metrics.update({name: score.to_dict() for name, score in scores.items()})
        is_best = self._standing.update(_mean(score.miou for score in scores.values()))
        if self._folder:
            self._folder.log(
                self._learner.step,
                {
                    "validation_miou": self._standing.last_miou,
                    "validation_pixel_accuracy": _mean(s.pixel_accuracy for s in scores.values()),
                },
            )
            self._folder.add_samples(self._learner.step, sample_figure(checkpoint, self._data_sets))
            self._folder.save_checkpoint(LAST, checkpoint)
            if is_best:
                self._folder.save_checkpoint(BEST, checkpoint)
        self._save_state()

    def _finish(self) -> Outcome:
        """Score the best checkpoint on everything that was held apart, and write its card."""
        self._fabric.barrier()
        checkpoint = load_checkpoint(self._out / f"{BEST}.safetensors")
        # The one is blended, the other fitted already, where this was killed below.
        if self._began and not is_blended(checkpoint):
            blend(checkpoint, self._began, self._recipe.blend)
        if self._recipe.fit_biases and not has_fitted_biases(checkpoint):
            fit_biases(checkpoint, self._sets, self._fabric.device)
        scores = validate(self._fabric, checkpoint, self._data_sets)
        checkpoint.metrics = {name: score.to_dict() for name, score in scores.items()}
        if self._folder:
            self._folder.save_checkpoint(BEST, checkpoint)
            self._folder.write_card(model_card(checkpoint, self._command))
            self._folder.finish()
        return Outcome(self._learner.step, scores)

    def _pause(self) -> Outcome:
        if not self._learner.is_finite():
            self._stop_if_diverged(torch.tensor(torch.nan, device=self._fabric.device), True)
        self._save_state()
        if self._folder:
            self._folder.close()
        return Outcome(self._learner.step, None)

    def _save_state(self) -> None:
        self._kept_step = self._learner.step
        if self._folder:
            standing = json.dumps(dataclasses.asdict(self._standing))
            self._folder.save_state(self._learner.state(), {"standing": standing})

    def _description(self) -> dict[str, Any]:
        """Return what a reader needs to know how this training came about, JSON-able."""
        packages = ("torch", "lightning", "albumentations", "numpy")
        return {
            "command": self._command,
            "recipe": self._recipe.with_absolute_paths().to_dict(),
            "hardware": dataclasses.asdict(self._hardware),
            "steps": self._optimization.steps,
            "data": self._what_it_sees(),
            "digests": self.digests,
            # Whichever of its packages, or the system's own: cv2 knows.
            "versions": {name: version(name) for name in packages} | {"opencv": cv2.__version__},
            "python": platform.python_version(),
            "device": str(self._fabric.device),
            "precision": precision(self._hardware),
            "world_size": self._fabric.world_size,
        }

    def _checkpoint(self) -> Checkpoint:
        steps = f"{self._learner.step} of about {self._recipe.batch_px} pixels"
        size, enlarge = self._recipe.input_size, self._recipe.enlarge
        assert size  # the recipe is completed
        assert enlarge is not None
        return Checkpoint(
            model=self._learner.trained(),
            label_set=self._label_set,
            input_size=size,
            enlarge=enlarge,
            normalization=self._normalization,
            data={**self._what_it_sees(), "steps": steps},
            name=self._out.resolve().name,
        )

    def _what_it_sees(self) -> dict[str, str]:
        sees = {item.pictures.name: item.split.summary for item in self._data_sets}
        for name, what in self._semi.summary.items() if self._semi else ():
            # Labelled and not, the same folder may come twice.
            sees[name] = f"{sees[name]}; {name}: {what}" if name in sees else what
        if self._start:
            before = "; ".join(f"{name}: {what}" for name, what in self._start.data.items())
            sees["before that"] = f"{self._start.name} saw {before}"
        return sees

    def _progress_bar(self) -> tqdm[Any]:
        return make_bar(
            desc="training",
            total=self._optimization.steps,
            initial=self._learner.step,
            unit="step",
            disable=not self._fabric.is_global_zero,
        )


def _mean(values: Iterable[float]) -> float:
    """Return the mean of those that are numbers; NaN where none is."""
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else math.nan
