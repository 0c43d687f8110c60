"""Sphere tracing: solids given as distance functions, seen in true light with soft shadows.

A scene is one function from points (n, 3) to distances (n,) and a second one that tells which
material is nearest. Only the rays still under way are advanced at each step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paint.canvas import Array

Field = Callable[[Array], Array]
CHUNK = 40000


def vector(*xyz: float) -> Array:
    """A point or direction."""
    return np.array(xyz, np.float32)


def unit(v: Array) -> Array:
    """Scale to length one."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def camera(
    shape: tuple[int, int], eye: Array, target: Array, focal: float, shift: tuple[float, float] = (0.0, 0.0)
) -> Array:
    """Directions of all the pixels' rays, (h * w, 3); `focal` is in picture heights, `shift` in pixels."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    u, v = (x + 0.5 + shift[0] - w / 2) / h, (h / 2 - y - 0.5 - shift[1]) / h
    ahead = unit(target - eye)
    right = unit(np.cross(vector(0, 1, 0), ahead))
    up = np.cross(ahead, right)
    rays = u[..., None] * right + v[..., None] * up + focal * ahead
    return unit(rays).reshape(-1, 3).astype(np.float32)


def picture(
    shape: tuple[int, int], eye: Array, target: Array, focal: float, look: Callable[[Array, Array], Array]
) -> Array:
    """Light of every pixel; those on an edge are asked twice more, a part of a pixel away.

    `look` is given rays and the numbers of their pixels. Smooth surfaces need one sample only, so this
    costs far less than tracing everything three times and looks the same.
    """
    h, w = shape
    every = np.arange(h * w)
    light = np.minimum(look(camera(shape, eye, target, focal), every), 3.0)
    tone = np.pad(np.sqrt(np.maximum(light, 0)).reshape(h, w, 3), ((1, 1), (1, 1), (0, 0)), mode="edge")
    near = np.stack([tone[1 + dy : h + 1 + dy, 1 + dx : w + 1 + dx] for dx in (-1, 0, 1) for dy in (-1, 0, 1)])
    edges = np.flatnonzero((near.max(0) - near.min(0)).max(-1) > 0.26)
    total = light[edges].copy()
    for shift in ((0.33, -0.33), (-0.33, 0.33)):
        total += np.minimum(look(camera(shape, eye, target, focal, shift)[edges], edges), 3.0)
    light[edges] = total / 3
    return light.reshape(h, w, 3).astype(np.float32)


def length(p: Array) -> Array:
    """Euclidean norm of each row, quicker than the general one."""
    return np.sqrt(np.einsum("ij,ij->i", p, p))


def ellipsoid(p: Array, center: Array, radii: Array) -> Array:
    """Distance (a close bound) to an axis-aligned ellipsoid."""
    q = p - center
    k0 = length(q / radii)
    k1 = length(q / (radii * radii))
    return k0 * (k0 - 1) / np.maximum(k1, 1e-6)


def capsule(p: Array, a: Array, b: Array, ra: float, rb: float) -> Array:
    """Distance to a rod from a to b whose thickness changes from ra to rb."""
    d = b - a
    t = np.clip((p - a) @ d / (d @ d), 0, 1)
    return length(p - a - t[:, None] * d) - (ra + (rb - ra) * t)


def profile(heights: list[float], radii: list[float], soft: int = 7) -> tuple[Array, Array]:
    """A turned solid's outline made smooth: the corners of the given one would show as facets."""
    y = np.linspace(heights[0], heights[-1], 160)
    r = np.pad(np.interp(y, heights, radii), soft, mode="edge")
    window = np.hanning(2 * soft + 3)[1:-1]
    return y, np.convolve(r, window / window.sum(), mode="valid")


def lathe(p: Array, center: Array, outline: tuple[Array, Array]) -> Array:
    """Distance to a turned solid with this outline (heights, radii): vases, bottles."""
    heights, radii = outline
    q = p - center
    r = np.sqrt(q[:, 0] ** 2 + q[:, 2] ** 2)
    y = q[:, 1]
    t = np.interp(y, heights, radii).astype(np.float32)
    slope = np.interp(y, heights, np.abs(np.gradient(radii, heights))).astype(np.float32)
    side = (r - t) / np.sqrt(1 + np.minimum(slope, 3) ** 2)
    over = np.maximum(heights[0] - y, y - heights[-1])
    return np.maximum(side, over)


def join(a: Array, b: Array, k: float) -> Array:
    """Union of two solids whose seam is rounded over the length k."""
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * k * 0.25


def carve(a: Array, b: Array, k: float) -> Array:
    """Solid a with b taken out, the edge rounded over k."""
    return -join(-a, b, k)


class Voxels:
    """A distance function tabulated on a grid: rough, but many times quicker to ask.

    Shadows and hollows are soft and read the table alone; rays use it for the way and the exact
    function for the last steps only.
    """

    def __init__(self, field: Field, low: Array, high: Array, step: float) -> None:
        self.exact, self.low, self.step = field, low, step
        self.size = np.ceil((high - low) / step).astype(int) + 1
        axes = [low[k] + step * np.arange(self.size[k], dtype=np.float32) for k in range(3)]
        rows = [field(np.stack(np.meshgrid([x], axes[1], axes[2], indexing="ij"), -1).reshape(-1, 3)) for x in axes[0]]
        self.table = np.stack(rows).astype(np.float32).ravel()

    def __call__(self, p: Array) -> Array:
        """Tabulated distance, interpolated; outside the grid, the way back to it is added."""
        q = (p - self.low) / self.step
        inside = np.clip(q, 0, self.size - 1.001).astype(np.float32)
        base = inside.astype(np.int32)
        f = inside - base
        plane, row = int(self.size[1] * self.size[2]), int(self.size[2])
        at = base[:, 0] * plane + base[:, 1] * row + base[:, 2]
        fx, fy, fz = f.T
        t = self.table

        def edge(k: int) -> Array:
            a = t[at + k]
            return a + fz * (t[at + k + 1] - a)

        near, far = edge(0), edge(plane)
        near += fy * (edge(row) - near)
        far += fy * (edge(plane + row) - far)
        return near + fx * (far - near) + self.step * length(q - inside)

    def careful(self, p: Array) -> Array:
        """Tabulated distance far from surfaces, the exact one close to them."""
        d = self(p) - self.step
        close = np.flatnonzero(d < 2 * self.step)
        if close.size:
            d[close] = self.exact(p[close])
        return d


def trace(field: Field, eye: Array, rays: Array, reach: float, steps: int = 90, near: float = 0.0) -> Array:
    """Distance along each ray to the first surface; `reach` where there is none."""
    out = np.full(len(rays), reach, np.float32)
    start = np.broadcast_to(eye, rays.shape)
    for lo in range(0, len(rays), CHUNK):
        part = slice(lo, lo + CHUNK)
        out[part] = _trace(field, start[part], rays[part], reach, steps, near)
    return out


def _trace(field: Field, start: Array, rays: Array, reach: float, steps: int, near: float) -> Array:
    t = np.full(len(rays), near, np.float32)
    live = np.arange(len(rays))
    for _ in range(steps):
        d = field(start[live] + rays[live] * t[live, None])
        t[live] += d * 0.9
        live = live[(d > 0.0006 * t[live]) & (t[live] < reach)]
        if live.size == 0:
            break
    return np.minimum(t, reach)


def normals(field: Field, p: Array, e: float = 0.0015) -> Array:
    """Unit normals from four samples at the corners of a tetrahedron."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    out = np.zeros_like(p)
    for lo in range(0, len(p), CHUNK):
        part = p[lo : lo + CHUNK]
        out[lo : lo + CHUNK] = sum(field(part + c * e)[:, None] * c for c in corners)
    return unit(out)


def soft_shadow(field: Field, p: Array, light: Array, size: float, reach: float, steps: int = 28) -> Array:
    """Share of a lamp that is seen from p: the nearest miss on the way tells how deep the half-shade is.

    `light` is one direction (3,) or one per point; `size` is the lamp's angular radius.
    """
    out = np.ones(len(p), np.float32)
    rays = np.broadcast_to(light, p.shape)
    for lo in range(0, len(p), CHUNK):
        part, ray = p[lo : lo + CHUNK], rays[lo : lo + CHUNK]
        seen = np.ones(len(part), np.float32)
        t = np.full(len(part), 0.01, np.float32)
        live = np.arange(len(part))
        for _ in range(steps):
            d = field(part[live] + ray[live] * t[live, None])
            seen[live] = np.minimum(seen[live], d / (size * t[live]))
            t[live] += np.clip(d * 0.8, 0.012, 0.25)
            live = live[(seen[live] > -0.9) & (t[live] < reach)]
            if live.size == 0:
                break
        seen = np.clip(seen, -1, 1)
        out[lo : lo + CHUNK] = 0.25 * (1 + seen) ** 2 * (2 - seen)
    return out


def hollows(field: Field, p: Array, n: Array, scale: float = 0.3) -> Array:
    """Ambient occlusion: how open the surroundings are along the normal."""
    dark = np.zeros(len(p), np.float32)
    for lo in range(0, len(p), CHUNK):
        part = slice(lo, lo + CHUNK)
        for k in range(1, 6):
            step = scale * (k / 5) ** 1.5
            dark[part] += np.maximum(step - field(p[part] + n[part] * step), 0) / step * 0.75**k
    return np.clip(1 - 0.42 * dark, 0, 1)


def gloss(n: Array, rays: Array, light: Array, sharp: float) -> Array:
    """Blinn highlight of a lamp."""
    half = unit(light - rays)
    return np.clip(np.einsum("ij,ij->i", n, half), 0, 1) ** sharp


def fresnel(n: Array, rays: Array, base: float = 0.04) -> Array:
    """Share of light that a smooth surface mirrors at this angle."""
    facing = np.clip(-np.einsum("ij,ij->i", n, rays), 0, 1)
    return base + (1 - base) * (1 - facing) ** 5
