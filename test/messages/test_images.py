# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What read_image and read_compressed_image accept, what they refuse, and what write_image writes.

The other side of every exchange is rosbags, an implementation of CDR that shares no code with ours.
That the real middleware agrees is tested in test_images_on_dds.py.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.messages import images
from unet_seg_ros.messages.images import (
    BadImage,
    Header,
    read_compressed_image,
    read_image,
    write_image,
)

TYPES = get_typestore(Stores.ROS2_HUMBLE)
MAX_PIXELS = 1000
HEADER = Header(stamp_ns=12_345_678_901, frame_id="ego_vehicle/rgb_front")
CHANNELS = {"bgra8": 4, "rgba8": 4, "8UC4": 4, "bgr8": 3, "rgb8": 3, "8UC3": 3}
GRAY = ("mono8", "8UC1")
BAYER_BGR = (50, 100, 200)

headers = st.builds(
    Header,
    stamp_ns=st.integers(-(2**31) * 10**9, 2**31 * 10**9 - 1),
    frame_id=st.text().map(lambda text: text.replace("\0", "")),
)
sides = st.integers(1, 30)
byte_orders = st.sampled_from(["little", "big"])


def serialize(
    type_name: str, header: Header, byte_order: str = "little", **fields: object
) -> bytes:
    sec, nanosec = divmod(header.stamp_ns, 10**9)
    stamp = TYPES.types["builtin_interfaces/msg/Time"](sec, nanosec)
    header = TYPES.types["std_msgs/msg/Header"](stamp, header.frame_id)
    message = TYPES.types[type_name](header, **fields)
    return bytes(TYPES.serialize_cdr(message, type_name, little_endian=byte_order == "little"))


def image_message(
    *,
    height: int,
    width: int,
    encoding: str,
    step: int,
    data: bytes,
    is_bigendian: int = 0,
    header: Header = HEADER,
    byte_order: str = "little",
) -> bytes:
    return serialize(
        "sensor_msgs/msg/Image",
        header,
        byte_order,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=step,
        data=np.frombuffer(data, np.uint8),
    )


def tight_message(pixels: np.ndarray, encoding: str) -> bytes:
    height, width = pixels.shape[:2]
    is_bigendian = int(pixels.dtype.byteorder == ">")
    data = pixels.tobytes()
    step = len(data) // height
    return image_message(
        height=height,
        width=width,
        encoding=encoding,
        step=step,
        data=data,
        is_bigendian=is_bigendian,
    )


def compressed_message(data: bytes, image_format: str) -> bytes:
    return serialize(
        "sensor_msgs/msg/CompressedImage",
        HEADER,
        format=image_format,
        data=np.frombuffer(data, np.uint8),
    )


def random_pixels(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, top, shape, dtype, endpoint=True)


def bayer_mosaic(pattern: str, bits: int) -> np.ndarray:
    """Return what a Bayer camera has of a picture that is `BAYER_BGR` all over."""
    color = dict(zip("bgr", BAYER_BGR, strict=True))
    mosaic = np.tile([[color[c] for c in pattern[:2]], [color[c] for c in pattern[2:]]], (4, 4))
    return mosaic.astype(np.uint8) if bits == 8 else (mosaic * 257).astype(np.uint16)


def encoded(extension: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(extension, pixels)[1].tobytes()


def cause_of(read, message: bytes) -> str:
    with pytest.raises(BadImage) as refusal:
        read(message, MAX_PIXELS)
    assert str(refusal.value)
    return refusal.value.cause


# --- sensor_msgs/Image, good ones


@given(
    encoding=st.sampled_from([*CHANNELS, *GRAY]),
    width=sides,
    height=sides,
    padding=st.integers(0, 9),
    header=headers,
    byte_order=byte_orders,
)
def test_eight_bit_pictures_are_read_whatever_their_padding(
    encoding, width, height, padding, header, byte_order
):
    channels = CHANNELS.get(encoding, 1)
    rows = random_pixels(height, width * channels + padding)
    image = read_image(
        image_message(
            height=height,
            width=width,
            encoding=encoding,
            step=rows.shape[1],
            data=rows.tobytes(),
            header=header,
            byte_order=byte_order,
        ),
        MAX_PIXELS,
    )
    expected = rows[:, : width * channels].reshape(height, width, channels)
    assert image.header == header
    assert image.pixels.dtype == np.uint8
    assert image.pixels.shape == (height, width, max(channels, 3))
    assert (image.pixels == expected).all()


@pytest.mark.parametrize("encoding", CHANNELS)
def test_color_pictures_are_views_of_the_message(encoding):
    message = tight_message(random_pixels(7, 5, CHANNELS[encoding]), encoding)
    image = read_image(message, MAX_PIXELS)
    assert np.shares_memory(image.pixels, np.frombuffer(message, np.uint8))


@pytest.mark.parametrize(
    ("encoding", "color_order"),
    [
        ("rgb8", "rgb"),
        ("bgr8", "bgr"),
        ("rgba8", "rgba"),
        ("bgra8", "bgra"),
        ("8UC3", "bgr"),
        ("8UC4", "bgra"),
        ("mono8", "bgr"),
    ],
)
def test_color_order_follows_the_encoding(encoding, color_order):
    pixels = random_pixels(2, 3, CHANNELS.get(encoding, 1))
    assert read_image(tight_message(pixels, encoding), MAX_PIXELS).color_order == color_order


def test_data_after_the_last_row_is_ignored():
    pixels = random_pixels(2, 3, 3)
    message = image_message(
        height=2, width=3, encoding="rgb8", step=9, data=pixels.tobytes() + b"more"
    )
    assert (read_image(message, MAX_PIXELS).pixels == pixels).all()


def test_a_string_of_length_zero_is_an_empty_frame_id():
    with_nul = image_message(
        height=1, width=1, encoding="mono8", step=1, data=b"x", header=Header(0, "")
    )
    # Without its NUL the string also loses the three bytes of alignment that followed.
    assert with_nul[12:20] == b"\1\0\0\0\0\0\0\0"
    without_nul = with_nul[:12] + b"\0\0\0\0" + with_nul[20:]
    assert read_image(without_nul, MAX_PIXELS).header.frame_id == ""


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("padding", [0, 2, 3])
def test_sixteen_bit_colors_are_scaled_to_eight(byte_order, padding):
    pixels = random_pixels(5, 6, 3, dtype=np.uint16)
    rows = pixels.astype(f"{byte_order}u2").reshape(5, 18).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    message = image_message(
        height=5,
        width=6,
        encoding="rgb16",
        step=rows.shape[1],
        data=rows.tobytes(),
        is_bigendian=int(byte_order == ">"),
    )
    image = read_image(message, MAX_PIXELS)
    assert image.color_order == "bgr"
    assert (image.pixels == np.rint(pixels[..., ::-1] / 257)).all()


def test_sixteen_bit_gray_is_scaled_to_eight():
    pixels = np.array([[0, 257, 65535]], np.uint16)
    image = read_image(tight_message(pixels, "mono16"), MAX_PIXELS)
    assert image.pixels.tolist() == [[[0, 0, 0], [1, 1, 1], [255, 255, 255]]]


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_yuv_pictures_become_bgr(encoding):
    red_bgr = np.full((2, 4, 3), (0, 0, 255), np.uint8)
    y, u, v = 82, 90, 240  # of red, by BT.601
    two_pixels = (u, y, v, y) if encoding in ("yuv422", "uyvy") else (y, u, y, v)
    message = tight_message(np.tile(np.uint8(two_pixels), 4).reshape(2, 4, 2), encoding)
    pixels = read_image(message, MAX_PIXELS).pixels
    assert np.abs(pixels.astype(int) - red_bgr).max() <= 3


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_pictures_become_bgr(pattern, bits):
    image = read_image(
        tight_message(bayer_mosaic(pattern, bits), f"bayer_{pattern}{bits}"), MAX_PIXELS
    )
    assert (image.pixels == BAYER_BGR).all()


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg"])
def test_cv_bridge_converts_like_we_do(pattern):
    pytest.importorskip("cv_bridge")
    message = tight_message(random_pixels(8, 10), f"bayer_{pattern}8")
    by_cv_bridge = images._convert_with_cv_bridge(images._read_image_fields(message))
    assert (read_image(message, MAX_PIXELS).pixels == by_cv_bridge).all()


# --- sensor_msgs/Image, bad ones


@given(encoding=st.sampled_from([*CHANNELS, *GRAY, "mono16", "yuv422"]), missing=st.integers(1, 99))
def test_missing_data_is_truncated(encoding, missing):
    data = bytes(4 * 4 * 4 * 2)
    message = image_message(
        height=4, width=4, encoding=encoding, step=32, data=data[: max(0, 128 - missing)]
    )
    assert cause_of(read_image, message) == "truncated"


@pytest.mark.parametrize(
    ("encoding", "row_size"),
    [("mono8", 4), ("bgr8", 12), ("bgra8", 16), ("rgb16", 24), ("yuv422", 8), ("unheard_of", 4)],
)
def test_a_step_shorter_than_the_row_is_refused(encoding, row_size):
    message = image_message(
        height=4, width=4, encoding=encoding, step=row_size - 1, data=bytes(4 * row_size)
    )
    assert cause_of(read_image, message) == "step"


@pytest.mark.parametrize(
    ("width", "height"), [(0, 4), (4, 0), (0, 0), (1001, 1), (40, 30), (2**32 - 1, 2**32 - 1)]
)
def test_empty_and_absurd_sizes_are_refused(width, height):
    message = image_message(
        height=height, width=width, encoding="bgr8", step=2**32 - 1, data=bytes(48)
    )
    assert cause_of(read_image, message) == "size"


def test_max_pixels_is_allowed():
    assert read_image(tight_message(random_pixels(1, 1000), "mono8"), MAX_PIXELS)


def test_an_odd_width_cannot_be_yuv422():
    message = image_message(height=2, width=3, encoding="yuv422", step=6, data=bytes(12))
    assert cause_of(read_image, message) == "size"


@pytest.mark.parametrize("encoding", ["", "unheard_of", "32FC1", "16UC1", "x" * 10_000])
def test_other_encodings_are_refused(encoding):
    message = image_message(height=2, width=2, encoding=encoding, step=8, data=bytes(16))
    with pytest.raises(BadImage, match="encoding") as refusal:
        read_image(message, MAX_PIXELS)
    assert refusal.value.cause == "encoding"
    assert len(str(refusal.value)) < 300


def test_missing_cv_bridge_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    message = image_message(height=2, width=2, encoding="nv21", step=2, data=bytes(6))
    with pytest.raises(BadImage, match=r"install ros-.*-cv-bridge"):
        read_image(message, MAX_PIXELS)


@given(data=st.data())
def test_every_cut_message_is_refused(data):
    message = tight_message(random_pixels(3, 5, 3), "rgb8")
    end = data.draw(st.integers(0, len(message) - 1))
    assert cause_of(read_image, message[:end]) == "malformed"
    assert cause_of(read_compressed_image, message[:20]) == "malformed"


@given(
    changes=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), min_size=1, max_size=8),
    encoding=st.sampled_from(["bgra8", "mono16", "bayer_rggb8"]),
)
def test_corrupt_messages_are_read_within_bounds_or_refused(changes, encoding):
    channels = CHANNELS.get(encoding, 2)
    message = bytearray(tight_message(random_pixels(3, 4, channels), encoding))
    for position, value in changes:
        message[position] = value
    try:
        image = read_image(bytes(message), MAX_PIXELS)
    except BadImage:
        return
    assert image.pixels.shape[0] * image.pixels.shape[1] <= MAX_PIXELS
    image.pixels.sum()  # touches every byte that the view claims to have


@given(st.binary(max_size=200))
@example(b"\0\1\0\0")
def test_arbitrary_bytes_are_refused(message):
    assume(message)
    for read in (read_image, read_compressed_image):
        try:
            image = read(message, MAX_PIXELS)
        except BadImage:
            continue
        assert image.pixels.size


@pytest.mark.parametrize(
    ("what", "position", "replacement"),
    [
        ("encapsulation is a parameter list", 0, b"\x00\x03"),
        ("encapsulation is version 2", 0, b"\x00\x07"),
        ("nanoseconds are a second or more", 8, struct.pack("<I", 10**9)),
        ("frame_id ends outside the message", 12, struct.pack("<I", 2**32 - 1)),
        ("frame_id is not UTF-8", 16, b"\xff\xfe"),
        ("frame_id is not closed by a NUL", 16 + len(HEADER.frame_id), b"x"),
    ],
)
def test_malformed_headers_are_refused(what, position, replacement):
    message = bytearray(tight_message(random_pixels(2, 2, 3), "bgr8"))
    message[position : position + len(replacement)] = replacement
    assert cause_of(read_image, bytes(message)) == "malformed", what
    assert cause_of(read_compressed_image, bytes(message)) == "malformed", what


# --- sensor_msgs/CompressedImage


@pytest.mark.parametrize(
    ("extension", "image_format", "tolerance"),
    [
        (".png", "png", 0),
        (".png", "bgra8; png compressed bgr8", 0),
        (".jpg", "jpeg", 30),
        (".jpg", "jpg", 30),
        (".jpg", "bgra8; jpeg compressed bgr8", 30),
        (".png", "", 0),
    ],
)
def test_compressed_pictures_are_decoded(extension, image_format, tolerance):
    pixels = cv2.resize(random_pixels(3, 4, 3), (30, 20), interpolation=cv2.INTER_CUBIC)
    message = compressed_message(encoded(extension, pixels), image_format)
    image = read_compressed_image(message, MAX_PIXELS)
    assert image.header == HEADER
    assert image.color_order == "bgr"
    assert image.pixels.shape == pixels.shape
    assert np.abs(image.pixels.astype(int) - pixels).max() <= tolerance


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_compressed_bayer_pictures_become_bgr(pattern, bits):
    data = encoded(".png", bayer_mosaic(pattern, bits))
    # As image_transport's plugin writes it.
    message = compressed_message(data, f"bayer_{pattern}{bits}; png compressed ")
    assert (read_compressed_image(message, MAX_PIXELS).pixels == BAYER_BGR).all()


@pytest.mark.parametrize(
    ("pixels", "image_format"),
    [
        (random_pixels(8, 8), "bayer_rggb8; jpeg compressed mono8"),
        (random_pixels(8, 8), "mono8; png compressed "),
        (random_pixels(8, 8, 3), "bayer_rggb8; png compressed bgr8"),
        (random_pixels(8, 8, 3), "bayer_rggb8; png compressed "),
    ],
)
def test_what_is_no_mosaic_stays_as_it_is(pixels, image_format):
    message = compressed_message(encoded(".png", pixels), image_format)
    expected = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
    assert (read_compressed_image(message, MAX_PIXELS).pixels == expected).all()


def test_gray_compressed_pictures_get_three_channels():
    pixels = random_pixels(4, 5)
    image = read_compressed_image(compressed_message(encoded(".png", pixels), "png"), MAX_PIXELS)
    assert (image.pixels == pixels[..., None]).all()


def test_the_exif_orientation_is_ignored():
    jpeg = encoded(".jpg", random_pixels(10, 20, 3))
    # One TIFF directory with one entry: tag 0x112 (orientation), a short, value 6 (turn right).
    tiff = b"II*\0" + struct.pack("<IHHHIIi", 8, 1, 0x112, 3, 1, 6, 0)
    exif = b"Exif\0\0" + tiff
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (20, 10, 3)
    image = read_compressed_image(compressed_message(turned, "jpeg"), MAX_PIXELS)
    assert image.pixels.shape == (10, 20, 3)


def huge_png() -> bytes:
    png = encoded(".png", random_pixels(2, 2, 3))
    ihdr = b"IHDR" + struct.pack(">II", 30_000, 30_000) + png[24:29]
    return png[:12] + ihdr + struct.pack(">I", zlib.crc32(ihdr)) + png[33:]


def huge_jpeg() -> bytes:
    jpeg = encoded(".jpg", random_pixels(16, 16, 3))
    frame_header = jpeg.index(b"\xff\xc0")
    size = frame_header + 5
    return jpeg[:size] + struct.pack(">HH", 30_000, 30_000) + jpeg[size + 4 :]


@pytest.mark.parametrize("picture", [huge_png, huge_jpeg])
def test_a_huge_compressed_picture_is_refused_before_it_is_allocated(picture):
    message = compressed_message(picture(), "jpeg")
    tracemalloc.start()
    try:
        assert cause_of(read_compressed_image, message) == "size"
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 10_000_000


READ_PNG_WITH_A_HUGE_CHUNK = """
import resource, sys
from unet_seg_ros.messages.images import BadImage, read_compressed_image

def peak_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = peak_kib()
try:
    read_compressed_image(sys.stdin.buffer.read(), 1000)
except BadImage as refusal:
    print(refusal.cause, peak_kib() - before)
"""


def test_a_huge_png_chunk_is_refused_before_it_is_allocated():
    png = bytearray(encoded(".png", random_pixels(2, 2, 3)))
    png[33] = 0x20  # the length of the first IDAT, right after the IHDR: 512 MiB
    reader = subprocess.run(
        [sys.executable, "-c", READ_PNG_WITH_A_HUGE_CHUNK],
        input=compressed_message(bytes(png), "png"),
        capture_output=True,
        check=True,
    )
    cause, growth_kib = reader.stdout.decode().split()
    assert cause == "undecodable"
    assert int(growth_kib) < 100_000


@given(data=st.data())
@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_cut_compressed_pictures_are_undecodable(extension, data):
    picture = encoded(extension, random_pixels(8, 9, 3))
    end = data.draw(st.integers(0, len(picture) - 1))
    message = compressed_message(picture[:end], extension[1:])
    assert cause_of(read_compressed_image, message) == "undecodable"


@given(
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8)
)
@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_corrupt_compressed_pictures_are_decoded_within_bounds_or_refused(extension, changes):
    picture = bytearray(encoded(extension, random_pixels(8, 9, 3)))
    for position, value in changes:
        picture[position % len(picture)] = value
    try:
        image = read_compressed_image(compressed_message(bytes(picture), "jpeg"), MAX_PIXELS)
    except BadImage:
        return
    assert image.pixels.shape[0] * image.pixels.shape[1] <= MAX_PIXELS


@pytest.mark.parametrize(
    ("picture", "image_format", "cause"),
    [
        (encoded(".png", random_pixels(2, 2)), "16UC1; compressedDepth png", "encoding"),
        (b"\0\0\0\1\x67", "h264", "encoding"),
        (b"", "jpeg", "undecodable"),
        (b"\xff\xd8\xff\xd9", "jpeg", "undecodable"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "png", "undecodable"),
    ],
)
def test_other_compressed_formats_are_refused(picture, image_format, cause):
    assert cause_of(read_compressed_image, compressed_message(picture, image_format)) == cause


# --- written messages


@given(
    encoding=st.sampled_from(["mono8", "rgb8", "bgr8", "rgba8", "bgra8"]),
    width=sides,
    height=sides,
    header=headers,
    is_tight=st.booleans(),
)
def test_written_pictures_are_what_other_readers_expect(encoding, width, height, header, is_tight):
    channels = CHANNELS.get(encoding, 1)
    pixels = random_pixels(height, width + 2, channels)[:, 1:-1]
    if is_tight:
        pixels = np.ascontiguousarray(pixels)
    message = TYPES.deserialize_cdr(write_image(header, pixels, encoding), "sensor_msgs/msg/Image")
    stamp = message.header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == header.stamp_ns
    assert 0 <= stamp.nanosec < 10**9
    assert message.header.frame_id == header.frame_id
    assert (message.height, message.width, message.encoding) == (height, width, encoding)
    assert message.step == width * channels
    assert message.data.tobytes() == pixels.tobytes()


def test_label_maps_without_a_channel_axis_are_mono8():
    labels = random_pixels(3, 4)
    image = read_image(write_image(HEADER, labels, "mono8"), MAX_PIXELS)
    assert (image.pixels == labels[..., None]).all()


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (random_pixels(2, 3, 4), "rgb8"),
        (random_pixels(2, 3), "bgra8"),
        (random_pixels(2, 3, 3).astype(np.float32), "rgb8"),
        (random_pixels(2, 3, 3), "32FC1"),
    ],
)
def test_pixels_that_do_not_suit_the_encoding_are_not_written(pixels, encoding):
    with pytest.raises(ValueError, match=encoding):
        write_image(HEADER, pixels, encoding)


def test_a_written_compressed_picture_is_what_other_readers_expect():
    png = cv2.imencode(".png", random_pixels(3, 4, 3))[1]
    written = images.write_compressed_image(HEADER, png, "png")
    assert written == compressed_message(png.tobytes(), "png")


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8"])
def test_every_color_order_becomes_rgb(encoding):
    pixels = random_pixels(3, 4, len(encoding) - 1)
    rgb = read_image(write_image(HEADER, pixels, encoding), MAX_PIXELS).rgb()
    expected = [pixels[..., encoding.index(channel)] for channel in "rgb"]
    assert (rgb == np.stack(expected, axis=-1)).all()
