"""Colors for the transparent part of an image."""

from __future__ import annotations

import numpy as np
from PIL import Image

_HARDLY_VISIBLE = 1 / 16
"""Pixels with a lower alpha count as hidden: after resampling, or with 8 bits, their color is inaccurate."""


def filled(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """(H, W, 3) float32 pixels in which hidden pixels have the colors of the visible ones around them.

    alpha: (H, W) in 0..1. The pixels are unchanged if it is None, or if all pixels are hidden or all are visible.
    Method: push-pull, Gortler, Grzeszczuk, Szeliski & Cohen, The Lumigraph, SIGGRAPH 1996, section 3.4.
    """
    if alpha is None:
        return pixels
    hidden = alpha < _HARDLY_VISIBLE
    if hidden.all() or not hidden.any():
        return pixels
    weight = np.where(hidden, 0, alpha)[..., None].astype(np.float32)
    return np.where(hidden[..., None], _push_pull(pixels * weight, weight), pixels).clip(0, 1)


def _push_pull(colors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill colors (H, W, 3), premultiplied by their weight (H, W, 1), from the same image at half the size."""
    height, width = weight.shape[:2]
    if weight.min() >= 1 or height == width == 1:
        return colors / np.maximum(weight, np.finfo(np.float32).tiny)
    coarse, coarse_weight = _halved(colors), _halved(weight)
    full = np.maximum(coarse_weight, 1)  # the weights of 2 × 2 pixels sum to up to 4
    around = _doubled(_push_pull(coarse / full, coarse_weight / full))[:height, :width]
    return colors + (1 - weight) * around


def _halved(planes: np.ndarray) -> np.ndarray:
    """Sums over 2 × 2 pixels of (H, W, C), with zero padding."""
    height, width, channels = planes.shape
    even = np.pad(planes, ((0, height % 2), (0, width % 2), (0, 0)))
    blocks: np.ndarray = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, channels).sum((1, 3))
    return blocks


def _doubled(colors: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 at twice the size, bilinear."""
    size = (2 * colors.shape[1], 2 * colors.shape[0])
    planes = [Image.fromarray(np.ascontiguousarray(colors[..., c])) for c in range(3)]
    return np.stack([np.asarray(plane.resize(size, Image.Resampling.BILINEAR)) for plane in planes], axis=-1)
