# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_pictures import cut_short, gray, rgb, write_picture
from PIL import Image

from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.files import (
    MAX_PIXELS,
    read_label_ids,
    read_label_picture,
    read_label_pixels,
    read_picture,
)
from unet_seg_ros.pictures.folders import natural, pictures_below, pictures_in

SUFFIXES = ("png", "jpg", "bmp")


def noise(width: int = 64, height: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def png_of_size(width: int, height: int, bits: int = 8, pixels: bytes = bytes(100)) -> bytes:
    """Return a gray PNG whose header states a size, by default with next to no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    pixels = zlib.compress(pixels)
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


def test_pixels_are_rgb_without_alpha(tmp_path: Path) -> None:
    bgra = cv2.cvtColor(rgb((10, 0, 255)), cv2.COLOR_BGR2BGRA)
    path = write_picture(tmp_path / "1.png", bgra)
    assert read_picture(path).tolist() == [[[10, 0, 255]]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_short_is_named(tmp_path: Path, suffix: str) -> None:
    path = write_picture(tmp_path / f"1.{suffix}", noise())
    assert read_picture(path).shape == (48, 64, 3)
    cut_short(path)
    with pytest.raises(DataError, match=rf"1\.{suffix}: not a picture.*cut short"):
        read_picture(path)


def test_a_jpeg_that_the_decoder_fills_up_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_picture(tmp_path / "1.jpg", noise())
    cut_short(path)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: noise())  # as OpenCV 4.6 does
    with pytest.raises(DataError, match="cut short"):
        read_picture(path)


def test_damage_in_the_middle_of_a_png_is_noticed(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "1.png", noise())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"BM", b"GIF89a", b"\xff\xd8", bytes(100)])
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "1.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1\.png: not a picture"):
        read_picture(path)


def test_a_size_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    path.write_bytes(png_of_size(1 << 16, 1 << 15))
    with pytest.raises(DataError, match=f"has 65536x32768 pixels; at most {MAX_PIXELS} are read"):
        read_picture(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1\.png: cannot be read: No such file"):
        read_picture(tmp_path / "1.png")


def test_labels_are_not_read_from_a_jpeg_whatever_its_name(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "1.jpg", gray(1)).rename(tmp_path / "1.png")
    with pytest.raises(DataError, match="is a JPEG, which changes labels"):
        read_label_picture(path)


def test_labels_of_16_bits_are_refused(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "1.png", np.zeros((6, 8), np.uint16))
    with pytest.raises(DataError, match="has uint16 pixels; 8 bits a channel"):
        read_label_picture(path)


def test_numbers_in_names_count_and_hidden_files_do_not(tmp_path: Path) -> None:
    for name in ("b10.png", "b9.PNG", "a/b1.jpg", "._b9.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [path.name for path in pictures_in(tmp_path)] == ["b9.PNG", "b10.png"]
    assert [path.name for path in pictures_below(tmp_path)] == ["b1.jpg", "b9.PNG", "b10.png"]
    assert natural("b9") < natural("b10") < natural("c1")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_of_few_bits_is_ids_or_what_it_looks_like(tmp_path: Path, bits: int) -> None:
    largest = (1 << bits) - 1
    data = png_of_size(8 // bits, 1, bits, bytes([0, largest]))  # no filter; 0, ..., 0, largest
    path = tmp_path / "1.png"
    path.write_bytes(data)
    assert read_label_picture(path)[0, -1] == 255
    assert read_label_ids(path)[0, -1] == (255 if bits == 1 else largest)
    assert [pixels[0, -1] for pixels in read_label_pixels(path)] == [
        255,
        read_label_ids(path)[0, -1],
    ]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossy_webp_is_no_label_picture_whatever_stands_before_it(
    tmp_path: Path, mode: str
) -> None:
    pixels = noise() // 10
    alpha = np.full(pixels.shape[:2], 200, np.uint8)
    picture = Image.fromarray(np.dstack([pixels, alpha]) if mode == "RGBA" else pixels)
    path = tmp_path / "1.webp"
    picture.save(path, quality=80)
    with pytest.raises(DataError, match="is a lossy WebP"):
        read_label_picture(path)
    picture.save(path, lossless=True, exact=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")
    assert path.read_bytes()[12:16] == b"VP8X"
    assert np.array_equal(read_label_picture(path)[..., 2::-1], pixels)
