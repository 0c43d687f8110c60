"""Distances of an image's samples from those of its style or content."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from nst.losses import samples
from nst.losses.samples import cosine_distances
from nst.metrics.samples import Samples

#: Random directions of the sliced Wasserstein distance.
DIRECTIONS = 256

#: Positions whose mutual distances are compared.
NEIGHBORS = 1024

_SEED = 20111005


def relaxed_emd(picture: Samples, style: Samples) -> float:
    """Relaxed earth mover's distance under the cosine distance, 0..2 (`nst.losses.samples.relaxed_emd`)."""
    distances = cosine_distances(picture.vectors, style.vectors)
    return max(0.0, samples.relaxed_emd(distances, picture.weights, style.weights).item())  # rounding can be below 0


def self_similarity(picture: Samples, content: Samples) -> float:
    """Difference of self-similarities at the same positions, 0..2 (`nst.losses.samples.self_similarity_distance`)."""
    vectors = [each.vectors[:NEIGHBORS] for each in (picture, content)]
    return samples.self_similarity_distance(*vectors).item()


def sliced_wasserstein(picture: Samples, style: Samples) -> float:
    """Sliced 2-Wasserstein distance, squared, relative to the style's mean square: 0 is equal, 1 that of no features.

    It is the mean over fixed random directions of the exact transport in one dimension, ∫(P⁻¹(t) − S⁻¹(t))² dt, where
    P⁻¹ and S⁻¹ are the quantile functions of the weighted projections (Heitz et al., arXiv:2006.07229, equation 6).
    """
    directions = _directions(picture.vectors.shape[1]).to(picture.vectors)
    p, s = (directions @ each.vectors.mT for each in (picture, style))
    size = (s.square() @ style.weights).mean().clamp_min(torch.finfo(s.dtype).tiny)
    if picture.uniform and style.uniform and p.shape == s.shape:
        return (samples.sliced_wasserstein(p, s) / size).item()
    return (transported(p, picture.weights, s, style.weights) / size).item()


def transported(x: Tensor, x_weight: Tensor, y: Tensor, y_weight: Tensor) -> Tensor:
    """Mean over the rows of the squared 2-Wasserstein distance of weighted numbers: x (k, n), y (k, m).

    Exact also for unequal numbers and weights, unlike the loss, which compares one quantile for each x.
    """
    (x, order), (y, other) = x.sort(1), y.sort(1)
    ends = [x_weight[order].cumsum(1), y_weight[other].cumsum(1)]
    steps = torch.cat(ends, 1).clamp(0, 1).sort(1).values  # between two steps, both quantile functions are constant
    starts = torch.cat([torch.zeros_like(steps[:, :1]), steps[:, :-1]], 1)
    middles = (starts + steps) / 2
    quantiles = [
        values.gather(1, torch.searchsorted(end, middles).clamp_max(values.shape[1] - 1))
        for values, end in zip((x, y), ends, strict=True)
    ]
    return ((quantiles[0] - quantiles[1]).square() * (steps - starts)).sum(1).mean()


@functools.lru_cache(maxsize=8)
def _directions(channels: int) -> Tensor:
    """Unit vectors, (DIRECTIONS, channels)."""
    return samples.directions(DIRECTIONS, channels, torch.Generator().manual_seed(_SEED))
