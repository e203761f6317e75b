# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The view in a real browser: that the picture arrives, with the colours of its classes over it.

Rerun's page is one canvas: what a person reads there, a test sees as colours. The names of the
classes are in what the page receives, and test_server reads them from that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import viewed_drive as drive

pytest.importorskip("rerun")
pytest.importorskip("selenium")

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service

from unet_seg_ros.view.drive_log import DriveLog
from unet_seg_ros.view.feed import Feed
from unet_seg_ros.view.server import ServerOptions, ViewServer

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")

pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM.exists() and DRIVER.exists()),
        reason="needs Debian's chromium and chromium-driver",
    ),
    pytest.mark.timeout(900),
]

# On two busy cores, compiling 43 MB of WebAssembly and drawing without a graphics card.
DEADLINE_S = 600
FEWEST_PIXELS = 2000


@pytest.fixture
def url() -> Iterator[str]:
    """Show a drive of three frames; return the address of the page."""
    port, grpc_port = drive.free_ports()
    with ViewServer(ServerOptions(port=port, grpc_port=grpc_port)) as server:
        log = DriveLog(server.connect)
        feed = Feed(log, 1 << 20)
        feed.add_topics(drive.TYPES)
        for message in drive.drive(3):
            for task in feed.take(message.topic, message.data):
                task.run()
        log.close()
        yield server.url


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"]
    arguments += ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    # One pass of compiling is enough for a page that is looked at once.
    arguments += ["--js-flags=--liftoff-only", "--window-size=800,700"]
    for argument in arguments:
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield browser
    browser.quit()


def screenshot(browser: webdriver.Chrome) -> np.ndarray | None:
    """Return what the browser shows, `(H, W, 3)` RGB; None while it is too busy to tell."""
    try:
        png = browser.get_screenshot_as_png()
    except WebDriverException:
        return None
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)


def pixels_of(picture: np.ndarray, color: tuple[int, ...], tolerance: int = 6) -> int:
    """Return how many pixels have a colour, nearly."""
    differences = np.abs(picture.astype(int) - color)
    return int((differences.max(axis=2) <= tolerance).sum())


def blended(color: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the colour of a class over the picture: half of the light of each, as Rerun does."""
    light = (linear(drive.PICTURE_RGB) + linear(color)) / 2
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return tuple(np.rint(255 * srgb).astype(int).tolist())


def linear(color: tuple[int, int, int]) -> np.ndarray:
    """Return the light of an sRGB colour (IEC 61966-2-1), each channel 0 to 1."""
    srgb = np.array(color) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def test_the_picture_arrives_with_its_classes_and_confidence(
    browser: webdriver.Chrome, url: str
) -> None:
    roads, car = (drive.CARLA29.classes[index].color for index in (drive.ROADS, drive.CAR))
    expected = {
        "roads over the picture": blended(roads),
        "cars over the picture": blended(car),
        "confidence": (200, 200, 200),
    }
    # WebGPU is not to be had without a graphics card.
    browser.get(f"{url}/?renderer=webgl")
    end = time.monotonic() + DEADLINE_S
    seen = dict.fromkeys(expected, 0)
    while min(seen.values()) < FEWEST_PIXELS and time.monotonic() < end:
        picture = screenshot(browser)
        if picture is not None:
            seen = {name: pixels_of(picture, color) for name, color in expected.items()}
    assert min(seen.values()) >= FEWEST_PIXELS, seen
