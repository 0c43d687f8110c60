"""Image files to arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nst.errors import NstError
from nst.images.color import converter
from nst.images.needs import check_scans
from nst.images.opening import MAX_PIXELS, check_decodable, decoding, read_header
from nst.images.resizing import over_white, resampled, resize_with_alpha, target_shape, unit
from nst.images.source import ImageFile, Source, read_file
from nst.images.strips import Stored, decode


@dataclass(frozen=True)
class Picture:
    """An image in memory."""

    pixels: np.ndarray  # (H, W, 3) float32, sRGB-encoded, 0..1
    alpha: np.ndarray | None  # (H, W) float32 0..1, None when opaque
    bits: int  # 8 or 16 bits per channel of the file; more than 8 and floats count as 16

    def on_white(self) -> Picture:
        """The image on a white background, opaque, as in JPEG files and on sheets."""
        if self.alpha is None:
            return self
        return Picture(over_white(self.pixels, self.alpha), None, self.bits)


def read_picture(source: Source, *, long_side: int = 0, shape: tuple[int, int] | None = None) -> Picture:
    """Read an image (its first frame or page), upright, in sRGB. The file is read once.

    long_side: long side in pixels, with the aspect ratio kept; 0 keeps the size.
    shape: (height, width) to stretch to, instead of long_side.
    Raises NstError if the file is missing, not an image of a supported kind, broken, or too large.
    """
    image_file = source if isinstance(source, ImageFile) else read_file(source)
    header = read_header(image_file)
    check_decodable(image_file, header)
    width, height = header.size
    target = target_shape((height, width), long_side, shape)
    if target[0] * target[1] > MAX_PIXELS:
        raise NstError(
            f"{image_file}: {target[1]}×{target[0]} pixels are requested; "
            f"at most {MAX_PIXELS // 10**6} megapixels are supported: choose a smaller size"
        )
    with decoding(image_file):
        check_scans(image_file, header)
        stored = decode(image_file, header)
        pixels, alpha = resampled(
            _in_srgb(stored, str(image_file)), stored.shape, target_shape(stored.shape, long_side, shape)
        )
    return _picture(pixels, alpha, 16 if header.bits > 8 else 8)


def _in_srgb(stored: Stored, name: str) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Strips of color (h, W, 3) and alpha (h, W)."""
    convert = None
    for color, alpha in stored.strips():
        convert = convert or converter(stored.icc, color.shape[2], name, deep=color.dtype != np.uint8)
        yield convert(color), alpha


def from_array(values: np.ndarray, name: str) -> Picture:
    """An image from an sRGB array.

    values: (H, W) or (H, W, 1, 3 or 4), where the fourth channel is alpha; uint8, or floating point from 0 to 1.
    name: the name of the image in messages.
    Raises NstError for another shape or type, and for values out of range.
    """
    planes = np.asarray(values)
    planes = planes[..., None] if planes.ndim == 2 else planes
    if planes.ndim != 3 or planes.shape[2] not in (1, 3, 4) or 0 in planes.shape:
        shape = tuple(np.shape(values))
        raise NstError(f"{name}: an array must have the shape (height, width, 3), or 1 or 4 in place of 3, not {shape}")
    if planes.dtype != np.uint8 and planes.dtype.kind != "f":
        raise NstError(f"{name}: an array must be uint8, or floating point from 0 to 1, not {planes.dtype}")
    pixels = unit(planes)
    if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
        raise NstError(f"{name}: floating-point values must be from 0 to 1; divide values from 0 to 255 by 255")
    color, alpha = (pixels[..., :3], pixels[..., 3]) if planes.shape[2] == 4 else (pixels, None)
    color = np.repeat(color, 3, axis=2) if color.shape[2] == 1 else color
    return _picture(color, alpha, 8 if planes.dtype == np.uint8 else 16)


def _picture(pixels: np.ndarray, alpha: np.ndarray | None, bits: int) -> Picture:
    opaque = alpha is None or bool((alpha >= 1).all())
    return Picture(np.ascontiguousarray(pixels), None if opaque else alpha, bits)


def resized(picture: Picture, *, long_side: int = 0, shape: tuple[int, int] | None = None) -> Picture:
    """The image at another size; arguments as for `read_picture`."""
    height, width = picture.pixels.shape[:2]
    pixels, alpha = resize_with_alpha(picture.pixels, picture.alpha, target_shape((height, width), long_side, shape))
    return Picture(np.ascontiguousarray(pixels), alpha, picture.bits)
