"""Files to arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from nst.errors import NstError
from nst.images.colour import to_srgb
from nst.images.opening import (
    MAX_PIXELS,
    Header,
    PathLike,
    decoding,
    open_pillow,
    orientation_of,
    read_header,
)
from nst.images.resizing import over_white, resize_with_alpha, target_shape, unit


@dataclass(frozen=True)
class Picture:
    """A picture as nst works on it."""

    pixels: np.ndarray  # (H, W, 3) float32, sRGB-encoded, 0..1
    alpha: np.ndarray | None  # (H, W) float32 0..1, None when opaque
    bits: int  # 8 or 16: bits a channel of the file (more than 8 and floats count as 16)

    def on_white(self) -> Picture:
        """Opaque: what is transparent shows white, as JPEG and sheets have it, whatever colour hides there."""
        if self.alpha is None:
            return self
        return Picture(over_white(self.pixels, self.alpha), None, self.bits)


@dataclass(frozen=True)
class _Stored:
    """Pixels as the file stores them."""

    colour: np.ndarray  # (H, W, C) uint8 or float32 0..1; C = 1 grey, 3 RGB, 4 CMYK
    alpha: np.ndarray | None  # (H, W), the same type, not premultiplied
    icc: bytes | None
    orientation: int  # still to be applied


def read_picture(path: PathLike, *, long_side: int = 0, shape: tuple[int, int] | None = None) -> Picture:
    """The picture of a file (its first frame or page), upright, in sRGB.

    long_side: pixels of the longer side, the aspect kept; 0 leaves the picture as it is.
    shape: (height, width) to stretch to instead.
    Raises NstError where the file is missing, no picture, of an unsupported kind, broken or too big.
    """
    header = read_header(path)
    with decoding(path):
        stored = _decode(path, header)
    colour = _upright(to_srgb(stored.colour, stored.icc, str(path)), stored.orientation)
    alpha = None if stored.alpha is None else _upright(stored.alpha, stored.orientation)
    target = target_shape((colour.shape[0], colour.shape[1]), long_side, shape)
    if target[0] * target[1] > MAX_PIXELS:
        raise NstError(
            f"{path}: {target[1]}×{target[0]} pixels are asked for; "
            f"at most {MAX_PIXELS // 10**6} megapixels are possible: choose a smaller size"
        )
    pixels, alpha = resize_with_alpha(colour, alpha, target)
    opaque = alpha is None or bool((alpha >= 1).all())
    bits = 16 if header.bits > 8 else 8
    return Picture(np.ascontiguousarray(pixels), None if opaque else alpha, bits)


def from_array(values: np.ndarray, name: str) -> Picture:
    """A picture in memory, in sRGB; `name` is what messages call it.

    values: (H, W), or (H, W, 1, 3 or 4) with alpha, either uint8 or floating point from 0 to 1.
    Raises NstError for another shape or type, and for numbers out of range.
    """
    planes = np.asarray(values)
    planes = planes[..., None] if planes.ndim == 2 else planes
    if planes.ndim != 3 or planes.shape[2] not in (1, 3, 4) or 0 in planes.shape:
        shape = tuple(np.shape(values))
        raise NstError(f"{name}: an array has the shape (height, width, 3), or 1 or 4 in place of 3, not {shape}")
    if planes.dtype != np.uint8 and planes.dtype.kind != "f":
        raise NstError(f"{name}: an array is uint8, or floating point from 0 to 1; this is {planes.dtype}")
    pixels = unit(planes)
    if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
        raise NstError(f"{name}: floating-point values are from 0 to 1; divide 0 to 255 by 255")
    color, alpha = (pixels[..., :3], pixels[..., 3]) if planes.shape[2] == 4 else (pixels, None)
    opaque = alpha is None or bool((alpha >= 1).all())
    color = np.repeat(color, 3, axis=2) if color.shape[2] == 1 else color
    return Picture(np.ascontiguousarray(color), None if opaque else alpha, 8 if planes.dtype == np.uint8 else 16)


def resized(picture: Picture, *, long_side: int = 0, shape: tuple[int, int] | None = None) -> Picture:
    """A picture at another size; sizes as read_picture's."""
    height, width = picture.pixels.shape[:2]
    pixels, alpha = resize_with_alpha(picture.pixels, picture.alpha, target_shape((height, width), long_side, shape))
    return Picture(np.ascontiguousarray(pixels), alpha, picture.bits)


def _decode(path: PathLike, header: Header) -> _Stored:
    if header.bits > 8:
        return _decode_deep_png(path, header) if header.format == "PNG" else _decode_deep_tiff(path, header)
    with open_pillow(path, header.format) as image:
        image.load()
        colour, alpha = _split(path, image)
        # Asked after loading: Pillow has turned a TIFF by then, and has seen the EXIF behind a PNG's pixels.
        return _Stored(colour, alpha, image.info.get("icc_profile"), orientation_of(image))


def _split(path: PathLike, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Colour (H, W, C) and alpha (H, W) of a loaded 8-bit picture, uint8."""
    if image.mode not in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr"):
        raise NstError(f"{path}: pictures of the kind {image.mode} are not supported; convert it to RGB")
    if image.mode == "CMYK":
        levels = np.asarray(image)
        # Pillow takes every CMYK JPEG for inverted, as Adobe writes them; but Adobe's say that they are.
        plain = image.format in ("JPEG", "MPO") and "adobe" not in image.info
        return 255 - levels if plain else levels, None
    grey = image.mode in ("1", "L", "LA", "La")
    if not image.has_transparency_data:
        opaque = np.asarray(image.convert("L" if grey else "RGB"))
        return np.atleast_3d(opaque), None
    levels = np.asarray(image.convert("LA" if grey else "RGBA"))
    return levels[..., :-1], levels[..., -1]


def _decode_deep_png(path: PathLike, header: Header) -> _Stored:
    import imagecodecs

    with open_pillow(path, "PNG") as image:
        icc = image.info.get("icc_profile")
    samples = np.atleast_3d(imagecodecs.png_decode(Path(path).read_bytes()))  # tRNS comes as alpha
    planes = _unit(samples, 16)
    colours = 3 if planes.shape[2] >= 3 else 1
    alpha = planes[..., colours] if planes.shape[2] > colours else None
    return _Stored(planes[..., :colours], alpha, icc, header.orientation)


def _decode_deep_tiff(path: PathLike, header: Header) -> _Stored:
    """The first page of a TIFF of more than 8 bits a channel: grey, RGB or CMYK, whole numbers or floats."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        colours = {0: 1, 1: 1, 2: 3, 5: 4}.get(page.photometric)  # white is zero, black is zero, RGB, CMYK
        extra = page.samplesperpixel - (colours or 0)
        if colours is None or extra not in (0, 1) or page.imagedepth != 1 or page.sampleformat not in (1, 3):
            raise NstError(
                f"{path}: deep TIFF is read as unsigned or float grey, RGB or CMYK, with or without alpha; "
                "convert it to 16-bit RGB"
            )
        samples = page.asarray()
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            samples = np.moveaxis(samples, 0, -1)
        planes = _unit(np.atleast_3d(samples), page.bitspersample)
        colour = 1 - planes[..., :1] if page.photometric == 0 else planes[..., :colours]
        alpha = planes[..., colours] if extra and page.extrasamples[0] in (1, 2) else None
        if alpha is not None and page.extrasamples[0] == 1:  # the colours are premultiplied
            weight = alpha[..., None]
            colour = np.divide(colour, weight, out=np.zeros_like(colour), where=weight > 0).clip(0, 1)
        profile = page.tags.get("InterColorProfile")
        return _Stored(colour, alpha, profile.value if profile else None, header.orientation)


def _unit(samples: np.ndarray, bits: int) -> np.ndarray:
    """Samples of so many bits as float32 0..1; floats are clipped to it, and what is no number is 0."""
    if samples.dtype.kind == "f":
        planes: np.ndarray = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        return planes.astype(np.float32)
    planes = np.divide(samples, 2**bits - 1, dtype=np.float64).astype(np.float32)
    return planes


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """A view of (H, W, …) turned and mirrored as EXIF's orientation 1..8 asks (EXIF 2.32, 4.6.4)."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    upright: np.ndarray = array[rows, columns]
    return upright
