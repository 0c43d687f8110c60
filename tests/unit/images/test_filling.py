"""Hidden pixels take the colors of the visible ones around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nst.images import filled, read_picture, write_picture


def disc(height: int = 61, width: int = 90) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((y - height // 2) ** 2 + (x - width // 2) ** 2 < 18**2).astype(np.float32)


def test_hidden_pixels_take_the_colors_around_them() -> None:
    alpha = np.zeros((24, 40), np.float32)
    alpha[:, :4] = alpha[:, -4:] = 1
    pixels = np.zeros((24, 40, 3), np.float32)
    pixels[:, :4], pixels[:, -4:] = (1, 0, 0), (0, 0, 1)
    found = filled(pixels, alpha)
    assert np.array_equal(found[alpha > 0], pixels[alpha > 0])
    assert found[:, 6, 0].min() > 0.7
    assert found[:, -7, 2].min() > 0.7
    assert np.abs(np.diff(found, axis=1))[:, 4:-4].max() < 0.2  # smooth where nothing is seen
    assert np.abs(found.sum(2) - 1).max() < 1e-5  # mixtures of the two, nothing else


@pytest.mark.parametrize("alpha", [None, np.ones((5, 7), np.float32), np.zeros((5, 7), np.float32)])
def test_with_nothing_hidden_or_nothing_visible_pixels_stay(alpha: np.ndarray | None, rng: np.random.Generator) -> None:
    pixels = rng.random((5, 7, 3), np.float32)
    assert filled(pixels, alpha) is pixels


def test_what_is_hardly_visible_colors_nothing() -> None:
    alpha = np.full((9, 9), 0.01, np.float32)
    alpha[4, 4] = 1
    pixels = np.zeros((9, 9, 3), np.float32)
    pixels[4, 4] = (0.2, 0.5, 0.9)
    np.testing.assert_allclose(filled(pixels, alpha), np.broadcast_to(pixels[4, 4], pixels.shape), atol=1e-6)


@pytest.mark.parametrize("side", [150, 40, 23])
def test_resampling_leaves_no_ring(tmp_path: Path, rng: np.random.Generator, side: int) -> None:
    """Of a textured disc on hidden black no pixel is darker or brighter than the disc, on neither side of its edge."""
    alpha = disc()
    pixels = 0.4 + 0.2 * rng.random((*alpha.shape, 3), np.float32)
    write_picture(tmp_path / "a.png", pixels * alpha[..., None], alpha=alpha)
    picture = read_picture(tmp_path / "a.png", long_side=side)
    assert picture.alpha is not None
    assert picture.pixels.min() > 0.3
    assert picture.pixels.max() < 0.7
    far = np.hypot(*(np.mgrid[: picture.alpha.shape[0], :side] - np.array(picture.alpha.shape)[:, None, None] // 2))
    assert (picture.alpha[far > 18 * side / 90 + max(3, 1.5 * side / 90 + 2)] == 0).all()  # no ghost of the edge
