"""Decoding of image files. Pixels are converted in strips, to limit the memory.

An image of 200 megapixels takes the 0.8 GB of its decoder, without a float copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from nst import limits
from nst.errors import NstError
from nst.images.opening import Header, open_pillow, orientation_of
from nst.images.resizing import Shape
from nst.images.source import ImageFile, opened

_PIXELS = 1 << 19
"""Pixels of a strip. Larger strips are not faster."""

Block = tuple[np.ndarray, np.ndarray | None]
"""Color (h, w, C), C = 1 gray, 3 RGB or 4 CMYK, and alpha (h, w), not premultiplied; uint8, or float32 0..1."""


@dataclass(frozen=True)
class Stored:
    """A decoded image."""

    height: int  # as stored
    width: int
    orientation: int  # EXIF's 1..8, still to be applied
    icc: bytes | None
    cut: Callable[[slice, slice], Block]
    """Returns the pixels of some rows and columns."""

    @property
    def shape(self) -> Shape:
        """(height, width) with the orientation applied."""
        return (self.height, self.width) if self.orientation < 5 else (self.width, self.height)

    def strips(self) -> Iterator[Block]:
        """The strips from top to bottom, with the orientation applied."""
        height, width = self.shape
        step = max(1, _PIXELS // width)
        for top in range(0, height, step):
            rows = slice(top, min(top + step, height))
            if self.orientation in (3, 4, 7, 8):  # from the other end
                rows = slice(height - rows.stop, height - rows.start)
            whole = slice(0, width)
            color, alpha = self.cut(rows, whole) if self.orientation < 5 else self.cut(whole, rows)
            yield _upright(color, self.orientation), None if alpha is None else _upright(alpha, self.orientation)


def decode(image_file: ImageFile, header: Header) -> Stored:
    """Decode the first frame or page. Raises almost any exception for a broken file (see `opening.decoding`)."""
    if header.bits > 8:
        return _deep_png(image_file, header) if header.format == "PNG" else _deep_tiff(image_file, header)
    with opened(image_file) as file, open_pillow(file, header.format) as image:
        if image.mode not in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr"):
            raise NstError(f"{image_file}: images of mode {image.mode} are not supported; convert it to RGB")
        if image.info.get("compression") in (1, 2) and image.width * image.height > limits.PICTURE_RUNS:  # of a BMP
            raise NstError(
                f"{image_file}: is a run-length encoded BMP with more than {limits.PICTURE_RUNS // 10**6} megapixels, "
                "the most that is supported; save it as PNG"
            )
        icc = image.info.get("icc_profile")
        if header.format == "WEBP" and not getattr(image, "is_animated", False):
            import imagecodecs

            # By libwebp directly: Pillow makes four copies.
            levels = imagecodecs.webp_decode(image_file.data)
            return _of_samples(levels, 3, orientation_of(image), icc, lambda planes: planes)
        # Pillow assumes that every CMYK JPEG is inverted, but only Adobe's are, which have a marker.
        inverted = image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info
        image.load()
        # After loading, when Pillow has rotated a TIFF. Of a PNG, Pillow also reads XMP, which the header does not.
        orientation = header.orientation if header.format == "PNG" else orientation_of(image)
        icc = image.info.get("icc_profile")

    def cut(rows: slice, columns: slice) -> Block:
        return _split(image.crop((columns.start, rows.start, columns.stop, rows.stop)), inverted)

    return Stored(image.height, image.width, orientation, icc, cut)


def _split(image: Image.Image, inverted: bool) -> Block:
    """Color and alpha with 8 bits."""
    if image.mode == "CMYK":
        levels = np.asarray(image)
        return 255 - levels if inverted else levels, None
    gray = image.mode in ("1", "L", "LA", "La")
    if not image.has_transparency_data:
        return np.atleast_3d(np.asarray(image.convert("L" if gray else "RGB"))), None
    levels = np.asarray(image.convert("LA" if gray else "RGBA"))
    return levels[..., :-1], levels[..., -1]


def _deep_png(image_file: ImageFile, header: Header) -> Stored:
    import imagecodecs

    with opened(image_file) as file, open_pillow(file, "PNG") as image:
        icc = image.info.get("icc_profile")
    samples = np.atleast_3d(imagecodecs.png_decode(image_file.data))  # tRNS comes as alpha
    colors = 3 if samples.shape[2] >= 3 else 1
    return _of_samples(samples, colors, header.orientation, icc, lambda planes: _unit(planes, 16))


def _of_samples(
    samples: np.ndarray, colors: int, orientation: int, icc: bytes | None, read: Callable[[np.ndarray], np.ndarray]
) -> Stored:
    """An image from (H, W, C) samples, colors first. `read` converts samples to the values of a block."""

    def cut(rows: slice, columns: slice) -> Block:
        planes = read(samples[rows, columns])
        return planes[..., :colors], planes[..., colors] if planes.shape[2] > colors else None

    return Stored(samples.shape[0], samples.shape[1], orientation, icc, cut)


def _deep_tiff(image_file: ImageFile, header: Header) -> Stored:
    """The first page of a TIFF with more than 8 bits per channel: gray, RGB or CMYK, integers or floats."""
    import tifffile

    with opened(image_file) as file, tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        colors = {0: 1, 1: 1, 2: 3, 5: 4}.get(page.photometric)  # white is zero, black is zero, RGB, CMYK
        extra = page.samplesperpixel - (colors or 0)
        if colors is None or extra not in (0, 1) or page.imagedepth != 1 or page.sampleformat not in (1, 3):
            raise NstError(
                f"{image_file}: a TIFF with more than 8 bits must be unsigned or float, and gray, RGB or CMYK, "
                "optionally with alpha; convert it to 16-bit RGB"
            )
        samples = _tiff_samples(image_file, page)
        white_is_zero, bits = page.photometric == 0, header.bits
        opacity = page.extrasamples[0] if extra else 0  # 1 premultiplied, 2 not
        icc = page.tags["InterColorProfile"].value if "InterColorProfile" in page.tags else None

    def cut(rows: slice, columns: slice) -> Block:
        planes = _unit(samples[rows, columns], bits)
        color = 1 - planes[..., :1] if white_is_zero else planes[..., :colors]
        alpha = planes[..., colors] if opacity in (1, 2) else None
        if alpha is not None and opacity == 1:
            weight = alpha[..., None]
            color = np.divide(color, weight, out=np.zeros_like(color), where=weight > 0).clip(0, 1)
        return color, alpha

    return Stored(samples.shape[0], samples.shape[1], header.orientation, icc, cut)


def _tiff_samples(image_file: ImageFile, page: Any) -> np.ndarray:
    """The (H, W, C) samples; uncompressed ones without a copy."""
    if page.is_final:
        kind = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        samples: np.ndarray = np.ndarray(page.shaped, kind, image_file.data, page.dataoffsets[0])
    else:
        samples = page.asarray(squeeze=False, maxworkers=1)
    return np.moveaxis(samples[:, 0, :, :, 0], 0, -1) if len(samples) > 1 else samples[0, 0]


def _unit(samples: np.ndarray, bits: int) -> np.ndarray:
    """Samples with `bits` bits as float32 0..1. Floats are clipped to it; NaN becomes 0."""
    if samples.dtype.kind == "f":
        planes: np.ndarray = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        return planes.astype(np.float32)
    planes = np.divide(samples, 2**bits - 1, dtype=np.float64).astype(np.float32)
    return planes


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """A view of (H, W, …), rotated and mirrored for the EXIF orientation 1..8 (EXIF 2.32, 4.6.4)."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    upright: np.ndarray = array[rows, columns]
    return upright
