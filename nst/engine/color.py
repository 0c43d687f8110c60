"""Keeping the content's colors (Gatys, Bethge, Hertzmann & Shechtman, arXiv:1606.05897).

Pictures are (H, W, 3), sRGB in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

#: Luma of R'G'B' (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def prepared(
    content: Pixels, styles: Sequence[Pixels], color: str, alpha: Pixels | None = None
) -> tuple[Pixels, list[Pixels]]:
    """The content and the styles that are stylized with, by the setting `color`.

    alpha: (H, W) of the content, whose hidden pixels have no say in what its colors are.
    """
    seen = content if alpha is None or alpha.max() <= 0 else content[alpha > alpha.max() / 2][:, None]
    if color == "histogram":
        return content, [matched(style, seen) for style in styles]
    if color == "luminance":
        gray = _gray(luma(content))
        return gray, [_gray(_moved(luma(style), luma(seen))) for style in styles]
    return content, list(styles)


def finished(stylized: Pixels, content: Pixels, color: str) -> Pixels:
    """What is shown of a stylized picture: with `luminance`, its luma and the content's chroma."""
    if color != "luminance":
        return stylized
    return np.clip(content + (luma(stylized) - luma(content))[:, :, None], 0, 1, dtype=np.float32)


def luma(pixels: Pixels) -> Pixels:
    """(H, W)."""
    return (pixels @ LUMA).astype(np.float32)


def matched(style: Pixels, content: Pixels) -> Pixels:
    """The style with the mean and covariance of the content's colors: x ↦ C^½ S^-½ (x − s) + c (section 4.1)."""
    s, c = style.reshape(-1, 3).astype(np.float64), content.reshape(-1, 3).astype(np.float64)
    turn = _power(np.cov(c.T, bias=True), 0.5) @ _power(np.cov(s.T, bias=True), -0.5)
    recolored = (s - s.mean(0)) @ turn.T + c.mean(0)
    return np.clip(recolored, 0, 1).astype(np.float32).reshape(style.shape)


def _power(covariance: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    kept = np.maximum(values, 1e-5)  # a gray picture has no spread of colors to divide by
    return np.asarray((vectors * kept**exponent) @ vectors.T)


def _moved(values: Pixels, like: Pixels) -> Pixels:
    """With the mean and the standard deviation of others (section 5)."""
    return (values - values.mean()) * (like.std() / max(float(values.std()), 1e-3)) + like.mean()


def _gray(values: Pixels) -> Pixels:
    return np.repeat(np.clip(values, 0, 1)[:, :, None], 3, axis=2).astype(np.float32)
