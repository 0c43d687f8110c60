"""Portilla–Simoncelli distance: 0 for equal textures, and unchanged by what does not change a texture."""

from __future__ import annotations

import numpy as np
import pytest

from nst.metrics.texture import SIDE, has_plenoptic, statistics, texture_distance

pytest.importorskip("plenoptic", reason="needs nst-grid[metrics]")


@pytest.fixture
def grains(rng):
    """A periodic texture (SIDE, SIDE, 3): noise that is smoothed in one direction."""
    noise = rng.standard_normal((SIDE, SIDE))
    smooth = sum(np.roll(noise, (k, 2 * k), (0, 1)) for k in range(8)) / 8
    return np.repeat((0.5 + 0.3 * smooth)[..., None], 3, 2).clip(0, 1).astype(np.float32)


def distance(one, other):
    return texture_distance(one, [other], [1.0])


def test_an_image_has_no_distance_from_itself(grains, scene):
    assert has_plenoptic()
    assert distance(grains, grains) == 0
    assert distance(scene, scene) == 0


def test_a_texture_may_be_shifted_but_not_turned(grains):
    """By 16 px: the coarsest scale has a sixteenth of the pixels."""
    assert distance(np.roll(grains, (32, 16), (0, 1)), grains) < 1e-4
    assert distance(np.roll(grains, (3, 5), (0, 1)), grains) < 0.05
    assert distance(grains.transpose(1, 0, 2), grains) > 0.1
    assert distance(np.rot90(grains, 2), grains) < 0.05 < distance(np.rot90(grains), grains)


def test_other_colors_of_the_same_luminance_are_the_same_texture(grains):
    red = grains.copy()
    red[..., 0] += 0.1 / 0.2126
    red[..., 1] -= 0.1 / 0.7152
    assert distance(red, grains) < 1e-3


def test_noise_blur_and_contrast_each_count(grains, rng):
    noisy = (grains + 0.1 * rng.standard_normal(grains.shape)).clip(0, 1).astype(np.float32)
    blurred = (grains + np.roll(grains, 1, 0) + np.roll(grains, 1, 1)) / 3
    for other in (noisy, blurred, 0.25 + 0.5 * grains):
        assert distance(other, grains) > 0.03
    assert distance(1 - grains, grains) > 0.001  # dark strokes are not light ones


def test_a_blend_is_between_its_styles(grains, stripes):
    with_both = [texture_distance(grains, [grains, stripes], [share, 1 - share]) for share in (1, 0.7, 0.3, 0)]
    assert with_both == sorted(with_both)
    assert with_both[0] == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (16, 300, 3), (300, 16, 3), (60, 64, 3), (300, 170, 3)])
def test_every_shape_and_flat_images_have_finite_statistics(shape, rng):
    for pixels in (np.full(shape, 0.5, np.float32), rng.random(shape, dtype=np.float32)):
        assert all(np.isfinite(each.numpy()).all() for each in statistics(pixels))


def test_a_flat_image_has_no_contrast_in_any_shape():
    """It is mirrored to sides that the model can halve; a border would be a contrast."""
    contrasts = statistics(np.full((200, 137, 3), 0.7, np.float32))[5]
    assert contrasts.max() < np.log(1.01e-4)


def test_correlations_are_correlations(rng):
    """Also for sides that are no power of two. Their number is the model's 710, less the three left out."""
    groups = statistics(rng.random((200, 137, 3), dtype=np.float32))
    assert len(groups) == 7
    assert all(each.abs().max() <= 1 + 1e-6 for each in groups[:5])
    assert sum(len(each) for each in groups) == 710 - 3  # mean, minimum and maximum of the luminance
