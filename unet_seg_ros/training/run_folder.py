# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The folder that a training leaves: how it was made, how it went, and what came out.

| file | what is in it |
| --- | --- |
| `run.json` | the recipe, the command, versions, how the data was divided, and digests of it |
| `metrics.csv` | loss, learning rate and speed of the steps; the scores of the validations |
| `events.out.tfevents.*` | the same for TensorBoard, with the validation pictures |
| `samples/step_*.png` | validation pictures: camera, truth, prediction |
| `curves.png` | loss and score over the steps |
| `best.safetensors`, `best.md` | the checkpoint that scored best, and its model card |
| `last.safetensors` | the checkpoint of the last validation |
| `state.safetensors` | what resuming needs; gone once the training is complete |
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.files import replaced_when_whole, write_whole
from unet_seg_ros.model.checkpoint import Checkpoint, save_checkpoint
from unet_seg_ros.training.curves import draw_curves

RUN_FILE = "run.json"
METRICS_FILE = "metrics.csv"
STATE_FILE = "state.safetensors"
BEST = "best"
LAST = "last"

FIELDS = (
    "step",
    "loss",
    "learning_rate",
    "pictures_per_s",
    "teacher_sure",
    "validation_miou",
    "validation_pixel_accuracy",
)


class RunFolderError(ValueError):
    """A run folder that cannot be used; the message says which and why."""


def read_run(folder: Path) -> dict[str, Any]:
    """Return what `run.json` says of a run that can be resumed.

    Raises:
        RunFolderError: There is no run, or it is complete.
    """
    run = read_description(folder)
    if not (folder / STATE_FILE).is_file():
        raise RunFolderError(
            f"{folder}: has no {STATE_FILE}: this training is complete, or was stopped before its "
            "first validation; start a new one with --out"
        )
    return run


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `run.json` says of a run, complete or not.

    Raises:
        RunFolderError: There is no run.
    """
    path = folder / RUN_FILE
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: not the description of a training ({error})") from error
    if not isinstance(run, dict):
        raise RunFolderError(f"{path}: not the description of a training")
    return run


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the facts that the training goes on from.

    Raises:
        RunFolderError: The file is damaged.
    """
    try:
        with safe_open(folder / STATE_FILE, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata())
    except SafetensorError as error:
        raise RunFolderError(f"{folder / STATE_FILE}: is damaged ({error})") from error


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Return the rows of `metrics.csv`, each with the fields that it has."""
    return [
        {name: float(value) for name, value in row.items() if name and value}
        for row in _rows(folder)
    ]


def refuse_used_folder(folder: Path) -> None:
    """Raise RunFolderError where a new run would go among other files."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunFolderError(
            f"{folder}: exists and is not empty; name another folder, or go on with the training "
            f"in it: unet-seg train --resume {folder}"
        )


class RunFolder:
    """Writes a run folder, new or resumed; every file in it is whole at any moment.

    Args:
        path: The folder.
        step: The step that the training goes on from; what was logged for later ones is dropped.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        self.path = path
        (path / "samples").mkdir(parents=True, exist_ok=True)
        known = _rows(path) if step else []
        write_whole(
            self.path / METRICS_FILE,
            _csv_text([row for row in known if float(row["step"]) <= step]).encode(),
        )
        self._board = SummaryWriter(str(path), purge_step=step + 1 if step else None)

    def describe(self, run: Mapping[str, Any]) -> None:
        """Write `run.json`."""
        write_whole(self.path / RUN_FILE, (json.dumps(run, indent=2) + "\n").encode())

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add a row of figures, named as in `FIELDS`, to the table and to TensorBoard."""
        with (self.path / METRICS_FILE).open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, FIELDS).writerow({"step": step, **values})
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def add_samples(self, step: int, picture: Uint8Array) -> None:
        """Keep a figure, `(H, W, 3)` uint8 RGB, of what the network sees at this step."""
        encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
        write_whole(self.path / f"samples/step_{step:06}.png", np.asarray(encoded).tobytes())
        self._board.add_image("samples", picture, step, dataformats="HWC")

    def save_state(self, state: Mapping[str, Tensor], facts: Mapping[str, str]) -> None:
        """Write what resuming needs."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        write_whole(self.path / STATE_FILE, safetensors.torch.save(tensors, dict(facts)))

    def save_checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        """Write a checkpoint as `BEST` or `LAST`."""
        save_checkpoint(self.path / f"{name}.safetensors", checkpoint)

    def write_card(self, text: str) -> None:
        """Write the model card of the best checkpoint."""
        write_whole(self.path / f"{BEST}.md", text.encode(errors="backslashreplace"))

    def finish(self) -> None:
        """Draw the curves and say that the training is complete: there is nothing to resume."""
        self.close()
        with replaced_when_whole(self.path / "curves.png") as partial:
            draw_curves(read_metrics(self.path), partial)
        (self.path / STATE_FILE).unlink(missing_ok=True)

    def close(self) -> None:
        """Write out what waits."""
        self._board.close()


def _rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of `metrics.csv` as they were written."""
    with (folder / METRICS_FILE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _csv_text(rows: list[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FIELDS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
