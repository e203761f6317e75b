# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report: its document by hand, and its page as a real browser shows it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arrays import ArrayPictures
from engines import picture, small_checkpoint
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.evaluation import report
from unet_seg_ros.evaluation.evaluation import Evaluation, evaluate
from unet_seg_ros.evaluation.report_page import show_frames
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.labels.label_set import LabelClass, LabelSet

NAMES = ("first & <b>", "second")
HOSTILE = '<script>document.title = "taken over"</script>'
CAMVID = LabelSet.load("camvid11")


@dataclass(frozen=True)
class Measured:
    """An evaluation of two networks on ten frames, some of them in part without labels."""

    segmenters: list[Segmenter]
    pictures: ArrayPictures
    evaluation: Evaluation

    def document(self) -> dict[str, Any]:
        """Return the document of the report."""
        checkpoints = [
            report.checkpoint_section(name, Path(f"{name}.safetensors"), segmenter)
            for name, segmenter in zip(NAMES, self.segmenters, strict=True)
        ]
        facts = report.DataFacts(HOSTILE, "validation", "every other one", 20, ("seen before",))
        section = report.data_section(self.pictures, facts, self.evaluation, NAMES)
        return report.document(checkpoints, [section])

    def write(self, folder: Path) -> None:
        """Write the report."""
        shown = show_frames(self.segmenters, self.pictures, self.evaluation, NAMES)
        report.write_report(folder, self.document(), [shown])


@pytest.fixture(scope="module")
def measured() -> Measured:
    classes = list(CAMVID.classes)
    classes[3] = LabelClass(3, HOSTILE, (1, 2, 3), groups=("drivable",), aliases=("Road",))
    truth_set = LabelSet("camvid11", tuple(classes))
    segmenters = [
        Segmenter(small_checkpoint(), "cpu", "float32", "off", input_size=size)
        for size in ((80, 60), (40, 30))
    ]
    samples: list[Sample | str] = []
    for seed in range(10):
        truth = np.random.default_rng(seed).integers(0, 11, (3, 4)).astype(np.uint8)
        truth[2, 3] = 255
        labels = np.repeat(np.repeat(truth, 200, 0), 200, 1)
        samples.append(Sample(picture(800, 600, seed), labels, f"{HOSTILE}{seed}"))
    pictures = ArrayPictures(samples, truth_set, name=HOSTILE)
    return Measured(segmenters, pictures, evaluate(segmenters, pictures, range(10)))


@pytest.fixture(scope="module")
def folder(measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report")
    measured.write(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("there is no chromium with its chromedriver on this machine")
    options = ChromeOptions()
    options.binary_location = chromium
    options.add_argument("--headless=new")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    chrome = Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def page(browser: Chrome, folder: Path) -> Chrome:
    browser.get((folder / report.PAGE_NAME).as_uri())
    # On a busy machine the first page was seen to be returned half read.
    WebDriverWait(browser, 60).until(
        lambda shown: shown.execute_script("return document.readyState") == "complete"
    )
    return browser


def test_every_picture_is_in_the_page_and_is_shown(page: Chrome) -> None:
    images = page.find_elements(By.TAG_NAME, "img")
    # Nine frames, each with camera, truth, and prediction and errors of both networks.
    assert len(images) == 9 * 6
    assert all(image.get_attribute("src").startswith("data:image/") for image in images)
    sizes = page.execute_script(
        "return [...document.images].map(image => [image.naturalWidth, image.naturalHeight])"
    )
    assert {tuple(size) for size in sizes} == {(480, 360)}


def test_the_page_says_what_is_in_the_document(page: Chrome, folder: Path) -> None:
    text = page.find_element(By.TAG_NAME, "body").text
    document = json.loads((folder / report.JSON_NAME).read_text())
    for item in CAMVID.names:
        assert item in text or item == "Road"
    for result in document["data"][0]["results"]:
        assert f"{result['miou']:.3f}" in text
    for words in (
        *NAMES,
        "no class",
        "Best",
        "Median",
        "Worst",
        "seen before",
        "10 of 20 pictures",
    ):
        assert words in text


def test_names_from_files_are_shown_and_not_run(page: Chrome) -> None:
    assert page.title == f"{NAMES[0]} and {NAMES[1]}: evaluation"
    assert page.find_elements(By.TAG_NAME, "script") == []
    assert HOSTILE in page.find_element(By.TAG_NAME, "body").text


def test_the_browser_has_nothing_to_complain_about(page: Chrome) -> None:
    assert page.get_log("browser") == []


@pytest.mark.parametrize("width", [1280, 600])
def test_nothing_is_wider_than_the_window(page: Chrome, width: int) -> None:
    page.set_window_size(width, 800)
    needed, available = page.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert needed <= available


def test_a_class_has_a_bar_as_long_as_its_iou(page: Chrome, folder: Path) -> None:
    [data] = json.loads((folder / report.JSON_NAME).read_text())["data"]
    lengths = page.execute_script(
        "return [...document.querySelectorAll('.bar > div')]"
        ".map(bar => bar.offsetWidth / bar.parentElement.offsetWidth)"
    )
    ious = [
        result["per_class"][name]["iou"]
        for name in data["results"][0]["per_class"]
        for result in data["results"]
    ]
    assert lengths == pytest.approx(ious, abs=0.01)


def test_the_document_has_counts_and_figures(measured: Measured) -> None:
    document = measured.document()
    assert json.loads(report.to_json(document)) == document
    assert document["format_version"] == report.FORMAT_VERSION
    [data] = document["data"]
    assert (data["frames"], data["available"], data["part"]) == (10, 20, "validation")
    assert data["sizes"] == [{"width": 800, "height": 600, "frames": 10}]
    assert data["unlabelled_share"] == pytest.approx(1 / 12, rel=1e-5)
    result = data["results"][0]
    assert np.sum(result["confusion"]) == 10 * 800 * 600 * 11 / 12
    assert sum(bin_["pixels"] for bin_ in result["calibration"]) == np.sum(result["confusion"])
    matrix = measured.evaluation.results[0].counts.matrix
    assert result["miou"] == pytest.approx(matrix.mean_iou(), rel=1e-5)
    drivable = result["groups"]["drivable"]
    assert drivable["beta"] == 0.5
    assert drivable["f_beta"] == pytest.approx(matrix.f_beta([3], 0.5), rel=1e-5)
    assert result["instances"] is None


@pytest.mark.parametrize(
    ("name", "drivable", "vehicle"),
    [
        ("carla13", {"Road", "RoadLine"}, {"Vehicle"}),
        (
            "carla29",
            {"Roads", "RoadLine"},
            {"Car", "Truck", "Bus", "Train", "Motorcycle", "Bicycle"},
        ),
        ("camvid11", {"Road"}, {"Car"}),
        ("town02", {"Road", "RoadLine"}, None),
        ("nuclei2", None, None),
    ],
)
def test_roads_and_vehicles_are_those_of_the_lyft_challenge(
    name: str, drivable: set[str] | None, vehicle: set[str] | None
) -> None:
    label_set = LabelSet.load(name)
    groups = report.scored_groups(label_set)
    for group, expected in (("drivable", drivable), ("vehicle", vehicle)):
        ids = groups.get(group)
        assert (ids and {label_set.names[id_] for id_ in ids}) == expected


def test_things_are_counted_where_there_is_one_class_beside_the_background() -> None:
    nuclei = LabelSet.load("nuclei2")
    checkpoint = small_checkpoint()
    segmenter = Segmenter(checkpoint, "cpu", "float32", "off")
    truth = np.zeros((60, 80), np.uint8)
    truth[10:20, 10:20] = truth[40:50, 40:50] = 1
    # The network's classes 0 and 1 are called as those of the nuclei.
    names = [replace(item, name=f"x{item.id}") for item in checkpoint.label_set.classes]
    names[:2] = [replace(item, name=n.name) for item, n in zip(names, nuclei.classes, strict=False)]
    checkpoint.label_set = LabelSet("camvid11", tuple(names))
    pictures = ArrayPictures([Sample(picture(80, 60), truth, "cells")], nuclei)
    evaluation = evaluate([segmenter], pictures, [0])
    facts = report.DataFacts("cells", "all", "", 1)
    [result] = report.data_section(pictures, facts, evaluation, ["network"])["results"]
    matrix = evaluation.results[0].counts.matrix
    assert result["groups"]["Nucleus"]["f_beta"] == pytest.approx(matrix.f_beta([1]), rel=1e-5)
    assert result["instances"]["truth"] == 2
    assert list(result["instances"]["f1"])[:2] == ["0.50", "0.55"]
    assert 0 <= result["instances"]["mean_f1"] <= 1


def test_notes_say_what_was_merged_and_what_was_left_out() -> None:
    segmenter = Segmenter(small_checkpoint(), "cpu", "float32", "off")
    carla = LabelSet.load("carla29")
    sample = Sample(picture(80, 60), np.full((60, 80), carla.class_id("Wall"), np.uint8), "one")
    pictures = ArrayPictures([sample], carla)
    evaluation = evaluate([segmenter], pictures, [0])
    notes = report.data_section(pictures, report.DataFacts("", "all", "", 1), evaluation, ["n"])[
        "notes"
    ]
    assert "Building, Wall, Bridge count as Building" in notes[0]
    assert "not scored, as camvid11 has no such class: Unlabeled, Static" in notes[1]
    assert len(notes) == 2


def test_a_checkpoint_tells_what_it_was_trained_on() -> None:
    checkpoint = small_checkpoint()
    checkpoint.data = {
        "town02": "9 pictures",
        "town05": "3 pictures, all held apart",
        "before that": "first saw camvid: 9 pictures; town03: 4 pictures, all held apart; steps: 7",
    }
    assert report.was_trained_on(checkpoint, "town02")
    assert report.was_trained_on(checkpoint, "camvid")
    assert not report.was_trained_on(checkpoint, "town")
    assert not report.was_trained_on(checkpoint, "town05")
    assert not report.was_trained_on(checkpoint, "town03")


def test_writing_leaves_no_other_files(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {report.JSON_NAME, report.PAGE_NAME}
    # Nine frames with six pictures each.
    assert (folder / report.PAGE_NAME).stat().st_size < 9 * 6 * 100_000
