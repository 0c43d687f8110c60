"""The style loss `wasserstein`: 2-Wasserstein distance of normal distributions with the features' moments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nst.losses.covariance import Covariance, covariance
from nst.losses.functional import positive
from nst.losses.style import Normalizer, Statistics
from nst.machine import runtime


class Wasserstein(Covariance):
    """Compares means and covariances. Statistics as `Covariance`; targets also the covariance's root, (batch, N, N)."""

    recordable = False  # the eigenvalue solver synchronizes with the CPU

    def target(self, statistics: Statistics) -> Statistics:
        return *statistics, covariance_root(*_in_float64(statistics))

    def distance(self, statistics: Statistics, target: Statistics, normalizer: Normalizer) -> Tensor:
        return wasserstein_loss(*_in_float64(statistics), *_in_float64(target)).to(statistics[0].dtype)


def _in_float64(statistics: Statistics) -> Statistics:
    """Statistics in float64 if the device has it, because in float32 a loss near a match is mostly rounding."""
    dtype = runtime.widest(statistics[0].device)
    return tuple(each.to(dtype) for each in statistics)


def covariance_root(grams: Tensor, means: Tensor) -> Tensor:
    """The root D^½ of the covariance D, (batch, N, N), from Gram matrices over pixel count and means (batch, N)."""
    values, vectors = torch.linalg.eigh(torch.nan_to_num(covariance(grams, means)))
    return (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT


def wasserstein_loss(grams: Tensor, means: Tensor, target: Tensor, target_means: Tensor, root: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance of the normal distributions with the features' means and covariances.

    ‖μ − ν‖² + tr C + tr D − 2 tr (D^½ C D^½)^½ (Dowson & Landau 1982, equation 4), divided by ‖ν‖² + tr D, the mean
    squared norm of the target's features.

    Args:
        grams, target: (batch, N, N), from `gram`. means, target_means: (batch, N), of the same features.
        root: `covariance_root` of the target.
    Returns:
        (batch,): 0 is a perfect match, 1 the loss of an empty image.
    """
    c, d = covariance(grams, means), covariance(target, target_means)
    shift = (means - target_means).square().sum(1)
    distance = shift + _trace(c) + _trace(d) - 2 * _RootTrace.apply(root @ c @ root)  # type: ignore[no-untyped-call]
    size = target_means.square().sum(1) + _trace(d)
    return distance.clamp_min(0) / positive(size)


class _RootTrace(torch.autograd.Function):
    """tr X^½ of positive semidefinite X (batch, N, N). The gradient is ½ X^-½ on the range of X, 0 on its kernel.

    Torch's gradient of `eigh` divides by differences of eigenvalues, many of which are close to 0.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        finite = x.isfinite().all(2).all(1)  # `eigh` raises an error otherwise; here the result is NaN
        values, vectors = torch.linalg.eigh(torch.nan_to_num((x + x.mT) / 2))
        values = torch.where(finite[:, None], values, torch.nan)
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
