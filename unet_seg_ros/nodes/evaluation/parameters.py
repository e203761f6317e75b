# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation node's parameters: what they are, and the parts that their values ask for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_seg_ros.datasets.ego_masks import EgoMasks
from unet_seg_ros.evaluation.scorer import TRUTH_ENCODINGS, Scorer
from unet_seg_ros.labels.label_set import LabelSet, built_in_label_sets
from unet_seg_ros.ros.parameters import (
    MAX_IMAGE_PIXELS,
    ParameterError,
    ParameterSpec,
    filled,
    read_choice,
    refusing,
)

if TYPE_CHECKING:
    from unet_seg_ros.evaluation.frame_keeper import FrameKeeper

PARAMETERS = (
    ParameterSpec(
        "image_topic",
        "/carla/ego_vehicle/rgb_front/image",
        "The camera whose label maps are scored: its image topic, as the segmentation node has it.",
    ),
    ParameterSpec(
        "truth_topic",
        "/carla/ego_vehicle/semantic_segmentation_front/image",
        "The semantic camera: same pose, field of view, size and stamps as the other one.",
    ),
    ParameterSpec(
        "truth_encoding",
        "palette",
        "How the semantic camera shows classes: in colours, as ros-bridge does, or as the class id "
        "in the red channel, as native CARLA does. Nothing in a picture tells.",
        f"One of {', '.join(TRUTH_ENCODINGS)}.",
    ),
    ParameterSpec(
        "truth_label_set",
        "carla29",
        "The label set of the semantic camera: the name of one in the box, or the path of a YAML "
        "file.",
        "carla29 from CARLA 0.9.14 on, carla23 from 0.9.10, carla13 before.",
    ),
    ParameterSpec(
        "prediction_label_set",
        "",
        "The label set of the label maps, given in the same way; empty to take it from the legend "
        "that the segmentation node publishes.",
    ),
    ParameterSpec(
        "ego_mask",
        [""],
        "Where the camera sees the own car, which is not scored: as the segmentation node has it.",
    ),
    ParameterSpec(
        "max_waiting_frames",
        20,
        "How many frames of either side may wait for the other side's frame of the same stamp.",
        range=(1, 1000),
    ),
    MAX_IMAGE_PIXELS,
    ParameterSpec(
        "report_period",
        1.0,
        "Seconds between two reports on ~/score and /diagnostics.",
        range=(0.1, 60.0),
    ),
    ParameterSpec(
        "log_period",
        5.0,
        "Seconds between two lines in the log.",
        range=(0.1, 3600.0),
    ),
    ParameterSpec(
        "report",
        "",
        "The folder that a report is written into when the node ends; empty for none.",
        "An earlier report is replaced.",
    ),
    ParameterSpec(
        "keep_worst",
        0,
        "How many of the frames that were scored worst, at most one of every second, are saved as "
        "training data in the folder worst_frames of the report; 0 for none.",
        range=(0, 10_000),
    ),
)


def make_scorer(values: Mapping[str, Any], truth_set: LabelSet) -> Scorer:
    """Return what counts.

    Raises:
        ParameterError: A value is impossible.
    """
    encoding = read_choice("truth_encoding", values["truth_encoding"], TRUTH_ENCODINGS)
    with refusing("ego_mask"):
        masks = EgoMasks.read(filled(values["ego_mask"]))
    return Scorer(
        truth_set,
        encoding,
        values["max_waiting_frames"],
        values["max_image_pixels"],
        masks.of_camera(values["image_topic"]),
    )


def make_keeper(values: Mapping[str, Any], truth_set: LabelSet) -> FrameKeeper | None:
    """Return what writes the report; None where none is wanted, which spares it torch.

    Raises:
        ParameterError: A value is impossible, or a package that reports need is missing.
    """
    if not values["report"]:
        if values["keep_worst"]:
            raise ParameterError("keep_worst: needs report, the folder that the frames go into")
        return None
    try:
        from unet_seg_ros.evaluation.frame_keeper import FrameKeeper
        from unet_seg_ros.evaluation.live_report import ScoredCamera
    except ImportError as error:
        raise ParameterError(
            f"report: {error}; pip install {error.name}, or leave report empty"
        ) from error
    name = values["truth_label_set"]
    try:
        return FrameKeeper(
            Path(values["report"]).expanduser(),
            ScoredCamera(values["image_topic"], values["truth_topic"], truth_set),
            values["keep_worst"],
            name if name in built_in_label_sets() else str(Path(name).expanduser().absolute()),
            values["max_waiting_frames"],
        )
    except OSError as error:
        raise ParameterError(f"report: {error}") from error
