# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a training runs: Lightning Fabric, launched as asked for."""

from __future__ import annotations

import logging

import torch
from lightning.fabric import Fabric

from unet_seg_ros.inference.segmenter import cpu_has_bfloat16
from unet_seg_ros.inference.threads import use_threads
from unet_seg_ros.training.recipe import Hardware


def launch(hardware: Hardware) -> Fabric:
    """Start Lightning Fabric, and with it the processes of the other devices."""
    # Fabric would say which precision it uses; `run.json` does.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy=hardware.strategy,
        precision=precision(hardware),  # type: ignore[arg-type]
    )
    fabric.launch()
    use_threads()
    return fabric


def precision(hardware: Hardware) -> str:
    """Return what to train in, as Lightning calls it: bfloat16 where the hardware has it."""
    if hardware.precision != "auto":
        return hardware.precision
    if torch.cuda.is_available() and hardware.accelerator != "cpu":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = cpu_has_bfloat16()
    return "bf16-mixed" if has_bfloat16 else "32-true"
