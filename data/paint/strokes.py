"""Brush strokes and dots: the marks of the painted styles.

A stroke follows a field of directions and is drawn as several bristles, each of its own shade and
thickness; the thickness is kept as a height map, so that the finished paint can be lit from the side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from paint.canvas import Array, relief, sample

FINER = 2


@dataclass
class Brush:
    """One layer of strokes; lengths are in picture heights."""

    count: int
    length: float
    width: float
    bristles: int = 5
    jitter: float = 0.08  # spread of brightness between strokes
    tint: float = 0.05  # spread of hue between strokes
    wobble: float = 0.15  # spread of direction, radians


class Easel:
    """A canvas that takes strokes: color and paint thickness on a finer sheet."""

    def __init__(self, shape: tuple[int, int], ground: tuple[int, int, int], seed: int) -> None:
        self.shape = shape
        self.unit = shape[0] * FINER
        size = (shape[1] * FINER, shape[0] * FINER)
        self.color = Image.new("RGB", size, ground)
        self.height = Image.new("L", size, 60)
        self.pens = ImageDraw.Draw(self.color), ImageDraw.Draw(self.height)
        self.rng = np.random.default_rng(seed)

    def trace(self, angle: Array, x: Array, y: Array, length: Array, steps: int) -> Array:
        """Paths (count, steps + 1, 2) that follow the direction field, in plane coordinates."""
        h = self.shape[0]
        path = [np.stack([x, y], -1)]
        for _ in range(steps):
            a = sample_angle(angle, x * h, y * h)
            x, y = x + np.cos(a) * length / steps, y + np.sin(a) * length / steps
            path.append(np.stack([x, y], -1))
        return np.stack(path, 1)

    def brush(self, color: Array, angle: Array, brush: Brush, mask: Array | None = None) -> None:
        """Cover the sheet (or where `mask` is above one half) with strokes of the underlying color."""
        rng, (h, w) = self.rng, self.shape
        x, y = rng.uniform(0, w / h, brush.count), rng.uniform(0, 1, brush.count)
        if mask is not None:
            keep = sample(mask, x * h, y * h) > 0.5
            x, y = x[keep], y[keep]
        tones = sample(color, x * h, y * h)
        tones = tones * (1 + rng.normal(0, brush.jitter, (x.size, 1))) + rng.normal(0, brush.tint, (x.size, 3))
        length = brush.length * rng.uniform(0.6, 1.3, x.size)
        paths = self.trace(angle + 0, x, y, length, 6)
        paths = self._tilt(paths, rng.normal(0, brush.wobble, x.size))
        self.strokes(paths, tones, brush.width * rng.uniform(0.7, 1.25, x.size), brush.bristles)

    @staticmethod
    def _tilt(paths: Array, turn: Array) -> Array:
        """Turn each path a little around its start: no hand repeats itself exactly."""
        start = paths[:, :1]
        c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
        d = paths - start
        return start + np.stack([c * d[..., 0] - s * d[..., 1], s * d[..., 0] + c * d[..., 1]], -1)

    def stroke(self, path: Array, tone: Array, width: float, bristles: int) -> None:
        """Draw a single stroke."""
        self.strokes(path[None], np.asarray(tone)[None], np.array([width]), bristles)

    def strokes(self, paths: Array, tones: Array, widths: Array, bristles: int) -> None:
        """Draw strokes (n, points, 2) in order, each as parallel bristles of differing shade.

        Everything but the drawing itself is computed for all the strokes at once.
        """
        rng, (n, points) = self.rng, paths.shape[:2]
        paths = paths * self.unit
        along = np.gradient(paths, axis=1)
        across = np.stack([-along[..., 1], along[..., 0]], -1)
        across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
        across *= np.sin(np.linspace(0.35, 2.95, points))[:, None] ** 0.5 * self.unit * widths[:, None, None]
        offsets = np.linspace(-0.5, 0.5, bristles)
        lines = paths[:, None] + across[:, None] * offsets[:, None, None]
        shade = 1 + 0.10 * rng.standard_normal((n, bristles, 1))
        fills = tones[:, None] * shade + 0.05 * (0.5 - np.abs(offsets))[:, None]
        fills = np.clip(fills * 255, 0, 255).astype(int).tolist()
        levels = 150 - 160 * np.abs(offsets) ** 1.5 + 42 * rng.standard_normal((n, bristles))
        levels = np.clip(levels, 20, 255).astype(int).tolist()
        thick = np.maximum(1, np.rint(widths * self.unit / bristles * 1.5)).astype(int).tolist()
        # Bristles do not all touch down and lift at the same place.
        first, last = rng.integers(0, 2, (2, n, bristles)).tolist()
        flat = lines.reshape(n, bristles, -1).tolist()
        for i in range(n):
            for k in range(bristles):
                line = flat[i][k][2 * first[i][k] : 2 * (points - last[i][k])]
                self.pens[0].line(line, fill=tuple(fills[i][k]), width=thick[i])
                self.pens[1].line(line, fill=levels[i][k], width=thick[i])

    def dots(self, x: Array, y: Array, radius: Array, tones: Array, squash: float = 0.85) -> None:
        """Touches of the brush's tip."""
        unit = self.unit
        fills = np.clip(tones * 255, 0, 255).astype(int)
        for px, py, r, fill in zip(x * unit, y * unit, radius * unit, fills, strict=True):
            box = (px - r, py - r * squash, px + r, py + r * squash)
            self.pens[0].ellipse(box, fill=tuple(int(v) for v in fill))
            self.pens[1].ellipse(box, fill=110 + int(fill.sum()) % 90)
            inner = (px - r * 0.5, py - r * 0.5 * squash, px + r * 0.5, py + r * 0.5 * squash)
            self.pens[1].ellipse(inner, fill=200)

    def finished(self, depth: float = 3.0, shine: float = 0.25) -> Array:
        """The painting lit from the upper left, at the picture's own size."""
        h, w = self.shape
        color = np.asarray(self.color.resize((w, h), Image.Resampling.BOX), np.float32) / 255
        height = np.asarray(self.height.resize((w, h), Image.Resampling.BOX), np.float32) / 255
        diffuse, gloss = relief(height, depth)
        return color * (0.25 + 0.75 * diffuse[..., None]) + shine * gloss[..., None]


def sample_angle(angle: Array, x: Array, y: Array) -> Array:
    """Nearest direction (angles must not be averaged across their wrap)."""
    h, w = angle.shape
    return angle[np.clip(y, 0, h - 1).astype(int), np.clip(x, 0, w - 1).astype(int)]


def swirl_noise(angle: Array, seed: int, length: int) -> Array:
    """Line integral convolution: white noise smeared along the field, the grain of flowing paint."""
    h, w = angle.shape
    noise = np.random.default_rng(seed).random((h, w)).astype(np.float32)
    y0, x0 = np.mgrid[0:h, 0:w].astype(np.float32)
    total = noise.copy()
    for sign in (-1, 1):
        x, y = x0.copy(), y0.copy()
        for _ in range(length):
            a = sample_angle(angle, x, y)
            x += sign * np.cos(a)
            y += sign * np.sin(a)
            total += sample_angle(noise, x, y)
    total /= 2 * length + 1
    return (total - total.mean()) / total.std()
