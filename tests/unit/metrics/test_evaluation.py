"""The reference metrics against scikit-image's, and in cases with known values."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from nst.errors import NstError
from nst.metrics import ReferenceNetwork, evaluate, evaluation, luminance, ssim
from nst.settings.metrics import METRICS
from untrained import random_state


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
    assert style.relaxed_emd < 1e-5 < same.relaxed_emd
    assert style.sliced_wasserstein < 1e-9 < same.sliced_wasserstein
    assert style.portilla_simoncelli < 1e-9 < same.portilla_simoncelli
    assert same.e_statistic < style.e_statistic == pytest.approx(13.8155, abs=1e-3)
    assert same.self_similarity < 1e-5 < style.self_similarity
    assert style.style_error == pytest.approx(sum(style.layers.values()) / 5)


def test_a_blend_is_evaluated_against_the_mean_of_its_styles(scene, stripes, untrained):
    by = ReferenceNetwork("vgg19", untrained, "0")

    found = [
        evaluate(scene, scene, [scene, stripes], by=by, blend=blend, device="cpu")
        for blend in ([1.0, 0.0], [0.7, 0.3], [0.0, 1.0])
    ]
    for name in ("style_error", "relaxed_emd", "sliced_wasserstein", "portilla_simoncelli"):
        first, middle, last = (getattr(metrics, name) for metrics in found)
        assert first < 1e-5 < middle < last, name
    assert found[0].e_statistic > found[1].e_statistic > found[2].e_statistic


def test_hidden_pixels_count_in_no_metric_that_has_weights(scene, stripes, untrained, monkeypatch):
    """The right half is hidden. The images differ there, at more than the receptive field from the left half.

    Without the filling, which would make the images equal, only the weights of the positions hide the difference.
    """
    monkeypatch.setattr(evaluation, "filled", lambda pixels, alpha: pixels)
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
    assert found[1].self_similarity == pytest.approx(0, abs=1e-5)
    for name in ("relaxed_emd", "sliced_wasserstein", "e_statistic"):
        assert getattr(found[1], name) == pytest.approx(getattr(found[0], name), rel=1e-3), name
    seen = evaluate(other, content, [stripes], by=by, device="cpu")
    assert seen.content_error > 0.01
    assert seen.self_similarity > 0.01
    assert abs(seen.relaxed_emd - found[0].relaxed_emd) > 1e-3


def test_the_same_images_have_the_same_metrics_each_time(scene, stripes, untrained):
    by = ReferenceNetwork("vgg19", untrained, "0")
    first, again = (evaluate(scene, stripes, [stripes, scene], by=by, device="cpu") for _ in range(2))
    assert first == again


def test_metrics_that_cannot_be_computed_are_left_out(scene, stripes, monkeypatch):
    """lite lacks the layers of three of them, and one needs an optional package."""
    by = ReferenceNetwork("lite", random_state("lite"), "0")
    optional = {"relaxed_emd", "sliced_wasserstein", "self_similarity"}
    found = evaluate(scene, scene, [stripes], by=by, device="cpu")
    assert optional.isdisjoint(found.as_dict())
    assert "portilla_simoncelli" in found.as_dict()
    monkeypatch.setattr(evaluation, "has_plenoptic", lambda: False)
    without = evaluate(scene, scene, [stripes], by=by, device="cpu").as_dict()
    assert without.keys() == found.as_dict().keys() - {"portilla_simoncelli"}
    assert without["e_statistic"] == found.e_statistic


def test_every_metric_is_declared(scene, stripes, untrained):
    found = evaluate(scene, scene, [stripes], by=ReferenceNetwork("vgg19", untrained, "0"), device="cpu").as_dict()
    assert found.keys() - {"reference", "layers"} == METRICS.keys()


def test_metrics_that_overflow_are_an_error(scene, stripes, untrained):
    """Because JSON has no NaN."""
    large = {name: value * 1e38 for name, value in untrained.items()}
    with pytest.raises(NstError, match="vgg19:0: the features of these images overflow"):
        evaluate(scene, scene, [stripes], by=ReferenceNetwork("vgg19", large, "0"), device="cpu")


def test_slivers_are_measured_too(scene, stripes, untrained):
    sliver = scene[:5]
    by = ReferenceNetwork("vgg19", untrained, "0")
    assert np.isfinite(evaluate(sliver, sliver, [stripes[:, :3]], by=by, device="cpu").style_error)


def test_a_content_without_visible_pixels_has_no_metrics(scene, stripes, untrained):
    by, alpha = ReferenceNetwork("vgg19", untrained, "0"), np.zeros(scene.shape[:2], np.float32)
    with pytest.raises(NstError, match="the content image is fully transparent"):
        evaluate(scene, scene, [stripes], by=by, alpha=alpha, device="cpu")
