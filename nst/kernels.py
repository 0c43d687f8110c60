"""Kernels of an NVIDIA GPU, in Triton, for what takes several passes over memory otherwise.

Only to be imported where Triton is there (`nst.fused.problem`). Feature maps are channels-last in memory: (batch,
height, width, channels) without gaps, in 16 bits; arithmetic is in float32.
"""

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
def _enter(
    picture, weight, bias, mean, std, y, height, width, C: tl.constexpr, BLOCK: tl.constexpr
):
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[:, None]
    row, of = tl.program_id(1), tl.program_id(2)
    k = tl.arange(0, 32)[None, :]
    colour = k // 9
    at_row, at_column = row + k % 9 // 3 - 1, column + k % 3 - 1
    there = (k < 27) & (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
    plane = (of * 3 + colour).to(tl.int64) * height
    value = tl.load(picture + (plane + at_row) * width + at_column, there, 0)
    value = (value - tl.load(mean + colour, k < 27, 0)) / tl.load(std + colour, k < 27, 1)
    value = tl.where(there, value, 0).to(weight.dtype.element_ty)
    channel = tl.arange(0, C)[None, :]
    taps = tl.load(weight + tl.arange(0, 32)[:, None] * C + channel)
    found = tl.dot(value, taps, input_precision="ieee") + tl.load(bias + channel).to(tl.float32)
    place = (of.to(tl.int64) * height + row) * width + column
    tl.store(y + place * C + channel, tl.maximum(found, 0).to(y.dtype.element_ty), column < width)


def enter(picture: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The first convolution and its ReLU: (batch, 3, height, width) float32 in 0..1 to (batch, C, height, width) bf16.

    Args:
        weight: (32, C) bf16, by colour, row and column of the 3×3 window; the last five rows are 0. bias: (C,).
    """
    batch, _, height, width = picture.shape
    channels = weight.shape[1]
    shape = (batch, channels, height, width)
    y = torch.empty(shape, dtype=weight.dtype, device=picture.device, memory_format=torch.channels_last)
    block = 128
    grid = (triton.cdiv(width, block), height, batch)
    _enter[grid](picture, weight, bias, mean, std, y, height, width, channels, block)
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
    of, colour = plane // 3, plane % 3
    total = tl.zeros((BLOCK,), tl.float32)
    for k in tl.static_range(9):
        at_row, at_column = row + 1 - k // 3 + 0 * column, column + 1 - k % 3
        there = (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
        place = (of.to(tl.int64) * height + at_row) * width + at_column
        total += tl.load(taps + (colour * 9 + k).to(tl.int64) * count + place, there, 0).to(tl.float32)
    at = (plane.to(tl.int64) * height + row) * width + column
    tl.store(out + at, total / tl.load(std + colour), column < width)


def leave(y: Tensor, weight: Tensor, std: Tensor, *slopes: Tensor) -> Tensor:
    """The gradient in the picture, (batch, 3, height, width) float32, from one or two in what `enter` gave.

    Args:
        weight: (C, 32) bf16, the transposed one of `enter`.
    """
    batch, channels, height, width = y.shape
    count = batch * height * width
    taps = torch.empty(27, count, dtype=torch.float32, device=y.device)
    first, second = slopes[0], slopes[-1]
    block = 128
    _leave[(triton.cdiv(count, block),)](
        y, first, second, weight, taps, count, len(slopes) == 2, channels, block
    )
    out = torch.empty(batch, 3, height, width, dtype=torch.float32, device=y.device)
    block = 256
    _collect[(triton.cdiv(width, block), height, 3 * batch)](taps, std, out, count, height, width, block)
    return out


#: How the steps that L-BFGS remembers are stored; it does as well with them as with float32, in half of the time.
REMEMBERED = torch.bfloat16


@triton.jit
def _onto(rows, a, b, out, count, n, chunks, ROWS: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    chunk, of = tl.program_id(1), tl.program_id(2).to(tl.int64)
    first, second = tl.zeros((ROWS, BLOCK), tl.float32), tl.zeros((ROWS, BLOCK), tl.float32)
    begin = rows + (of * count + row[:, None]) * n
    for step in range(STEPS):
        at = (chunk * STEPS + step) * BLOCK + tl.arange(0, BLOCK)
        there = at < n
        values = tl.load(begin + at[None, :], (row[:, None] < count) & there[None, :], 0).to(tl.float32)
        first += values * tl.load(a + of * n + at, there, 0)[None, :]
        second += values * tl.load(b + of * n + at, there, 0)[None, :]
    place = out + (of * count + row) * 2 * chunks + chunk
    tl.store(place, tl.sum(first, 1), row < count)
    tl.store(place + chunks, tl.sum(second, 1), row < count)


def onto(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """As `nst.vectors.onto`, of float32 a and b."""
    batch, count, n = rows.shape
    some, steps, block = 8, 8, 1024
    chunks = triton.cdiv(n, steps * block)
    out = torch.empty(batch, count, 2, chunks, dtype=torch.float32, device=rows.device)
    _onto[(triton.cdiv(count, some), chunks, batch)](rows, a, b, out, count, n, chunks, some, steps, block)
    return out.sum(3).double()


@triton.jit
def _combine(weights, rows, out, count, n, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    at, of = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1).to(tl.int64)
    total = tl.zeros((ROWS, BLOCK), tl.float32)
    for first in range(0, count, ROWS):
        row = first + tl.arange(0, ROWS)
        weight = tl.load(weights + of * count + row, row < count, 0)
        place = rows + (of * count + row[:, None]) * n + at[None, :]
        values = tl.load(place, (row[:, None] < count) & (at[None, :] < n), 0).to(tl.float32)
        total += weight[:, None] * values
    tl.store(out + of * n + at, tl.sum(total, 0), at < n)


def combine(weights: Tensor, rows: Tensor) -> Tensor:
    """As `nst.vectors.combine`."""
    batch, count, n = rows.shape
    some, block = 8, 512
    out = torch.empty(batch, n, dtype=torch.float32, device=rows.device)
    _combine[(triton.cdiv(n, block), batch)](weights, rows, out, count, n, some, block)
    return out


@triton.jit
def _measure(
    x, old_x, gradient, old, smooth, old_smooth, change, out, n, chunks, STEPS: tl.constexpr, BLOCK: tl.constexpr
):
    chunk, of = tl.program_id(0), tl.program_id(1).to(tl.int64) * n
    slope, curvature, size = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    for step in range(STEPS):
        at = (chunk * STEPS + step) * BLOCK + tl.arange(0, BLOCK)
        there, at = at < n, of + at
        moved = tl.load(x + at, there, 0) - tl.load(old_x + at, there, 0)
        before = tl.load(old + at, there, 0)
        y = tl.load(gradient + at, there, 0) - before
        slope += before * moved
        curvature += moved * y
        size += y * (tl.load(smooth + at, there, 0) - tl.load(old_smooth + at, there, 0))
        tl.store(change + at, y, there)
    place = out + tl.program_id(1) * 3 * chunks + chunk
    tl.store(place, tl.sum(slope, 0))
    tl.store(place + chunks, tl.sum(curvature, 0))
    tl.store(place + 2 * chunks, tl.sum(size, 0))


def measure(
    x: Tensor, old_x: Tensor, gradient: Tensor, old: Tensor, smooth: Tensor, old_smooth: Tensor
) -> tuple[Tensor, Tensor]:
    """As `nst.vectors.measure`."""
    batch, n = x.shape
    chunks = triton.cdiv(n, _STEPS * _ALONG)
    out = torch.empty(batch, 3, chunks, dtype=torch.float32, device=x.device)
    change = torch.empty_like(x)
    vectors = x, old_x, gradient, old, smooth, old_smooth, change
    _measure[(chunks, batch)](*vectors, out, n, chunks, _STEPS, _ALONG)
    return change, out.sum(2)


@triton.jit
def _take(pairs, slot, stored, good, x, gradient, smooth, old_x, old, old_smooth, n, m, BLOCK: tl.constexpr):
    at, of = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    there, place = at < n, of.to(tl.int64) * n + at
    to_store, to_take = at < n * tl.load(stored + of).to(tl.int32), at < n * tl.load(good + of).to(tl.int32)
    new_x, new_smooth = tl.load(x + place, there), tl.load(smooth + place, there)
    row = of.to(tl.int64) * 2 * m + tl.load(slot + of)
    tl.store(pairs + row * n + at, new_x - tl.load(old_x + place, there), to_store)
    tl.store(pairs + (row + m) * n + at, new_smooth - tl.load(old_smooth + place, there), to_store)
    tl.store(old_x + place, new_x, to_take)
    tl.store(old + place, tl.load(gradient + place, there), to_take)
    tl.store(old_smooth + place, new_smooth, to_take)


def take(
    pairs: Tensor,
    slot: Tensor,
    stored: Tensor,
    good: Tensor,
    new: tuple[Tensor, Tensor, Tensor],
    old: tuple[Tensor, Tensor, Tensor],
) -> None:
    """As `nst.vectors.take`."""
    batch, rows, n = pairs.shape
    _take[(triton.cdiv(n, 1024), batch)](pairs, slot, stored, good, *new, *old, n, rows // 2, 1024)


@triton.jit
def _weigh(a, b, g, out, n, chunks, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    chunk, of = tl.program_id(0), tl.program_id(1).to(tl.int64) * n
    ag, bg, aa = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    ab, bb = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    for step in range(STEPS):
        at = (chunk * STEPS + step) * BLOCK + tl.arange(0, BLOCK)
        there, at = at < n, of + at
        one, other, slope = tl.load(a + at, there, 0), tl.load(b + at, there, 0), tl.load(g + at, there, 0)
        ag += one * slope
        bg += other * slope
        aa += one * one
        ab += one * other
        bb += other * other
    place = out + tl.program_id(1) * 5 * chunks + chunk
    tl.store(place, tl.sum(ag, 0))
    tl.store(place + chunks, tl.sum(bg, 0))
    tl.store(place + 2 * chunks, tl.sum(aa, 0))
    tl.store(place + 3 * chunks, tl.sum(ab, 0))
    tl.store(place + 4 * chunks, tl.sum(bb, 0))


def weigh(a: Tensor, b: Tensor, g: Tensor) -> Tensor:
    """As `nst.vectors.weigh`."""
    batch, n = a.shape
    chunks = triton.cdiv(n, _STEPS * _ALONG)
    out = torch.empty(batch, 5, chunks, dtype=torch.float32, device=a.device)
    _weigh[(chunks, batch)](a, b, g, out, n, chunks, _STEPS, _ALONG)
    return out.sum(2)


@triton.jit
def _mix(of_a, a, of_b, b, out, n, BLOCK: tl.constexpr):
    at, of = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    there, place = at < n, of.to(tl.int64) * n + at
    share, other = tl.load(of_a + of), tl.load(of_b + of)
    first = tl.where(share == 0, 0, share * tl.load(a + place, there))
    second = tl.where(other == 0, 0, other * tl.load(b + place, there))
    tl.store(out + place, first + second, there)


def mix(of_a: Tensor, a: Tensor, of_b: Tensor, b: Tensor, out: Tensor) -> None:
    """As `nst.vectors.mix`."""
    batch, n = a.shape
    _mix[(triton.cdiv(n, 1024), batch)](of_a, a, of_b, b, out, n, 1024)


#: Steps of a program along vectors, and how much it takes at each.
_STEPS, _ALONG = 8, 512


@triton.jit
def _squared_distance(features, target, out, count, repeat, BLOCK: tl.constexpr):
    at, of = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    there = at < count
    shown = tl.load(features + of.to(tl.int64) * count + at, there, 0).to(tl.float32)
    wanted = tl.load(target + of.to(tl.int64) * repeat + at, there, 0).to(tl.float32)
    tl.store(out + of * tl.num_programs(0) + tl.program_id(0), tl.sum((shown - wanted) * (shown - wanted), 0))


@triton.jit
def _distance_slope(features, target, out, scale, count, repeat, BLOCK: tl.constexpr):
    at, of = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    there, place = at < count, of.to(tl.int64) * count + at
    shown = tl.load(features + place, there, 0).to(tl.float32)
    wanted = tl.load(target + of.to(tl.int64) * repeat + at, there, 0).to(tl.float32)
    tl.store(out + place, ((shown - wanted) * tl.load(scale + of)).to(out.dtype.element_ty), there)


def squared_distance(features: Tensor, target: Tensor) -> Tensor:
    """Σ(F−P)² of feature maps, (batch,); the target's batch may be 1."""
    count, block = features[0].numel(), 2048
    blocks = triton.cdiv(count, block)
    out = torch.empty(len(features), blocks, dtype=torch.float32, device=features.device)
    _squared_distance[(blocks, len(features))](features, target, out, count, _step(target), block)
    return out.sum(1)


def distance_slope(features: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    """scale · (F−P) of feature maps; scale: (batch,)."""
    count, block = features[0].numel(), 2048
    out = torch.empty_like(features)
    _distance_slope[(triton.cdiv(count, block), len(features))](
        features, target, out, scale, count, _step(target), block
    )
    return out


def _step(target: Tensor) -> int:
    """From a picture's target to the next one's; 0 where all have the same."""
    return target[0].numel() if len(target) > 1 else 0


@triton.jit
def _deviate(
    products, rest, target, difference, out, count, chunks, share, repeat, REST: tl.constexpr, BLOCK: tl.constexpr
):
    at, of = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    there = at < count
    total = tl.zeros((BLOCK,), tl.float32)
    for chunk in range(chunks):
        total += tl.load(products + (of.to(tl.int64) * chunks + chunk) * count + at, there, 0)
    if REST:
        total += tl.load(rest + of * count + at, there, 0)
    total = total * share - tl.load(target + of * repeat + at, there, 0)
    tl.store(difference + of * count + at, total, there)
    tl.store(out + of * tl.num_programs(0) + tl.program_id(0), tl.sum(total * total, 0))


def deviate(products: list[Tensor], pixels: int, target: Tensor) -> tuple[Tensor, Tensor]:
    """What Gram matrices are off their target, (batch, N, N), and the sum of its squares, (batch,).

    Args:
        products: (batch, chunks, N, N) float32 of chunks of the pixels, one or two; the second has one chunk.
        target: (batch or 1, N, N).
    """
    whole, rest = products[0], products[-1]
    batch, chunks, width, _ = whole.shape
    count, block = width * width, 256
    blocks = triton.cdiv(count, block)
    difference = torch.empty(batch, width, width, dtype=torch.float32, device=whole.device)
    out = torch.empty(batch, blocks, dtype=torch.float32, device=whole.device)
    _deviate[(blocks, batch)](
        whole, rest, target, difference, out, count, chunks, 1 / pixels, _step(target), len(products) > 1, block
    )
    return difference, out.sum(1)


@triton.jit
def _scaled(values, first, second, out, count, by, stride_1, stride_2, BLOCK: tl.constexpr):
    at, of = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    there, place = at < count, of * count + at
    scale = by * tl.load(first + of * stride_1) * tl.load(second + of * stride_2)
    tl.store(out + place, (tl.load(values + place, there, 0) * scale).to(out.dtype.element_ty), there)


def scaled(values: Tensor, by: float, first: Tensor, second: Tensor, kind: torch.dtype) -> Tensor:
    """values · by · first · second in another type, (batch, …); first, second: (batch,) or (1,)."""
    batch, count, block = len(values), values[0].numel(), 1024
    out = torch.empty_like(values, dtype=kind)
    strides = (of.expand(batch).stride(0) for of in (first, second))
    _scaled[(triton.cdiv(count, block), batch)](values, first, second, out, count, by, *strides, block)
    return out


@triton.jit
def _variation(pictures, out, height, width, BLOCK: tl.constexpr):
    column, row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)  # of all planes, one above the other
    there = column < width
    at = pictures + row.to(tl.int64) * width + column
    here = tl.load(at, there, 0)
    right = tl.load(at + 1, column + 1 < width, 0) - here
    below = tl.load(at + width, there & (row % height + 1 + 0 * column < height), 0) - here
    total = tl.where(column + 1 < width, right * right, 0)
    total += tl.where(there & (row % height + 1 + 0 * column < height), below * below, 0)
    tl.store(out + row * tl.num_programs(0) + tl.program_id(0), tl.sum(total, 0))


def variation(pictures: Tensor) -> Tensor:
    """The sum of squared differences of neighbouring pixels, (batch,), of (batch, channels, height, width) float32."""
    batch, channels, height, width = pictures.shape
    blocks = triton.cdiv(width, 1024)
    out = torch.empty(batch, channels * height * blocks, dtype=torch.float32, device=pictures.device)
    _variation[(blocks, batch * channels * height)](pictures, out, height, width, 1024)
    return out.sum(1)


@triton.jit
def _solve(products, dots, count, weights, gammas, m, M: tl.constexpr):
    of = tl.program_id(0)
    inner, a, b = products + of.to(tl.int64) * 2 * m * m, dots + of * 2 * m, dots + of * 2 * m + m
    known = tl.load(count + of).to(tl.int32)
    live = tl.minimum(known, m)
    lane = tl.arange(0, M)
    first = tl.where(known >= m, known % m, 0)  # the place of the oldest
    place = (first + lane) % m
    there = lane < live
    newest = (first + tl.maximum(live - 1, 0)) % m
    y2 = tl.load(inner + (m + newest) * m + newest)
    gamma = tl.where((live > 0) & (y2 > 0), tl.load(inner + newest * m + newest) / tl.where(y2 > 0, y2, 1), 1)
    diagonal = tl.load(inner + place * m + place, there, 1)
    right = -tl.load(b + place, there, 0)  # becomes YᵀY·u − b
    # Each turn waits for the one before, so what it needs from memory is asked for one turn ahead.
    u = tl.zeros((M,), tl.float64)
    at = newest
    row, column = tl.load(inner + at * m + place), tl.load(inner + (m + place) * m + at)
    pivot, wanted = tl.load(inner + at * m + at), tl.load(a + at)
    for step in range(live):  # u = R⁻¹·a, from the newest
        t = live - 1 - step
        at = (first + tl.maximum(t - 1, 0)) % m
        next_row, next_column = tl.load(inner + at * m + place), tl.load(inner + (m + place) * m + at)
        next_pivot, next_wanted = tl.load(inner + at * m + at), tl.load(a + at)
        value = (wanted - tl.sum(row * u, 0)) * (1 / pivot)
        u = tl.where(lane == t, value, u)
        right += tl.where(there, column * value, 0)
        row, column, pivot, wanted = next_row, next_column, next_pivot, next_wanted
    right = diagonal * u + gamma * right
    s = tl.zeros((M,), tl.float64)
    column, pivot = tl.load(inner + place * m + first), tl.load(inner + first * m + first)
    for t in range(live):  # R⁻ᵀ, from the oldest
        at = (first + tl.minimum(t + 1, m - 1)) % m
        next_column, next_pivot = tl.load(inner + place * m + at), tl.load(inner + at * m + at)
        value = tl.sum(tl.where(lane == t, right, -column * s), 0) * (1 / pivot)
        s = tl.where(lane == t, value, s)
        column, pivot = next_column, next_pivot
    out = weights + of * 2 * m
    inside = lane < m
    tl.store(out + place, tl.where(there, s, 0).to(tl.float32), inside)
    tl.store(out + m + place, tl.where(there, -gamma * u, 0).to(tl.float32), inside)
    tl.store(gammas + of, gamma.to(tl.float32))


def solve(products: Tensor, dots: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """As `nst.vectors.solve`."""
    batch, _, m = products.shape
    weights = torch.empty(batch, 2 * m, dtype=torch.float32, device=products.device)
    gamma = torch.empty(batch, dtype=torch.float32, device=products.device)
    _solve[(batch,)](products, dots.contiguous(), count, weights, gamma, m, triton.next_power_of_2(m), num_warps=1)
    return weights, gamma
