"""The style loss `moments`: Gram matrices with means and standard deviations of the channels."""

from __future__ import annotations

import torch
from torch import Tensor

from nst.losses.covariance import Covariance
from nst.losses.functional import positive
from nst.losses.style import Normalizer, Statistics


class Moments(Covariance):
    """Compares Gram matrices, means and standard deviations. Statistics as `Covariance`."""

    def distance(self, statistics: Statistics, target: Statistics, normalizer: Normalizer) -> Tensor:
        return moments_loss(*statistics, *target)


def moments_loss(grams: Tensor, means: Tensor, target: Tensor, target_means: Tensor) -> Tensor:
    """The mean of three relative squared distances: of Gram matrices, means, and standard deviations.

    Means and deviations keep contrast and color where a Gram matrix of a megapixel leaves them free (Galerne, Raad,
    Lezama & Morel, *Scaling Painting Style Transfer*, EGSR 2024, equation 6; there as weighted sums).

    Args:
        grams, target: (batch, N, N), from `gram`. means, target_means: (batch, N), of the same features.
    Returns:
        (batch,): 0 is a perfect match, 1 the loss of an empty image.
    """
    deviations, target_deviations = _deviations(grams, means), _deviations(target, target_means)
    return (
        _relative(grams.flatten(1), target.flatten(1))
        + _relative(means, target_means)
        + _relative(deviations, target_deviations)
    ) / 3


def _relative(values: Tensor, target: Tensor) -> Tensor:
    return (values - target).square().sum(1) / positive(target.square().sum(1))


def _deviations(grams: Tensor, means: Tensor) -> Tensor:
    """Standard deviations (batch, N); the smallest is 1e-4, because the root's gradient is infinite at 0."""
    variances = grams.diagonal(dim1=1, dim2=2) - means.square()
    return torch.sqrt(variances.clamp_min(1e-8))
