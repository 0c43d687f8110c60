"""The losses of neural style transfer as pure functions on batches; each returns one value a picture.

Sources: Gatys, Ecker & Bethge, arXiv:1508.06576 (equations 1 to 7); total variation: Mahendran & Vedaldi,
arXiv:1412.0035. `normalisation` says how a sum of squares becomes a loss:

    relative    divided by the target's own sum of squares: 0 is a perfect match, 1 the loss of an empty picture
    paper       the paper's sums with its factors
    mean        the mean over all entries
    sum         the mean over the entries of Gram matrices that are sums over pixels, divided by N·M; else as mean
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

Normalisation = Literal["relative", "paper", "mean", "sum"]

_CHUNK = 4096  # pixels a partial Gram matrix; bounds the rounding error of 16-bit products and feeds every core


def gram(features: Tensor) -> Tensor:
    """Gram matrices over pixel count, F Fᵀ / M (arXiv:1508.06576, equation 3, divided by M).

    Args:
        features: (batch, N channels, height, width), M = height · width; 32-, 64- or 16-bit.
    Returns:
        (batch, N, N), symmetric, in float32 (float64 for float64 features); 16-bit products are summed in 32 bits.
    """
    return _Gram.apply(features)  # type: ignore[no-any-return, no-untyped-call]


class _Gram(torch.autograd.Function):
    """F Fᵀ / M in the features' type, summed in 32 bits, without a 32-bit copy of the feature map.

    The Gram product of a wide map in float32 costs as much as the 16-bit network itself, so the product runs on the
    matrix units in chunks of pixels; each chunk's result is rounded once and the chunks are added in float32.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        pixels = features.flatten(2).transpose(1, 2)  # (batch, M, N): a view when the memory is channels-last
        m = pixels.shape[1]
        whole = m - m % _CHUNK
        total = _products(pixels[:, :whole].unflatten(1, (-1, _CHUNK))).sum(1) if whole else None
        if whole < m:
            rest = _products(pixels[:, whole:].unsqueeze(1)).squeeze(1)
            total = rest if total is None else total + rest
        assert total is not None
        return total / m

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        slope = ((grads[0] + grads[0].mT) / features[0, 0].numel()).to(features.dtype)
        pixels = features.flatten(2).transpose(1, 2)
        out = torch.empty_like(features)  # keeps channels-last, so that the rest of the backward pass does
        out.copy_((pixels @ slope).transpose(1, 2).unflatten(2, features.shape[2:]))
        return out


def _products(chunks: Tensor) -> Tensor:
    """(batch, chunks, m, N) -> (batch, chunks, N, N), at least 32 bits wide."""
    product = chunks.mT @ chunks
    return product if product.dtype == torch.float64 else product.float()


def content_loss(features: Tensor, target: Tensor, normalisation: Normalisation, channels: int | None = None) -> Tensor:
    """Squared distance of feature maps (arXiv:1508.06576, equation 1).

    Args:
        features: (batch, N, height, width). target: the same shape, or batch 1.
        channels: what N counts as, where the features are a compressed form of more channels.
    Returns:
        (batch,): relative Σ(F−P)²/ΣP² · paper ½Σ(F−P)² · mean, sum Σ(F−P)²/(N·height·width).
    """
    wide = torch.promote_types(features.dtype, torch.float32)
    target = target.to(wide)
    squares = (features.to(wide) - target).square().sum((1, 2, 3))
    if normalisation == "relative":
        return squares / _positive(target.square().sum((1, 2, 3)))
    if normalisation == "paper":
        return squares / 2
    return squares / ((channels or features.shape[1]) * features[0, 0].numel())


def style_loss(
    grams: Tensor, target: Tensor, normalisation: Normalisation, channels: int | None = None, pixels: int = 1
) -> Tensor:
    """Squared distance of Gram matrices (arXiv:1508.06576, equation 4).

    Args:
        grams, target: (batch, N, N) as `gram` gives them, over pixel count; the target's batch may be 1.
        channels: what N counts as, where the Gram matrices are of a compressed form of more channels.
        pixels: M of the feature map, which only `sum` needs.
    Returns:
        (batch,): relative ‖G−A‖²/‖A‖² · paper ‖G−A‖²/(4N²) · mean ‖G/N−A/N‖²/N² · sum ‖M·G−M·A‖²/N²/(N·M).
    """
    channels = channels or grams.shape[-1]
    squares = (grams - target).square().sum((1, 2))
    if normalisation == "relative":
        return squares / _positive(target.square().sum((1, 2)))
    if normalisation == "paper":  # its factor 1/M² is in G and A already, so pictures of any sizes compare
        return squares / (4 * channels**2)
    if normalisation == "sum":
        return squares * pixels / channels**3
    return squares / channels**4


def covariance_loss(grams: Tensor, means: Tensor, target: Tensor, target_means: Tensor) -> Tensor:
    """Squared distances of the channels' covariances and of their means, each relative to the target's, averaged.

    Args:
        grams, target: (batch, N, N) as `gram` gives them. means, target_means: (batch, N) of the same features.
    Returns:
        (batch,): 0 is a perfect match, 1 the loss of an empty picture.
    """
    wanted = _covariance(target, target_means)
    spread = (_covariance(grams, means) - wanted).square().sum((1, 2)) / _positive(wanted.square().sum((1, 2)))
    shift = (means - target_means).square().sum(1) / _positive(target_means.square().sum(1))
    return (spread + shift) / 2


def covariance_root(grams: Tensor, means: Tensor) -> Tensor:
    """D^½ of the covariance D, (batch, N, N), which `wasserstein_loss` wants of its target."""
    values, vectors = torch.linalg.eigh(torch.nan_to_num(_covariance(grams, means)))
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
    c, d = _covariance(grams, means), _covariance(target, target_means)
    shift = (means - target_means).square().sum(1)
    distance = shift + _trace(c) + _trace(d) - 2 * _RootTrace.apply(root @ c @ root)  # type: ignore[no-untyped-call]
    size = target_means.square().sum(1) + _trace(d)
    return distance.clamp_min(0) / _positive(size)


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


def _covariance(grams: Tensor, means: Tensor) -> Tensor:
    return grams - means[:, :, None] * means[:, None, :]


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).sum(1)


def total_variation(pictures: Tensor, normalisation: Normalisation) -> Tensor:
    """Sum of squared differences of neighbouring pixels (arXiv:1412.0035, equation 5, β = 2).

    Args:
        pictures: (batch, channels, height, width).
    Returns:
        (batch,): the sum with `paper`, else divided by channels · height · width.
    """
    down = (pictures[:, :, 1:] - pictures[:, :, :-1]).square().sum((1, 2, 3))
    across = (pictures[:, :, :, 1:] - pictures[:, :, :, :-1]).square().sum((1, 2, 3))
    return (down + across) if normalisation == "paper" else (down + across) / pictures[0].numel()


def _positive(sums: Tensor) -> Tensor:
    """Keep a black target (all features 0) from dividing by 0."""
    return sums.clamp_min(torch.finfo(sums.dtype).tiny)
