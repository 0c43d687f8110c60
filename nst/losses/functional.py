"""The losses of neural style transfer as pure functions on batches; each returns one value per image.

Sources: Gatys, Ecker & Bethge, arXiv:1508.06576 (equations 1 to 7); total variation: Mahendran & Vedaldi,
arXiv:1412.0035. `normalization` defines how a loss is computed from a sum of squares:

    relative    divided by the target's sum of squares: 0 is a perfect match, 1 the loss of an empty image
    paper       the paper's sums with its factors
    mean        the mean over all entries
    sum         for Gram matrices that are sums over pixels, the mean over the entries, divided by N·M; else as mean
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.kernels import available

Normalization = Literal["relative", "paper", "mean", "sum"]

_ROWS = 128  # rows of a feature map that are converted to 32 bits at a time
_CHUNK = 4096  # pixels per partial Gram matrix: bounds the rounding error of 16-bit products, and keeps all cores busy


def gram(features: Tensor) -> Tensor:
    """Gram matrices over pixel count, F Fᵀ / M (arXiv:1508.06576, equation 3, divided by M).

    Args:
        features: (batch, N channels, height, width), M = height · width; 32-, 64- or 16-bit.
    Returns:
        (batch, N, N), symmetric, in float32 (float64 for float64 features); 16-bit products are summed in 32 bits.
    """
    return _Gram.apply(features)  # type: ignore[no-any-return, no-untyped-call]


class _Gram(torch.autograd.Function):
    """F Fᵀ / M in the features' type, summed in 32 bits, without a 32-bit copy of the feature map."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        return _gram(features)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        twice = (grads[0] + grads[0].mT) / features[0, 0].numel()
        return _gram_gradient(features, twice.to(features.dtype))


def _gram(features: Tensor) -> Tensor:
    """As `gram`, without autograd."""
    pixels, products = features[0, 0].numel(), [product.sum(1) for product in _in_chunks(features)]
    return sum(products[1:], products[0]) / pixels


def _in_chunks(features: Tensor) -> list[Tensor]:
    """Undivided Gram matrices of chunks of the pixels, (batch, chunks, N, N): of the full chunks, and of the rest.

    A float32 product of a wide feature map takes as long as the whole 16-bit network. So the product of each chunk is
    in 16 bits, on the matrix units, and the chunks are added in float32.
    """
    pixels = features.flatten(2).transpose(1, 2)  # (batch, M, N): a view when the memory is channels-last
    m = pixels.shape[1]
    full = m - m % _CHUNK
    parts = [pixels[:, :full].unflatten(1, (-1, _CHUNK))] if full else []
    return list(map(_products, [*parts, pixels[:, full:].unsqueeze(1)] if full < m else parts))


def _products(chunks: Tensor) -> Tensor:
    """Fᵀ F of chunks F: (batch, chunks, m, N) to (batch, chunks, N, N), in at least 32 bits."""
    if chunks.is_cuda and chunks.dtype.itemsize < 4:  # elsewhere each chunk's product is rounded to 16 bits
        flat = chunks.flatten(0, 1)  # a view, except for a batch whose pixels are no multiple of _CHUNK
        return torch.bmm(flat.mT, flat, out_dtype=torch.float32).unflatten(0, chunks.shape[:2])
    product = chunks.mT @ chunks
    return product if product.dtype == torch.float64 else product.float()


def _gram_gradient(features: Tensor, twice: Tensor) -> Tensor:
    """The gradient in the features, (batch, N, height, width).

    twice: (batch, N, N), 2/M times the symmetric gradient in the Gram matrices.
    """
    gradient = features.flatten(2).transpose(1, 2) @ twice
    return gradient.transpose(1, 2).unflatten(2, features.shape[2:])  # channels-last, like the features


def content_loss(features: Tensor, target: Tensor, normalization: Normalization) -> Tensor:
    """Squared distance of feature maps (arXiv:1508.06576, equation 1).

    Args:
        features: F, (batch, N, height, width). target: P, of the same shape or with batch 1.
    Returns:
        (batch,): relative Σ(F−P)²/ΣP² · paper ½Σ(F−P)² · mean, sum Σ(F−P)²/(N·height·width).
    """
    return content_distance(features, target, content_factor(target, normalization))


def content_distance(features: Tensor, target: Tensor, factor: Tensor) -> Tensor:
    """factor · Σ(F−P)², (batch,): `content_loss` with a precomputed factor; features may be a part of the map."""
    return _Distance.apply(features, target, factor)  # type: ignore[no-any-return, no-untyped-call]


def content_factor(target: Tensor, normalization: Normalization, channels: int | None = None) -> Tensor:
    """The factor of Σ(F−P)² in `content_loss`, (batch,).

    channels: used as N, where the features are a compressed form of more channels.
    """
    if normalization == "relative":
        strips = target.split(_ROWS, 2)  # a 32-bit copy of the whole map would exceed the memory of tiles
        squares = [wide(strip).square().sum((1, 2, 3)) for strip in strips]
        return 1 / positive(sum(squares[1:], squares[0]))
    entries = (channels or target.shape[1]) * target[0, 0].numel()
    factor = 0.5 if normalization == "paper" else 1 / entries
    return wide(target[:, 0, 0, 0]).new_full((len(target),), factor)


class _Distance(torch.autograd.Function):
    """factor · Σ(F−P)², (batch,), in at least 32 bits; factor: (batch,) or (1,)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(features, target, factor)
        if kernels := _kernels(features, target):
            return kernels.squared_distance(features, target) * factor  # type: ignore[no-any-return]
        return (wide(features) - target).square().sum((1, 2, 3)) * factor

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        features, target, factor = ctx.saved_tensors
        scale = 2 * factor * grads[0]
        if kernels := _kernels(features, target):
            return kernels.squared_distance_backward(features, target, scale), None, None
        return ((wide(features) - target) * scale[:, None, None, None]).to(features.dtype), None, None


def gram_loss(
    grams: Tensor, target: Tensor, normalization: Normalization, channels: int | None = None, pixels: int = 1
) -> Tensor:
    """Squared distance of Gram matrices (arXiv:1508.06576, equation 4).

    Args:
        grams, target: (batch, N, N), from `gram`; the target's batch may be 1.
        channels: used as N, where the features are a compressed form of more channels.
        pixels: M of the feature map; used by `sum` only.
    Returns:
        (batch,): relative ‖G−A‖²/‖A‖² · paper ‖G−A‖²/(4N²) · mean ‖G/N−A/N‖²/N² · sum ‖M·G−M·A‖²/N²/(N·M).
    """
    return (grams - target).square().sum((1, 2)) * gram_factor(target, normalization, channels, pixels)


def gram_factor(target: Tensor, normalization: Normalization, channels: int | None = None, pixels: int = 1) -> Tensor:
    """The factor of ‖G−A‖² in `gram_loss`, (batch,)."""
    channels = channels or target.shape[-1]
    if normalization == "relative":
        return 1 / positive(target.square().sum((1, 2)))
    if normalization == "paper":  # its factor 1/M² is in G and A already, each with its own M
        return target.new_full((len(target),), 1 / (4 * channels**2))
    if normalization == "sum":
        return target.new_full((len(target),), pixels / channels**3)
    return target.new_full((len(target),), 1 / channels**4)


def gram_distance(features: Tensor, target: Tensor, factor: Tensor) -> Tensor:
    """`gram_loss` of `gram(features)`, (batch,), in fewer operations.

    features: (batch, N, height, width). target: (batch or 1, N, N). factor: from `gram_factor`.
    """
    return _GramDistance.apply(features, target, factor)  # type: ignore[no-any-return, no-untyped-call]


class _GramDistance(torch.autograd.Function):
    """factor · ‖G−A‖², (batch,)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, factor: Tensor) -> Tensor:
        if kernels := _kernels(features):
            difference, squares = kernels.gram_residual(_in_chunks(features), features[0, 0].numel(), target)
        else:
            difference = _gram(features) - target
            squares = difference.square().sum((1, 2))
        ctx.save_for_backward(features, difference, factor)
        return squares * factor

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        features, difference, factor = ctx.saved_tensors
        by = 4 / features[0, 0].numel()
        if kernels := _kernels(features):
            twice = kernels.scaled(difference, by, factor, grads[0], features.dtype)
        else:
            twice = (difference * (by * factor * grads[0])[:, None, None]).to(features.dtype)
        return _gram_gradient(features, twice), None, None


def wide(values: Tensor) -> Tensor:
    """Values in at least 32 bits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _kernels(*maps: Tensor) -> ModuleType | None:
    """`nst.kernels.gpu`, if it supports these feature maps: bf16, channels-last, on a GPU."""
    if any(each.dtype != torch.bfloat16 or not each.is_contiguous(memory_format=torch.channels_last) for each in maps):
        return None
    return available.kernels_for(maps[0].device)


def total_variation(pictures: Tensor, normalization: Normalization, visible: Tensor | None = None) -> Tensor:
    """Sum of squared differences of neighboring pixels (arXiv:1412.0035, equation 5, β = 2).

    Args:
        pictures: (batch, channels, height, width).
        visible: (1, 1, height, width), opacity in 0..1; a difference counts as much as both of its pixels; None: all 1.
    Returns:
        (batch,): the sum with `paper`, else divided by the channels times the sum of the opacities.
    """
    if visible is None and not pictures.requires_grad and (kernels := available.kernels_for(pictures.device)):
        squares: Tensor = kernels.total_variation(pictures.contiguous())
    else:
        down = (pictures[:, :, 1:] - pictures[:, :, :-1]).square()
        across = (pictures[:, :, :, 1:] - pictures[:, :, :, :-1]).square()
        if visible is not None:
            down = down * visible[:, :, 1:] * visible[:, :, :-1]
            across = across * visible[:, :, :, 1:] * visible[:, :, :, :-1]
        squares = down.sum((1, 2, 3)) + across.sum((1, 2, 3))
    if normalization == "paper":
        return squares
    return squares / (pictures[0].numel() if visible is None else pictures.shape[1] * visible.sum())


def position_weights(mask: Tensor, size: Sequence[int]) -> Tensor:
    """The mean of a mask (1, 1, H, W) over the pixels of each position of a feature map, scaled to mean 1."""
    weight = F.adaptive_avg_pool2d(mask, size)
    return weight / positive(weight.mean())


def weighted(features: Tensor, weight: Tensor | None) -> Tensor:
    """Features times the root of a weight (1, 1, h, w), so that their products are weighted by it; None: unchanged."""
    return features if weight is None else features * weight.sqrt().to(features.dtype)


def positive(sums: Tensor) -> Tensor:
    """Sums as divisors: at least the smallest positive number, for a target whose features are all 0."""
    return sums.clamp_min(torch.finfo(sums.dtype).tiny)
