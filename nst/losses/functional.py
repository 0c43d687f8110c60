"""The losses of neural style transfer as pure functions on batches; each returns one value an image.

Sources: Gatys, Ecker & Bethge, arXiv:1508.06576 (equations 1 to 7); total variation: Mahendran & Vedaldi,
arXiv:1412.0035. `normalization` says how a sum of squares becomes a loss:

    relative    divided by the target's own sum of squares: 0 is a perfect match, 1 the loss of an empty image
    paper       the paper's sums with its factors
    mean        the mean over all entries
    sum         the mean over the entries of Gram matrices that are sums over pixels, divided by N·M; else as mean
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor

from nst.kernels import available

Normalization = Literal["relative", "paper", "mean", "sum"]

_ROWS = 128  # rows of a feature map that are summed at once
_CHUNK = 4096  # pixels per partial Gram matrix; bounds the rounding error of 16-bit products and feeds every core


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
        return _gram_slope(features, twice.to(features.dtype))


def _gram(features: Tensor) -> Tensor:
    """As `gram`."""
    pixels, products = features[0, 0].numel(), [product.sum(1) for product in _in_chunks(features)]
    return sum(products[1:], products[0]) / pixels


def _in_chunks(features: Tensor) -> list[Tensor]:
    """Gram matrices of chunks of the pixels, not divided, (batch, chunks, N, N): of whole chunks, and of the rest.

    The product of a wide map in float32 costs as much as the 16-bit network itself, so it runs on the matrix units in
    chunks of pixels; the chunks are added in float32.
    """
    pixels = features.flatten(2).transpose(1, 2)  # (batch, M, N): a view when the memory is channels-last
    m = pixels.shape[1]
    whole = m - m % _CHUNK
    parts = [pixels[:, :whole].unflatten(1, (-1, _CHUNK))] if whole else []
    return list(map(_products, [*parts, pixels[:, whole:].unsqueeze(1)] if whole < m else parts))


def _products(chunks: Tensor) -> Tensor:
    """(batch, chunks, m, N) -> (batch, chunks, N, N), at least 32 bits wide."""
    if chunks.is_cuda and chunks.dtype.itemsize < 4:  # elsewhere each chunk's result is rounded once
        flat = chunks.flatten(0, 1)  # a view, but of several pictures with a rest
        return torch.bmm(flat.mT, flat, out_dtype=torch.float32).unflatten(0, chunks.shape[:2])
    product = chunks.mT @ chunks
    return product if product.dtype == torch.float64 else product.float()


def _gram_slope(features: Tensor, twice: Tensor) -> Tensor:
    """The gradient in the features from 2/M · (batch, N, N), the symmetric gradient in their Gram matrices."""
    slope = features.flatten(2).transpose(1, 2) @ twice
    return slope.transpose(1, 2).unflatten(2, features.shape[2:])  # channels-last in memory, like what it goes to


def content_loss(features: Tensor, target: Tensor, normalization: Normalization, channels: int | None = None) -> Tensor:
    """Squared distance of feature maps (arXiv:1508.06576, equation 1).

    Args:
        features: F, (batch, N, height, width). target: P, the same shape, or batch 1.
        channels: what N counts as, where the features are a compressed form of more channels.
    Returns:
        (batch,): relative Σ(F−P)²/ΣP² · paper ½Σ(F−P)² · mean, sum Σ(F−P)²/(N·height·width).
    """
    return content_distance(features, target, content_factor(target, normalization, channels))


def content_distance(features: Tensor, target: Tensor, factor: Tensor) -> Tensor:
    """factor · Σ(F−P)²: `content_loss` with a factor that is known, or the share of a part of the map in it."""
    return _Distance.apply(features, target, factor)  # type: ignore[no-any-return, no-untyped-call]


def content_factor(target: Tensor, normalization: Normalization, channels: int | None = None) -> Tensor:
    """What `content_loss` multiplies a sum of squares by, (batch,)."""
    if normalization == "relative":
        strips = target.split(_ROWS, 2)  # a 32-bit copy of a whole map is what tiles have no memory for
        squares = [_wide(strip).square().sum((1, 2, 3)) for strip in strips]
        return 1 / positive(sum(squares[1:], squares[0]))
    entries = (channels or target.shape[1]) * target[0, 0].numel()
    factor = 0.5 if normalization == "paper" else 1 / entries
    return _wide(target[:, 0, 0, 0]).new_full((len(target),), factor)


class _Distance(torch.autograd.Function):
    """factor · Σ(F−P)², at least 32 bits wide; factor (batch,) or (1,)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(features, target, factor)
        if kernels := _kernels(features, target):
            return kernels.squared_distance(features, target) * factor  # type: ignore[no-any-return]
        return (_wide(features) - target).square().sum((1, 2, 3)) * factor

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        features, target, factor = ctx.saved_tensors
        scale = 2 * factor * grads[0]
        if kernels := _kernels(features, target):
            return kernels.squared_distance_backward(features, target, scale), None, None
        return ((_wide(features) - target) * scale[:, None, None, None]).to(features.dtype), None, None


def gram_loss(
    grams: Tensor, target: Tensor, normalization: Normalization, channels: int | None = None, pixels: int = 1
) -> Tensor:
    """Squared distance of Gram matrices (arXiv:1508.06576, equation 4).

    Args:
        grams, target: (batch, N, N) as `gram` gives them, over pixel count; the target's batch may be 1.
        channels: what N counts as, where the Gram matrices are of a compressed form of more channels.
        pixels: M of the feature map, which only `sum` needs.
    Returns:
        (batch,): relative ‖G−A‖²/‖A‖² · paper ‖G−A‖²/(4N²) · mean ‖G/N−A/N‖²/N² · sum ‖M·G−M·A‖²/N²/(N·M).
    """
    return (grams - target).square().sum((1, 2)) * gram_factor(target, normalization, channels, pixels)


def gram_factor(target: Tensor, normalization: Normalization, channels: int | None = None, pixels: int = 1) -> Tensor:
    """What `gram_loss` multiplies ‖G−A‖² by, (batch,)."""
    channels = channels or target.shape[-1]
    if normalization == "relative":
        return 1 / positive(target.square().sum((1, 2)))
    if normalization == "paper":  # its factor 1/M² is in G and A already, so pictures of any sizes compare
        return target.new_full((len(target),), 1 / (4 * channels**2))
    if normalization == "sum":
        return target.new_full((len(target),), pixels / channels**3)
    return target.new_full((len(target),), 1 / channels**4)


def gram_distance(features: Tensor, target: Tensor, factor: Tensor) -> Tensor:
    """`gram_loss` of `gram(features)`, in fewer steps.

    Args:
        features: (batch, N, height, width). target: (batch or 1, N, N). factor: as `gram_factor` gives it.
    """
    return _GramDistance.apply(features, target, factor)  # type: ignore[no-any-return, no-untyped-call]


class _GramDistance(torch.autograd.Function):
    """factor · ‖G−A‖², whose gradient in G is symmetric."""

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
        return _gram_slope(features, twice), None, None


def _wide(values: Tensor) -> Tensor:
    """In at least 32 bits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _kernels(*maps: Tensor) -> ModuleType | None:
    """`nst.kernels`, for feature maps as they want them."""
    if any(each.dtype != torch.bfloat16 or not each.is_contiguous(memory_format=torch.channels_last) for each in maps):
        return None
    return available.kernels_for(maps[0].device)


def total_variation(pictures: Tensor, normalization: Normalization) -> Tensor:
    """Sum of squared differences of neighboring pixels (arXiv:1412.0035, equation 5, β = 2).

    Args:
        pictures: (batch, channels, height, width).
    Returns:
        (batch,): the sum with `paper`, else divided by channels · height · width.
    """
    if not pictures.requires_grad and (kernels := available.kernels_for(pictures.device)):
        squares: Tensor = kernels.total_variation(pictures.contiguous())
        return squares if normalization == "paper" else squares / pictures[0].numel()
    down = (pictures[:, :, 1:] - pictures[:, :, :-1]).square().sum((1, 2, 3))
    across = (pictures[:, :, :, 1:] - pictures[:, :, :, :-1]).square().sum((1, 2, 3))
    return (down + across) if normalization == "paper" else (down + across) / pictures[0].numel()


def positive(sums: Tensor) -> Tensor:
    """Keep a black target (all features 0) from dividing by 0."""
    return sums.clamp_min(torch.finfo(sums.dtype).tiny)
