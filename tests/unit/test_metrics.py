"""The reference metrics against scikit-image's, and in cases with known values."""

import numpy as np
import pytest
from nst.errors import NstError
from nst.metrics import ReferenceNetwork, evaluate, luminance, ssim
from skimage.metrics import structural_similarity


def test_ssim_is_scikit_images(rng):
    y, x = np.mgrid[0:50, 0:60] / 50
    a = np.clip(0.5 + 0.4 * np.sin(7 * x + 3 * y) + 0.02 * rng.standard_normal(x.shape), 0, 1)
    for b in (a, np.clip(a + 0.1 * rng.standard_normal(a.shape), 0, 1), 1 - a):
        expected = structural_similarity(
            a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert ssim(a, b) == pytest.approx(expected, abs=1e-6)


def test_green_has_the_largest_coefficient_in_the_luminance():
    assert luminance(np.eye(3, dtype=np.float32)[None])[0].tolist() == pytest.approx([0.2126, 0.7152, 0.0722])


def test_the_content_itself_has_no_content_error_and_the_style_itself_no_style_error(scene, stripes, untrained):
    same = evaluate(scene, scene, [stripes], by=ReferenceNetwork("vgg19", untrained, "0123456789"), device="cpu")
    assert same.content_error == 0
    assert same.ssim == pytest.approx(1)
    assert same.style_error > 0.01
    assert same.reference == "vgg19:01234567"
    style = evaluate(scene, stripes, [scene], by=ReferenceNetwork("vgg19", untrained, "0"), device="cpu")
    assert style.style_error < 1e-9
    assert style.content_error > 0
    assert style.style_error == pytest.approx(sum(style.layers.values()) / 5)


def test_a_blend_is_evaluated_against_the_mean_of_its_styles(scene, stripes, untrained):
    by = ReferenceNetwork("vgg19", untrained, "0")

    def error(blend):
        return evaluate(scene, scene, [scene, stripes], by=by, blend=blend, device="cpu").style_error

    assert error([1.0, 0.0]) < 1e-9 < error([0.7, 0.3]) < error([0.0, 1.0])


def test_hidden_pixels_count_in_no_metric(scene, stripes, untrained):
    """The right half is hidden. The images differ there, at more than the receptive field from the left half."""
    content = np.tile(scene, (1, 12, 1))
    alpha = np.zeros(content.shape[:2], np.float32)
    alpha[:, :60] = 1
    other = content.copy()
    other[:, 400:] = 0.9
    by = ReferenceNetwork("vgg19", untrained, "0")
    found = [evaluate(p, content, [stripes], by=by, alpha=alpha, device="cpu") for p in (content, other)]
    assert found[1].content_error == pytest.approx(0, abs=1e-9)
    assert found[1].ssim == pytest.approx(1)
    assert found[1].style_error == pytest.approx(found[0].style_error, rel=1e-4)
    assert evaluate(other, content, [stripes], by=by, device="cpu").content_error > 0.01


def test_metrics_that_overflow_are_an_error(scene, stripes, untrained):
    """Because JSON has no NaN."""
    large = {name: value * 1e38 for name, value in untrained.items()}
    with pytest.raises(NstError, match="vgg19:0: the features of these images overflow"):
        evaluate(scene, scene, [stripes], by=ReferenceNetwork("vgg19", large, "0"), device="cpu")


def test_slivers_are_measured_too(scene, stripes, untrained):
    sliver = scene[:5]
    by = ReferenceNetwork("vgg19", untrained, "0")
    assert np.isfinite(evaluate(sliver, sliver, [stripes[:, :3]], by=by, device="cpu").style_error)
