"""Distances between sets of feature vectors, as pure functions. Each set is (n, d): n vectors of d channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def cosine_distances(x: Tensor, y: Tensor) -> Tensor:
    """1 − cos of the angle of every pair of vectors, 0..2, (n, m), for sets (n, d) and (m, d).

    A vector of zeros has distance 1 to every vector.
    """
    return 1 - F.normalize(x, dim=1) @ F.normalize(y, dim=1).mT


def relaxed_emd(distances: Tensor, x_weight: Tensor | None = None, y_weight: Tensor | None = None) -> Tensor:
    """Relaxed earth mover's distance of two sets (Kolkin, Salavon & Shakhnarovich, arXiv:1904.12785, equation 5).

    The larger of two means: of each vector's distance to the nearest vector of the other set.

    Args:
        distances: (n, m), of every pair. x_weight: (n,), y_weight: (m,), weights of the means; None: equal.
    """
    return torch.maximum(_mean(distances.amin(1), x_weight), _mean(distances.amin(0), y_weight))


def relaxed_emd_of_units(x: Tensor, y: Tensor) -> Tensor:
    """`relaxed_emd` of two sets of unit vectors under the cosine distance.

    Only the nearest vectors have a gradient, so theirs alone is computed, and not that of all distances.
    """
    with torch.no_grad():
        cosines = x @ y.mT
        nearest_to_x, nearest_to_y = cosines.argmax(1), cosines.argmax(0)
    of_x, of_y = (x * y[nearest_to_x]).sum(1), (x[nearest_to_y] * y).sum(1)
    return torch.maximum(1 - of_x.mean(), 1 - of_y.mean())


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return values.mean() if weight is None else (values * weight).sum() / weight.sum()


def self_similarity_distance(x: Tensor, y: Tensor) -> Tensor:
    """How much the similarities within two sets of equal size differ (arXiv:1904.12785, equation 4, times n).

    n · mean |D_x − D_y|, where D is the matrix of cosine distances within a set, each column divided by its sum. The
    factor n makes it independent of the number of vectors. 0: vector i is as similar to vector j in x as in y.
    """
    return (_normalized_distances(x) - _normalized_distances(y)).abs().mean() * len(x)


def _normalized_distances(x: Tensor) -> Tensor:
    distances = cosine_distances(x, x).clamp_min(0)
    return distances / distances.sum(0, keepdim=True).clamp_min(1e-6)


class CovarianceDistance(torch.autograd.Function):
    """The mean absolute difference of a covariance from a target: `apply(centered, target)`.

    centered: (n, d), vectors minus their mean. target: (d, d), symmetric. The covariance is centeredᵀ · centered / n.
    As a function of its own, because the difference is symmetric: a product less, and half of the passes over it.
    """

    @staticmethod
    def forward(ctx: Any, centered: Tensor, target: Tensor) -> Tensor:
        difference = torch.addmm(target, centered.mT, centered, beta=-1, alpha=1 / len(centered))
        distance = difference.abs().mean()
        ctx.save_for_backward(centered, difference.sign_())
        return distance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        centered, signs = ctx.saved_tensors
        return centered @ signs * (2 * gradients[0] / (len(centered) * signs.numel())), None


def sliced_wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared 2-Wasserstein distance of two sets of numbers in each of k rows (Heitz et al., arXiv:2006.07229).

    In one dimension the optimal transport maps the numbers in ascending order (equation 6).

    Args:
        x: (k, n), y: (k, m), projections of two sets on k directions. Where n ≠ m, each number of x is compared with
            the quantile of y at the middle of its share.
    """
    x, y = x.sort(1).values, y.sort(1).values
    n, m = x.shape[1], y.shape[1]
    if n != m:
        middles = (torch.arange(n, device=x.device) + 0.5) / n
        y = y[:, (middles * m).long()]
    return (x - y).square().mean()


def directions(count: int, channels: int, generator: torch.Generator) -> Tensor:
    """Random unit vectors, (count, channels), float32, on the CPU."""
    return F.normalize(torch.randn(count, channels, generator=generator), dim=1)
