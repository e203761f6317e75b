# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks go out while a device works on the next frames: the node with CUDA's engine, without CUDA.

The device is the processor. Its work ends when a test says so, and everything that happens is noted
in order. Masks are "kept" in the rare moment, made to last, in which what waited is gone.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engines import Processor
from graph import Graph
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
    segment,
    stamp,
)
from sensor_msgs.msg import Image

from unet_seg_ros.inference.batched import BatchedEngine
from unet_seg_ros.inference.segmenter import DeviceLost, Request, Segmenter
from unet_seg_ros.nodes.segmentation.node import SegmentationNode
from unet_seg_ros.nodes.segmentation.outputs import CameraOutputs
from unet_seg_ros.nodes.slots import NewestFrames

SIDE = "/side/image"


class _Device(Processor):
    """A device whose work ends when it is told to.

    Attributes:
        events: What happened.
        hiccup: What the next work raises where it is begun.
    """

    def __init__(self, events: list[str]) -> None:
        super().__init__()
        self.events = events
        self.hiccup: Exception | None = None
        self._permits: threading.Semaphore | None = None

    def hold(self) -> None:
        """Hold what is begun from now on."""
        self.events.clear()
        self._permits = threading.Semaphore(0)

    def end_one(self) -> None:
        """Let the work end that is held, or the next."""
        assert self._permits
        self._permits.release()

    def at_work(self) -> AbstractContextManager[object]:
        """Note that work begins, or fail as told."""
        hiccup, self.hiccup = self.hiccup, None
        if hiccup:
            raise hiccup
        work = super().at_work()
        self.events.append("begun")
        return work

    def finish(self) -> None:
        """Wait for the test."""
        if self._permits:
            self._permits.acquire()
        super().finish()
        self.events.append("done")

    def forget(self) -> None:
        """Note that an engine is closed."""
        super().forget()
        self.events.append("closed")


class _Drive:
    """The node, its cameras, and the devices of its networks in the order in which they came."""

    def __init__(self, graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.devices: list[_Device] = []

        def make_engine(segmenter: Segmenter, *_: Any) -> BatchedEngine:
            self.devices.append(_Device(self.events))
            size, float32 = segmenter.input_size, torch.float32
            device = self.devices[-1]
            return BatchedEngine(segmenter.checkpoint, device, float32, size, "labels", False)

        publish = CameraOutputs.publish

        def noted(outputs: CameraOutputs, output: str, data: bytes) -> None:
            publish(outputs, output, data)
            self.events.append("published")

        monkeypatch.setattr(Segmenter, "_make_engine", make_engine)
        monkeypatch.setattr(CameraOutputs, "publish", noted)
        self._graph = graph
        self.node: SegmentationNode = start(
            image_topics=[FRONT, SIDE], warm_up_sizes=[f"{WIDTH}x{HEIGHT}"]
        )
        self.reports = Reports(graph)
        self.masks = graph.collect(Image, LABELS)
        self._camera = graph.publisher(Image, FRONT)
        graph.listened(self.node, LABELS)
        self._sent = 0
        self.devices[0].hold()

    def send(self, frame: bytes | None = None) -> None:
        """Send a picture whose stamp is its number, or `frame`, and wait until it is there."""
        number = self._sent
        self._camera.publish(frame or message(picture(number), number))
        self._sent += 1
        self.wait_for("frames_in", self._sent)

    def wait_for(self, key: str, count: int) -> None:
        self._graph.spin_until(
            lambda: self.reports.value(FRONT, key) == str(count), f"{count} {key}"
        )

    def wait_for_events(self, *events: str) -> None:
        self._graph.spin_until(lambda: self.events == list(events), f"{events}")


@pytest.fixture
def drive(graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch) -> _Drive:
    return _Drive(graph, start, monkeypatch)


@pytest.fixture
def kept(drive: _Drive, monkeypatch: pytest.MonkeyPatch) -> _Drive:
    """Masks that are kept for a frame that seemed to wait."""
    monkeypatch.setattr(NewestFrames, "is_empty", False)
    drive.send()
    drive.devices[0].end_one()
    drive.wait_for_events("begun", "done")
    return drive


def test_masks_go_out_while_the_device_works_on_what_waited(
    graph: Graph, drive: _Drive, networks: Path
) -> None:
    """And at once where nothing waits; the next batch does not write into them."""
    device = drive.devices[0]
    drive.send()
    drive.wait_for_events("begun")
    drive.send()
    device.end_one()
    drive.wait_for_events("begun", "done", "begun", "published")
    device.end_one()
    graph.spin_until(lambda: len(drive.masks) == 2, "both label maps")
    drive.wait_for_events("begun", "done", "begun", "published", "done", "published")
    assert [stamp(mask) for mask in drive.masks] == [0, 1]
    for number, mask in enumerate(drive.masks):
        checkpoint = networks / "first.safetensors"
        expected = segment(checkpoint, picture(number), Request())["labels"]
        assert np.mean(pixels_of(mask) == expected) >= 0.999
    drive.wait_for("frames_in_work", 0)
    assert drive.reports.value(FRONT, "frames_out") == "2"


def test_masks_do_not_wait_for_frames_of_which_nothing_comes(graph: Graph, kept: _Drive) -> None:
    """However many of them wait."""
    kept.send(b"\x00\x01\x00\x00rubbish!")
    kept.wait_for_events("begun", "done", "published")
    kept.wait_for("frames_in_work", 0)
    assert kept.reports.value(FRONT, "refused.malformed") == "1"
    assert graph.state(NODE) == "active"


def test_a_failure_costs_its_own_frames_alone(graph: Graph, drive: _Drive) -> None:
    device = drive.devices[0]
    drive.send()
    drive.wait_for_events("begun")
    drive.send()
    device.hiccup = RuntimeError("the driver hiccups")
    device.end_one()
    drive.wait_for("dropped.failed", 1)
    device.end_one()
    drive.send()
    graph.spin_until(lambda: len(drive.masks) == 2, "the other label maps")
    assert [stamp(mask) for mask in drive.masks] == [0, 2]
    drive.wait_for("frames_in_work", 0)


def test_a_failure_of_other_frames_leaves_the_masks_that_are_kept_as_they_are(
    graph: Graph, drive: _Drive, networks: Path
) -> None:
    """Those of the same size come after the failure, in the same take."""
    side_labels = "/side/segmentation/labels"
    side_masks = graph.collect(Image, side_labels)
    side = graph.publisher(Image, SIDE)
    graph.listened(drive.node, side_labels)
    drive.send()
    drive.wait_for_events("begun")
    side.publish(message(picture(width=2 * WIDTH)))
    graph.spin_until(lambda: drive.reports.value(SIDE, "frames_in") == "1", "the side's frame")
    drive.send()
    drive.devices[0].hiccup = RuntimeError("the driver hiccups")
    drive.devices[0].end_one()
    drive.devices[0].end_one()
    graph.spin_until(lambda: len(drive.masks) == 2, "both label maps")
    assert [stamp(mask) for mask in drive.masks] == [0, 1]
    checkpoint = networks / "first.safetensors"
    for number, mask in enumerate(drive.masks):
        expected = segment(checkpoint, picture(number), Request())["labels"]
        assert np.mean(pixels_of(mask) == expected) >= 0.999
    drive.wait_for("frames_in_work", 0)
    assert drive.reports.value(SIDE, "dropped.failed") == "1"
    assert not side_masks


def test_masks_go_out_although_the_device_is_lost_in_the_next_batch(
    graph: Graph, drive: _Drive
) -> None:
    drive.send()
    drive.wait_for_events("begun")
    drive.send()
    camera = drive.node._worker.cameras[FRONT]
    drive.devices[0].lost = "an illegal address"
    drive.devices[0].end_one()
    with pytest.raises(DeviceLost, match="an illegal address"):
        graph.spin_until(lambda: False, "the end")
    assert drive.events == ["begun", "done", "published"]
    counts = camera.statistics.take_window()
    assert counts.published == 1
    assert counts.dropped == {"failed": 1}
    assert counts.in_work == 0


def test_masks_that_are_kept_go_out_when_the_node_is_told_to_stop(
    graph: Graph, kept: _Drive
) -> None:
    assert graph.transition(NODE, "deactivate")
    assert kept.events == ["begun", "done", "published"]
    graph.spin_until(lambda: kept.masks, "the label map")
    kept.wait_for("frames_in_work", 0)
    assert kept.reports.value(FRONT, "frames_out") == "1"


def test_masks_that_are_kept_go_out_before_their_network_is_closed(
    graph: Graph, kept: _Drive, networks: Path
) -> None:
    replaced = weakref.ref(kept.node._worker.segmenter)
    path = str(networks / "second one.safetensors")
    assert graph.set_parameters(NODE, {"checkpoint": path}).successful
    graph.spin_until(lambda: replaced() is None, "the network to be freed")
    # Between them, the new network's device was warmed up.
    assert kept.events.index("published") < kept.events.index("closed")
    graph.spin_until(lambda: kept.masks, "the label map")
    kept.wait_for("frames_in_work", 0)
