"""The E statistic against the closed form of the divergence in numpy, and in cases with known values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nst.losses.functional import gram
from nst.metrics.gaussians import COMPONENTS, divergence, e_statistic, moments, projected


def normal(rng, size: int):
    """Mean and covariance of some normal distribution."""
    root = rng.standard_normal((size, size + 2))
    return torch.from_numpy(rng.standard_normal(size)), torch.from_numpy(root @ root.T / size + 0.1 * np.eye(size))


def closed_form(first, second) -> float:
    (a, sa), (b, sb) = ((mean.numpy(), covariance.numpy()) for mean, covariance in (first, second))
    inverse = np.linalg.inv(sb)
    volumes = np.linalg.slogdet(sb)[1] - np.linalg.slogdet(sa)[1]
    return (np.trace(inverse @ sa) + (b - a) @ inverse @ (b - a) - len(a) + volumes) / 2


def test_divergence_is_the_closed_form(rng):
    for size in (1, 2, 7):
        first, second = normal(rng, size), normal(rng, size)
        assert divergence(first, second) == pytest.approx(closed_form(first, second), rel=1e-9)
        assert divergence(first, first) == pytest.approx(0, abs=1e-9)


def test_divergence_is_the_mean_logarithm_of_the_ratio_of_densities(rng):
    first, second = normal(rng, 2), normal(rng, 2)
    p, q = (torch.distributions.MultivariateNormal(*each) for each in (first, second))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        points = p.sample((200_000,))
    assert divergence(first, second) == pytest.approx((p.log_prob(points) - q.log_prob(points)).mean().item(), rel=0.03)


def test_moments_are_those_of_the_features(rng):
    features = torch.from_numpy(rng.standard_normal((1, 5, 8, 9)) + 2)
    mean, covariance = moments(gram(features), features.mean((2, 3)))
    flat = features[0].flatten(1).numpy()
    np.testing.assert_allclose(mean, flat.mean(1))
    np.testing.assert_allclose(covariance, np.cov(flat, bias=True), rtol=1e-6, atol=1e-8)


def test_the_projection_keeps_the_styles_largest_variances(rng):
    style, picture = normal(rng, 9), normal(rng, 9)
    first, second = projected(picture, style, 4)
    largest = np.linalg.eigvalsh(style[1].numpy())[-4:]
    np.testing.assert_allclose(second[1].diagonal(), largest + 0.01 * largest.mean(), rtol=1e-4)
    assert first[0].shape == (4,)
    whole = projected(picture, style, 48)  # more than there are channels, as with lite
    assert whole[0][1].shape == (9, 9)


def test_e_falls_as_the_image_moves_away_and_is_bounded_where_it_does_not(rng):
    styles = [normal(rng, size) for size in (5, 6, 7, 8, 9)]

    def moved(by: float):
        return [(mean + by, covariance) for mean, covariance in styles]

    assert len(COMPONENTS) == len(styles)
    assert e_statistic(styles, styles) == pytest.approx(math.log(1e6))
    assert e_statistic(moved(0.1), styles) > e_statistic(moved(0.2), styles) > e_statistic(moved(2), styles)
    # twice the distance: four times the divergence
    assert e_statistic(moved(1), styles) - e_statistic(moved(2), styles) == pytest.approx(math.log(4), rel=1e-6)


def test_a_style_with_fewer_positions_than_components_has_a_finite_divergence(rng):
    flat = torch.from_numpy(rng.standard_normal((1, 40, 3, 3)))
    few = moments(gram(flat), flat.mean((2, 3)))
    assert 0 < divergence(*projected(normal(rng, 40), few, 32)) < math.inf
    flat = torch.full((1, 40, 30, 30), 0.7) + 1e-5 * torch.from_numpy(rng.random((1, 40, 30, 30), dtype=np.float32))
    rounded = moments(gram(flat), flat.mean((2, 3)))  # in float32: with negative eigenvalues
    assert torch.linalg.eigvalsh(rounded[1])[0] < 0
    assert 0 <= divergence(*projected(rounded, rounded, 32)) < 1e-9
    empty = (torch.zeros(4, dtype=torch.float64), torch.zeros(4, 4, dtype=torch.float64))
    assert divergence(*projected(empty, empty, 4)) == pytest.approx(0, abs=1e-9)
