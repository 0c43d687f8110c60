"""Seeded noise: the raw material of rock, cloud, cloth, paper and paint.

Two families live here. *Lattice* noise fills a picture plane and is nearly free (a small random
grid enlarged smoothly). *Gradient* noise can be asked at any coordinate, which surfaces seen in
perspective or wrapped around a solid need, and costs more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

Array = np.ndarray
BLOCK = 16384


def lattice(shape: tuple[int, int], cells: float, seed: int, stretch: float = 1.0) -> Array:
    """Smooth noise in about [-1, 1] with `cells` bumps along the picture's long side.

    `stretch` > 1 makes the bumps that many times wider than high.
    """
    h, w = shape
    per_px = cells / max(h, w)
    gh, gw = max(2, round(h * per_px) + 3), max(2, round(w * per_px / stretch) + 3)
    grid = np.random.default_rng(seed).uniform(-1.0, 1.0, (gh, gw)).astype(np.float32)
    box = (1.0, 1.0, 1.0 + w * per_px / stretch, 1.0 + h * per_px)
    box = (box[0], box[1], min(box[2], gw), min(box[3], gh))
    image = Image.fromarray(grid).resize((w, h), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image)


def lattice_fbm(
    shape: tuple[int, int], cells: float, octaves: int, seed: int, gain: float = 0.5, stretch: float = 1.0
) -> Array:
    """Sum of `octaves` lattice noises, each twice as fine and `gain` times as strong as the last."""
    total = np.zeros(shape, np.float32)
    amplitude, weight = 1.0, 0.0
    for k in range(octaves):
        total += amplitude * lattice(shape, cells * 2**k, seed * 101 + k, stretch)
        weight += amplitude
        amplitude *= gain
    return total / weight


@lru_cache(maxsize=64)
def _tables(seed: int) -> tuple[Array, Array, Array]:
    """The permutation and the unit gradients (plane and space) that define one gradient noise."""
    rng = np.random.default_rng(seed)
    perm = rng.permutation(256).astype(np.int32)
    angle = rng.uniform(0, 2 * np.pi, 256)
    plane = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    space = rng.normal(size=(3, 256))
    space /= np.linalg.norm(space, axis=0)
    return np.concatenate([perm, perm]), plane, space.astype(np.float32)


def _fade(t: Array) -> Array:
    return t * t * t * (t * (t * 6 - 15) + 10)


def in_blocks(noise: Callable[..., Array], *coordinates: Array) -> Array:
    """Evaluate `noise` block by block: blocks that fit the cache are several times faster."""
    full = np.broadcast_arrays(*coordinates)
    if full[0].size <= BLOCK:
        return noise(*full)
    flat = [np.ascontiguousarray(c).reshape(-1) for c in full]
    out = np.empty(flat[0].size, np.float32)
    for start in range(0, out.size, BLOCK):
        out[start : start + BLOCK] = noise(*(c[start : start + BLOCK] for c in flat))
    return out.reshape(full[0].shape)


def perlin2(x: Array, y: Array, seed: int = 0) -> Array:
    """Gradient noise of the plane, about [-1, 1], at any coordinates (one bump per unit)."""
    return in_blocks(lambda a, b: _perlin2(a, b, seed), x, y)


def perlin3(x: Array, y: Array, z: Array, seed: int = 0) -> Array:
    """Gradient noise of space, about [-1, 1]: textures that run through a solid without a seam."""
    return in_blocks(lambda a, b, c: _perlin3(a, b, c, seed), x, y, z)


def _perlin2(x: Array, y: Array, seed: int) -> Array:
    perm, grad, _ = _tables(seed)
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    xi, yi = x0.astype(np.int32) & 255, y0.astype(np.int32) & 255
    left, right = perm[xi], perm[xi + 1 & 255]
    u, v = _fade(fx), _fade(fy)

    def corner(column: Array, dy: int, ox: float) -> Array:
        g = perm[column + (yi + dy & 255)]
        return grad[0, g] * (fx - ox) + grad[1, g] * (fy - dy)

    low = corner(left, 0, 0)
    low += u * (corner(right, 0, 1) - low)
    high = corner(left, 1, 0)
    high += u * (corner(right, 1, 1) - high)
    return 1.5 * (low + v * (high - low))


def _perlin3(x: Array, y: Array, z: Array, seed: int) -> Array:
    perm, _, grad = _tables(seed)
    base = [np.floor(c) for c in (x, y, z)]
    f = [(c - b).astype(np.float32) for c, b in zip((x, y, z), base, strict=True)]
    i = [b.astype(np.int32) for b in base]
    u = [_fade(t) for t in f]
    total = np.zeros(np.shape(x), np.float32)
    for corner in range(8):
        d = (corner & 1, corner >> 1 & 1, corner >> 2 & 1)
        g = perm[perm[perm[i[0] + d[0] & 255] + (i[1] + d[1] & 255)] + (i[2] + d[2] & 255)]
        weight = np.ones_like(total)
        for k in range(3):
            weight = weight * (u[k] if d[k] else 1 - u[k])
        total += weight * sum(grad[k, g] * (f[k] - d[k]) for k in range(3))
    return 1.5 * total


def fbm2(x: Array, y: Array, octaves: int, seed: int = 0, gain: float = 0.5) -> Array:
    """Fractal sum of plane gradient noise: clouds, stains, rolling ground."""
    total = np.zeros(np.broadcast(x, y).shape, np.float32)
    amplitude = 1.0
    for k in range(octaves):
        total += amplitude * perlin2(x * 2**k + 17.3 * k, y * 2**k - 9.1 * k, seed + k)
        amplitude *= gain
    return total


def worley(x: Array, y: Array, seed: int = 0, jitter: float = 0.9) -> tuple[Array, Array, Array]:
    """Distances to the nearest and second-nearest feature point, and the nearest one's id in [0, 1).

    Cobbles, scales and leaded glass are all cells around such points.
    """
    perm = _tables(seed)[0]
    rng = np.random.default_rng(seed + 7)
    jx, jy = (jitter * (rng.random((2, 256)) - 0.5) + 0.5).astype(np.float32)
    ids = rng.random(256).astype(np.float32)
    x0, y0 = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    first = np.full(np.shape(x), 9.0, np.float32)
    second, owner = first.copy(), np.zeros(np.shape(x), np.int32)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            cell = perm[perm[x0 + dx & 255] + (y0 + dy & 255)]
            d = np.hypot(x0 + dx + jx[cell] - x, y0 + dy + jy[cell] - y).astype(np.float32)
            second = np.minimum(second, np.maximum(first, d))
            closer = d < first
            owner = np.where(closer, cell, owner)
            first = np.minimum(first, d)
    return first, second, ids[owner]
