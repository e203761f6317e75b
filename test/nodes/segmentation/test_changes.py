# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the segmentation node set while it is active."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diagnostic_msgs.msg import DiagnosticStatus
from graph import Graph, latched
from rcl_interfaces.srv import GetParameters
from segmentation_graph import (
    FRONT,
    HEIGHT,
    LABELS,
    NODE,
    WIDTH,
    Reports,
    Start,
    message,
    picture,
    pixels_of,
    save_network,
    segment,
    stamp,
)
from sensor_msgs.msg import Image
from std_msgs.msg import String

from unet_seg_ros import weights
from unet_seg_ros.inference import compiling
from unet_seg_ros.inference.cpu import missing_compiler
from unet_seg_ros.inference.frames import Request
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.nodes.segmentation import loader
from unet_seg_ros.nodes.segmentation.networks import label_set_of
from unet_seg_ros.nodes.segmentation.parameters import PARAMETERS, Settings, read_settings

# Torch's compiler takes a minute where others need the processors, too.
COMPILED_S = 200


def test_groups_outputs_and_opacity(graph: Graph, start: Start, networks: Path) -> None:
    node = start(groups=["lane"])
    camera = graph.publisher(Image, FRONT)
    changes = {"groups": ["mine=Sky"], "outputs": ["overlay", "masks"], "overlay_opacity": 1.0}
    assert graph.set_parameters(NODE, changes).successful
    overlays = graph.collect(Image, "/front/segmentation/overlay")
    masks = graph.collect(Image, "/front/segmentation/masks/mine")
    graph.listened(node, "/front/segmentation/overlay")
    graph.listened(node, "/front/segmentation/masks/mine")
    graph.spin_until(
        lambda: (
            not graph.node.get_publishers_info_by_topic(LABELS)
            and not graph.node.get_publishers_info_by_topic("/front/segmentation/masks/lane")
        ),
        "the other topics to go",
    )
    camera.publish(message(picture()))
    graph.spin_until(lambda: overlays and masks, "the outputs")
    expected = segment(
        networks / "first.safetensors",
        picture(),
        Request(overlay=True, overlay_opacity=1.0, groups={"mine": (11,)}),
    )
    np.testing.assert_array_equal(pixels_of(overlays[0]), expected["overlay"])
    np.testing.assert_array_equal(pixels_of(masks[0]), expected["masks/mine"])


def test_checkpoint_is_exchanged_without_losing_a_frame(
    graph: Graph, start: Start, networks: Path
) -> None:
    node = start()
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    path = str(networks / "second one.safetensors")
    sent = 0

    def one_more() -> None:
        nonlocal sent
        camera.publish(message(picture(), stamp_ns=sent))
        sent += 1
        graph.spin_until(lambda: len(masks) == sent, f"label map {sent}")

    one_more()
    assert graph.set_parameters(NODE, {"checkpoint": path}).successful
    while reports.value("engine", "checkpoint") != "second one":
        one_more()
    one_more()
    assert [stamp(mask) for mask in masks] == list(range(sent))
    for mask, name in ((masks[0], "first"), (masks[-1], "second one")):
        expected = segment(networks / f"{name}.safetensors", picture(), Request())["labels"]
        np.testing.assert_array_equal(pixels_of(mask), expected)


def test_checkpoint_with_another_label_set_brings_its_legend_and_groups(
    graph: Graph, start: Start, networks: Path
) -> None:
    start()
    legends = graph.collect(String, "/front/segmentation/legend", latched())
    graph.spin_until(lambda: legends, "the legend")
    path = str(networks / "nuclei.safetensors")
    assert graph.set_parameters(NODE, {"checkpoint": path}).successful
    graph.spin_until(lambda: json.loads(legends[-1].data)["name"] == "nuclei2", "the other legend")
    graph.spin_until(
        lambda: not graph.node.get_publishers_info_by_topic("/front/segmentation/masks/lane"),
        "the lane mask to go",
    )


def test_damage_found_while_loading_is_reported_and_the_old_checkpoint_stays(
    graph: Graph, start: Start, networks: Path
) -> None:
    content = bytearray((networks / "first.safetensors").read_bytes())
    content[-1] ^= 0xFF  # in the weights: its header is sound
    path = networks / "flipped.safetensors"
    path.write_bytes(content)
    start()
    reports = Reports(graph)
    graph.set_parameters(NODE, {"checkpoint": str(path)})
    graph.spin_until(
        lambda: DiagnosticStatus.WARN in reports.levels("engine"), "the report of the damage"
    )
    assert "the checkpoint in use stays" in reports.status("engine").message
    assert "damaged" in reports.status("engine").message
    assert reports.value("engine", "checkpoint") == "first"
    request = GetParameters.Request(names=["checkpoint"])
    (named,) = graph.call(GetParameters, f"{NODE}/get_parameters", request).values
    assert named.string_value == str(networks / "first.safetensors")


def test_auto_takes_the_checkpoint_for_the_device_in_use(
    graph: Graph, start: Start, networks: Path
) -> None:
    node = start(checkpoint="auto")
    reports = Reports(graph)
    graph.spin_until(lambda: reports.value("engine", "checkpoint"), "a report")
    assert reports.value("engine", "checkpoint") == "carla29-small"
    for value, name in ((str(networks / "first.safetensors"), "first"), ("auto", "carla29-small")):
        assert graph.set_parameters(NODE, {"checkpoint": value}).successful
        graph.spin_until(lambda: reports.value("engine", "checkpoint") == name, name)  # noqa: B023
        assert node.get_parameter("checkpoint").value == value


def test_after_a_failed_checkpoint_the_parameter_is_auto_again(
    graph: Graph, start: Start, networks: Path
) -> None:
    content = bytearray((networks / "first.safetensors").read_bytes())
    content[-1] ^= 0xFF  # in the weights: its header is sound
    path = networks / "flipped.safetensors"
    path.write_bytes(content)
    node, reports = start(checkpoint="auto"), Reports(graph)
    assert graph.set_parameters(NODE, {"checkpoint": str(path)}).successful
    graph.spin_until(
        lambda: DiagnosticStatus.WARN in reports.levels("engine"), "the report of the damage"
    )
    assert node.get_parameter("checkpoint").value == "auto"
    assert reports.value("engine", "checkpoint") == "carla29-small"


def test_auto_goes_by_cuda_where_the_network_runs_on_it(
    networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_FOLDER", networks)
    save_network(networks, "carla29-small")
    save_network(networks, "carla29-large", label_set="nuclei2")
    settings = read_settings({spec.name: spec.default for spec in PARAMETERS})
    assert label_set_of(settings, "cpu").name == "carla29"
    assert label_set_of(settings, "cuda:0").name == "nuclei2"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_auto_loads_the_large_checkpoint_on_cuda(
    graph: Graph, start: Start, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_FOLDER", networks)
    save_network(networks, "carla29-large")
    start(checkpoint="auto", device="auto")
    reports = Reports(graph)
    graph.spin_until(lambda: reports.value("engine", "checkpoint"), "a report")
    assert reports.value("engine", "checkpoint") == "carla29-large"


class Loads:
    """Tells of every network that is loaded from now on; all seem to be compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.checkpoints: list[str] = []
        self.error: Exception | None = None
        load = loader.load_segmenter

        def told(
            settings: Settings, workloads: Any, checkpoint: Checkpoint | None, **wanted: Any
        ) -> Segmenter:
            self.checkpoints.append(checkpoint.name if checkpoint else settings.checkpoint.stem)
            if self.error:
                raise self.error
            return load(settings, workloads, checkpoint, **wanted)

        monkeypatch.setattr(loader, "load_segmenter", told)
        monkeypatch.setattr(Segmenter, "compiled", True)
        monkeypatch.setattr(Segmenter, "is_warm", lambda *_: False)


def test_after_a_failed_checkpoint_the_one_in_use_is_made_ready(
    graph: Graph, start: Start, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray((networks / "first.safetensors").read_bytes())
    content[-1] ^= 0xFF
    path = networks / "flipped.safetensors"
    path.write_bytes(content)
    node = start()
    loads, reports, masks = Loads(monkeypatch), Reports(graph), graph.collect(Image, LABELS)
    assert graph.set_parameters(NODE, {"checkpoint": str(path), "groups": ["lane"]}).successful
    graph.spin_until(lambda: DiagnosticStatus.WARN in reports.levels("engine"), "the failure")
    assert reports.value("engine", "ready_for") == ""
    graph.listened(node, LABELS)
    graph.publisher(Image, FRONT).publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    graph.spin_until(
        lambda: reports.value("engine", "ready_for") == f"{WIDTH}x{HEIGHT}", "the network"
    )
    assert loads.checkpoints == ["flipped", "first"]


def test_what_a_network_cannot_be_made_ready_for_is_tried_once(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = start()
    loads, reports, masks = Loads(monkeypatch), Reports(graph), graph.collect(Image, LABELS)
    loads.error = ValueError("there is no room")
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    for number in (1, 2, 3):
        camera.publish(message(picture()))
        graph.spin_until(
            lambda: (
                len(masks) == number  # noqa: B023
                and DiagnosticStatus.WARN in reports.levels("engine")
            ),
            "a label map, and the failure",
        )
    assert loads.checkpoints == ["first"]
    assert reports.status("engine").message == (
        f"the network cannot be made ready for {WIDTH}x{HEIGHT}: there is no room"
    )
    assert reports.value("engine", "ready_for") == ""


@pytest.mark.timeout(300)
@pytest.mark.skipif(missing_compiler() is not None, reason="there is no C++ compiler")
def test_network_is_compiled_beside_for_a_size_that_nobody_announced(
    graph: Graph, start: Start
) -> None:
    node = start(compile="auto")
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    graph.spin_until(lambda: reports.value("engine", "loading") == "no", "a report")
    assert reports.value("engine", "ready_for") == ""
    assert reports.value("engine", "compiled") == "not yet"

    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map, uncompiled")
    graph.spin_until(
        lambda: (
            reports.value("engine", "ready_for") == f"{WIDTH}x{HEIGHT}"
            and reports.value("engine", "loading") == "no"
        ),
        "the compiled network",
        deadline_s=COMPILED_S,
    )
    camera.publish(message(picture()))
    graph.spin_until(lambda: len(masks) == 2, "a label map, compiled")


@pytest.mark.timeout(300)
@pytest.mark.skipif(missing_compiler() is not None, reason="there is no C++ compiler")
def test_the_first_masks_do_not_wait_for_the_compiler(graph: Graph, start: Start) -> None:
    with compiling._one_at_a_time:  # the compiler does not begin
        node = start(compile="background", warm_up_sizes=[f"{WIDTH}x{HEIGHT}"])
        reports, masks = Reports(graph), graph.collect(Image, LABELS)
        camera = graph.publisher(Image, FRONT)
        graph.listened(node, LABELS)
        camera.publish(message(picture()))
        graph.spin_until(lambda: masks, "a label map, uncompiled")
        graph.spin_until(lambda: reports.value("engine", "first_mask_s"), "the time of the first")
        assert reports.value("engine", "compiled") == "not yet"
    graph.spin_until(
        lambda: reports.value("engine", "compiled") == "yes", "the compiler", deadline_s=COMPILED_S
    )
    camera.publish(message(picture()))
    graph.spin_until(lambda: len(masks) == 2, "a label map, compiled")


class Compiler:
    """Takes the place of torch's, which takes its time: "compiles" nothing, for whatever shape.

    Attributes:
        heights: The heights of pictures that the network was compiled for so far.
        broken_for: The height for which compiling fails.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heights: list[int] = []
        self.broken_for = 0
        monkeypatch.setattr(torch, "compile", self._compile)

    def _compile(self, network: Callable[..., Any], **_: object) -> Callable[..., Any]:
        is_compiled = False

        def run(image: torch.Tensor, *arguments: Any) -> Any:
            nonlocal is_compiled
            height = image.shape[-2]
            if height == self.broken_for:
                raise RuntimeError("the disk is full")
            if not is_compiled:
                is_compiled = True
                self.heights.append(height)
            return network(image, *arguments)

        return run


@pytest.mark.skipif(missing_compiler() is not None, reason="there is no C++ compiler")
def test_network_that_cannot_be_compiled_for_a_new_size_does_not_replace_one_that_is_compiled(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = Compiler(monkeypatch)
    node = start(compile="auto", warm_up_sizes=[f"{WIDTH}x{HEIGHT}"])
    reports, masks = Reports(graph), graph.collect(Image, LABELS)
    camera = graph.publisher(Image, FRONT)
    graph.listened(node, LABELS)
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    graph.spin_until(lambda: reports.value("engine", "compiled") == "yes", "a report")
    assert compiler.heights == [24]

    compiler.broken_for = 32
    in_use = node._worker.segmenter
    camera.publish(message(picture(width=HEIGHT, height=WIDTH)))
    graph.spin_until(lambda: DiagnosticStatus.WARN in reports.levels("engine"), "the failure")
    said = reports.status("engine").message
    assert said.startswith(f"the network cannot be made ready for {HEIGHT}x{WIDTH}: runs uncomp")
    assert "the disk is full" in said
    assert node._worker.segmenter is in_use
    assert reports.value("engine", "compiled") == f"not for {HEIGHT}x{WIDTH}"
    camera.publish(message(picture()))
    graph.spin_until(lambda: len(masks) == 3, "a label map")
    graph.spin_until(lambda: reports.value("engine", "compiled") == "yes", "a report")
    assert compiler.heights == [24]


@pytest.mark.skipif(missing_compiler() is not None, reason="there is no C++ compiler")
def test_sizes_that_are_the_same_to_the_network_are_compiled_once(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = Compiler(monkeypatch)
    with compiling._one_at_a_time:  # the compiler does not begin
        node = start(compile="background", warm_up_sizes=[f"{WIDTH}x{HEIGHT}"])
        reports, masks = Reports(graph), graph.collect(Image, LABELS)
        camera = graph.publisher(Image, FRONT)
        graph.listened(node, LABELS)
        for size in (2, 3):
            camera.publish(message(picture(width=size * WIDTH, height=size * HEIGHT)))
            graph.spin_until(lambda: len(masks) == size - 1, "a label map")  # noqa: B023
            count = len(reports.levels("engine"))
            graph.spin_until(lambda: len(reports.levels("engine")) > count + 1, "reports")  # noqa: B023
        assert reports.value("engine", "compiled") == "not yet"
        assert reports.value("engine", "loading") == "no"
    graph.spin_until(
        lambda: f"{3 * WIDTH}x{3 * HEIGHT}" in reports.value("engine", "ready_for"), "the compiler"
    )
    assert reports.value("engine", "compiled") == "yes"
    assert reports.value("engine", "loading") == "no"
    assert compiler.heights == [24]


@pytest.mark.skipif(missing_compiler() is not None, reason="there is no C++ compiler")
def test_checkpoints_that_were_given_up_are_not_compiled_before_the_wanted_one(
    graph: Graph, start: Start, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = Compiler(monkeypatch)
    start(compile="auto", warm_up_sizes=[f"{WIDTH}x{HEIGHT}", f"{WIDTH}x{WIDTH}"])
    reports = Reports(graph)
    assert compiler.heights == [24, 32]
    names = ["second one", "first", "second one", "first", "second one"]
    with compiling._one_at_a_time:  # the compiler is busy, with the first of these next
        for name in names:
            path = str(networks / f"{name}.safetensors")
            assert graph.set_parameters(NODE, {"checkpoint": path}).successful
    graph.spin_until(lambda: reports.value("engine", "checkpoint") == "second one", "the last one")
    assert compiler.heights[2:].count(32) == 1


@pytest.mark.parametrize(("name", "reason"), [("missing", "no checkpoint"), ("damaged", "damaged")])
def test_bad_checkpoint_is_refused_and_the_old_one_stays(
    graph: Graph,
    start: Start,
    networks: Path,
    name: str,
    reason: str,
) -> None:
    node = start()
    masks = graph.collect(Image, LABELS)
    graph.listened(node, LABELS)
    result = graph.set_parameters(NODE, {"checkpoint": str(networks / f"{name}.safetensors")})
    assert not result.successful
    assert reason in result.reason
    graph.publisher(Image, FRONT).publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")


def test_checkpoint_that_does_not_fit_the_groups_is_refused(
    graph: Graph, start: Start, networks: Path
) -> None:
    start(groups=["lane"])
    result = graph.set_parameters(NODE, {"checkpoint": str(networks / "nuclei.safetensors")})
    assert not result.successful
    assert "no group 'lane'" in result.reason


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("groups", ["runway"], "no group 'runway'"),
        ("groups", ["mine=Dragon"], "no class 'Dragon'"),
        ("outputs", ["labels", "smell"], "'smell' is not possible"),
        ("overlay_opacity", 1.5, "overlay_opacity"),
        ("device", "cuda", "only be set while the node is unconfigured"),
        ("image_topics", ["/rear/image"], "only be set while the node is unconfigured"),
        ("diagnostics_period", 0.5, "read-only"),
    ],
)
def test_wrong_change_is_refused_with_the_reason(
    graph: Graph,
    start: Start,
    name: str,
    value: object,
    reason: str,
) -> None:
    start()
    result = graph.set_parameters(NODE, {name: value})
    assert not result.successful
    assert reason in result.reason


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("palette", "sepia", "give one of colorblind"),
        ("device", "cuda:99", "cuda:99"),
        ("checkpoint", "nonsense", "there are camvid11, carla29"),
        ("checkpoint", "/none.safetensors", "no checkpoint at /none.safetensors"),
        ("ego_mask", ["/none.png"], "ego_mask: /none.png: cannot be read"),
        ("image_topics", ["front camera"], "image_topics: 'front camera' is refused"),
        ("input_size", "800", "input_size: '800' is not a size"),
        ("compile", [True], "compile: [True] is not possible"),
        ("upsample", "magic", "upsample: 'magic' is not possible"),
    ],
)
def test_what_cannot_be_used_is_refused_before_configure(
    graph: Graph, start: Start, name: str, value: object, reason: str
) -> None:
    node = start(is_active=False)
    before = node.get_parameter(name).value
    result = graph.set_parameters(NODE, {name: value})
    assert not result.successful
    assert reason in result.reason
    assert node.get_parameter(name).value == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("device", "cuda", "there is no CUDA here"),
        ("precision", "float16", "precision float16 needs CUDA"),
        ("engine", "tensorrt", "engine tensorrt needs CUDA"),
    ],
)
def test_what_needs_cuda_is_refused_where_there_is_none(
    graph: Graph, start: Start, name: str, value: object, reason: str
) -> None:
    start(is_active=False)
    result = graph.set_parameters(NODE, {name: value})
    assert not result.successful
    assert reason in result.reason


def test_compiling_is_refused_where_there_is_no_compiler(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    start(is_active=False)
    result = graph.set_parameters(NODE, {"compile": "on"})
    assert not result.successful
    assert "there is no C++ compiler (no-such-compiler)" in result.reason


def test_what_fits_nothing_yet_is_accepted_before_configure(
    graph: Graph, start: Start, networks: Path
) -> None:
    """Files of parameters are loaded one by one: what a value has to fit may come after it."""
    start(is_active=False)
    changes = {
        "groups": ["tissue=Nucleus"],
        "checkpoint": str(networks / "nuclei.safetensors"),
    }
    for name, value in changes.items():
        assert graph.set_parameters(NODE, {name: value}).successful
    assert graph.transition(NODE, "configure")
