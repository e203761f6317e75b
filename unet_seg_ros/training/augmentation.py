# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a crop is varied, so that a network learns what things are and not how one camera sees them.

The effects are those of albumentations 2.0.8 (MIT, frozen; its successor is AGPL) and not those of
kornia 0.9.0 (Apache-2.0, maintained, also on a GPU). `benchmarks/augmentation.py` lets both do the
same: on a CPU, where every millisecond is the training's, albumentations is 15 to 20 times as
fast, since it works on bytes where kornia works on floating point. It has shadows and sun glare as
well, and takes its random numbers from where it is told, so that what becomes of a picture depends
on that picture's seed alone.
"""

from __future__ import annotations

import os
import random
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.training.weather import NOTHING_KNOWN, Scene, vary_weather

# Read when albumentations is imported, which would ask PyPI for its newest version otherwise.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A  # type: ignore[import-untyped]

Variation = Literal["street", "weather", "microscope", "slide", "light"]
"""What may differ between two pictures of the same:

* `street`: light, colour, weather, sharpness, noise, compression, and left and right;
* `weather`: the same with night, dusk, rain, fog, low sun and wet roads (`training.weather`);
* `microscope`: the same as `street` without weather, and which way is up;
* `slide`: which way is up alone;
* `light`: left and right only, for experiments that need their pictures as they are.
"""


class _TransposeSquares(A.Transpose):
    """Swaps rows and columns of square crops; others keep the shape that a batch needs."""

    def apply(self, img: Uint8Array, **params: Any) -> Uint8Array:
        """Return a picture or a label map, transposed if it is square."""
        if img.shape[0] != img.shape[1]:
            return img
        return np.asarray(super().apply(img, **params))


_MIRRORS = (A.HorizontalFlip, A.VerticalFlip, _TransposeSquares)


class Augmentation:
    """Varies pictures together with their label maps; ids are moved, never mixed or invented.

    Args:
        variation: What may differ.
        scene: What the ids in the label maps say about sky and ground, for `weather`.
        mirrors: Whether left and right, and up and down, may change places, or rows and columns.
    """

    def __init__(
        self, variation: Variation, scene: Scene = NOTHING_KNOWN, *, mirrors: bool = True
    ) -> None:
        effects = {
            "street": _street,
            "weather": _weather,
            "microscope": _microscope,
            "slide": _slide,
            "light": _light,
        }[variation]()
        if not mirrors:
            effects = [effect for effect in effects if not isinstance(effect, _MIRRORS)]
        self._compose = A.Compose(effects)
        self._scene = scene if variation == "weather" else None

    def __call__(
        self, image: Uint8Array, labels: Uint8Array, rng: np.random.Generator
    ) -> tuple[Uint8Array, Uint8Array]:
        """Return another picture of the same, with its label map.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            labels: `(H, W)` uint8.
            rng: What all random numbers come from.
        """
        if self._scene:
            image = vary_weather(image, labels, self._scene, rng)
        # Not set_random_seed, which gives every effect the same random numbers.
        self._compose.set_random_state(rng, random.Random(int(rng.integers(1 << 62))))
        varied = self._compose(image=image, mask=labels)
        return varied["image"], varied["mask"]


class Haze(A.ImageOnlyTransform):
    """Fog that hides what is far: densest at the horizon, thinner towards the lower edge.

    Koschmieder's law, `seen = light * t + airlight * (1 - t)` with the transmittance
    `t = exp(-extinction * distance)`. On a flat road the distance of a row is proportional to
    1 / (rows below the horizon); what is above the horizon counts as far away.
    In place of A.RandomFog, which blends hundreds of circles, one after another, and takes more
    than a hundred times as long.
    """

    # Distance at the lower edge of the picture, as a share of what counts as far away.
    _NEAREST = 0.15

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw where the horizon is, how dense and how bright the fog is."""
        del data
        height = params["shape"][0]
        horizon = height * self.py_random.uniform(0.2, 0.6)
        below = (np.arange(height) - horizon) / (height - horizon)
        distance = self._NEAREST / np.maximum(below, self._NEAREST)
        extinction = self.py_random.uniform(0.4, 1.6)
        return {
            "transmittance": np.exp(-extinction * distance).astype(np.float32),
            "airlight": self.py_random.uniform(140, 230),
        }

    def apply(
        self,
        img: Uint8Array,
        transmittance: npt.NDArray[np.float32],
        airlight: float,
        **_: Any,
    ) -> Uint8Array:
        """Return the picture, `(H, W, 3)` uint8, in fog."""
        seen = transmittance[:, None, None]
        return (img * seen + np.float32(airlight) * (1 - seen)).astype(np.uint8)


def _street() -> list[Any]:
    weather = A.OneOf([
        Haze(p=0.3),
        A.RandomRain(
            slant_range=(-3, 3), drop_length=9, drop_color=(80, 80, 80), blur_value=2,
            brightness_coefficient=0.85, rain_type="heavy", p=0.2,
        ),
        A.RandomShadow(shadow_intensity_range=(0.3, 0.6), p=0.2),
        A.RandomSunFlare((0, 0, 1, 0.4), src_radius=160, p=0.1),
        A.ColorJitter((0.3, 0.6), contrast=(1, 1), saturation=(0.7, 1), hue=(0, 0), p=0.2),
    ], p=0.2)  # fmt: skip
    return [A.HorizontalFlip(p=0.5), weather, *_camera()]


def _weather() -> list[Any]:
    shadow = A.RandomShadow(shadow_intensity_range=(0.3, 0.6), p=0.05)
    return [A.HorizontalFlip(p=0.5), shadow, *_camera()]


def _microscope() -> list[Any]:
    return [*_slide(), *_camera()]


def _slide() -> list[Any]:
    return [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5), _TransposeSquares(p=0.5)]


def _light() -> list[Any]:
    return [A.HorizontalFlip(p=0.5)]


def _camera() -> list[Any]:
    """Return what lens, sensor and encoder do, in the order in which light meets them."""
    return [
        A.OneOf([
            A.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 1.0)),
            A.MotionBlur(blur_limit=(3, 5)),
        ], p=0.2),
        A.PlanckianJitter(temperature_limit=(4500, 10000), p=0.3),
        A.ColorJitter((0.75, 1.2), (0.75, 1.2), (0.6, 1.4), (-0.03, 0.03), p=0.7),
        A.RandomGamma(gamma_limit=(70, 140), p=0.4),
        A.GaussNoise(std_range=(0.008, 0.03), p=0.2),
        A.ImageCompression(quality_range=(40, 90), p=0.2),
    ]  # fmt: skip
