"""The 2-Wasserstein distance of normal distributions with the means and covariances of the features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nst.losses.covariance import Covariance, covariance
from nst.losses.functional import positive
from nst.losses.style import Scale, Statistics


class Wasserstein(Covariance):
    """The statistics of `Covariance`; of the target also the root of the covariance, (batch, N, N)."""

    recordable = False  # eigenvalues are computed with the CPU's help

    def target(self, statistics: Statistics) -> Statistics:
        return *statistics, covariance_root(*statistics)

    def distance(self, found: Statistics, target: Statistics, scale: Scale) -> Tensor:
        return wasserstein_loss(*found, *target)


def covariance_root(grams: Tensor, means: Tensor) -> Tensor:
    """D^½ of the covariance D, (batch, N, N), which `wasserstein_loss` wants of its target."""
    values, vectors = torch.linalg.eigh(torch.nan_to_num(covariance(grams, means)))
    return (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT


def wasserstein_loss(grams: Tensor, means: Tensor, target: Tensor, target_means: Tensor, root: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance of the normal distributions with the features' means and covariances.

    ‖μ − ν‖² + tr C + tr D − 2 tr (D^½ C D^½)^½ (Dowson & Landau 1982, equation 4), relative to ‖ν‖² + tr D: the size of
    the target's features.

    Args:
        grams, target: (batch, N, N) as `gram` gives them. means, target_means: (batch, N) of the same features.
        root: of the target, as `covariance_root` gives it.
    Returns:
        (batch,): 0 is a perfect match, 1 the loss of an empty picture.
    """
    c, d = covariance(grams, means), covariance(target, target_means)
    shift = (means - target_means).square().sum(1)
    distance = shift + _trace(c) + _trace(d) - 2 * _RootTrace.apply(root @ c @ root)  # type: ignore[no-untyped-call]
    size = target_means.square().sum(1) + _trace(d)
    return distance.clamp_min(0) / positive(size)


class _RootTrace(torch.autograd.Function):
    """tr X^½ of positive semidefinite X (batch, N, N), whose gradient is ½ X^-½ on what X spans, 0 elsewhere.

    The gradient of `eigh` itself divides by differences of eigenvalues, many of which are next to 0.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        known = x.isfinite().all(2).all(1)  # what is not finite has no eigenvalues, but is no error here
        values, vectors = torch.linalg.eigh(torch.nan_to_num((x + x.mT) / 2))
        values = torch.where(known[:, None], values, torch.nan)
        ctx.save_for_backward(values, vectors)
        return values.clamp_min(0).sqrt().sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        values, vectors = ctx.saved_tensors
        least = values[:, -1:].clamp_min(0) * torch.finfo(values.dtype).eps * values.shape[1]
        inverse = torch.where(values > least, values.clamp_min(0).rsqrt(), 0)
        return grads[0][:, None, None] / 2 * (vectors * inverse[:, None]) @ vectors.mT


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).sum(1)
