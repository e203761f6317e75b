# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import numpy.typing as npt
import pytest

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.labels.mapping import label_rows, mapping_between
from unet_seg_ros.training import weather
from unet_seg_ros.training.weather import NOTHING_KNOWN, Scene, scene_of, vary_weather

CARLA = LabelSet.load("carla29")
ROAD, SKY, CAR, BUILDING = (CARLA.class_id(name) for name in ("Roads", "Sky", "Car", "Building"))
SEEDS = range(80)


def scene(*sources: str) -> Scene:
    mappings = [mapping_between(LabelSet.load(name), CARLA) for name in sources or ("carla29",)]
    return scene_of(CARLA, label_rows(mappings).admissible)


def street() -> tuple[Uint8Array, Uint8Array]:
    """Return a street by day: sky over houses over a road with a red car on it."""
    labels = np.full((60, 80), BUILDING, np.uint8)
    labels[:20], labels[30:] = SKY, ROAD
    labels[40:50, 30:50] = CAR
    colors = np.zeros((256, 3), np.uint8)
    colors[[SKY, ROAD, CAR, BUILDING]] = (
        (150, 180, 220),
        (190, 185, 175),
        (200, 30, 30),
        (120, 95, 80),
    )
    return colors[labels], labels


def means(picture: Uint8Array, labels: Uint8Array) -> npt.NDArray[np.float64]:
    return np.array([picture[labels == row].mean() for row in (SKY, ROAD, CAR, BUILDING)])


def varied(monkeypatch: pytest.MonkeyPatch, kind: str, seed: int, **picture: Scene) -> Uint8Array:
    """Return the street in one weather, without rain."""
    only = dict.fromkeys(weather._SHARES, 0.0)
    monkeypatch.setattr(weather, "_SHARES", {**only, kind: 1.0})
    monkeypatch.setattr(weather, "_RAINS", {**only})
    monkeypatch.setattr(weather, "_WET", (0.0, 0.0))
    return vary_weather(*street(), picture.get("scene", scene()), np.random.default_rng(seed))


def test_a_scene_knows_what_is_surely_and_what_is_perhaps_sky() -> None:
    of_camvid = scene("carla29", "town02")
    assert of_camvid.sky[SKY]
    assert not of_camvid.vague[[SKY, ROAD, CAR]].any()
    # The other of Town02 may be the sky, among others.
    assert of_camvid.vague[len(CARLA) :].any()
    assert of_camvid.ground[ROAD]
    assert not of_camvid.ground[[SKY, CAR, BUILDING, 255]].any()


def test_at_night_the_sky_is_darkest_and_the_road_is_lit(monkeypatch: pytest.MonkeyPatch) -> None:
    image, labels = street()
    by_night = np.stack([
        means(varied(monkeypatch, "night", seed), labels) for seed in SEEDS
    ])  # fmt: skip
    # The lamps' glow aside.
    sky, road, *_ = np.median(by_night, axis=0)
    assert sky < 0.1 * means(image, labels)[0]
    assert sky < road < 0.6 * means(image, labels)[1]


def test_without_labels_the_sky_is_told_by_its_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    _, labels = street()
    skies = [
        means(varied(monkeypatch, "night", seed, scene=NOTHING_KNOWN), labels)[0] for seed in SEEDS
    ]
    assert np.median(skies) < 40


def test_fog_hides_the_sky_most(monkeypatch: pytest.MonkeyPatch) -> None:
    _, labels = street()
    for seed in SEEDS:
        picture = varied(monkeypatch, "fog", seed).astype(int)
        # Rows of one colour in the sky; the car keeps some of its red.
        assert np.ptp(picture[:18], axis=(0, 1)).max() < 30
        red, _, blue = picture[labels == CAR].mean(axis=0)
        assert red > blue


def test_a_wet_road_mirrors_what_is_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    image, labels = street()
    image[:20] = (0, 0, 255)
    monkeypatch.setattr(weather, "_SHARES", {"clear": 1.0})
    monkeypatch.setattr(weather, "_RAINS", {"clear": 0.0})
    monkeypatch.setattr(weather, "_WET", (1.0, 1.0))
    for seed in SEEDS:
        picture = vary_weather(image, labels, scene(), np.random.default_rng(seed))
        assert np.array_equal(picture[:28], image[:28])
        red, _, blue = picture[42:][labels[42:] == ROAD].mean(axis=0)
        assert blue > red


def test_rain_is_brighter_than_the_night_and_leaves_most_of_the_picture() -> None:
    night = np.full((120, 160, 3), 10, np.uint8)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        rainy = weather._rain(night.astype(np.float32), rng)
        assert rainy.max() > 40
        assert np.median(rainy) < 40


def test_rain_is_soft_and_grey_or_sharp_and_white() -> None:
    road = np.full((128, 160, 3), 150, np.float32)
    rng = np.random.default_rng(0)
    brightest = [weather._rain(road, rng).max() for _ in range(40)]
    assert min(brightest) < 200
    assert max(brightest) > 240


def test_a_picture_by_night_is_not_darkened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    image, labels = street()
    dark = image // 5
    monkeypatch.setattr(weather, "_SHARES", {"night": 1.0})
    monkeypatch.setattr(weather, "_RAINS", {"night": 0.0})
    monkeypatch.setattr(weather, "_WET", (0.0, 0.0))
    assert np.array_equal(vary_weather(dark, labels, scene(), np.random.default_rng(0)), dark)
