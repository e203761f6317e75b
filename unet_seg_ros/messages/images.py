# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in and out of serialized ROS messages.

`sensor_msgs/Image` and `sensor_msgs/CompressedImage` are read and written as the bytes that travel
over DDS (`create_subscription(..., raw=True)`, `publisher.publish(bytes)`), so that no message
object is ever filled. A message is untrusted: whatever it holds, reading it gives a picture of at
most `max_pixels` pixels or raises `BadImage`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal, NamedTuple

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import TO_RGB, ColorOrder
from unet_seg_ros.messages.cdr import CdrError, CdrReader, CdrWriter
from unet_seg_ros.pictures.header import compressed_size, is_cut_jpeg
from unet_seg_ros.units import NS_PER_S

BadImageCause = Literal["truncated", "step", "size", "encoding", "undecodable", "malformed"]

# The full names of the two message types that hold pictures.
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"


# The 8-bit encodings of sensor_msgs/image_encodings.hpp and their order of channels. The 8UC forms
# do not say one: they are taken in OpenCV's order, as cv_bridge does.
_COLOR_ORDERS: dict[str, ColorOrder] = {
    "rgb8": "rgb",
    "bgr8": "bgr",
    "rgba8": "rgba",
    "bgra8": "bgra",
    "8UC3": "bgr",
    "8UC4": "bgra",
}
_GRAY_ENCODINGS = frozenset({"mono8", "8UC1"})


class _Conversion(NamedTuple):
    """How pixels of an encoding become bgr8: cv2.cvtColor's code, None where they are BGR."""

    pixel_type: str
    channels: int
    code: int | None


# OpenCV names a Bayer pattern after the second row's second and third pixel, ROS after the first
# row's first two and the second row's first two: RGGB here is BayerBG there.
# These are converted here because cv_bridge's pure Python form lacks most of them (16 bits, YUV,
# bayer_grbg8) and its compiled form, on some installations, does not import with NumPy 2.
_CONVERSIONS = {
    "bayer_rggb8": _Conversion("u1", 1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": _Conversion("u1", 1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": _Conversion("u1", 1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": _Conversion("u1", 1, cv2.COLOR_BayerGB2BGR),
    "bayer_rggb16": _Conversion("u2", 1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr16": _Conversion("u2", 1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg16": _Conversion("u2", 1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg16": _Conversion("u2", 1, cv2.COLOR_BayerGB2BGR),
    "yuv422": _Conversion("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": _Conversion("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": _Conversion("u1", 2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": _Conversion("u1", 2, cv2.COLOR_YUV2BGR_YUY2),
    "mono16": _Conversion("u2", 1, cv2.COLOR_GRAY2BGR),
    "rgb16": _Conversion("u2", 3, cv2.COLOR_RGB2BGR),
    "rgba16": _Conversion("u2", 4, cv2.COLOR_RGBA2BGR),
    "bgr16": _Conversion("u2", 3, None),
    "bgra16": _Conversion("u2", 4, cv2.COLOR_BGRA2BGR),
}

# image_transport's plugin compresses the mosaic of a Bayer picture as it is, and then says nothing
# of the compressed channels. Where it says `mono8`, as newer ones do of JPEG, the picture is grey.
_COMPRESSED_MOSAIC = re.compile(r"(bayer_\w+); ?(?:jpeg|png) compressed ?")

# The others are BGR or BGRA already.
_TO_BGR = {"rgb": cv2.COLOR_RGB2BGR, "rgba": cv2.COLOR_RGBA2BGR}

_WRITABLE_CHANNELS = {"mono8": 1, "rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4}


class BadImage(ValueError):
    """A message that holds no usable picture.

    `cause` says why, in one word to count by:

    * `truncated`: there is less data than height x step.
    * `step`: a row is said to be shorter than its pixels.
    * `size`: no pixels at all, or more than `max_pixels`.
    * `encoding`: unknown, not a camera picture (depth), or not convertible here.
    * `undecodable`: a compressed picture that does not decode.
    * `malformed`: the bytes are not a serialized message of the topic's type.
    """

    def __init__(self, cause: BadImageCause, message: str) -> None:
        super().__init__(message)
        self.cause: BadImageCause = cause


@dataclass(frozen=True)
class Header:
    """A std_msgs/Header: when (nanoseconds) and in which frame the picture was taken."""

    stamp_ns: int
    frame_id: str


@dataclass(frozen=True)
class Image:
    """A picture as a message held it.

    `pixels` is `(H, W, 3|4)` uint8, channels in `color_order`. It may be a read-only view of the
    message's bytes, and its rows may be further apart than their length.
    """

    header: Header
    pixels: Uint8Array
    color_order: ColorOrder

    def rgb(self) -> Uint8Array:
        """Return the pixels as `(H, W, 3)` RGB; where they are that already, the same array."""
        return self._with_channels(TO_RGB[self.color_order])

    def bgr(self) -> Uint8Array:
        """Return the pixels as `(H, W, 3|4)` BGR or BGRA; where they are so, the same array."""
        return self._with_channels(_TO_BGR.get(self.color_order))

    def gray(self) -> Uint8Array:
        """Return the `(H, W)` channel of a gray picture, which comes as three equal ones."""
        return np.asarray(cv2.extractChannel(self.pixels, 0), np.uint8)

    def _with_channels(self, code: int | None) -> Uint8Array:
        return (
            self.pixels if code is None else np.asarray(cv2.cvtColor(self.pixels, code), np.uint8)
        )


@dataclass(frozen=True)
class _RawImage:
    """The fields of a sensor_msgs/Image, unchecked."""

    header: Header
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview


def read_image(data: bytes, max_pixels: int) -> Image:
    """Read a serialized sensor_msgs/Image.

    The common 8-bit colour encodings (rgb8, bgr8, rgba8, bgra8, and 8UC3, 8UC4 as BGR, BGRA) become
    a view of `data`, row padding skipped by the view's strides. Gray ones (mono8, 8UC1) are
    repeated into three channels. Bayer, YUV 4:2:2 and 16-bit colour encodings become BGR, 16 bits
    scaled by 255/65535 as cv_bridge scales them. Any other encoding is handed to cv_bridge.

    Raises:
        BadImage: The message holds no usable picture of at most `max_pixels` pixels.
    """
    raw = _read_image_fields(data)
    _check_size(raw.width, raw.height, max_pixels)
    if raw.encoding in _COLOR_ORDERS:
        color_order = _COLOR_ORDERS[raw.encoding]
        return Image(raw.header, _pixel_view(raw, "u1", len(color_order)), color_order)
    if raw.encoding in _GRAY_ENCODINGS:
        pixels = np.asarray(cv2.cvtColor(_pixel_view(raw, "u1", 1), cv2.COLOR_GRAY2BGR), np.uint8)
    elif raw.encoding in _CONVERSIONS:
        pixels = _convert_to_bgr(raw, _CONVERSIONS[raw.encoding])
    else:
        pixels = _convert_with_cv_bridge(raw)
    return Image(raw.header, pixels, "bgr")


def read_compressed_image(data: bytes, max_pixels: int) -> Image:
    """Read a serialized sensor_msgs/CompressedImage that holds a JPEG or PNG.

    The picture comes as BGR, also where it is the mosaic of a Bayer camera. Its size is read from
    its own header before it is decoded, so that a small message cannot ask for a large allocation.

    Raises:
        BadImage: The message holds no usable picture of at most `max_pixels` pixels.
    """
    try:
        cdr = CdrReader(data)
        header = _read_header(cdr)
        image_format = cdr.string()
        compressed = cdr.octets()
    except CdrError as error:
        raise BadImage("malformed", f"not a sensor_msgs/CompressedImage: {error}") from None
    return Image(header, _decode(compressed, image_format, max_pixels), "bgr")


def read_any_image(data: bytes, max_pixels: int, *, compressed: bool) -> Image:
    """Read a serialized sensor_msgs/CompressedImage or, where it is not `compressed`, an Image.

    Raises:
        BadImage: As either of them.
    """
    return (read_compressed_image if compressed else read_image)(data, max_pixels)


def write_image(header: Header, pixels: Uint8Array, encoding: str) -> bytes:
    """Serialize a sensor_msgs/Image with tight rows.

    Args:
        header: Goes into the message as it is.
        pixels: `(H, W)` or `(H, W, C)` uint8; copied once when C-contiguous.
        encoding: mono8, rgb8, bgr8, rgba8 or bgra8.

    Raises:
        ValueError: The pixels do not have the encoding's shape or type, or it is not one of these.
    """
    height, width = pixels.shape[:2]
    channels = _WRITABLE_CHANNELS.get(encoding)
    if channels is None:
        raise ValueError(
            f"cannot write encoding {encoding!r}, only {', '.join(_WRITABLE_CHANNELS)}"
        )
    if pixels.dtype != np.uint8 or pixels.size != height * width * channels:
        raise ValueError(
            f"{encoding} takes uint8 pixels of shape (H, W, {channels}), "
            f"not {pixels.dtype} of shape {pixels.shape}"
        )
    cdr = CdrWriter()
    _write_header(cdr, header)
    cdr.uint32(height)
    cdr.uint32(width)
    cdr.string(encoding)
    cdr.uint8(0)  # is_bigendian
    cdr.uint32(width * channels)
    return cdr.close_with_octets(np.ascontiguousarray(pixels).data)


def write_mask(header: Header, pixels: Uint8Array) -> bytes:
    """Serialize a picture that the network made: `(H, W)` as mono8, `(H, W, 3)` as rgb8."""
    return write_image(header, pixels, "mono8" if pixels.ndim == 2 else "rgb8")


def write_compressed_image(header: Header, compressed: Uint8Array, image_format: str) -> bytes:
    """Serialize a sensor_msgs/CompressedImage.

    Args:
        header: Goes into the message as it is.
        compressed: `(N,)` uint8, the encoded file as cv2.imencode gives it.
        image_format: "jpeg", "png", ...
    """
    cdr = CdrWriter()
    _write_header(cdr, header)
    cdr.string(image_format)
    return cdr.close_with_octets(compressed.data)


def _read_image_fields(data: bytes) -> _RawImage:
    try:
        cdr = CdrReader(data)
        return _RawImage(
            header=_read_header(cdr),
            height=cdr.uint32(),
            width=cdr.uint32(),
            encoding=cdr.string(),
            is_bigendian=cdr.uint8(),
            step=cdr.uint32(),
            data=cdr.octets(),
        )
    except CdrError as error:
        raise BadImage("malformed", f"not a sensor_msgs/Image: {error}") from None


def _read_header(cdr: CdrReader) -> Header:
    seconds, nanoseconds = cdr.int32(), cdr.uint32()
    if nanoseconds >= NS_PER_S:
        raise CdrError(f"a stamp has {nanoseconds} nanoseconds beside its seconds")
    return Header(seconds * NS_PER_S + nanoseconds, cdr.string())


def _write_header(cdr: CdrWriter, header: Header) -> None:
    seconds, nanoseconds = divmod(header.stamp_ns, NS_PER_S)
    cdr.int32(seconds)
    cdr.uint32(nanoseconds)
    cdr.string(header.frame_id)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width == 0 or height == 0:
        raise BadImage("size", f"the picture is empty: {width}x{height} pixels")
    if width * height > max_pixels:
        raise BadImage(
            "size", f"a picture of {width}x{height} pixels, more than the {max_pixels} allowed"
        )


def _pixel_view(raw: _RawImage, pixel_type: str, channels: int) -> np.ndarray:
    """View the data as `(H, W)` or, with several channels, `(H, W, C)` of `pixel_type`."""
    item = np.dtype(pixel_type).newbyteorder(">" if raw.is_bigendian else "<")
    pixel_size = item.itemsize * channels
    _check_rows(raw, raw.width * pixel_size)
    shape: tuple[int, ...] = (raw.height, raw.width)
    strides: tuple[int, ...] = (raw.step, pixel_size)
    if channels > 1:
        shape, strides = (*shape, channels), (*strides, item.itemsize)
    return np.ndarray(shape, item, raw.data, strides=strides)


def _check_rows(raw: _RawImage, row_size: int) -> None:
    if raw.step < row_size:
        raise BadImage(
            "step",
            f"the step of {raw.step} bytes is less than a row of {raw.width} {raw.encoding} "
            f"pixels, {row_size} bytes",
        )
    if len(raw.data) < raw.height * raw.step:
        raise BadImage(
            "truncated",
            f"{len(raw.data)} bytes of data, less than {raw.height} rows of {raw.step} bytes",
        )


def _convert_to_bgr(raw: _RawImage, conversion: _Conversion) -> Uint8Array:
    # A tight copy in the machine's byte order: cv2 reads neither foreign byte order nor rows whose
    # distance is not a multiple of the item size.
    view = _pixel_view(raw, conversion.pixel_type, conversion.channels)
    if conversion.channels == 2 and raw.width % 2:  # OpenCV 4.6 would make noise of it
        raise BadImage(
            "size", f"{raw.width} pixels in a row cannot be {raw.encoding}: pairs share colours"
        )
    pixels = np.ascontiguousarray(view, view.dtype.newbyteorder("="))
    pixels = _converted(pixels, conversion, raw.encoding)
    if pixels.dtype != np.uint8:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    return np.asarray(pixels, np.uint8)


def _converted(pixels: np.ndarray, conversion: _Conversion, encoding: str) -> np.ndarray:
    if conversion.code is None:
        return pixels
    try:
        return cv2.cvtColor(pixels, conversion.code)
    except cv2.error:
        height, width = pixels.shape[:2]
        raise BadImage("size", f"{width}x{height} pixels cannot be {encoding}") from None


def _convert_with_cv_bridge(raw: _RawImage) -> Uint8Array:
    _check_rows(raw, raw.width)  # at least a byte a pixel; cv_bridge checks the rest
    try:
        from cv_bridge import CvBridge
    except ImportError as error:
        raise BadImage(
            "encoding",
            f"encoding {raw.encoding!r:.60} needs cv_bridge ({error}): install "
            "ros-$ROS_DISTRO-cv-bridge or, without a ROS installation, pip install cv-bridge",
        ) from None
    message = SimpleNamespace(
        height=raw.height,
        width=raw.width,
        encoding=raw.encoding,
        is_bigendian=raw.is_bigendian,
        step=raw.step,
        data=raw.data,
    )
    try:
        pixels = CvBridge().imgmsg_to_cv2(message, "bgr8")
    # Its forms raise CvBridgeError, KeyError, TypeError, ... for an encoding that they cannot
    # convert and for data that does not suit it.
    except Exception as error:
        raise BadImage(
            "encoding",
            f"encoding {raw.encoding!r:.60} does not convert to bgr8 with cv_bridge: "
            f"{error!s:.100}",
        ) from None
    return np.asarray(pixels, np.uint8)


def _decode(compressed: memoryview, image_format: str, max_pixels: int) -> Uint8Array:
    shown = f"{image_format!r:.60}"
    if "compressedDepth" in image_format:
        raise BadImage("encoding", f"{shown} is a depth picture")
    size = compressed_size(compressed)
    if size is None:
        if "jp" in image_format or "png" in image_format:
            raise BadImage("undecodable", f"the data of a {shown} is not a JPEG or PNG")
        raise BadImage("encoding", f"format {shown} is neither JPEG nor PNG")
    _check_size(*size, max_pixels)
    # The orientation that a camera may have noted is ignored: pixels stay where camera_info and
    # the raw topic have them.
    mosaic = _COMPRESSED_MOSAIC.fullmatch(image_format)
    encoding = mosaic[1] if mosaic else ""
    conversion = _CONVERSIONS.get(encoding)
    flags = cv2.IMREAD_ANYCOLOR if conversion else cv2.IMREAD_COLOR
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(compressed, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[1::-1] != size or is_cut_jpeg(compressed):
        raise BadImage("undecodable", f"a {shown} of {len(compressed)} bytes is damaged")
    if conversion and pixels.ndim == 2:
        pixels = _converted(pixels, conversion, encoding)
    return np.asarray(pixels, np.uint8)
