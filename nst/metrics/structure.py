"""Structural similarity of the luminance."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Pixels = NDArray[np.float32]


def luminance(pixels: Pixels) -> Pixels:
    """The luma (H, W) of sRGB (H, W, 3) in 0..1, with the coefficients of Rec. 709."""
    return np.asarray(pixels @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32))


def ssim(a: Pixels, b: Pixels, visible: Tensor | None = None) -> float:
    """Mean structural similarity, -1..1, of two (H, W) arrays in 0..1 over all 11 px Gaussian windows (σ = 1.5).

    visible: (1, 1, H, W) in 0..1, weight of the window around each pixel; None: equal weights. Source: Wang, Bovik,
    Sheikh & Simoncelli, IEEE Trans. Image Processing 13(4), 2004, equation 13.
    """
    axis = torch.arange(-5, 6, dtype=torch.float64)
    window = torch.exp(-(axis**2) / (2 * 1.5**2))
    window = window / window.sum()
    x, y = (torch.from_numpy(np.asarray(p, dtype=np.float64))[None, None] for p in (a, b))
    planes = torch.cat([x, y, x * x, y * y, x * y], 1).transpose(0, 1)
    planes = F.conv2d(F.conv2d(planes, window.view(1, 1, 11, 1)), window.view(1, 1, 1, 11))
    mx, my, xx, yy, xy = planes[:, 0]
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = 0.01**2, 0.03**2
    index = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    if visible is None:
        return index.mean().item()
    weight = visible[0, 0, 5:-5, 5:-5].to(index)
    return ((index * weight).sum() / weight.sum().clamp_min(1e-6)).item()
