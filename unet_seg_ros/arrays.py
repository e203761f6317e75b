# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The type of pictures and label maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Uint8Array = npt.NDArray[np.uint8]
