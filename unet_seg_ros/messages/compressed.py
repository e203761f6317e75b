# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network's pictures as sensor_msgs/CompressedImage, as image_transport's plugin writes them.

Its subscriber (`compressed_image_transport`) takes the encoding of the raw picture from `format`,
up to the semicolon, and the order of the compressed channels from what follows.
"""

from __future__ import annotations

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.messages.images import Header, write_compressed_image

PNG_FORMAT = "mono8; png compressed "
JPEG_FORMAT = "rgb8; jpeg compressed bgr8"

# Rows of label maps are like those above, in runs: smaller and sooner done than the other ways. The
# level comes first, since it sets the strategy back.
_PNG_SETTINGS: tuple[int, ...] = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # from OpenCV 4.11 on
    _PNG_SETTINGS += (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
_JPEG_SETTINGS = (cv2.IMWRITE_JPEG_QUALITY, 90)


def write_compressed_mask(header: Header, pixels: Uint8Array) -> bytes:
    """Serialize a picture that the network made as a sensor_msgs/CompressedImage.

    Args:
        header: Goes into the message as it is.
        pixels: `(H, W)` uint8 becomes a PNG, without loss; `(H, W, 3)` uint8 RGB a JPEG.
    """
    if pixels.ndim == 2:
        _, data = cv2.imencode(".png", pixels, _PNG_SETTINGS)
        return write_compressed_image(header, np.asarray(data, np.uint8), PNG_FORMAT)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, _JPEG_SETTINGS)
    return write_compressed_image(header, np.asarray(data, np.uint8), JPEG_FORMAT)
