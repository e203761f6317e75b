# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters' values: what they mean, which are refused and why; and their descriptors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from graph import Graph
from rclpy.node import Node
from rclpy.parameter import parameter_dict_from_yaml_file
from rclpy.parameter_client import AsyncParameterClient
from segmentation_graph import NODE, Start

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.nodes.segmentation.groups import Group, resolve_groups
from unet_seg_ros.nodes.segmentation.parameters import (
    PARAMETERS,
    declare_parameters,
    read_settings,
)
from unet_seg_ros.ros.parameters import Changeable, ParameterError, as_word

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config" / "segmentation.yaml"
DOCUMENTED_DEFAULTS = {
    "input_size": "empty: the checkpoint's",
    "palette": "empty: the checkpoint's",
    "outputs": "all five",
}
DOCUMENTED_CHANGES = {
    Changeable.AT_START: "at the start",
    Changeable.UNCONFIGURED: "unconfigured",
    Changeable.ALWAYS: "always",
}


def values(**changes: Any) -> dict[str, Any]:
    return {spec.name: spec.default for spec in PARAMETERS} | changes


def test_defaults_are_possible() -> None:
    settings = read_settings(values())
    assert [camera.image for camera in settings.cameras] == ["/carla/ego_vehicle/rgb_front/image"]
    assert settings.checkpoint is None  # the device decides
    assert settings.input_size is None
    assert settings.threads == 0
    assert settings.warm_up_sizes == ((800, 600),)
    assert settings.groups == (Group("*"),)


def test_values_take_the_form_they_are_used_in() -> None:
    settings = read_settings(
        values(
            input_size="512x384",
            warm_up_sizes=[""],
            outputs=["labels", ""],
            groups=["lane", "mine = Roads, Sky"],
            compile=False,
            checkpoint="~/mine.safetensors",
        )
    )
    assert settings.input_size == (512, 384)
    assert settings.warm_up_sizes == ()
    assert settings.outputs == {"labels"}
    assert settings.groups == (Group("lane"), Group("mine", ("Roads", "Sky")))
    assert settings.compile == "off"
    assert settings.checkpoint == Path.home() / "mine.safetensors"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("image_topics", [], "image_topics: is empty"),
        ("image_topics", None, "image_topics: is empty"),
        ("image_topics", ["/front camera/image"], "is refused"),
        ("image_topics", ["/front//image"], "is refused"),
        ("image_topics", ["/a/image", "/a/image_raw"], "would both publish on '/a/segmentation"),
        ("checkpoint", "", "checkpoint: is empty"),
        ("checkpoint", "nonsense", "there are camvid11, carla29"),
        ("device", "gpu", "one of auto, cpu, cuda"),
        ("precision", "int4", "one of auto, float32"),
        ("engine", "onnx", "one of torch, tensorrt"),
        ("compile", "maybe", "one of auto, on, off"),
        ("compile", [True], "one of auto, on, off"),
        ("compile", None, "one of auto, on, off"),
        ("upsample", "magic", "one of labels, logits"),
        ("input_size", "512", "WIDTHxHEIGHT"),
        ("input_size", "0x384", "WIDTHxHEIGHT"),
        ("warm_up_sizes", ["800x600", "huge"], "'huge' is not a size"),
        ("outputs", ["labels", "smell"], "one of labels, color_mask"),
        ("ego_mask", ["front="], "names no mask"),
        ("ego_mask", ["=mask.png"], "names no mask"),
        ("semantic_camera", "colours", "one of off, palette, tags"),
        ("semantic_camera", True, "one of off, palette, tags"),
        ("semantic_camera_tags", "carla", "one of carla29, carla23, carla13"),
        ("semantic_camera_topics", ["/my truth/image"], "is refused"),
        ("groups", ["lane", "lane"], "'lane' occurs twice"),
        ("groups", ["my lane"], "cannot be part of a topic's name"),
        ("groups", ["mine="], "names no class"),
    ],
)
def test_impossible_value_is_refused_with_the_reason(name: str, value: Any, reason: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read_settings(values(**{name: value}))
    assert str(refused.value).startswith(f"{name}: ")
    assert reason in str(refused.value)


def test_checkpoint_is_a_name_or_a_path() -> None:
    in_the_box = read_settings(values(checkpoint="carla29-small")).checkpoint
    assert in_the_box.parts[-3:] == ("unet_seg_ros", "weights", "carla29-small.safetensors")
    mine = read_settings(values(checkpoint="mine.safetensors")).checkpoint
    assert mine == Path("mine.safetensors")


def test_groups_become_class_ids() -> None:
    label_set = LabelSet.load("carla29")
    groups = resolve_groups((Group("*"), Group("mine", ("roads", "Sky"))), label_set)
    assert groups == {**label_set.groups, "mine": (1, 11)}
    assert resolve_groups((Group("lane"),), label_set) == {"lane": label_set.groups["lane"]}


def test_own_group_may_replace_one_of_the_label_set() -> None:
    groups = (Group("*"), Group("lane", ("RoadLine",)))
    assert resolve_groups(groups, LabelSet.load("carla29"))["lane"] == (24,)


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        (Group("runway"), "has no group 'runway'"),
        (Group("mine", ("Dragon",)), "has no class 'Dragon'"),
    ],
)
def test_group_that_the_label_set_has_not_is_refused(group: Group, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        resolve_groups((group,), LabelSet.load("carla29"))


def test_every_parameter_is_declared_with_a_descriptor() -> None:
    with Graph() as graph:
        node = graph.add(Node("parameters", context=graph.context))
        assert declare_parameters(node) == read_settings(values())
        for spec in PARAMETERS:
            descriptor = node.describe_parameter(spec.name)
            assert descriptor.description
            assert spec.changeable.value in descriptor.additional_constraints
            assert descriptor.read_only == (spec.changeable is Changeable.AT_START)
            ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
            assert bool(ranges) == (spec.range is not None)


def test_config_file_documents_every_parameter_with_its_default() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    loaded = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert loaded == {
        spec.name: spec.default for spec in PARAMETERS if spec.changeable is not Changeable.AT_START
    }
    # A running node refuses the others, so the file has them as comments.
    whole = re.sub(r"^    # (\w+: \S+)$", r"    \1", text, flags=re.MULTILINE)
    assert yaml.safe_load(whole)["/**"]["ros__parameters"] == values()


def test_config_file_is_loaded_into_a_node_as_ros2_param_load_does(
    graph: Graph, start: Start, tmp_path: Path
) -> None:
    """Jazzy's loader wants the node's name in the file, Kilted's takes what is for all nodes."""
    node = start(is_active=False)
    path = tmp_path / "segmentation.yaml"
    changed = CONFIG.read_text(encoding="utf-8").replace("max_batch: 8", "max_batch: 3")
    path.write_text(changed, encoding="utf-8")
    client = AsyncParameterClient(graph.node, NODE)
    graph.spin_until(client.services_are_ready, "the node")
    future = client.load_parameter_file(str(path), use_wildcard=True)
    graph.spin_until(future.done, "an answer")
    parameters = parameter_dict_from_yaml_file(str(path), use_wildcard=True)
    assert [result.reason for result in future.result().results] == [""] * len(parameters)
    names = values().keys() - {"threads", "diagnostics_period", "autostart"}
    assert {name: as_word(node.get_parameter(name).value) for name in names} == {
        name: as_word(value) for name, value in values(max_batch=3).items() if name in names
    }


def test_the_documented_table_is_the_specification() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \| .+ \| (at the start|unconfigured|always) \|$",
        (ROOT / "docs" / "topics.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    documented = {name: (default.strip("`"), when) for name, default, when in rows}
    assert documented == {
        spec.name: (
            DOCUMENTED_DEFAULTS.get(spec.name, json.dumps(spec.default).strip('"')),
            DOCUMENTED_CHANGES[spec.changeable],
        )
        for spec in PARAMETERS
    }
