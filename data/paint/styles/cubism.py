"""A cubist table: guitar, bottle, glass and fruit seen from several sides at once, in facets."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from paint.canvas import Array, blur, finish, frame, mix, plane, ramp, relief, rgb, sample, smooth
from paint.noise import lattice, lattice_fbm
from paint.strokes import swirl_noise

ASPECT = 3 / 4
FINER = 2
CUTS = 26
OCHRES = ((0, "2a211c"), (0.2, "5f4a35"), (0.42, "9a7848"), (0.6, "c9a566"), (0.8, "e3cfa0"), (1, "f3e8cc"))
GREYS = ((0, "1b2126"), (0.25, "3f4c56"), (0.5, "75838a"), (0.75, "afb6b2"), (1, "e6e4d8"))
BLUES = ((0, "101e2e"), (0.3, "28485f"), (0.55, "4f7f96"), (0.8, "9dbcc0"), (1, "e4e6d6"))
RUSTS = ((0, "2a1410"), (0.3, "6d3020"), (0.55, "a8562f"), (0.8, "d49a62"), (1, "f0dcb4"))
PALETTES = (OCHRES, OCHRES, GREYS, BLUES, OCHRES, RUSTS, GREYS)


class Still:
    """The things on the table, drawn flat on a sheet in plane coordinates (width 0.75, height 1)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.unit = shape[0] * FINER
        self.sheet = Image.new("RGB", (shape[1] * FINER, shape[0] * FINER), "#8a7a60")
        self.pen = ImageDraw.Draw(self.sheet)

    def shape(self, points: list, code: str, line: float = 0.004) -> None:
        """Filled shape with a dark contour."""
        xy = [(x * self.unit, y * self.unit) for x, y in points]
        self.pen.polygon(xy, fill="#" + code)
        if line:
            self.pen.line([*xy, xy[0]], fill="#1c1612", width=int(line * self.unit), joint="curve")

    def oval(self, x: float, y: float, rx: float, ry: float, code: str, line: float = 0.004) -> None:
        """Filled ellipse with a dark contour."""
        self.shape([(x + rx * np.cos(a), y + ry * np.sin(a)) for a in np.linspace(0, 6.283, 60)], code, line)

    def stripe(self, a: tuple[float, float], b: tuple[float, float], width: float, code: str) -> None:
        """A straight line."""
        u = self.unit
        self.pen.line([(a[0] * u, a[1] * u), (b[0] * u, b[1] * u)], fill="#" + code, width=max(1, int(width * u)))

    def guitar(self) -> None:
        """Body of two bouts, hole, bridge, neck, six strings."""
        t = np.linspace(0, 2 * np.pi, 120)
        radius = 0.155 + 0.042 * np.cos(2 * t) - 0.030 * np.cos(t)
        px, py = radius * 1.0 * np.sin(t), -radius * 1.30 * np.cos(t)
        c, s = np.cos(0.5), np.sin(0.5)
        body = [(0.36 + c * a - s * b, 0.60 + s * a + c * b) for a, b in zip(px, py, strict=True)]
        self.shape(body, "b07a3c", 0.008)
        self.shape([(0.36 + 0.86 * (x - 0.36), 0.60 + 0.86 * (y - 0.60)) for x, y in body], "d6a75e", 0.003)
        self.shape([(0.445, 0.50), (0.475, 0.515), (0.655, 0.19), (0.625, 0.175)], "3a2a20", 0.005)
        self.shape([(0.615, 0.19), (0.665, 0.21), (0.705, 0.11), (0.655, 0.09)], "7a4a2a", 0.005)
        self.oval(0.405, 0.54, 0.048, 0.048, "1a1412", 0.004)
        self.shape([(0.24, 0.70), (0.345, 0.75), (0.335, 0.77), (0.23, 0.72)], "2c1e18", 0.003)
        for k in range(6):
            off = 0.007 * k
            self.stripe((0.265 + off * 1.6, 0.715 + off * 0.9), (0.63 + off * 0.8, 0.18 + off * 0.4), 0.0022, "efe2c0")

    def paint(self) -> Array:
        """Everything, from the wall to the cloth."""
        self.shape([(0, 0), (0.75, 0), (0.75, 0.62), (0, 0.62)], "6f7a78", 0)
        self.shape([(0.0, 0.0), (0.22, 0.0), (0.30, 0.62), (0.0, 0.62)], "a39a80", 0)
        for k in range(9):
            self.stripe((0.035 * k, 0), (0.035 * k + 0.03, 0.62), 0.006, "7d6a4c")
        self.shape([(-0.02, 0.60), (0.77, 0.52), (0.8, 1.02), (-0.02, 1.02)], "7a4f2c", 0.007)
        for k in range(12):
            self.stripe((-0.02, 0.62 + 0.035 * k), (0.78, 0.55 + 0.042 * k), 0.003, "4f301c")
        self.shape([(0.02, 0.80), (0.40, 0.74), (0.62, 0.93), (0.25, 1.01)], "e8dfc6", 0.005)
        for k in range(11):
            self.stripe((0.08 + 0.04 * k, 0.79 - 0.005 * k), (0.24 + 0.035 * k, 0.99 - 0.006 * k), 0.003, "2c2620")
        self.shape(
            [
                (0.09, 0.74),
                (0.20, 0.74),
                (0.205, 0.42),
                (0.165, 0.36),
                (0.165, 0.22),
                (0.125, 0.22),
                (0.125, 0.36),
                (0.085, 0.42),
            ],
            "24443f",
            0.006,
        )
        self.shape([(0.088, 0.62), (0.203, 0.62), (0.203, 0.50), (0.088, 0.50)], "e6d8a8", 0.004)
        self.guitar()
        self.shape([(0.56, 0.62), (0.69, 0.62), (0.665, 0.80), (0.585, 0.80)], "9fc0c4", 0.005)
        self.oval(0.625, 0.62, 0.065, 0.017, "d8e4de", 0.004)
        self.shape([(0.57, 0.69), (0.68, 0.69), (0.663, 0.795), (0.588, 0.795)], "8a2f28", 0.003)
        for x, y, code in ((0.47, 0.86, "c8602c"), (0.56, 0.89, "d8a03a"), (0.51, 0.82, "8f9a3c")):
            self.oval(x, y, 0.052, 0.050, code, 0.005)
        size = (self.sheet.width // FINER, self.sheet.height // FINER)
        return np.asarray(self.sheet.resize(size, Image.Resampling.BOX), np.float32) / 255


def facets(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Number of each pixel's facet and distance to the nearest cut; the cuts gather in the middle."""
    x, y = plane(shape)
    rng = np.random.default_rng(7)
    code = np.zeros(shape, np.int64)
    nearest = np.full(shape, 9.0, np.float32)
    favorite = (0.35, 1.18, -0.62, 1.9, 0.95)
    for k in range(CUTS):
        a = favorite[k % 5] + rng.normal(0, 0.16)
        px, py = 0.375 + rng.normal(0, 0.16), 0.48 + rng.normal(0, 0.24)
        d = (x - px) * np.cos(a) + (y - py) * np.sin(a)
        if k % 4 == 3:
            # An arc now and then: the straight cuts alone would read as broken glass.
            r = rng.uniform(0.12, 0.34)
            d = np.hypot(x - px, y - py) - r
        # A cut ends at an earlier one, so that facets keep different sizes.
        gate = (code * 2654435761 >> 7) % 3 != k % 3 if k > 3 else np.ones(shape, bool)
        code = code * 2 + ((d > 0) & gate)
        code = np.unique(code, return_inverse=True)[1].reshape(shape)
        nearest = np.where(gate, np.minimum(nearest, np.abs(d)), nearest)
    return code, nearest


def shard(number: int, on: Array, x: Array, y: Array, still: Array, rng: np.random.Generator) -> Array:
    """One facet: its own view of the still life, its own palette, lit from one edge."""
    h = still.shape[0]
    px, py = x[on], y[on]
    cx, cy = px.mean(), py.mean()
    turn, zoom = rng.normal(0, 0.20), rng.uniform(0.75, 1.15)
    dx, dy = (px - cx) * zoom, (py - cy) * zoom
    sx = cx + dx * np.cos(turn) - dy * np.sin(turn) + rng.normal(0, 0.018)
    sy = cy + dx * np.sin(turn) + dy * np.cos(turn) + rng.normal(0, 0.018)
    seen = sample(still, sx * h, sy * h)
    way = rng.uniform(0, 2 * np.pi)
    run = (px - cx) * np.cos(way) + (py - cy) * np.sin(way)
    run = (run - run.min()) / max(float(np.ptp(run)), 1e-4)
    tone = 0.62 * seen.mean(-1) + 0.72 * (run - 0.45) + 0.20
    tinted = ramp(np.clip(tone, 0, 1), PALETTES[int(rng.integers(len(PALETTES)))])
    own = seen * (0.55 + 0.85 * run[:, None])
    return mix(tinted, own, rng.uniform(0.25, 0.65))


def hatching(code: Array, shape: tuple[int, int]) -> Array:
    """Short parallel touches, turned from facet to facet: the brush of the early cubists."""
    angle = (code * 0.83 % 3.1).astype(np.float32) + 0.35 * lattice(shape, 12, 5)
    return swirl_noise(angle, 6, max(3, shape[0] // 70))


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    x, y = plane(shape)
    still = Still(shape).paint()
    code, _nearest = facets(shape)
    out = np.zeros((*shape, 3), np.float32)
    rng = np.random.default_rng(12)
    for number in range(int(code.max()) + 1):
        on = code == number
        out[on] = shard(number, on, x, y, still, rng)
    # The drawing shows through the facets in places, so that the things can still be read.
    ghost = smooth(0.05, 0.5, lattice_fbm(shape, 5, 2, 14))
    out = mix(out, still * (0.6 + 0.6 * out.mean(-1, keepdims=True)), 0.55 * ghost)
    edge = np.abs(np.gradient(code.astype(np.float32), axis=0)) + np.abs(np.gradient(code.astype(np.float32), axis=1))
    rim = blur((edge > 0).astype(np.float32), shape[0] / 700)
    strength = 0.35 + 0.65 * smooth(-0.3, 0.4, lattice_fbm(shape, 9, 2, 15))
    out = mix(out, rgb("17120f"), np.clip(rim * 1.7, 0, 1) * strength * 0.9)
    touch = hatching(code, shape)
    out = out * (1 + 0.085 * touch[..., None]) + 0.012 * lattice_fbm(shape, 90, 3, 16)[..., None]
    weave = lattice(shape, shape[0] / 2.5, 17)
    diffuse, shine = relief(0.5 * touch + 0.35 * weave, 0.28)
    return finish(out * diffuse[..., None] + 0.06 * shine[..., None])
