"""Distances of sets of feature vectors, against brute force, SciPy's transport and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F

from nst.losses import samples

N, M, D = 7, 9, 5


def sets(seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, D, dtype=torch.float64, generator=generator) for n in (N, M)]


def brute_force_distance(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - float(sum(p * q for p, q in zip(a, b, strict=True))) / float(np.sqrt((a**2).sum() * (b**2).sum()))


def test_relaxed_emd_equals_brute_force() -> None:
    x, y = sets()
    to_y = [min(brute_force_distance(a, b) for b in y.numpy()) for a in x.numpy()]
    to_x = [min(brute_force_distance(a, b) for a in x.numpy()) for b in y.numpy()]
    found = samples.relaxed_emd(samples.cosine_distances(x, y))
    assert found.item() == pytest.approx(max(sum(to_y) / N, sum(to_x) / M), rel=1e-12)
    assert samples.relaxed_emd_of_units(F.normalize(x), F.normalize(y)).item() == pytest.approx(found.item(), rel=1e-12)


def test_relaxed_emd_is_at_most_the_emd() -> None:
    x, y = sets(1)
    distances = samples.cosine_distances(x, y[:N])
    rows, columns = linear_sum_assignment(distances.numpy())
    assert samples.relaxed_emd(distances).item() <= distances.numpy()[rows, columns].mean() + 1e-12


def test_weights_count_as_repetitions() -> None:
    x, y = sets(2)
    counts, y_counts = torch.randint(1, 4, (N,)), torch.randint(1, 4, (M,))
    repeated, y_repeated = x.repeat_interleave(counts, 0), y.repeat_interleave(y_counts, 0)
    whole = samples.relaxed_emd(samples.cosine_distances(repeated, y_repeated))
    weighted = samples.relaxed_emd(samples.cosine_distances(x, y), counts.double(), y_counts.double())
    assert weighted.item() == pytest.approx(whole.item(), rel=1e-12)


def test_self_similarity_equals_loops() -> None:
    x, y = sets(3)
    y = y[:N]

    def columns(z: np.ndarray) -> np.ndarray:
        distances = np.array([[brute_force_distance(a, b) for b in z] for a in z])
        return distances / distances.sum(0)

    expected = N * np.abs(columns(x.numpy()) - columns(y.numpy())).mean()
    assert samples.self_similarity_distance(x, y).item() == pytest.approx(expected, rel=1e-9)
    assert samples.self_similarity_distance(x, 3 * x).item() == pytest.approx(0, abs=1e-12)


def test_sliced_wasserstein_equals_the_optimal_assignment() -> None:
    x, y = sets(4)
    rows, other = x.mT, y[:N].mT
    expected = []
    for a, b in zip(rows.numpy(), other.numpy(), strict=True):
        cost = (a[:, None] - b[None]) ** 2
        expected.append(cost[linear_sum_assignment(cost)].mean())
    assert samples.sliced_wasserstein(rows, other).item() == pytest.approx(np.mean(expected), rel=1e-12)


@pytest.mark.parametrize("sizes", [(400, 1000), (1000, 400)])
def test_a_shift_is_the_distance_whatever_the_sizes(sizes: tuple[int, int]) -> None:
    x, y = (torch.linspace(0, 1, size, dtype=torch.float64)[None] for size in sizes)
    assert samples.sliced_wasserstein(x, y + 3).sqrt().item() == pytest.approx(3, abs=2e-3)


def test_numbers_that_are_repeated_are_the_same_distribution() -> None:
    x, y = sets(5)
    expected = samples.sliced_wasserstein(x.mT, y[:N].mT)
    assert samples.sliced_wasserstein(x.mT, y[:N].repeat(3, 1).mT).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: samples.relaxed_emd(samples.cosine_distances(x, y)),
        lambda x, y: samples.relaxed_emd_of_units(F.normalize(x), F.normalize(y)),
        lambda x, y: samples.self_similarity_distance(x, y[:N]),
        lambda x, y: samples.sliced_wasserstein(x.mT, y.mT),
    ],
    ids=["relaxed EMD", "relaxed EMD of units", "self-similarity", "sliced"],
)
def test_gradients_equal_finite_differences(function) -> None:
    x, y = sets(6)
    assert torch.autograd.gradcheck(lambda x: function(x, y), x.requires_grad_(True), eps=1e-7, atol=1e-5)


def test_directions_are_unit_vectors_and_a_function_of_the_seed() -> None:
    first, second, other = (samples.directions(6, D, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(6))
