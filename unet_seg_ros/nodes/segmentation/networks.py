# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node's networks: looking at one, loading it, and saying what it is.

Torch takes seconds to import. The node is to answer before that, so it is imported where a thread
loads a network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from unet_seg_ros.labels.label_set import LabelSet, load_palette
from unet_seg_ros.nodes.segmentation.camera import Workload
from unet_seg_ros.nodes.segmentation.forms import offer_of
from unet_seg_ros.nodes.segmentation.parameters import BY_NAME, Settings, load_ego_masks
from unet_seg_ros.packages import needed_packages
from unet_seg_ros.ros.parameters import Changeable, ParameterError
from unet_seg_ros.weights import checkpoint_for

if TYPE_CHECKING:
    from unet_seg_ros.inference.segmenter import Segmenter
    from unet_seg_ros.model.checkpoint import Checkpoint


class GivenUp(Exception):
    """A network that nobody wants any more was not made ready."""


def read_label_set(path: Path) -> LabelSet:
    """Return the label set of a checkpoint, from its header alone where that is sound.

    A set-parameters callback has a millisecond for this, or frames are lost; `load_checkpoint`
    takes a hundred. Damage to the weights is found when they are loaded.

    Raises:
        CheckpointError: the file cannot be used.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            document = json.loads(file.metadata()["unet_seg_ros"])
            return LabelSet.from_dict(document["label_set"])
    except Exception:
        # It knows best what is wrong with a file, and says so soon.
        with needed_packages():
            from unet_seg_ros.model.checkpoint import load_checkpoint

        return load_checkpoint(path).label_set


def label_set_of(settings: Settings, device: str) -> LabelSet:
    """Return the label set of the checkpoint that `settings` mean on the device in use.

    Raises:
        CheckpointError: the file cannot be used.
    """
    return read_label_set(settings.checkpoint or checkpoint_for(device))


def refuse_unusable(settings: Settings, names: Collection[str]) -> None:
    """Refuse those of the parameters called `names` with which nothing can run on this machine.

    Each is looked at by itself: `ros2 param load` sets one after the other, and what does not fit
    the others may fit those that come. Configuring tells.

    Raises:
        ValueError: one cannot be used; the message names it.
    """
    if "checkpoint" in names and settings.checkpoint:
        read_label_set(settings.checkpoint)
    if "palette" in names and settings.palette:
        load_palette(settings.palette)
    if "ego_mask" in names:
        load_ego_masks(settings)
    with needed_packages():
        _refuse_unusable_hardware(settings, names)


def refuse_unfitting(settings: Settings, changed: Collection[str], segmenter: Segmenter) -> None:
    """Refuse settings that a node which runs `segmenter` cannot change to.

    Raises:
        ValueError: one of the parameters called `changed` can only be set while the node is
            unconfigured, the checkpoint cannot be used, or its label set does not fit the others.
    """
    for name in changed:
        if BY_NAME[name].changeable is not Changeable.ALWAYS:
            raise ParameterError(
                f"{name}: can only be set while the node is unconfigured; clean it up"
            )
    label_set = segmenter.label_set
    if "checkpoint" in changed:
        label_set = label_set_of(settings, segmenter.device)
    offer_of(settings, label_set)


def _refuse_unusable_hardware(settings: Settings, names: Collection[str]) -> None:
    """Import torch, which takes seconds, only for what it alone knows."""
    if "device" in names and settings.device not in ("auto", "cpu"):
        from unet_seg_ros.inference.segmenter import choose_device

        choose_device(settings.device)
    if "precision" in names and settings.precision == "float16":
        from unet_seg_ros.inference.segmenter import choose_device, choose_precision

        choose_precision(settings.precision, choose_device("auto"))
    if "engine" in names and settings.engine != "torch":
        from unet_seg_ros.inference.segmenter import choose_device, require_engine

        require_engine(settings.engine, choose_device("auto"), "auto")
    if "compile" in names and settings.compile == "on":
        from unet_seg_ros.inference.cpu import missing_compiler

        if obstacle := missing_compiler():
            raise ParameterError(f"compile: is on, but the network {obstacle}")


def load_segmenter(
    settings: Settings,
    workloads: Sequence[Workload],
    checkpoint: Checkpoint | None = None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Segmenter:
    """Load the checkpoint that `settings` mean on this machine and make it ready for `workloads`.

    With a `checkpoint` that is loaded already, that one, whatever the settings name. `is_wanted` is
    asked before every workload, which may take a minute.

    Raises:
        GivenUp: the network is not wanted any more.
        ValueError: the checkpoint, the palette or the device is not one that can be used, or a
            package is missing.
    """
    with needed_packages():
        from unet_seg_ros.inference.segmenter import Segmenter, choose_device
        from unet_seg_ros.model.checkpoint import load_checkpoint

    if not checkpoint:
        file = settings.checkpoint or checkpoint_for(choose_device(settings.device))
        checkpoint = load_checkpoint(file)
    if settings.palette:
        label_set = checkpoint.label_set.recolored(settings.palette)
        checkpoint = replace(checkpoint, label_set=label_set)
    segmenter = Segmenter(
        checkpoint,
        device=settings.device,
        precision=settings.precision,
        compile=settings.compile,
        input_size=settings.input_size,
        upsample=settings.upsample,
        adapts=False,
        threads=settings.threads,
        engine=settings.engine,
    )
    batch = _batch(settings, segmenter)
    try:
        for workload in workloads:
            if not is_wanted():
                raise GivenUp
            segmenter.warm_up([workload.size], batch, workload.confidence)
    except BaseException:
        segmenter.close()
        raise
    return segmenter


def warm_ones(
    workloads: Collection[Workload], segmenter: Segmenter, settings: Settings
) -> frozenset[Workload]:
    """Return those of the workloads that the network is ready for, as it is."""
    batch = _batch(settings, segmenter)
    return frozenset(
        item for item in workloads if segmenter.is_warm(item.size, batch, item.confidence)
    )


def _batch(settings: Settings, segmenter: Segmenter) -> int:
    """Return how many frames of one size may come in one call."""
    return min(len(settings.cameras), settings.max_batch, segmenter.batch_limit)


def describe(
    segmenter: Segmenter, settings: Settings, workloads: Collection[Workload]
) -> dict[str, str]:
    """Return what a person wants to know about the network in use, for `workloads`."""
    width, height = segmenter.input_size
    return {
        "checkpoint": segmenter.checkpoint.name,
        "label_set": segmenter.label_set.name,
        "device": str(segmenter.device),
        "precision": str(segmenter.precision),
        "engine": segmenter.engine,
        "compiled": _compiled(segmenter, settings, workloads),
        "input_size": f"{width}x{height}",
        "enlarges": "yes" if segmenter.checkpoint.enlarge else "no",
        "notes": "; ".join(segmenter.notes),
        "out_of_memory": str(segmenter.out_of_memory_count),
    }


def _compiled(segmenter: Segmenter, settings: Settings, workloads: Collection[Workload]) -> str:
    if not segmenter.compiled:
        return "no"
    if segmenter.is_compiling or not workloads:
        return "not yet"
    missing = set(workloads) - warm_ones(workloads, segmenter, settings)
    return f"not for {', '.join(map(str, sorted(missing)))}" if missing else "yes"


def summary(segmenter: Segmenter, settings: Settings, workloads: Collection[Workload]) -> str:
    """Return the same as half a sentence for the log."""
    facts = describe(segmenter, settings, workloads)
    what = "{checkpoint} ({label_set}) on {device} in {precision}".format_map(facts)
    is_torch = segmenter.engine == "torch"
    return f"{what}, compiled: {facts['compiled']}" if is_torch else f"{what}, by {facts['engine']}"
