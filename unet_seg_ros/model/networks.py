# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of networks, each a class and a configuration, told apart by `kind` in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from unet_seg_ros.model import encoder_unet
from unet_seg_ros.model.encoder_unet import EncoderUNet, EncoderUNetConfig
from unet_seg_ros.model.unet import UNet, UNetConfig

Network: TypeAlias = UNet | EncoderUNet
NetworkConfig: TypeAlias = UNetConfig | EncoderUNetConfig


def make_network(config: NetworkConfig) -> Network:
    """Return an untrained network."""
    return EncoderUNet(config) if isinstance(config, EncoderUNetConfig) else UNet(config)


def config_from_dict(values: Mapping[str, Any]) -> NetworkConfig:
    """Build a configuration from untrusted values; those without a kind are a plain U-Net's.

    Raises:
        ValueError: the kind is not known, or a field is missing, unknown or outside its range.
    """
    if "kind" not in values:
        return UNetConfig.from_dict(values)
    rest = {name: value for name, value in values.items() if name != "kind"}
    if values["kind"] == encoder_unet.KIND:
        return EncoderUNetConfig.from_dict(rest)
    raise ValueError(
        f"this unet_seg_ros knows no network of the kind {values['kind']!r:.60}; update it"
    )
