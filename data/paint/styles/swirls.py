"""A night of swirling paint: thick strokes turn around the stars and roll over the hills."""

from __future__ import annotations

import numpy as np

from paint.canvas import Array, finish, frame, mix, plane, ramp, rgb, smooth
from paint.noise import lattice_fbm
from paint.strokes import Brush, Easel, swirl_noise

ASPECT = 5 / 4
# Each whirl: center, reach, sense of turning.
WHIRLS = ((0.56, 0.34, 0.21, 1.0), (0.85, 0.43, 0.13, -1.0), (0.22, 0.50, 0.12, 1.0))
STARS = (
    (0.13, 0.13, 0.055),
    (0.34, 0.10, 0.040),
    (0.80, 0.12, 0.048),
    (0.10, 0.33, 0.040),
    (0.34, 0.53, 0.034),
    (1.14, 0.46, 0.045),
    (0.66, 0.58, 0.030),
    (0.57, 0.10, 0.028),
)
MOON = (1.08, 0.17, 0.095)
RIDGES = ((0.70, 0.050, 2.2, 0.3), (0.78, 0.055, 1.7, 2.0), (0.87, 0.045, 2.6, 4.0))


def flow(x: Array, y: Array) -> Array:
    """Directions of the sky: a wind from the left, bent round the whirls and the lights."""
    vx = np.ones_like(x)
    vy = 0.35 * np.sin(5.5 * x + 2 * np.sin(3 * y)) + 0.2 * np.sin(9 * y)
    for cx, cy, reach, turn in WHIRLS:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-4
        pull = 4.5 * np.exp(-((r / reach) ** 2))
        vx += pull * turn * (-dy / r - 0.28 * dx / r)
        vy += pull * turn * (dx / r - 0.28 * dy / r)
    for cx, cy, size in (*STARS, MOON):
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-4
        pull = 7.0 * np.exp(-((r / (size * 1.9)) ** 2))
        vx, vy = vx - pull * dy / r, vy + pull * dx / r
    return np.arctan2(vy, vx)


def heaven(x: Array, y: Array, angle: Array) -> Array:
    """Color of the sky: bands of blue carried by the flow, and haloes round the lights."""
    grain = swirl_noise(angle, 3, max(6, x.shape[0] // 16))
    broad = lattice_fbm(x.shape, 6, 3, 4)
    tone = np.clip(0.36 + 0.13 * grain + 0.42 * broad + 0.12 * (y - 0.3), 0, 1)
    sky = ramp(
        tone,
        ((0, "0a1438"), (0.25, "16296b"), (0.45, "2450a0"), (0.62, "3f86b8"), (0.8, "8fc4c0"), (1, "e6e6b4")),
    )
    for cx, cy, reach, turn in WHIRLS:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy)
        arm = np.sin(2 * np.arctan2(dy, dx) * turn - 34 * r / (reach / 0.2))
        sky = mix(sky, rgb("cfe3d2"), 0.62 * smooth(0.25, 0.95, arm) * np.exp(-((r / reach / 0.95) ** 4)))
    for cx, cy, size in (*STARS, MOON):
        r = np.hypot(x - cx, y - cy) / size
        halo = ramp(
            r / 2.6,
            (
                (0, "fff6c8"),
                (0.2, "ffe27a"),
                (0.36, "f0b63a"),
                (0.5, "cfd27e"),
                (0.65, "f1d873"),
                (0.8, "7fb6b0"),
                (1, "2c5ca4"),
            ),
        )
        sky = mix(sky, halo, smooth(2.7, 1.4, r + 0.25 * grain))
    return sky


def crescent(x: Array, y: Array) -> Array:
    """Mask of the moon's sickle."""
    cx, cy, size = MOON
    disc = smooth(size * 0.80, size * 0.74, np.hypot(x - cx, y - cy))
    bite = smooth(size * 0.62, size * 0.56, np.hypot(x - cx + size * 0.34, y - cy + size * 0.10))
    return disc * (1 - bite)


def land(color: Array, angle: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Hills in front of one another, their strokes running down the slopes."""
    tones = (("1c3f6e", "3f7f9a"), ("1d4a4e", "6f9a58"), ("12282e", "a08a3a"))
    for (level, swing, pace, phase), (dark, lit) in zip(RIDGES, tones, strict=True):
        wave = pace * 2.2 * x + phase
        top = level + swing * np.sin(wave) + 0.3 * swing * np.sin(2.7 * wave)
        slope = np.arctan(swing * (pace * 2.2 * np.cos(wave) + 0.3 * 2.7 * pace * 2.2 * np.cos(2.7 * wave)))
        inside = smooth(-0.001, 0.001, y - top)
        depth = (y - top) / 0.13
        furrow = 0.5 + 0.5 * np.sin(38 * np.maximum(depth, 0) ** 0.8 + 6 * x)
        hill = mix(rgb(dark), rgb(lit), np.clip(0.75 * np.exp(-4 * np.maximum(depth, 0)) + 0.35 * furrow, 0, 1))
        color = mix(color, hill, inside)
        angle = np.where(inside > 0.5, slope + 0.5 * np.sin(8 * x + phase) * np.clip(depth, 0, 1), angle)
    return color, angle


def bars(easel: Easel, x0: float, x1: float, y0: float, y1: float, rows: int, tone: Array, inset: float) -> None:
    """A wall or a roof as level strokes from the bottom y0 up to y1, each row `inset` narrower."""
    for k in range(rows):
        y = y0 + (y1 - y0) * k / max(1, rows - 1)
        bar = np.linspace([x0 + inset * k, y], [x1 - inset * k, y], 7)
        easel.stroke(bar, tone * (0.85 + 0.08 * (k % 3)), 1.5 * abs(y1 - y0) / rows, 3)


def village(easel: Easel) -> None:
    """Houses with lit windows at the foot of the hills, and a church among them."""
    rng = np.random.default_rng(8)
    bars(easel, 0.862, 0.892, 0.80, 0.715, 14, rgb("3a4f86"), 0.0)
    bars(easel, 0.860, 0.894, 0.712, 0.625, 16, rgb("22345e"), 0.00105)
    for k, px in enumerate((0.50, 0.60, 0.68, 0.78, 0.90, 0.985, 1.08)):
        py, wide = 0.815 + (0.0, 0.03, 0.005, 0.035)[k % 4], rng.uniform(0.062, 0.082)
        bars(easel, px, px + wide, py, py - 0.036, 7, rgb(("3a578f", "56709c", "6a6a9a")[k % 3]), 0.0)
        roof = rgb(("7a3a30", "39567e", "a06030")[int(rng.integers(3))])
        bars(easel, px - 0.008, px + wide + 0.008, py - 0.040, py - 0.072, 7, roof, wide / 16)
        for t in (0.25, 0.68):
            lamp = np.linspace([px + wide * t, py - 0.024], [px + wide * t, py - 0.010], 7)
            easel.stroke(lamp, rgb("ffd75e"), 0.011, 2)


def tree(easel: Easel) -> None:
    """A dark flame of a tree at the left, all upward writhing strokes."""
    rng = np.random.default_rng(9)
    for base, tall, girth in ((0.265, 0.52, 0.062), (0.165, 0.86, 0.088)):
        for _ in range(620):
            t = rng.uniform(0, 1) ** 1.2
            swell = (1 - t) ** 0.75 * (0.8 + 0.2 * np.sin(11 * t + 1))
            side = rng.uniform(-1, 1) * girth * swell
            s = np.linspace(0, 1, 7)
            sway = 0.010 * np.sin(5 * s + rng.uniform(0, 6))
            drift = (rng.normal(0, 0.018) - side * 0.35) * s
            path = np.stack([base + side + 0.022 * np.sin(5 * t) + sway * s + drift, 1.01 - t * tall - 0.085 * s], -1)
            codes = ("0b1518", "14282a", "24452c", "4f4a26", "1b2a4a", "12201c")
            tone = rgb(codes[int(rng.integers(6))]) * (1.25 - 0.5 * (side > 0.2 * girth))
            easel.stroke(path, tone * rng.uniform(0.7, 1.3), 0.012, 4)


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    x, y = plane(shape)
    angle = flow(x, y)
    color = mix(heaven(x, y, angle), rgb("ffe9a0"), crescent(x, y))
    color, angle = land(color, angle, x, y)
    easel = Easel(shape, (30, 44, 80), 2)
    easel.brush(color, angle, Brush(3500, 0.10, 0.022, 6, 0.10, 0.03))
    easel.brush(color, angle, Brush(9000, 0.060, 0.0125, 5, 0.14, 0.04))
    village(easel)
    easel.brush(color, angle, Brush(3500, 0.042, 0.008, 3, 0.16, 0.06), smooth(0.45, 0.6, color.mean(-1)))
    tree(easel)
    return finish(easel.finished(2.6, 0.22))
