"""Resampling: Lanczos in float32, so that nothing is quantised twice."""

from __future__ import annotations

import numpy as np
from PIL import Image

from nst.images.filling import filled

_LANCZOS, _TRIANGLE = Image.Resampling.LANCZOS, Image.Resampling.BILINEAR
_TINY = np.finfo(np.float32).tiny

Shape = tuple[int, int]


def target_shape(now: Shape, long_side: int = 0, shape: Shape | None = None) -> Shape:
    """(height, width) asked for: `shape`, or `now` scaled until its longer side is `long_side` (0: `now`)."""
    if shape is not None and long_side:
        raise ValueError("give long_side or shape, not both")
    if long_side < 0 or (shape is not None and min(shape) < 1):
        raise ValueError(f"sizes are positive, got long_side={long_side}, shape={shape}")
    if shape is not None or not long_side:
        return shape or now
    height, width = (max(1, round(side * long_side / max(now))) for side in now)
    return height, width


def resize(pixels: np.ndarray, *, long_side: int = 0, shape: Shape | None = None) -> np.ndarray:
    """(H, W) or (H, W, C) pixels, uint8 or float 0..1, resampled to float32; sizes as read_picture's."""
    target = target_shape((pixels.shape[0], pixels.shape[1]), long_side, shape)
    if pixels.ndim == 2:
        return _resampled(unit(pixels), target)
    return np.stack([_resampled(unit(pixels[..., c]), target) for c in range(pixels.shape[2])], axis=-1)


def resize_with_alpha(
    pixels: np.ndarray, alpha: np.ndarray | None, target: Shape
) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, 3) pixels and (H, W) alpha to float32 of the target shape, hidden pixels in the colors around them.

    Lanczos has negative lobes: premultiplied colors divided by what it makes of alpha are noise along every edge, a
    dashed ring. So they lie over the weighted means that a triangle filter gives, and nothing small divides.
    """
    if alpha is None:
        return resize(pixels, shape=target), None
    if pixels.shape[:2] == target:  # weighting would round
        return unit(pixels), unit(alpha)
    weight = unit(alpha)
    seen = [unit(pixels[..., c]) * weight for c in range(3)]
    new_alpha = _filtered(weight, target, _TRIANGLE).clip(0, 1)
    means = np.stack([_filtered(plane, target, _TRIANGLE) for plane in seen], axis=-1)
    means = filled((means / np.maximum(new_alpha, _TINY)[..., None]).clip(0, 1), new_alpha)
    sharp = np.stack([_filtered(plane, target, _LANCZOS) for plane in seen], axis=-1)
    rest = 1 - _filtered(weight, target, _LANCZOS)[..., None]
    return (sharp + rest * means).clip(0, 1), new_alpha


def over_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) pixels of (H, W) alpha, 0..1, as they show on white."""
    return pixels * alpha[..., None] + (1 - alpha[..., None])


def unit(values: np.ndarray) -> np.ndarray:
    """uint8 levels as float32 0..1; floats as float32."""
    floats = values.astype(np.float32)
    return floats / np.float32(255) if values.dtype == np.uint8 else floats


def _resampled(plane: np.ndarray, target: Shape) -> np.ndarray:
    """(H, W) float32 to the target shape, within 0..1 (Lanczos rings beyond it)."""
    return plane if plane.shape == target else _filtered(plane, target, _LANCZOS).clip(0, 1)


def _filtered(plane: np.ndarray, target: Shape, kernel: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(target[::-1], kernel))
