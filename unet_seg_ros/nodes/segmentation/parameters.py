# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node's parameters: what they are, and what values they may have.

`read_settings` turns the values into a `Settings` or raises a `ParameterError` with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.parameter import Parameter

from unet_seg_ros.datasets.ego_masks import EgoMasks, split_text
from unet_seg_ros.inference.options import (
    COMPILE,
    ENGINES,
    PRECISIONS,
    UPSAMPLE,
    Compile,
    EngineName,
    Precision,
    Upsample,
)
from unet_seg_ros.labels.label_set import built_in_palettes
from unet_seg_ros.messages.topics import OUTPUTS, CameraTopics
from unet_seg_ros.nodes.segmentation.drop_in import DROP_IN_PARAMETERS, DropIn, read_drop_in
from unet_seg_ros.nodes.segmentation.groups import EVERY_GROUP, Group, read_groups
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.geometry import Size, parse_size
from unet_seg_ros.pictures.overlay import OPACITY
from unet_seg_ros.ros.parameters import (
    MAX_IMAGE_PIXELS,
    Changeable,
    ParameterError,
    ParameterSpec,
    as_word,
    check_topic,
    declare,
    filled,
    read_choice,
    refusing,
)
from unet_seg_ros.weights import AUTO, LARGE, SMALL, find_checkpoint

DEVICES = "auto, cpu, cuda, or cuda:N for the graphics card number N"


PARAMETERS = (
    ParameterSpec(
        "image_topics",
        ["/carla/ego_vehicle/rgb_front/image"],
        "The cameras: their image topics. A topic that ends in /compressed carries "
        "sensor_msgs/CompressedImage, any other sensor_msgs/Image.",
        "At least one; the topics of two cameras must differ before their last part.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "checkpoint",
        AUTO,
        "The network: the name of a checkpoint in the box, the path of a .safetensors file, or "
        f"{AUTO}: {LARGE} where the network runs on CUDA, {SMALL} elsewhere. Set while the node is "
        "configured, the new one is loaded beside the old one and takes over between two frames.",
        changeable=Changeable.ALWAYS,
    ),
    ParameterSpec(
        "device",
        "auto",
        "What the network runs on.",
        f"One of {DEVICES}.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "precision",
        "auto",
        "The numbers the network computes with; auto takes what the device is fast at.",
        f"One of {', '.join(PRECISIONS)}.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "engine",
        "torch",
        "What runs the network: torch, or on CUDA tensorrt by ONNX Runtime, which takes minutes "
        "to get ready the first time.",
        f"One of {', '.join(ENGINES)}.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "compile",
        "background",
        "Whether the network is compiled with torch.compile; background compiles where a C++ "
        "compiler is found, while frames run uncompiled; auto compiles before the first frame.",
        f"One of {', '.join(COMPILE)}.",
        is_dynamically_typed=True,  # see as_word
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "input_size",
        "",
        "The size that frames are shrunk to fit in before the network sees them, as WIDTHxHEIGHT "
        "(smaller ones are enlarged where the checkpoint says so); empty for the one that the "
        "checkpoint was trained for.",
        "For example 512x384.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "upsample",
        "labels",
        "What is enlarged to the camera's size: the labels (fast), or the logits (smoother edges, "
        "slower).",
        f"One of {', '.join(UPSAMPLE)}.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "threads",
        0,
        "How many threads of the CPU compute; 0 for as many as the cores, the affinity and the "
        "quota of a container allow.",
        range=(0, 1024),
    ),
    ParameterSpec(
        "warm_up_sizes",
        ["800x600"],
        "The sizes of the cameras' pictures, as WIDTHxHEIGHT, that the network is made ready for "
        "from the start.",
        "For example 800x600; a single empty string for none.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "max_batch",
        8,
        "How many cameras' frames go through the network together.",
        range=(1, 64),
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "outputs",
        list(OUTPUTS),
        "The pictures that are offered beside each camera; none is computed while nobody listens.",
        f"Any of {', '.join(OUTPUTS)}.",
        changeable=Changeable.ALWAYS,
    ),
    ParameterSpec(
        "groups",
        [EVERY_GROUP],
        "The groups of classes that get a topic masks/<group>: the name of a group of the label "
        'set, "name=Class1,Class2" for one of your own, or "*" for every group of the label set.',
        "A name has letters, digits and underscores.",
        changeable=Changeable.ALWAYS,
    ),
    ParameterSpec(
        "overlay_opacity",
        OPACITY,
        "How much of the overlay is the colour mask: 0 nothing but outlines, 1 all.",
        range=(0.0, 1.0),
        changeable=Changeable.ALWAYS,
    ),
    ParameterSpec(
        "palette",
        "",
        "The colours of the classes, in masks and legend: empty for the checkpoint's own, the name "
        "of a palette in the box, or the path of a YAML file like those.",
        f"In the box: {', '.join(built_in_palettes())}.",
        changeable=Changeable.UNCONFIGURED,
    ),
    ParameterSpec(
        "ego_mask",
        [""],
        "Where the cameras see the own car, which is unknown in all masks: a PNG that is other "
        'than 0 there, or polygons drawn with labelme (.json); "camera=FILE" for one camera.',
        'For example "bonnet.png", or "rgb_front=front.png" and "rgb_rear=rear.json".',
        changeable=Changeable.UNCONFIGURED,
    ),
    *DROP_IN_PARAMETERS,
    replace(MAX_IMAGE_PIXELS, changeable=Changeable.ALWAYS),
    ParameterSpec(
        "max_latency_ms",
        0.0,
        "Milliseconds from a frame's arrival to its last mask that are in time; later masks show "
        "in the diagnostics. 0 for no limit.",
        range=(0.0, 60000.0),
        changeable=Changeable.ALWAYS,
    ),
    ParameterSpec(
        "diagnostics_period",
        1.0,
        "Seconds between two reports on /diagnostics.",
        range=(0.1, 60.0),
    ),
    ParameterSpec(
        "autostart",
        False,
        "Whether the node configures and activates itself when it starts; it ends where it cannot.",
    ),
)
BY_NAME = {spec.name: spec for spec in PARAMETERS}


@dataclass(frozen=True)
class Settings:
    """The parameters' values, checked and in the form that they are used in.

    `checkpoint` is None where the device in use decides (`weights.checkpoint_for`).
    """

    cameras: tuple[CameraTopics, ...]
    checkpoint: Path | None
    device: str
    precision: Precision
    engine: EngineName
    compile: Compile
    input_size: Size | None
    upsample: Upsample
    threads: int
    warm_up_sizes: tuple[Size, ...]
    max_batch: int
    outputs: frozenset[str]
    groups: tuple[Group, ...]
    overlay_opacity: float
    palette: str
    ego_mask: tuple[str, ...]
    drop_in: DropIn
    max_image_pixels: int
    max_latency_ms: float
    diagnostics_period: float
    autostart: bool


def declare_parameters(node: Node) -> Settings:
    """Declare every parameter on `node` and return their values.

    Raises:
        ParameterError: a value given at the start is not a possible one.
        rclpy.exceptions.ParameterException: a value has the wrong type or is out of range.
    """
    return read_settings(declare(node, PARAMETERS))


def current_settings(node: Node, changes: Sequence[Parameter] = ()) -> Settings:
    """Return the values of the node's parameters, as they would be after `changes`.

    Raises:
        ParameterError: a changed value is not a possible one.
    """
    values = {name: node.get_parameter(name).value for name in BY_NAME}
    values.update({item.name: item.value for item in changes if item.name in BY_NAME})
    return read_settings(values)


def read_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings that the parameters' `values` mean.

    Raises:
        ParameterError: a value is not a possible one.
    """
    return Settings(
        cameras=_read_cameras(values["image_topics"]),
        checkpoint=_read_checkpoint(values["checkpoint"]),
        device=_read_device(values["device"]),
        precision=read_choice("precision", values["precision"], PRECISIONS),
        engine=read_choice("engine", values["engine"], ENGINES),
        compile=read_choice("compile", as_word(values["compile"]), COMPILE),
        input_size=_read_size("input_size", values["input_size"]) if values["input_size"] else None,
        upsample=read_choice("upsample", values["upsample"], UPSAMPLE),
        threads=values["threads"],
        warm_up_sizes=tuple(
            _read_size("warm_up_sizes", size) for size in filled(values["warm_up_sizes"])
        ),
        max_batch=values["max_batch"],
        outputs=frozenset(
            read_choice("outputs", output, OUTPUTS) for output in filled(values["outputs"])
        ),
        groups=read_groups(values["groups"]),
        overlay_opacity=values["overlay_opacity"],
        palette=values["palette"],
        ego_mask=_read_ego_mask(values["ego_mask"]),
        drop_in=read_drop_in(values),
        max_image_pixels=values["max_image_pixels"],
        max_latency_ms=values["max_latency_ms"],
        diagnostics_period=values["diagnostics_period"],
        autostart=values["autostart"],
    )


def load_ego_masks(settings: Settings) -> EgoMasks:
    """Read the files that say where the cameras see the own car.

    Raises:
        ParameterError: a file is no mask, or two are for the same camera.
    """
    with refusing("ego_mask"):
        return EgoMasks.read(settings.ego_mask)


def read_ego_masks(settings: Settings) -> dict[str, EgoMask]:
    """Read the masks of the own car; by image topic, without cameras that have none.

    Raises:
        ParameterError: a file is no mask, or is for a camera that is not there.
    """
    masks = load_ego_masks(settings)
    with refusing("ego_mask"):
        return masks.of(camera.image for camera in settings.cameras)


def _read_ego_mask(texts: Sequence[str] | None) -> tuple[str, ...]:
    given = tuple(filled(texts))
    with refusing("ego_mask"):
        for text in given:
            split_text(text)
    return given


def _read_cameras(topics: Sequence[str] | None) -> tuple[CameraTopics, ...]:
    cameras = tuple(CameraTopics(topic) for topic in filled(topics))
    if not cameras:
        raise ParameterError("image_topics: is empty; give at least one image topic")
    seen: dict[str, str] = {}
    for item in cameras:
        check_topic("image_topics", item.image)
        if item.camera in seen:
            raise ParameterError(
                f"image_topics: {seen[item.camera]!r} and {item.image!r} would both publish on "
                f"{item.output('labels')!r}; give the cameras names of their own"
            )
        seen[item.camera] = item.image
    return cameras


def _read_checkpoint(name_or_path: str) -> Path | None:
    if name_or_path == AUTO:
        return None
    with refusing("checkpoint"):
        return find_checkpoint(name_or_path)


def _read_device(device: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise ParameterError(f"device: {device!r} is not possible; give one of {DEVICES}")
    return device


def _read_size(name: str, text: str) -> Size:
    with refusing(name):
        return parse_size(text)
