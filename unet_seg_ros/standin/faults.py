# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a stand-in can be told to do wrong, to see how a client takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unet_seg_ros.standin.wire import WORLD_INDEX

WORLD = "world"  # among cameras' names, the stream of the world's state


@dataclass(frozen=True)
class Faults:
    """All faults, by default none of them; HELP says what each is."""

    delay: Mapping[str, float] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)
    silent: Sequence[str] = ()
    drop_images: Sequence[int] = ()
    image_latency: float = 0.0
    tear_picture: int = 0
    observer_index: int = WORLD_INDEX

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Faults:
        """From values by name.

        Raises:
            ValueError: there is no fault of this name, or its value is of another type.
        """
        types = {name: _JSON_TYPES[type(value)] for name, value in vars(cls()).items()}
        for name, value in values.items():
            if name not in types:
                raise ValueError(f"unknown fault '{name}': choose from {', '.join(types)}")
            if not isinstance(value, types[name]):
                raise ValueError(f"fault {name}={json.dumps(value)}: must be {HELP[name]}")
        return cls(**values)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Faults:
        """From texts NAME=JSON.

        Raises:
            ValueError: one of them is none.
        """
        values = {}
        for text in texts:
            name, _, value = text.partition("=")
            try:
                values[name] = json.loads(value)
            except json.JSONDecodeError as error:
                raise ValueError(f"fault '{text}': must be NAME=JSON ({error})") from error
        return cls.of(values)


HELP = {
    "delay": '{"method": seconds}: answers come late',
    "error": '{"method": "reason"}: calls are refused',
    "silent": f'["role name", ...]: these cameras send nothing; "{WORLD}" is the world\'s state',
    "drop_images": "[frame, ...]: the pictures of these frames are lost",
    "image_latency": "seconds that pictures come late",
    "tear_picture": "number, counted from 1, of the picture that the server dies half-way through",
    "observer_index": "number that the world's state has in another release (0.9.15: 16)",
}
_JSON_TYPES: Mapping[type, type | tuple[type, ...]] = {
    dict: dict,
    tuple: list,
    float: (int, float),
    int: int,
}
