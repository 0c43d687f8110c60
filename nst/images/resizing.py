"""Resampling: Lanczos in float32, to avoid a second quantization."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
from PIL import Image

from nst import limits
from nst.images.filling import filled

_LANCZOS, _TRIANGLE = Image.Resampling.LANCZOS, Image.Resampling.BILINEAR
_TINY = np.finfo(np.float32).tiny

Shape = tuple[int, int]

_WHOLE = limits.PICTURE_MEMORY // 40
"""Images with more pixels are resampled in strips. That changes the order of the passes, and so the rounding."""


def target_shape(now: Shape, long_side: int = 0, shape: Shape | None = None) -> Shape:
    """The requested (height, width): `shape`, or `now` scaled to the long side `long_side` (0: `now`)."""
    if shape is not None and long_side:
        raise ValueError("give long_side or shape, not both")
    if long_side < 0 or (shape is not None and min(shape) < 1):
        raise ValueError(f"sizes are positive, got long_side={long_side}, shape={shape}")
    if shape is not None or not long_side:
        return shape or now
    height, width = (max(1, round(side * long_side / max(now))) for side in now)
    return height, width


def resize(pixels: np.ndarray, *, long_side: int = 0, shape: Shape | None = None) -> np.ndarray:
    """Resample (H, W) or (H, W, C) pixels, uint8 or float 0..1, to float32. Sizes as for `read_picture`."""
    target = target_shape((pixels.shape[0], pixels.shape[1]), long_side, shape)
    if pixels.ndim == 2:
        return _resampled(unit(pixels), target)
    return np.stack([_resampled(unit(pixels[..., c]), target) for c in range(pixels.shape[2])], axis=-1)


def resize_with_alpha(
    pixels: np.ndarray, alpha: np.ndarray | None, target: Shape
) -> tuple[np.ndarray, np.ndarray | None]:
    """Resample (H, W, 3) pixels and (H, W) alpha to float32. Hidden pixels get the colors around them."""
    return resampled([(pixels, alpha)], (pixels.shape[0], pixels.shape[1]), target)


def resampled(
    strips: Iterable[tuple[np.ndarray, np.ndarray | None]], now: Shape, target: Shape
) -> tuple[np.ndarray, np.ndarray | None]:
    """As `resize_with_alpha`, for an image of shape `now` that is given in strips from top to bottom.

    Each strip of a large image is first resampled to the target width, which limits the memory.
    Lanczos has negative lobes: dividing premultiplied colors by resampled alpha would give noise along every edge. So
    the premultiplied colors are composited over weighted means by a triangle filter, without division by small numbers.
    """
    if now == target:  # weighting would change the rounding
        return _as_they_are(strips, now)
    if now[0] * now[1] <= _WHOLE:
        planes = _narrowed(*_as_they_are(strips, now), target)
    else:
        planes = _joined((_narrowed(*strip, (len(strip[0]), target[1])) for strip in strips), now[0])
    if len(planes) == 3:
        return np.stack([_filtered(plane, target, _LANCZOS).clip(0, 1) for plane in planes], axis=-1), None
    weight = _filtered(planes[3], target, _TRIANGLE).clip(0, 1)
    rest = 1 - _filtered(planes[7], target, _LANCZOS)[..., None]
    means = np.stack([_filtered(plane, target, _TRIANGLE) for plane in planes[:3]], axis=-1)
    means = filled((means / np.maximum(weight, _TINY)[..., None]).clip(0, 1), weight)
    sharp = np.stack([_filtered(plane, target, _LANCZOS) for plane in planes[4:7]], axis=-1)
    return (sharp + rest * means).clip(0, 1), weight


def _as_they_are(
    strips: Iterable[tuple[np.ndarray, np.ndarray | None]], now: Shape
) -> tuple[np.ndarray, np.ndarray | None]:
    pixels, alpha, top = np.empty((*now, 3), np.float32), np.empty(now, np.float32), 0
    opaque = True
    for color, opacity in strips:
        rows = slice(top, top := top + len(color))
        pixels[rows] = unit(color)
        if opacity is not None:
            alpha[rows], opaque = unit(opacity), False
    return pixels, None if opaque else alpha


def _narrowed(color: np.ndarray, alpha: np.ndarray | None, shape: Shape) -> list[np.ndarray]:
    """The resampled planes: color by Lanczos; with alpha, premultiplied color and alpha by both filters."""
    planes = (unit(color[..., c]) for c in range(3))
    if alpha is None:
        return [_filtered(plane, shape, _LANCZOS) for plane in planes]
    weight = unit(alpha)
    seen = chain((plane * weight for plane in planes), [weight])
    both = [[_filtered(plane, shape, kernel) for kernel in (_TRIANGLE, _LANCZOS)] for plane in seen]
    return [*(triangle for triangle, _ in both), *(lanczos for _, lanczos in both)]


def _joined(strips: Iterable[list[np.ndarray]], height: int) -> list[np.ndarray]:
    """The planes of `height` rows, joined from strips."""
    planes: list[np.ndarray] = []
    top = 0
    for strip in strips:
        planes = planes or [np.empty((height, part.shape[1]), np.float32) for part in strip]
        for plane, part in zip(planes, strip, strict=True):
            plane[top : top + len(part)] = part
        top += len(strip[0])
    return planes


def over_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) pixels with (H, W) alpha, 0..1, composited on white."""
    return pixels * alpha[..., None] + (1 - alpha[..., None])


def unit(values: np.ndarray) -> np.ndarray:
    """uint8 levels as float32 0..1; floats as float32."""
    floats = values.astype(np.float32)
    return floats / np.float32(255) if values.dtype == np.uint8 else floats


def _resampled(plane: np.ndarray, target: Shape) -> np.ndarray:
    """Resample (H, W) float32, clipped to 0..1, which Lanczos exceeds."""
    return plane if plane.shape == target else _filtered(plane, target, _LANCZOS).clip(0, 1)


def _filtered(plane: np.ndarray, target: Shape, kernel: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(target[::-1], kernel))
