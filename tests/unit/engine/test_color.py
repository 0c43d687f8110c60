"""Color preservation: the setting `color`."""

import numpy as np
import pytest

from nst.engine import color


def pictures(rng):
    content = 0.3 + 0.4 * rng.random((30, 20, 3), np.float32) * [1, 0.5, 0.2]
    style = 0.4 + 0.2 * rng.random((25, 40, 3), np.float32) @ np.array([[1, 0.5, 0], [0, 1, 0], [0.3, 0, 1]])
    return content.astype(np.float32), style.astype(np.float32)


def test_histogram_gives_the_style_the_contents_mean_and_covariance(rng):
    content, style = pictures(rng)
    kept, (recolored,) = color.prepared(content, [style], "histogram")
    assert kept is content
    np.testing.assert_allclose(recolored.mean((0, 1)), content.mean((0, 1)), atol=1e-3)
    np.testing.assert_allclose(*(np.cov(p.reshape(-1, 3).T) for p in (recolored, content)), atol=1e-3)
    assert np.corrcoef(recolored[..., 0].ravel(), style[..., 0].ravel())[0, 1] > 0.8  # still the same image


@pytest.mark.parametrize("side", [8, 1])
def test_a_gray_style_stays_finite_and_in_range(rng, side):
    content, _ = pictures(rng)
    gray = np.full((side, side, 3), 0.5, np.float32)
    for matched in (color.matched(content, gray), color.matched(content, 2 * gray), color.matched(gray, content)):
        assert np.isfinite(matched).all()
        assert 0 <= matched.min() <= matched.max() <= 1
    np.testing.assert_allclose(matched.mean((0, 1)), content.mean((0, 1)), atol=1e-3)


def test_luminance_gives_the_style_the_mean_and_deviation_of_the_contents_luma(rng):
    content, style = pictures(rng)
    gray, (other,) = color.prepared(content, [style], "luminance")
    for picture in (gray, other):
        assert np.ptp(picture, axis=2).max() == 0
    np.testing.assert_allclose(gray[..., 0], content @ [0.299, 0.587, 0.114], atol=1e-6)
    np.testing.assert_allclose([other.mean(), other.std()], [gray.mean(), gray.std()], atol=5e-3)


def test_an_unchanged_luminance_gives_the_content(rng):
    content, _ = pictures(rng)
    gray, _ = color.prepared(content, [content], "luminance")
    np.testing.assert_allclose(color.finished(gray, content, "luminance"), content, atol=1e-6)
    assert color.finished(gray, content, "style") is gray
