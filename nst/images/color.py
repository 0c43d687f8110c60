"""Embedded ICC profiles to sRGB, by LittleCMS: relative colorimetric, with black point compensation.

8-bit images are converted by Pillow. It has no deep RGB, so images of floats are converted by imagecodecs.
"""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

_log = logging.getLogger(__name__)

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}

#: White and primaries of sRGB, (x, y, Y) each (IEC 61966-2-1).
_D65 = (0.3127, 0.3290, 1.0)
_REC709 = (0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0)

_SAME_LEVELS = 2
"""Profiles that change no color by more than this many 8-bit levels count as sRGB; the pixels are kept."""

Decoder = Callable[[np.ndarray], np.ndarray]


class _ProfileError(Exception):
    """A profile that cannot be used. Never raised outside this module."""


def to_srgb(pixels: np.ndarray, icc: bytes | None, name: str) -> np.ndarray:
    """Convert (H, W, C) uint8 or float32 0..1 (C = 1 gray, 3 RGB, 4 CMYK) to (H, W, 3) sRGB of the same dtype.

    Without a profile, RGB and gray count as sRGB. A broken profile is ignored with a warning, which contains `name`.
    """
    return converter(icc, pixels.shape[2], name, deep=pixels.dtype != np.uint8)(pixels)


def converter(icc: bytes | None, channels: int, name: str, *, deep: bool) -> Decoder:
    """A function that does what `to_srgb` does, for parts of an image. `deep`: for float32 pixels."""
    if not icc:
        return _untagged
    try:
        return _conversion(icc, channels, name, deep)
    except _ProfileError as error:
        _log.warning("%s: the color profile is invalid and is ignored (%s)", name, error)
        return _untagged


def srgb_profile() -> bytes:
    """An sRGB profile with a fixed date, so that its bytes are reproducible."""
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
    try:
        _deep(icc, mode, np.zeros((1, 1, channels), np.float32))
    except (RuntimeError, ValueError) as error:
        raise _ProfileError(str(error)) from error
    return partial(_deep, icc, mode)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light to sRGB encoding (IEC 61966-2-1), clipped to 0..1."""
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
    light: np.ndarray = (1 - inks) * (1 - black)  # as Pillow does for 8 bits
    return light


def _image(levels: np.ndarray) -> Image.Image:
    height, width, channels = levels.shape
    return Image.frombytes(_MODES[channels], (width, height), np.ascontiguousarray(levels).tobytes())


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
    """Whether a transform changes a sample of all colors by at most _SAME_LEVELS."""
    if mode == "L":
        sample = np.arange(256, dtype=np.uint8).reshape(1, -1, 1)
    else:
        axis = np.linspace(0, 255, 18).astype(np.uint8)
        sample = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(1, -1, 3)
    moved = np.abs(_apply(transform, sample).astype(int) - _untagged(sample))
    return bool(moved.max() <= _SAME_LEVELS)


def _deep(icc: bytes, mode: str, pixels: np.ndarray) -> np.ndarray:
    """(H, W, C) float32 0..1 of a profile to (H, W, 3) sRGB, converted to linear light first."""
    import imagecodecs

    linear = imagecodecs.cms_transform(
        np.ascontiguousarray(pixels[..., 0] if mode == "L" else pixels * 100 if mode == "CMYK" else pixels),
        icc,
        imagecodecs.cms_profile("rgb", whitepoint=_D65, primaries=_REC709, gamma=1.0),
        colorspace={"L": "gray"}.get(mode, mode.lower()),
        outcolorspace="rgb",
        outdtype="float32",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
    )
    return encode_srgb(linear).astype(np.float32)
