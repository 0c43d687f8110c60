"""Embedded ICC profiles to sRGB.

8-bit pictures go through LittleCMS (relative colorimetric, black point compensation). It has no deep RGB in
Pillow, so deep pictures are converted here, in floating point, for profiles made of a matrix and curves (all
of the usual ones: Adobe RGB, Display P3, ProPhoto, Rec. 2020). Others lose their depth, with a warning.
"""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

_log = logging.getLogger(__name__)

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}

# Linear sRGB to XYZ under D50, the white of ICC profiles (Bradford-adapted;
# brucelindbloom.com, "RGB/XYZ Matrices", sRGB D50).
_SRGB_TO_XYZ = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_XYZ_TO_SRGB = np.linalg.inv(_SRGB_TO_XYZ)

_SAME_LEVELS = 2
"""A profile that moves no color by more 8-bit levels than this means sRGB; the pixels stay as they are."""

Decoder = Callable[[np.ndarray], np.ndarray]


class _ProfileError(Exception):
    """A profile that cannot be used; never leaves this module."""


def to_srgb(pixels: np.ndarray, icc: bytes | None, name: str) -> np.ndarray:
    """(H, W, C) uint8 or float32 0..1, C = 1 gray, 3 RGB, 4 CMYK → (H, W, 3) sRGB of the same dtype.

    Without a profile, RGB and gray count as sRGB. A broken profile is ignored with a warning naming `name`.
    """
    return converter(icc, pixels.shape[2], name, deep=pixels.dtype != np.uint8)(pixels)


def converter(icc: bytes | None, channels: int, name: str, *, deep: bool) -> Decoder:
    """What to_srgb does, for any part of a picture; `deep` is of floats."""
    if not icc:
        return _untagged
    try:
        return _conversion(icc, channels, name, deep)
    except _ProfileError as error:
        _log.warning("%s: its color profile is ignored, because it cannot be used (%s)", name, error)
        return _untagged


def srgb_profile() -> bytes:
    """An sRGB profile, the same bytes every time: LittleCMS writes the time of day into its own."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    midnight = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return profile[:24] + midnight + profile[36:]


def _conversion(icc: bytes, channels: int, name: str, deep: bool) -> Decoder:
    if icc[16:20] == b"RGB " and channels == 1:
        of_rgb = _conversion(icc, 3, name, deep)
        return lambda pixels: of_rgb(pixels.repeat(3, axis=2))
    mode = _MODES[channels]
    transform = _transform(icc, mode)
    if mode != "CMYK" and _changes_nothing(transform, mode):
        return _untagged
    if not deep:
        return lambda pixels: _apply(transform, pixels)
    decoder = _linear_decoder(icc)
    if decoder is None:
        _log.warning("%s: its color profile is a table, which is applied at 8 bits a channel", name)
        return lambda pixels: _apply(transform, _levels(pixels)).astype(np.float32) / np.float32(255)
    return lambda pixels: encode_srgb(decoder(pixels)).astype(np.float32)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light to the sRGB curve (IEC 61966-2-1), clipped to 0..1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _untagged(pixels: np.ndarray) -> np.ndarray:
    channels = pixels.shape[2]
    if channels == 3:
        return pixels
    if channels == 1:
        return pixels.repeat(3, axis=2)
    if pixels.dtype == np.uint8:
        return np.asarray(_image(pixels).convert("RGB"))
    inks, black = pixels[..., :3], pixels[..., 3:]
    light: np.ndarray = (1 - inks) * (1 - black)  # what Pillow does at 8 bits
    return light


def _image(levels: np.ndarray) -> Image.Image:
    height, width, channels = levels.shape
    return Image.frombytes(_MODES[channels], (width, height), np.ascontiguousarray(levels).tobytes())


def _levels(pixels: np.ndarray) -> np.ndarray:
    levels: np.ndarray = np.rint(pixels * 255).astype(np.uint8)
    return levels


def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    from PIL import ImageCms

    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise _ProfileError(str(error).strip() or "not a profile") from error


def _apply(transform: ImageCms.ImageCmsTransform, levels: np.ndarray) -> np.ndarray:
    converted = transform.apply(_image(levels))
    return np.asarray(converted)


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform of gray or RGB leaves a sample of all colors alone, to within _SAME_LEVELS."""
    if mode == "L":
        sample = np.arange(256, dtype=np.uint8).reshape(1, -1, 1)
    else:
        axis = np.linspace(0, 255, 18).astype(np.uint8)
        sample = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(1, -1, 3)
    moved = np.abs(_apply(transform, sample).astype(int) - _untagged(sample))
    return bool(moved.max() <= _SAME_LEVELS)


def _linear_decoder(icc: bytes) -> Decoder | None:
    """From a profile's encoded (H, W, C) to linear sRGB (H, W, 3); None where the profile is a table."""
    try:
        tags = _tags(icc)
        if b"A2B0" in tags or b"A2B1" in tags or icc[20:24] != b"XYZ ":
            return None
        if b"kTRC" in tags:
            gray_curve = _curve(tags[b"kTRC"])
            return lambda pixels: gray_curve(pixels[..., :1]).repeat(3, axis=2)
        curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
        to_xyz = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    except KeyError:
        return None
    except (struct.error, ValueError, IndexError) as error:
        raise _ProfileError(str(error)) from error
    matrix = (_XYZ_TO_SRGB @ to_xyz).T

    def decode(pixels: np.ndarray) -> np.ndarray:
        channels = [curve(pixels[..., c]) for c, curve in enumerate(curves)]
        linear: np.ndarray = np.stack(channels, axis=-1) @ matrix
        return linear

    return decode


def _tags(icc: bytes) -> dict[bytes, bytes]:
    """The tagged elements of a profile (ICC.1:2022, 7.3)."""
    (count,) = struct.unpack_from(">I", icc, 128)
    entries = (struct.unpack_from(">4sII", icc, 132 + 12 * index) for index in range(min(count, 200)))
    return {name: icc[offset : offset + size] for name, offset, size in entries}


def _xyz(tag: bytes) -> np.ndarray:
    """The XYZ of a colorant: three s15Fixed16 numbers (ICC.1:2022, 10.31)."""
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Decoder:
    """A tone curve, encoded 0..1 to linear 0..1 (ICC.1:2022, 10.6 `curv` and 10.18 `para`)."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        points = np.array(struct.unpack_from(f">{count}H", tag, 12))
        if count > 1:
            return lambda x: np.interp(x, np.linspace(0, 1, count), points / 65535)
        gamma = points[0] / 256 if count else 1.0
        return lambda x: np.power(x, gamma, dtype=np.float64)
    if tag[:4] != b"para":
        raise ValueError(f"unknown curve {tag[:4]!r}")
    (kind,) = struct.unpack_from(">H", tag, 8)
    given = struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)
    g, a, b, c, d, e, f = _parameters(kind, [number / 65536 for number in given])
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0.0) ** g + e, c * x + f)


def _parameters(kind: int, p: list[float]) -> list[float]:
    """Any kind of parametric curve as kind 4: (a·x + b)^g + e from d on, else c·x + f."""
    if kind == 0:
        return [p[0], 1, 0, 0, 0, 0, 0]
    if kind in (1, 2):
        if p[1] == 0:
            raise ValueError("a parametric curve without slope")
        offset = p[3] if kind == 2 else 0.0
        return [*p[:3], 0, -p[2] / p[1], offset, offset]
    return p if kind == 4 else [*p, 0, 0]
