"""Built things as triangles: a depth buffer, a shadow map and what each pixel sees.

Houses and boats have thousands of square metres of plain faces; filling triangles is far cheaper for
them than tracing distance functions. Shading is left to the scene, which gets positions and normals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from paint.canvas import Array
from paint.march import unit


@dataclass
class Mesh:
    """Triangles with the frame of the face they belong to: material, seed, origin and two axes."""

    corners: list[Array] = field(default_factory=list)
    bends: list[Array] = field(default_factory=list)
    looks: list[tuple[int, float]] = field(default_factory=list)
    frames: list[Array] = field(default_factory=list)

    def face(self, points: list, material: int, seed: float = 0.0, bend: Array | None = None) -> None:
        """A flat convex face; its u axis runs from the first point to the second, v is square to it."""
        p = np.asarray(points, np.float64)
        u = unit(p[1] - p[0])
        n = unit(np.cross(p[1] - p[0], p[-1] - p[0]))
        v = np.cross(n, u)
        for k in range(1, len(p) - 1):
            self.corners.append(p[[0, k, k + 1]])
            self.bends.append(np.stack([n] * 3) if bend is None else np.asarray(bend)[[0, k, k + 1]])
            self.looks.append((material, seed))
            self.frames.append(np.stack([p[0], u, v]))

    def box(self, low: tuple, high: tuple, material: int, seed: float = 0.0, top: int | None = None) -> None:
        """A block; faces look outward, the lower side is left out."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        self.face([(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)], material, seed)
        self.face([(x1, y0, z1), (x0, y0, z1), (x0, y1, z1), (x1, y1, z1)], material, seed)
        self.face([(x0, y0, z1), (x0, y0, z0), (x0, y1, z0), (x0, y1, z1)], material, seed)
        self.face([(x1, y0, z0), (x1, y0, z1), (x1, y1, z1), (x1, y1, z0)], material, seed)
        self.face([(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)], material if top is None else top, seed)

    def sheet(self, grid: Array, material: int, seed: float = 0.0) -> None:
        """A curved surface given as a grid of points (rows, columns, 3), shaded smoothly."""
        du, dv = np.gradient(grid, axis=1), np.gradient(grid, axis=0)
        n = unit(np.cross(du, dv))
        for i in range(grid.shape[0] - 1):
            for j in range(grid.shape[1] - 1):
                at = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
                self.face([grid[a] for a in at], material, seed, np.stack([n[a] for a in at]))

    def pole(self, a: tuple, b: tuple, ra: float, rb: float, material: int, seed: float = 0.0) -> None:
        """A thin round post from a to b."""
        a, b = np.asarray(a, float), np.asarray(b, float)
        d = unit(b - a)
        side = unit(np.cross(d, [0.3, 0.2, 1.0]))
        other = np.cross(d, side)
        turn = np.linspace(0, 2 * np.pi, 7)
        ring = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * other
        self.sheet(np.stack([a + ring * ra, b + ring * rb]), material, seed)


@dataclass
class Seen:
    """What the pixels see: `hit` (h, w) and, for the hits, position, normal, face coordinates, look."""

    hit: Array
    position: Array
    normal: Array
    u: Array
    v: Array
    material: Array
    seed: Array


def fill(screen: Array, depth_key: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Paint triangles (n, 3, 2) in pixel coordinates; the larger key (n, 3) wins.

    Returns the winning triangle (or -1), its key and its first two barycentric weights per pixel.
    """
    h, w = shape
    best = np.zeros(shape, np.float32)
    owner = np.full(shape, -1, np.int32)
    weights = np.zeros((2, *shape), np.float32)
    for k, (tri, key) in enumerate(zip(screen, depth_key, strict=True)):
        x0, y0 = np.maximum(np.floor(tri.min(0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(tri.max(0)).astype(int) + 1, (w, h))
        if x0 >= x1 or y0 >= y1:
            continue
        (ax, ay), (bx, by), (cx, cy) = tri
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        x = np.arange(x0, x1, dtype=np.float32)[None] + 0.5
        y = np.arange(y0, y1, dtype=np.float32)[:, None] + 0.5
        wa = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
        wb = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
        wc = 1 - wa - wb
        value = wa * key[0] + wb * key[1] + wc * key[2]
        window = best[y0:y1, x0:x1]
        on = (wa >= -1e-4) & (wb >= -1e-4) & (wc >= -1e-4) & (value > window)
        window[on] = value[on]
        owner[y0:y1, x0:x1][on] = k
        weights[0, y0:y1, x0:x1][on] = wa[on]
        weights[1, y0:y1, x0:x1][on] = wb[on]
    return owner, best, weights


class Stage:
    """A mesh under a sun, looked at from an eye that faces along +z, level."""

    def __init__(
        self,
        mesh: Mesh,
        sun: Array,
        eye: Array,
        focal: float,
        horizon: float,
        bounds: tuple[Array, float],
        shadow_size: int = 1400,
    ) -> None:
        self.corners = np.stack(mesh.corners)
        self.bends = np.stack(mesh.bends)
        self.frames = np.stack(mesh.frames)
        self.looks = np.array(mesh.looks)
        self.sun, self.eye, self.focal, self.horizon = unit(sun), eye, focal, horizon
        self._cast(bounds, shadow_size)

    def _cast(self, bounds: tuple[Array, float], size: int) -> None:
        """Depth of the scene as the sun sees it, over a square of half-width bounds[1]."""
        middle, half = bounds
        right = unit(np.cross([0, 1, 0], self.sun))
        up = np.cross(self.sun, right)
        self.lamp = np.stack([right, up, self.sun])
        self.lamp_middle, self.lamp_scale, self.lamp_size = middle, size / 2 / half, size
        p = (self.corners - middle) @ self.lamp.T
        screen = p[..., :2] * self.lamp_scale + size / 2
        _, self.shadow_map, _ = fill(screen, p[..., 2] + 500.0, (size, size))

    def sunlit(self, position: Array, normal: Array, spread: float = 1.6) -> Array:
        """Share of the sun at each point, from several taps of the shadow map."""
        p = (position + normal * 0.05 - self.lamp_middle) @ self.lamp.T
        x, y = p[:, 0] * self.lamp_scale + self.lamp_size / 2, p[:, 1] * self.lamp_scale + self.lamp_size / 2
        total = np.zeros(len(position), np.float32)
        for k in range(12):
            a, r = 2.4 * k, spread * np.sqrt(k / 12)
            xi = np.clip(x + r * np.cos(a), 0, self.lamp_size - 1).astype(int)
            yi = np.clip(y + r * np.sin(a), 0, self.lamp_size - 1).astype(int)
            total += self.shadow_map[yi, xi] < p[:, 2] + 500.0 + 0.06
        return total / 12

    def project(self, p: Array, shape: tuple[int, int]) -> Array:
        """Pixel coordinates (…, 2) and distance ahead of points (…, 3), as (…, 3)."""
        h, w = shape
        q = p - self.eye
        z = np.maximum(q[..., 2], 1e-3)
        x = w / 2 + q[..., 0] / z * self.focal * h
        y = self.horizon * h - q[..., 1] / z * self.focal * h
        return np.stack([x, y, z], -1)

    def rays(self, shape: tuple[int, int]) -> Array:
        """Directions with z = 1, (h, w, 3)."""
        h, w = shape
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        u, v = (x + 0.5 - w / 2) / h / self.focal, (self.horizon - (y + 0.5) / h) / self.focal
        return np.stack([u, v, np.ones_like(u)], -1)

    def see(self, shape: tuple[int, int], mirrored: bool = False) -> Seen:
        """Find what each pixel sees; `mirrored` shows the world upside down, as water does."""
        sign = np.array([1, -1 if mirrored else 1, 1])
        flat = self.project(self.corners * sign, shape)
        owner, key, weights = fill(flat[..., :2], 1 / flat[..., 2], shape)
        hit = owner >= 0
        k = owner[hit]
        ray = self.rays(shape)[hit]
        position = (self.eye + ray / key[hit][:, None]) * sign
        wa, wb = weights[0][hit], weights[1][hit]
        # Screen weights are turned into true ones, or normals would swim on slanted faces.
        z = flat[k][..., 2]
        true = np.stack([wa / z[:, 0], wb / z[:, 1], (1 - wa - wb) / z[:, 2]], 1)
        true /= true.sum(1, keepdims=True)
        normal = unit(np.einsum("ij,ijk->ik", true, self.bends[k]))
        away = np.einsum("ij,ij->i", normal, position - self.eye * sign) > 0
        normal[away] *= -1
        local = position - self.frames[k, 0]
        u = np.einsum("ij,ij->i", local, self.frames[k, 1])
        v = np.einsum("ij,ij->i", local, self.frames[k, 2])
        return Seen(
            hit,
            position.astype(np.float32),
            normal.astype(np.float32),
            u.astype(np.float32),
            v.astype(np.float32),
            self.looks[k, 0].astype(int),
            self.looks[k, 1].astype(np.float32),
        )
