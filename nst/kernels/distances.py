"""Squared distances of feature maps and Gram matrices, their gradients, and the total variation of images."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _squared_distance(features, target, out, count, repeat, BLOCK: tl.constexpr):
    at, image = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    mask = at < count
    value = tl.load(features + image.to(tl.int64) * count + at, mask, 0).to(tl.float32)
    goal = tl.load(target + image.to(tl.int64) * repeat + at, mask, 0).to(tl.float32)
    tl.store(out + image * tl.num_programs(0) + tl.program_id(0), tl.sum((value - goal) * (value - goal), 0))


@triton.jit
def _squared_distance_backward(features, target, out, scale, count, repeat, BLOCK: tl.constexpr):
    at, image = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    mask, offset = at < count, image.to(tl.int64) * count + at
    value = tl.load(features + offset, mask, 0).to(tl.float32)
    goal = tl.load(target + image.to(tl.int64) * repeat + at, mask, 0).to(tl.float32)
    tl.store(out + offset, ((value - goal) * tl.load(scale + image)).to(out.dtype.element_ty), mask)


def squared_distance(features: Tensor, target: Tensor) -> Tensor:
    """Σ(F−P)² of feature maps, (batch,); the target's batch may be 1."""
    count, block = features[0].numel(), 2048
    blocks = triton.cdiv(count, block)
    out = torch.empty(len(features), blocks, dtype=torch.float32, device=features.device)
    _squared_distance[(blocks, len(features))](features, target, out, count, _step(target), block)
    return out.sum(1)


def squared_distance_backward(features: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    """scale · (F−P) of feature maps, (batch, channels, height, width); scale: (batch,)."""
    count, block = features[0].numel(), 2048
    out = torch.empty_like(features)
    _squared_distance_backward[(triton.cdiv(count, block), len(features))](
        features, target, out, scale, count, _step(target), block
    )
    return out


def _step(target: Tensor) -> int:
    """Entries from one image's target to the next; 0 where all images share one target."""
    return target[0].numel() if len(target) > 1 else 0


@triton.jit
def _gram_residual(
    products, rest, target, difference, out, count, chunks, share, repeat, REST: tl.constexpr, BLOCK: tl.constexpr
):
    at, image = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    mask = at < count
    total = tl.zeros((BLOCK,), tl.float32)
    for chunk in range(chunks):
        total += tl.load(products + (image.to(tl.int64) * chunks + chunk) * count + at, mask, 0)
    if REST:
        total += tl.load(rest + image * count + at, mask, 0)
    total = total * share - tl.load(target + image * repeat + at, mask, 0)
    tl.store(difference + image * count + at, total, mask)
    tl.store(out + image * tl.num_programs(0) + tl.program_id(0), tl.sum(total * total, 0))


def gram_residual(products: list[Tensor], pixels: int, target: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrices over pixel count less their target, (batch, N, N), and the sums of squares of this, (batch,).

    Args:
        products: one or two tensors (batch, chunks, N, N) float32, undivided Gram matrices of chunks of the pixels; the
            second has one chunk.
        target: (batch or 1, N, N).
    """
    chunked, rest = products[0], products[-1]
    batch, chunks, width, _ = chunked.shape
    count, block = width * width, 256
    blocks = triton.cdiv(count, block)
    difference = torch.empty(batch, width, width, dtype=torch.float32, device=chunked.device)
    out = torch.empty(batch, blocks, dtype=torch.float32, device=chunked.device)
    _gram_residual[(blocks, batch)](
        chunked, rest, target, difference, out, count, chunks, 1 / pixels, _step(target), len(products) > 1, block
    )
    return difference, out.sum(1)


@triton.jit
def _scaled(values, first, second, out, count, by, stride_1, stride_2, BLOCK: tl.constexpr):
    at, image = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    mask, offset = at < count, image * count + at
    scale = by * tl.load(first + image * stride_1) * tl.load(second + image * stride_2)
    tl.store(out + offset, (tl.load(values + offset, mask, 0) * scale).to(out.dtype.element_ty), mask)


def scaled(values: Tensor, by: float, first: Tensor, second: Tensor, kind: torch.dtype) -> Tensor:
    """values · by · first · second in another type, (batch, …); first, second: (batch,) or (1,)."""
    batch, count, block = len(values), values[0].numel(), 1024
    out = torch.empty_like(values, dtype=kind)
    strides = (of.expand(batch).stride(0) for of in (first, second))
    _scaled[(triton.cdiv(count, block), batch)](values, first, second, out, count, by, *strides, block)
    return out


@triton.jit
def _total_variation(pictures, out, height, width, BLOCK: tl.constexpr):
    row, column = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)  # rows of all planes in sequence
    mask = column < width
    at = pictures + row.to(tl.int64) * width + column
    here = tl.load(at, mask, 0)
    right = tl.load(at + 1, column + 1 < width, 0) - here
    below = tl.load(at + width, mask & (row % height + 1 + 0 * column < height), 0) - here
    total = tl.where(column + 1 < width, right * right, 0)
    total += tl.where(mask & (row % height + 1 + 0 * column < height), below * below, 0)
    tl.store(out + row * tl.num_programs(1) + tl.program_id(1), tl.sum(total, 0))


def total_variation(pictures: Tensor) -> Tensor:
    """The sum of squared differences of neighboring pixels, (batch,), of (batch, channels, height, width) float32."""
    batch, channels, height, width = pictures.shape
    blocks = triton.cdiv(width, 1024)
    out = torch.empty(batch, channels * height * blocks, dtype=torch.float32, device=pictures.device)
    _total_variation[(batch * channels * height, blocks)](pictures, out, height, width, 1024)
    return out.sum(1)
