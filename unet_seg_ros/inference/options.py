# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a network may be run: the choices that engines, parameters and commands offer."""

from __future__ import annotations

from typing import Literal, get_args

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Compile = Literal["auto", "on", "off", "background"]
Upsample = Literal["labels", "logits"]
EngineName = Literal["torch", "tensorrt"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
COMPILE: tuple[Compile, ...] = get_args(Compile)
UPSAMPLE: tuple[Upsample, ...] = get_args(Upsample)
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
