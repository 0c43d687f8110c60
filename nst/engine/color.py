"""Color preservation, the setting `color` (Gatys, Bethge, Hertzmann & Shechtman, arXiv:1606.05897).

Images are (H, W, 3) float32, sRGB in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

#: Coefficients of the luma Y' in R'G'B' (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def prepared(
    content: Pixels, styles: Sequence[Pixels], color: str, alpha: Pixels | None = None
) -> tuple[Pixels, list[Pixels]]:
    """The content and the styles as the setting `color` changes them before the optimization.

    alpha: (H, W), opacity of the content; statistics of its colors leave out hidden pixels.
    """
    visible = content if alpha is None or alpha.max() <= 0 else content[alpha > alpha.max() / 2][:, None]
    if color == "histogram":
        return content, [matched(style, visible) for style in styles]
    if color == "luminance":
        gray = _gray(luma(content))
        return gray, [_gray(_moved(luma(style), luma(visible))) for style in styles]
    return content, list(styles)


def finished(stylized: Pixels, content: Pixels, color: str) -> Pixels:
    """The stylized image as `color` changes it in the end: with `luminance`, its luma and the content's chroma."""
    if color != "luminance":
        return stylized
    return np.clip(content + (luma(stylized) - luma(content))[:, :, None], 0, 1, dtype=np.float32)


def luma(pixels: Pixels) -> Pixels:
    """The luma of images (..., 3), without the last axis, float32."""
    return (pixels @ LUMA).astype(np.float32)


def matched(style: Pixels, content: Pixels) -> Pixels:
    """The style with the mean and covariance of the content's colors: x ↦ C^½ S^-½ (x − s) + c (section 4.1)."""
    s, c = style.reshape(-1, 3).astype(np.float64), content.reshape(-1, 3).astype(np.float64)
    transform = _power(np.cov(c.T, bias=True), 0.5) @ _power(np.cov(s.T, bias=True), -0.5)
    recolored = (s - s.mean(0)) @ transform.T + c.mean(0)
    return np.clip(recolored, 0, 1).astype(np.float32).reshape(style.shape)


def _power(covariance: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    positive = np.maximum(values, 1e-5)  # in a gray image some variances are 0
    return np.asarray((vectors * positive**exponent) @ vectors.T)


def _moved(values: Pixels, like: Pixels) -> Pixels:
    """Values shifted and scaled to the mean and standard deviation of `like` (section 5)."""
    return (values - values.mean()) * (like.std() / max(float(values.std()), 1e-3)) + like.mean()


def _gray(values: Pixels) -> Pixels:
    return np.repeat(np.clip(values, 0, 1)[:, :, None], 3, axis=2).astype(np.float32)
