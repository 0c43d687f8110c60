"""The first convolution, ReLU and maximum pooling, forward and backward."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Code of a pooled entry without gradient: its maximum is 0, so the ReLU before the pooling blocks the gradient.
_NOTHING = tl.constexpr(4)


@triton.jit
def _masked_gradient(y, first, second, at, mask, TWO: tl.constexpr):
    """The sum of one or two gradients where y > 0, else 0."""
    gradient = tl.load(first + at, mask, 0).to(tl.float32)
    if TWO:
        gradient += tl.load(second + at, mask, 0).to(tl.float32)
    return tl.where(tl.load(y + at, mask, 0).to(tl.float32) > 0, gradient, 0)


@triton.jit
def _relu_backward(y, first, second, out, count, TWO: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = at < count
    gradient = _masked_gradient(y, first, second, at, mask, TWO)
    tl.store(out + at, gradient.to(out.dtype.element_ty), mask)


def relu_backward(y: Tensor, *gradients: Tensor) -> Tensor:
    """Gradient in a ReLU's input, shaped like its output y: the sum of one or two gradients where y > 0, else 0."""
    first, second = gradients[0], gradients[-1]
    out = torch.empty_like(y)
    block = 4096
    _relu_backward[(triton.cdiv(y.numel(), block),)](
        y, first, second, out, y.numel(), len(gradients) == 2, block, num_warps=8
    )
    return out


@triton.jit
def _corners(height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    """Of a block of pooled entries in one row: their offsets, those of their windows' first entries, and a mask."""
    along = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row = tl.program_id(1).to(tl.int64)  # rows of all images in sequence
    down, across = height // 2, width // 2
    above = row // down * height + row % down * 2
    return row * across * C + along, (above * width) * C + along // C * 2 * C + along % C, along < across * C


@triton.jit
def _max_pool(y, out, code, height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    at, corner, mask = _corners(height, width, C, BLOCK)
    best = tl.load(y + corner, mask, 0).to(tl.float32)
    which = tl.zeros_like(best).to(tl.int32)
    for k in tl.static_range(1, 4):
        value = tl.load(y + corner + (k // 2 * width + k % 2) * C, mask, 0).to(tl.float32)
        larger = (value > best) | (value != value)
        best = tl.where(larger, value, best)
        which = tl.where(larger, k, which)
    tl.store(out + at, best.to(out.dtype.element_ty), mask)
    tl.store(code + at, tl.where(best > 0, which, _NOTHING).to(tl.int8), mask)


@triton.jit
def _max_pool_backward(gradient, code, out, height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    at, corner, mask = _corners(height, width, C, BLOCK)
    value = tl.load(gradient + at, mask, 0)
    which = tl.load(code + at, mask, 0)
    for k in tl.static_range(4):
        tl.store(out + corner + (k // 2 * width + k % 2) * C, tl.where(which == k, value, 0.0), mask)


def max_pool(y: Tensor) -> tuple[Tensor, Tensor]:
    """The 2×2 maximum of a ReLU's output, (batch, channels, height / 2, width / 2), and codes for `max_pool_backward`.

    A code is the maximum's position in its window, 0 to 3, or 4 where the maximum is 0.
    """
    batch, channels, height, width = y.shape
    shape = (batch, channels, height // 2, width // 2)
    out = torch.empty(shape, dtype=y.dtype, device=y.device, memory_format=torch.channels_last)
    code = torch.empty_like(out, dtype=torch.int8)
    _max_pool[_grid(out)](y, out, code, height, width, channels, _POOLED)
    return out, code


def max_pool_backward(gradient: Tensor, code: Tensor, height: int, width: int) -> Tensor:
    """Gradient in the input of the ReLU before `max_pool`, (batch, channels, height, width)."""
    shape = (*gradient.shape[:2], height, width)
    out = torch.empty(shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last)
    if height % 2 or width % 2:
        out.zero_()  # no window covers the last row or column of an odd side
    _max_pool_backward[_grid(gradient)](gradient, code, out, height, width, gradient.shape[1], _POOLED)
    return out


#: Pooled entries of a row that one program computes.
_POOLED = 1024


def _grid(pooled: Tensor) -> tuple[int, int]:
    batch, channels, down, across = pooled.shape
    return triton.cdiv(across * channels, _POOLED), batch * down


@triton.jit
def _first_conv(picture, high, low, bias, mean, std, y, height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[:, None]
    row, image = tl.program_id(1), tl.program_id(2)
    k = tl.arange(0, 32)[None, :]
    color = k // 9
    at_row, at_column = row + k % 9 // 3 - 1, column + k % 3 - 1
    mask = (k < 27) & (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
    plane = (image * 3 + color).to(tl.int64) * height
    value = tl.load(picture + (plane + at_row) * width + at_column, mask, 0)
    value = (value - tl.load(mean + color, k < 27, 0)) / tl.load(std + color, k < 27, 1)
    value = tl.where(mask, value, 0)
    high_value = value.to(high.dtype.element_ty)
    low_value = (value - high_value.to(tl.float32)).to(high.dtype.element_ty)
    channel = tl.arange(0, C)[None, :]
    entry = tl.arange(0, 32)[:, None] * C + channel
    weights = tl.load(high + entry)
    sums = tl.dot(high_value, tl.load(low + entry), input_precision="ieee") + tl.load(bias + channel).to(tl.float32)
    sums = tl.dot(low_value, weights, sums, input_precision="ieee")
    sums = tl.dot(high_value, weights, sums, input_precision="ieee")
    offset = (image.to(tl.int64) * height + row) * width + column
    activation = tl.where(sums < 0, 0, sums)  # unlike a maximum, this keeps NaN
    tl.store(y + offset * C + channel, activation.to(y.dtype.element_ty), column < width)


def first_conv(picture: Tensor, high: Tensor, low: Tensor, bias: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Normalization, first convolution and ReLU, (batch, C, height, width) bf16.

    Args:
        picture: (batch, 3, height, width) float32 in 0..1.
        high, low: (32, C) bf16, whose sum is the weights, as in `SplitConv2d`. Rows are ordered by color, row and
            column of the 3×3 window; the last five are 0.
        bias: (C,). mean, std: (3,), of the normalization.
    """
    batch, _, height, width = picture.shape
    channels = high.shape[1]
    shape = (batch, channels, height, width)
    y = torch.empty(shape, dtype=high.dtype, device=picture.device, memory_format=torch.channels_last)
    block = 128
    grid = (triton.cdiv(width, block), height, batch)
    _first_conv[grid](picture, high, low, bias, mean, std, y, height, width, channels, block)
    return y


@triton.jit
def _first_conv_backward(
    y, first, second, weight, products, count, TWO: tl.constexpr, C: tl.constexpr, BLOCK: tl.constexpr
):
    position = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[:, None]
    channel = tl.arange(0, C)[None, :]
    mask = position < count
    at = position * C + channel
    gradient = _masked_gradient(y, first, second, at, mask, TWO).to(weight.dtype.element_ty)
    k = tl.arange(0, 32)[None, :]
    sums = tl.dot(gradient, tl.load(weight + tl.arange(0, C)[:, None] * 32 + k), input_precision="ieee")
    tl.store(products + k.to(tl.int64) * count + position, sums.to(products.dtype.element_ty), mask & (k < 27))


@triton.jit
def _collect(products, std, out, count, height, width, BLOCK: tl.constexpr):
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, plane = tl.program_id(1), tl.program_id(2)
    image, color = plane // 3, plane % 3
    total = tl.zeros((BLOCK,), tl.float32)
    for k in tl.static_range(9):
        at_row, at_column = row + 1 - k // 3 + 0 * column, column + 1 - k % 3
        mask = (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
        offset = (image.to(tl.int64) * height + at_row) * width + at_column
        total += tl.load(products + (color * 9 + k).to(tl.int64) * count + offset, mask, 0).to(tl.float32)
    at = (plane.to(tl.int64) * height + row) * width + column
    tl.store(out + at, total / tl.load(std + color), column < width)


def first_conv_backward(y: Tensor, weight: Tensor, std: Tensor, *gradients: Tensor) -> Tensor:
    """Gradient in the image, (batch, 3, height, width) float32.

    Args:
        y: the result of `first_conv`. weight: (C, 32) bf16, its `high`, transposed. std: (3,).
        gradients: one or two gradients in y, which are added.
    """
    batch, channels, height, width = y.shape
    count = batch * height * width
    products = torch.empty(27, count, dtype=torch.float32, device=y.device)
    first, second = gradients[0], gradients[-1]
    block = 128
    _first_conv_backward[(triton.cdiv(count, block),)](
        y, first, second, weight, products, count, len(gradients) == 2, channels, block
    )
    out = torch.empty(batch, 3, height, width, dtype=torch.float32, device=y.device)
    block = 256
    _collect[(triton.cdiv(width, block), height, 3 * batch)](products, std, out, count, height, width, block)
    return out
