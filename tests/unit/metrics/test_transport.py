"""Distances of samples against brute force and SciPy's transport in one dimension."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from nst.metrics.samples import Samples
from nst.metrics.transport import relaxed_emd, self_similarity, sliced_wasserstein, transported


@pytest.fixture
def draw(rng):
    """A maker of samples of n vectors of 6 channels; with weights of 1/n, or random ones."""

    def make(n: int, *, weighted: bool = False, shift: float = 0.3) -> Samples:
        vectors = torch.from_numpy((rng.standard_normal((n, 6)) + shift).astype(np.float32))
        weights = torch.from_numpy(rng.random(n).astype(np.float32)) if weighted else torch.ones(n)
        return Samples(vectors, weights / weights.sum())

    return make


def distance(x: np.ndarray, y: np.ndarray) -> float:
    return 1 - float(sum(x * y)) / (float(sum(x * x)) * float(sum(y * y))) ** 0.5


def emd_by_loops(one: Samples, other: Samples) -> float:
    x, y = one.vectors.double().numpy(), other.vectors.double().numpy()
    there = sum(w * min(distance(a, b) for b in y) for a, w in zip(x, one.weights.tolist(), strict=True))
    back = sum(w * min(distance(a, b) for a in x) for b, w in zip(y, other.weights.tolist(), strict=True))
    return max(there, back)


@pytest.mark.parametrize("weighted", [False, True])
def test_relaxed_emd_is_that_of_loops(draw, weighted):
    one, other = draw(17), draw(23, weighted=weighted)
    assert relaxed_emd(one, other) == pytest.approx(emd_by_loops(one, other), rel=1e-5)
    assert relaxed_emd(other, one) == pytest.approx(emd_by_loops(one, other), rel=1e-5)


def test_relaxed_emd_is_never_more_than_the_emd(draw):
    """It drops one of the two constraints of the transport, which a linear program solves here."""
    one, other = draw(6, weighted=True), draw(7, weighted=True)
    x, y = one.vectors.double().numpy(), other.vectors.double().numpy()
    costs = [distance(a, b) for a, b in itertools.product(x, y)]
    sums = [np.kron(np.eye(6), np.ones(7)), np.kron(np.ones(6), np.eye(7))]
    masses = [each.weights.double().numpy() / each.weights.double().sum().item() for each in (one, other)]
    exact = linprog(costs, A_eq=np.vstack(sums)[:-1], b_eq=np.concatenate(masses)[:-1]).fun
    assert 0 < relaxed_emd(one, other) <= exact + 1e-6


def test_self_similarity_is_that_of_loops(draw):
    one, other = draw(9), draw(9)
    columns = []
    for vectors in (one.vectors.double().numpy(), other.vectors.double().numpy()):
        mutual = np.array([[distance(a, b) if a is not b else 0.0 for b in vectors] for a in vectors])
        columns.append(mutual / mutual.sum(0))
    expected = np.abs(columns[0] - columns[1]).sum(0).mean()
    assert self_similarity(one, other) == pytest.approx(expected, rel=1e-4)


def test_self_similarity_ignores_what_every_vector_shares(draw):
    """Scaling and rotating all features changes no angle between them."""
    one = draw(12)
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(3))).Q
    assert self_similarity(one, Samples(5 * one.vectors @ rotation, one.weights)) < 1e-4


def squared_transport(x: np.ndarray, p: np.ndarray, y: np.ndarray, q: np.ndarray) -> float:
    """The exact optimal transport of masses p at x to masses q at y, with squared distances: a linear program."""
    sums = np.vstack([np.kron(np.eye(len(x)), np.ones(len(y))), np.kron(np.ones(len(x)), np.eye(len(y)))])
    masses = np.concatenate([p / p.sum(), q / q.sum()])
    return float(linprog(((x[:, None] - y) ** 2).ravel(), A_eq=sums[:-1], b_eq=masses[:-1]).fun)


@pytest.mark.parametrize(("n", "m", "weighted"), [(9, 9, False), (9, 6, False), (8, 11, True), (7, 7, True)])
def test_transport_of_numbers_is_the_exact_one(rng, n, m, weighted):
    x, y = rng.standard_normal((3, n)), 0.5 + 2 * rng.standard_normal((3, m))
    p, q = (rng.random(n), rng.random(m)) if weighted else (np.ones(n), np.ones(m))
    expected = np.mean([squared_transport(a, p, b, q) for a, b in zip(x, y, strict=True)])
    found = transported(*(torch.from_numpy(each) for each in (x, p / p.sum(), y, q / q.sum())))
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_a_shift_costs_its_square_relative_to_the_style(draw):
    """A projection is shifted by that of the shift, whose mean square over directions is |a|²/6."""
    style = draw(40)
    shift = torch.tensor([0.5, -1, 0, 2, 0.25, 0])
    moved = Samples(style.vectors + shift, style.weights)
    expected = shift.square().sum() / style.vectors.square().sum(1).mean()
    assert sliced_wasserstein(moved, style) == pytest.approx(expected.item(), rel=0.15)  # of 256 random directions
    halves = Samples(torch.cat([moved.vectors] * 2), torch.cat([moved.weights] * 2) / 2)
    assert sliced_wasserstein(halves, style) == pytest.approx(sliced_wasserstein(moved, style), rel=1e-4)


def test_equal_sets_in_any_order_have_no_distance(draw):
    one = draw(50, weighted=True)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(2))
    other = Samples(one.vectors[order], one.weights[order])
    assert relaxed_emd(one, other) < 1e-6
    assert sliced_wasserstein(one, other) < 1e-6
    assert self_similarity(one, one) == 0
    assert self_similarity(one, other) > 0.01  # which depends on the places


def test_an_image_without_features_is_at_distance_1(draw):
    style = draw(30)
    assert sliced_wasserstein(Samples(torch.zeros(30, 6), style.weights), style) == pytest.approx(1)
