"""Pixels, and pieces of files, that the tests of images share."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image


def noise(height: int = 6, width: int = 9, channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    """Random levels that use the whole range of the type."""
    top = np.iinfo(dtype).max
    levels = np.random.default_rng(7).integers(0, top, (height, width, channels), dtype, endpoint=True)
    levels.flat[0], levels.flat[-1] = 0, top
    return levels


def eight_bit(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels * 255).astype(int)


def sixteen_bit(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels * 65535).astype(int)


def icc_and_texts(path: Path) -> tuple[bytes, dict[Any, Any]]:
    """The profile of a file and its texts by name, as other libraries see them."""
    if path.suffix in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as file:
            return file.pages.first.iccprofile, {"description": file.pages.first.description}
    with Image.open(path) as image:
        return image.info["icc_profile"], {**image.info, **image.getexif().get_ifd(0x8769)}


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def before_pixels(png: bytes, chunk: bytes) -> bytes:
    position = png.index(b"IDAT") - 4
    return png[:position] + chunk + png[position:]
