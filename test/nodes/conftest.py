# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks, a graph, and the segmentation node on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graph import Graph
from rclpy.parameter import Parameter
from segmentation_graph import FRONT, NODE, save_network

from unet_seg_ros.nodes.segmentation.node import SegmentationNode


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    save_network(folder, "first")
    save_network(folder, "second one")
    save_network(folder, "nuclei", label_set="nuclei2")
    (folder / "damaged.safetensors").write_bytes((folder / "first.safetensors").read_bytes()[:-9])
    return folder


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


@pytest.fixture
def start(graph: Graph, networks: Path) -> Callable[..., SegmentationNode]:
    """Return a function that adds the node with the given parameters, active unless told."""

    def start(is_active: bool = True, **parameters: object) -> SegmentationNode:
        values: dict[str, object] = {
            "image_topics": [FRONT],
            "checkpoint": str(networks / "first.safetensors"),
            "device": "cpu",
            "precision": "float32",
            "compile": "off",
            "warm_up_sizes": [""],
            "diagnostics_period": 0.1,
            **parameters,
        }
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        node = graph.add(SegmentationNode(context=graph.context, parameter_overrides=overrides))
        if is_active:
            assert graph.transition(NODE, "configure")
            assert graph.transition(NODE, "activate")
        return node

    return start
