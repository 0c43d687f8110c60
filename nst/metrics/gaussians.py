"""The base E statistic of Yeh, Tang, Bhattad, Zou & Forsyth, arXiv:1910.09447: how far a style was transferred.

As there: for conv1_1…conv5_1 the features' mean and covariance, projected onto 32, 48, 128, 256 and 256 principal
components, and the negative logarithm of the Kullback–Leibler divergence of the image's normal distribution from the
style's. Unlike there: the components are the style's own, because the photographs that gave theirs are not available;
both covariances get 1 % of the style's mean variance on their diagonal, so that small images, with fewer positions than
components, have a finite divergence; and the value is the mean over the five layers, where the paper combines them by a
regression on people's choices.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

#: Principal components by block of the network.
COMPONENTS = (32, 48, 128, 256, 256)

_RIDGE = 0.01
_ROUNDING = 1e-6  # of the mean square of the features, with which float32 covariances are computed
_LEAST = 1e-6  # divergences below it count as it, because JSON has no infinity

Moments = tuple[Tensor, Tensor]
"""Mean (channels,) and covariance (channels, channels) of features, float64."""


def moments(gram: Tensor, mean: Tensor) -> Moments:
    """Mean and covariance from a Gram matrix over pixel count (1, N, N) and a mean (1, N)."""
    gram, mean = (values[0].double().cpu() for values in (gram, mean))
    return mean, gram - mean[:, None] * mean


def e_statistic(pictures: Iterable[Moments], styles: Iterable[Moments]) -> float:
    """Mean over the blocks of −log KL(image ‖ style), at most 13.8 (for equal moments); higher is better.

    The moments are those of conv1_1…conv5_1, in this order.
    """
    layers = zip(pictures, styles, COMPONENTS, strict=True)
    values = [-math.log(max(divergence(*projected(x, y, count)), _LEAST)) for x, y, count in layers]
    return sum(values) / len(values)


def projected(picture: Moments, style: Moments, count: int) -> tuple[Moments, Moments]:
    """Both moments on the style's first `count` principal components, with the ridge that makes them invertible."""
    mean, covariance = style
    values, vectors = torch.linalg.eigh(covariance)
    basis = vectors[:, -count:]
    power = (covariance.diagonal() + mean.square()).mean().clamp_min(torch.finfo(mean.dtype).tiny)
    ridge = _RIDGE * values[-count:].mean().clamp_min(0) + _ROUNDING * power
    first, second = ((each[0] @ basis, _raised(basis.mT @ each[1] @ basis, ridge)) for each in (picture, style))
    return first, second


def _raised(covariance: Tensor, ridge: Tensor) -> Tensor:
    """The covariance, without negative eigenvalues from rounding, plus the ridge on its diagonal."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * (values.clamp_min(0) + ridge)) @ vectors.mT


def divergence(first: Moments, second: Moments) -> float:
    """KL(first ‖ second) of normal distributions: ½(tr B⁻¹A + (b−a)ᵀB⁻¹(b−a) − k + log det B − log det A)."""
    (mean, covariance), (other, reference) = first, second
    roots = [torch.linalg.cholesky(matrix) for matrix in (covariance, reference)]
    whitened = torch.linalg.solve_triangular(roots[1], torch.cat([roots[0], (other - mean)[:, None]], 1), upper=False)
    logarithms = [2 * root.diagonal().log().sum() for root in roots]
    return (whitened.square().sum() - len(mean) + logarithms[1] - logarithms[0]).item() / 2
