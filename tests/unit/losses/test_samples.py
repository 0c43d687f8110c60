"""Distances of sets of feature vectors, against brute force, SciPy's transport and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nst.losses import samples
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

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


def test_a_shift_is_the_distance_whatever_the_sizes_and_weights() -> None:
    """Two sets of one distribution, one of them shifted: both 1-Wasserstein and root of 2-Wasserstein are the shift."""
    x = torch.linspace(0, 1, 400, dtype=torch.float64)[None]
    y = torch.linspace(0, 1, 1000, dtype=torch.float64)[None] + 3
    assert samples.sliced_wasserstein(x, y).sqrt().item() == pytest.approx(3, abs=2e-3)
    weight = torch.linspace(0.1, 1, 400, dtype=torch.float64)
    assert samples.sliced_wasserstein(x, x + 3, weight, weight).item() == pytest.approx(9, rel=1e-9)
    expected = wasserstein_distance(x[0].numpy(), x[0].numpy(), weight.numpy())  # small, so nearly the same order
    assert samples.sliced_wasserstein(x, x, weight).sqrt().item() >= expected - 1e-3


def test_integer_weights_equal_repetitions() -> None:
    _, y = sets(5)
    counts = torch.tensor([1, 2, 3, 1, 2, 1, 2, 3, 1])
    repeated = samples.sliced_wasserstein(y.repeat_interleave(counts, 0).mT, y.repeat_interleave(counts, 0).mT + 1)
    weighted = samples.sliced_wasserstein(y.mT, y.mT + 1, counts.double(), counts.double())
    assert weighted.item() == pytest.approx(repeated.item(), rel=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: samples.relaxed_emd(samples.cosine_distances(x, y)),
        lambda x, y: samples.self_similarity_distance(x, y[:N]),
        lambda x, y: samples.sliced_wasserstein(x.mT, y.mT),
        lambda x, y: samples.sliced_wasserstein(x.mT, y.mT, torch.arange(1.0, N + 1).double()),
    ],
    ids=["relaxed EMD", "self-similarity", "sliced", "sliced, weighted"],
)
def test_gradients_equal_finite_differences(function) -> None:
    x, y = sets(6)
    assert torch.autograd.gradcheck(lambda x: function(x, y), x.requires_grad_(True), eps=1e-7, atol=1e-5)


def test_directions_are_unit_vectors_and_a_function_of_the_seed() -> None:
    first, second, other = (samples.directions(6, D, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(6))
