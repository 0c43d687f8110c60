"""The vector operations of L-BFGS: the same functions as in `nst.optim.vectors`, each in one pass over memory."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

#: A point x, its gradient g, and P·g, each (batch, n).
Point = tuple[Tensor, Tensor, Tensor]

#: Type of the stored pairs. L-BFGS converges as well as with float32 pairs, and reads half the bytes.
PAIR_DTYPE = torch.bfloat16


@triton.jit
def _row_dots(rows, a, b, out, count, n, chunks, ROWS: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    chunk, image = tl.program_id(1), tl.program_id(2).to(tl.int64)
    first, second = tl.zeros((ROWS, BLOCK), tl.float32), tl.zeros((ROWS, BLOCK), tl.float32)
    begin = rows + (image * count + row[:, None]) * n
    for step in range(STEPS):
        at = (chunk * STEPS + step) * BLOCK + tl.arange(0, BLOCK)
        mask = at < n
        values = tl.load(begin + at[None, :], (row[:, None] < count) & mask[None, :], 0).to(tl.float32)
        first += values * tl.load(a + image * n + at, mask, 0)[None, :]
        second += values * tl.load(b + image * n + at, mask, 0)[None, :]
    pointer = out + (image * count + row) * 2 * chunks + chunk
    tl.store(pointer, tl.sum(first, 1), row < count)
    tl.store(pointer + chunks, tl.sum(second, 1), row < count)


def row_dots(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """As `nst.optim.vectors.row_dots`, of float32 a and b."""
    batch, count, n = rows.shape
    group, steps, block = 16, 16, 512
    chunks = triton.cdiv(n, steps * block)
    out = torch.empty(batch, count, 2, chunks, dtype=torch.float32, device=rows.device)
    _row_dots[(triton.cdiv(count, group), chunks, batch)](rows, a, b, out, count, n, chunks, group, steps, block)
    return out.sum(3).double()


@triton.jit
def _combine(weights, rows, out, count, n, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    at, image = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1).to(tl.int64)
    total = tl.zeros((ROWS, BLOCK), tl.float32)
    for first in range(0, count, ROWS):
        row = first + tl.arange(0, ROWS)
        weight = tl.load(weights + image * count + row, row < count, 0)
        pointer = rows + (image * count + row[:, None]) * n + at[None, :]
        values = tl.load(pointer, (row[:, None] < count) & (at[None, :] < n), 0).to(tl.float32)
        total += weight[:, None] * values
    tl.store(out + image * n + at, tl.sum(total, 0), at < n)


def combine(weights: Tensor, rows: Tensor) -> Tensor:
    """As `nst.optim.vectors.combine`."""
    batch, count, n = rows.shape
    group, block = 4, 2048
    out = torch.empty(batch, n, dtype=torch.float32, device=rows.device)
    _combine[(triton.cdiv(n, block), batch)](weights, rows, out, count, n, group, block, num_warps=8)
    return out


@triton.jit
def _secant_pair(x, old_x, gradient, old, change, out, n, chunks, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    chunk, start = tl.program_id(0), tl.program_id(1).to(tl.int64) * n
    derivative, curvature = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    for step in range(STEPS):
        at = (chunk * STEPS + step) * BLOCK + tl.arange(0, BLOCK)
        mask, at = at < n, start + at
        moved = tl.load(x + at, mask, 0) - tl.load(old_x + at, mask, 0)
        before = tl.load(old + at, mask, 0)
        y = tl.load(gradient + at, mask, 0) - before
        derivative += before * moved
        curvature += moved.to(tl.bfloat16).to(tl.float32) * y  # of the step as it will be stored
        tl.store(change + at, y, mask)
    pointer = out + tl.program_id(1) * 2 * chunks + chunk
    tl.store(pointer, tl.sum(derivative, 0))
    tl.store(pointer + chunks, tl.sum(curvature, 0))


def secant_pair(x: Tensor, old_x: Tensor, gradient: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """As `nst.optim.vectors.secant_pair`."""
    batch, n = x.shape
    chunks = triton.cdiv(n, _STEPS * _BLOCK)
    out = torch.empty(batch, 2, chunks, dtype=torch.float32, device=x.device)
    change = torch.empty_like(x)
    _secant_pair[(chunks, batch)](x, old_x, gradient, old, change, out, n, chunks, _STEPS, _BLOCK)
    return change, out.sum(2)


@triton.jit
def _store_pair(pairs, slot, stored, good, x, gradient, smooth, old_x, old, old_smooth, n, m, BLOCK: tl.constexpr):
    at, image = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    mask, offset = at < n, image.to(tl.int64) * n + at
    to_store, to_take = at < n * tl.load(stored + image).to(tl.int32), at < n * tl.load(good + image).to(tl.int32)
    new_x, new_smooth = tl.load(x + offset, mask), tl.load(smooth + offset, mask)
    row = image.to(tl.int64) * 2 * m + tl.load(slot + image)
    tl.store(pairs + row * n + at, new_x - tl.load(old_x + offset, mask), to_store)
    tl.store(pairs + (row + m) * n + at, new_smooth - tl.load(old_smooth + offset, mask), to_store)
    tl.store(old_x + offset, new_x, to_take)
    tl.store(old + offset, tl.load(gradient + offset, mask), to_take)
    tl.store(old_smooth + offset, new_smooth, to_take)


def store_pair(pairs: Tensor, slot: Tensor, stored: Tensor, good: Tensor, new: Point, old: Point) -> None:
    """As `nst.optim.vectors.store_pair`."""
    batch, rows, n = pairs.shape
    _store_pair[(triton.cdiv(n, 1024), batch)](pairs, slot, stored, good, *new, *old, n, rows // 2, 1024)


@triton.jit
def _dots(a, b, g, out, n, chunks, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    chunk, start = tl.program_id(0), tl.program_id(1).to(tl.int64) * n
    ag, bg, aa = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    ab, bb = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    for step in range(STEPS):
        at = (chunk * STEPS + step) * BLOCK + tl.arange(0, BLOCK)
        mask, at = at < n, start + at
        one, other, gradient = tl.load(a + at, mask, 0), tl.load(b + at, mask, 0), tl.load(g + at, mask, 0)
        ag += one * gradient
        bg += other * gradient
        aa += one * one
        ab += one * other
        bb += other * other
    pointer = out + tl.program_id(1) * 5 * chunks + chunk
    tl.store(pointer, tl.sum(ag, 0))
    tl.store(pointer + chunks, tl.sum(bg, 0))
    tl.store(pointer + 2 * chunks, tl.sum(aa, 0))
    tl.store(pointer + 3 * chunks, tl.sum(ab, 0))
    tl.store(pointer + 4 * chunks, tl.sum(bb, 0))


def dots(a: Tensor, b: Tensor, g: Tensor) -> Tensor:
    """As `nst.optim.vectors.dots`."""
    batch, n = a.shape
    chunks = triton.cdiv(n, _STEPS * _BLOCK)
    out = torch.empty(batch, 5, chunks, dtype=torch.float32, device=a.device)
    _dots[(chunks, batch)](a, b, g, out, n, chunks, _STEPS, _BLOCK)
    return out.sum(2)


@triton.jit
def _axpby(factor_a, a, factor_b, b, out, n, BLOCK: tl.constexpr):
    at, image = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.program_id(1)
    mask, offset = at < n, image.to(tl.int64) * n + at
    by_a, by_b = tl.load(factor_a + image), tl.load(factor_b + image)
    first = tl.where(by_a == 0, 0, by_a * tl.load(a + offset, mask))
    second = tl.where(by_b == 0, 0, by_b * tl.load(b + offset, mask))
    tl.store(out + offset, first + second, mask)


def axpby(factor_a: Tensor, a: Tensor, factor_b: Tensor, b: Tensor, out: Tensor) -> None:
    """As `nst.optim.vectors.axpby`."""
    batch, n = a.shape
    _axpby[(triton.cdiv(n, 1024), batch)](factor_a, a, factor_b, b, out, n, 1024)


#: Blocks that a program reads along a vector, and the entries of a block.
_STEPS, _BLOCK = 8, 512


@triton.jit
def _solve(products, gradient_dots, count, weights, gammas, m, M: tl.constexpr, GAMMA_FACTOR: tl.constexpr):
    image = tl.program_id(0)
    inner, a = products + image.to(tl.int64) * 2 * m * m, gradient_dots + image * 2 * m
    b = a + m
    taken = tl.load(count + image).to(tl.int32)
    live = tl.minimum(taken, m)
    lane = tl.arange(0, M)
    first = tl.where(taken >= m, taken % m, 0)  # slot of the oldest pair
    slots = (first + lane) % m
    mask = lane < live
    newest = (first + tl.maximum(live - 1, 0)) % m
    diagonal = tl.load(inner + slots * m + slots, mask, 1)
    y2 = tl.load(inner + (m + slots) * m + slots, mask, 0)
    usable = mask & (diagonal > 0) & (y2 > 0)
    logs = tl.log(tl.where(usable, diagonal / tl.where(usable, y2, 1), 1).to(tl.float32))
    number = tl.sum(usable.to(tl.int32), 0)
    gamma = tl.where(number > 0, GAMMA_FACTOR * tl.exp(tl.sum(logs, 0) / tl.maximum(number, 1)), 1)
    right = -tl.load(b + slots, mask, 0)  # becomes YᵀY·u − b
    # Each step needs the result of the one before. Its operands do not, so they are loaded one step ahead.
    u = tl.zeros((M,), tl.float64)
    at = newest
    row, column = tl.load(inner + at * m + slots), tl.load(inner + (m + slots) * m + at)
    pivot, right_side = tl.load(inner + at * m + at), tl.load(a + at)
    for step in range(live):  # u = R⁻¹·a, from the newest
        t = live - 1 - step
        at = (first + tl.maximum(t - 1, 0)) % m
        next_row, next_column = tl.load(inner + at * m + slots), tl.load(inner + (m + slots) * m + at)
        next_pivot, next_right_side = tl.load(inner + at * m + at), tl.load(a + at)
        value = (right_side - tl.sum(row * u, 0)) * (1 / pivot)
        u = tl.where(lane == t, value, u)
        right += tl.where(mask, column * value, 0)
        row, column, pivot, right_side = next_row, next_column, next_pivot, next_right_side
    right = diagonal * u + gamma * right
    s = tl.zeros((M,), tl.float64)
    column, pivot = tl.load(inner + slots * m + first), tl.load(inner + first * m + first)
    for t in range(live):  # R⁻ᵀ, from the oldest
        at = (first + tl.minimum(t + 1, m - 1)) % m
        next_column, next_pivot = tl.load(inner + slots * m + at), tl.load(inner + at * m + at)
        value = tl.sum(tl.where(lane == t, right, -column * s), 0) * (1 / pivot)
        s = tl.where(lane == t, value, s)
        column, pivot = next_column, next_pivot
    out = weights + image * 2 * m
    inside = lane < m
    tl.store(out + slots, tl.where(mask, s, 0).to(tl.float32), inside)
    tl.store(out + m + slots, tl.where(mask, -gamma * u, 0).to(tl.float32), inside)
    tl.store(gammas + image, gamma.to(tl.float32))


def solve(products: Tensor, gradient_dots: Tensor, count: Tensor, gamma_factor: float) -> tuple[Tensor, Tensor]:
    """As `nst.optim.vectors.solve`."""
    batch, _, m = products.shape
    weights = torch.empty(batch, 2 * m, dtype=torch.float32, device=products.device)
    gamma = torch.empty(batch, dtype=torch.float32, device=products.device)
    lanes = triton.next_power_of_2(m)
    _solve[(batch,)](products, gradient_dots.contiguous(), count, weights, gamma, m, lanes, gamma_factor, num_warps=1)
    return weights, gamma
