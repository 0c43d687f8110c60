"""Feature maps: the first convolution and its way back, ReLUs and pools."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Code of a pooled entry with no gradient: the maximum is what the ReLU has made 0.
_NOTHING = tl.constexpr(4)


@triton.jit
def _gate(y, first, second, out, count, TWO: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = at < count
    slope = tl.load(first + at, there, 0).to(tl.float32)
    if TWO:
        slope += tl.load(second + at, there, 0).to(tl.float32)
    shown = tl.load(y + at, there, 0).to(tl.float32)
    tl.store(out + at, tl.where(shown > 0, slope, 0).to(out.dtype.element_ty), there)


def gate(y: Tensor, *slopes: Tensor) -> Tensor:
    """The sum of one or two gradients where y > 0, else 0: what goes back through a ReLU whose output is y."""
    first, second = slopes[0], slopes[-1]
    out = torch.empty_like(y)
    block = 4096
    _gate[(triton.cdiv(y.numel(), block),)](y, first, second, out, y.numel(), len(slopes) == 2, block, num_warps=8)
    return out


@triton.jit
def _corners(height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    """Of a block of a row of pooled entries: where they are, where their windows begin, and which are there."""
    along = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row = tl.program_id(1).to(tl.int64)  # of all pictures one above the other
    down, across = height // 2, width // 2
    above = row // down * height + row % down * 2
    return row * across * C + along, (above * width) * C + along // C * 2 * C + along % C, along < across * C


@triton.jit
def _pool(y, out, code, height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    at, corner, there = _corners(height, width, C, BLOCK)
    best = tl.load(y + corner, there, 0).to(tl.float32)
    which = tl.zeros_like(best).to(tl.int32)
    for k in tl.static_range(1, 4):
        value = tl.load(y + corner + (k // 2 * width + k % 2) * C, there, 0).to(tl.float32)
        larger = (value > best) | (value != value)
        best = tl.where(larger, value, best)
        which = tl.where(larger, k, which)
    tl.store(out + at, best.to(out.dtype.element_ty), there)
    tl.store(code + at, tl.where(best > 0, which, _NOTHING).to(tl.int8), there)


@triton.jit
def _spread(slope, code, out, height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    at, corner, there = _corners(height, width, C, BLOCK)
    value = tl.load(slope + at, there, 0)
    which = tl.load(code + at, there, 0)
    for k in tl.static_range(4):
        tl.store(out + corner + (k // 2 * width + k % 2) * C, tl.where(which == k, value, 0.0), there)


def pool(y: Tensor) -> tuple[Tensor, Tensor]:
    """The 2×2 maximum of what a ReLU gives, (batch, channels, height / 2, width / 2), and where it is, for `spread`."""
    batch, channels, height, width = y.shape
    shape = (batch, channels, height // 2, width // 2)
    out = torch.empty(shape, dtype=y.dtype, device=y.device, memory_format=torch.channels_last)
    code = torch.empty_like(out, dtype=torch.int8)
    _pool[_grid(out)](y, out, code, height, width, channels, _POOLED)
    return out, code


def spread(slope: Tensor, code: Tensor, height: int, width: int) -> Tensor:
    """The gradient that goes back through `pool` and the ReLU before it."""
    shape = (*slope.shape[:2], height, width)
    out = torch.empty(shape, dtype=slope.dtype, device=slope.device, memory_format=torch.channels_last)
    if height % 2 or width % 2:
        out.zero_()  # the last row or column is nobody's maximum
    _spread[_grid(slope)](slope, code, out, height, width, slope.shape[1], _POOLED)
    return out


#: Pooled entries of a row that a program takes.
_POOLED = 1024


def _grid(pooled: Tensor) -> tuple[int, int]:
    batch, channels, down, across = pooled.shape
    return triton.cdiv(across * channels, _POOLED), batch * down


@triton.jit
def _enter(picture, high, low, bias, mean, std, y, height, width, C: tl.constexpr, BLOCK: tl.constexpr):
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[:, None]
    row, of = tl.program_id(1), tl.program_id(2)
    k = tl.arange(0, 32)[None, :]
    color = k // 9
    at_row, at_column = row + k % 9 // 3 - 1, column + k % 3 - 1
    there = (k < 27) & (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
    plane = (of * 3 + color).to(tl.int64) * height
    value = tl.load(picture + (plane + at_row) * width + at_column, there, 0)
    value = (value - tl.load(mean + color, k < 27, 0)) / tl.load(std + color, k < 27, 1)
    value = tl.where(there, value, 0)
    whole = value.to(high.dtype.element_ty)
    rest = (value - whole.to(tl.float32)).to(high.dtype.element_ty)
    channel = tl.arange(0, C)[None, :]
    tap = tl.arange(0, 32)[:, None] * C + channel
    taps = tl.load(high + tap)
    found = tl.dot(whole, tl.load(low + tap), input_precision="ieee") + tl.load(bias + channel).to(tl.float32)
    found = tl.dot(rest, taps, found, input_precision="ieee")
    found = tl.dot(whole, taps, found, input_precision="ieee")
    place = (of.to(tl.int64) * height + row) * width + column
    shown = tl.where(found < 0, 0, found)  # a maximum would hide what is not a number
    tl.store(y + place * C + channel, shown.to(y.dtype.element_ty), column < width)


def enter(picture: Tensor, high: Tensor, low: Tensor, bias: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The first convolution and its ReLU: (batch, 3, height, width) float32 in 0..1 to (batch, C, height, width) bf16.

    Args:
        high, low: the sum of both are the weights, as in `SplitConv2d`: (32, C) bf16, by color, row and column of the
            3×3 window; the last five rows are 0. bias: (C,).
    """
    batch, _, height, width = picture.shape
    channels = high.shape[1]
    shape = (batch, channels, height, width)
    y = torch.empty(shape, dtype=high.dtype, device=picture.device, memory_format=torch.channels_last)
    block = 128
    grid = (triton.cdiv(width, block), height, batch)
    _enter[grid](picture, high, low, bias, mean, std, y, height, width, channels, block)
    return y


@triton.jit
def _leave(y, first, second, weight, taps, count, TWO: tl.constexpr, C: tl.constexpr, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[:, None]
    channel = tl.arange(0, C)[None, :]
    there = place < count
    at = place * C + channel
    slope = tl.load(first + at, there, 0).to(tl.float32)
    if TWO:
        slope += tl.load(second + at, there, 0).to(tl.float32)
    shown = tl.load(y + at, there, 0).to(tl.float32)
    slope = tl.where(shown > 0, slope, 0).to(weight.dtype.element_ty)
    k = tl.arange(0, 32)[None, :]
    found = tl.dot(slope, tl.load(weight + tl.arange(0, C)[:, None] * 32 + k), input_precision="ieee")
    tl.store(taps + k.to(tl.int64) * count + place, found.to(taps.dtype.element_ty), there & (k < 27))


@triton.jit
def _collect(taps, std, out, count, height, width, BLOCK: tl.constexpr):
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, plane = tl.program_id(1), tl.program_id(2)
    of, color = plane // 3, plane % 3
    total = tl.zeros((BLOCK,), tl.float32)
    for k in tl.static_range(9):
        at_row, at_column = row + 1 - k // 3 + 0 * column, column + 1 - k % 3
        there = (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
        place = (of.to(tl.int64) * height + at_row) * width + at_column
        total += tl.load(taps + (color * 9 + k).to(tl.int64) * count + place, there, 0).to(tl.float32)
    at = (plane.to(tl.int64) * height + row) * width + column
    tl.store(out + at, total / tl.load(std + color), column < width)


def leave(y: Tensor, weight: Tensor, std: Tensor, *slopes: Tensor) -> Tensor:
    """The gradient in the picture, (batch, 3, height, width) float32, from one or two in what `enter` gave.

    Args:
        weight: (C, 32) bf16, `high` of `enter`, transposed.
    """
    batch, channels, height, width = y.shape
    count = batch * height * width
    taps = torch.empty(27, count, dtype=torch.float32, device=y.device)
    first, second = slopes[0], slopes[-1]
    block = 128
    _leave[(triton.cdiv(count, block),)](y, first, second, weight, taps, count, len(slopes) == 2, channels, block)
    out = torch.empty(batch, 3, height, width, dtype=torch.float32, device=y.device)
    block = 256
    _collect[(triton.cdiv(width, block), height, 3 * batch)](taps, std, out, count, height, width, block)
    return out
