"""The content's colours, kept."""

import numpy as np
import pytest
from nst.engine import color


def pictures(rng):
    content = 0.3 + 0.4 * rng.random((30, 20, 3), np.float32) * [1, 0.5, 0.2]
    style = 0.4 + 0.2 * rng.random((25, 40, 3), np.float32) @ np.array([[1, 0.5, 0], [0, 1, 0], [0.3, 0, 1]])
    return content.astype(np.float32), style.astype(np.float32)


def test_histogram_gives_the_style_the_contents_mean_and_covariance(rng):
    content, style = pictures(rng)
    kept, (recoloured,) = color.prepared(content, [style], "histogram")
    assert kept is content
    np.testing.assert_allclose(recoloured.mean((0, 1)), content.mean((0, 1)), atol=1e-3)
    np.testing.assert_allclose(*(np.cov(p.reshape(-1, 3).T) for p in (recoloured, content)), atol=1e-3)
    assert np.corrcoef(recoloured[..., 0].ravel(), style[..., 0].ravel())[0, 1] > 0.8  # still the same picture


@pytest.mark.parametrize("side", [8, 1])
def test_a_grey_style_stays_finite_and_in_range(rng, side):
    content, _ = pictures(rng)
    grey = np.full((side, side, 3), 0.5, np.float32)
    assert np.isfinite(color.matched(content, grey)).all()
    matched = color.matched(grey, content)
    assert np.isfinite(matched).all()
    np.testing.assert_allclose(matched.mean((0, 1)), content.mean((0, 1)), atol=1e-3)


def test_luminance_paints_with_greys_of_the_contents_mean_and_deviation(rng):
    content, style = pictures(rng)
    grey, (other,) = color.prepared(content, [style], "luminance")
    for picture in (grey, other):
        assert np.ptp(picture, axis=2).max() == 0
    np.testing.assert_allclose(grey[..., 0], content @ [0.299, 0.587, 0.114], atol=1e-6)
    np.testing.assert_allclose([other.mean(), other.std()], [grey.mean(), grey.std()], atol=5e-3)


def test_a_luminance_that_nothing_was_done_to_is_the_content(rng):
    content, _ = pictures(rng)
    grey, _ = color.prepared(content, [content], "luminance")
    np.testing.assert_allclose(color.finished(grey, content, "luminance"), content, atol=1e-6)
    assert color.finished(grey, content, "style") is grey
