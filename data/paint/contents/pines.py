"""Conifers: a forest of small ones on far slopes, and large ones, branch by branch, near the eye."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from paint.canvas import Array, linear, mix, plane, smooth
from paint.noise import lattice_fbm

FINER = 2


def _byte(color: Array) -> tuple[int, int, int]:
    """Light (linear) as the 8-bit square root, a cheap code that keeps dark tones apart."""
    return tuple(int(255 * min(1.0, max(0.0, c) ** 0.5 * 0.7)) for c in color)


def _decode(sheet: Image.Image, size: tuple[int, int]) -> tuple[Array, Array]:
    """Light and coverage of a drawn sheet, reduced to the picture's size."""
    small = np.asarray(sheet.resize(size, Image.Resampling.BOX), np.float32) / 255
    alpha = small[..., 3]
    color = small[..., :3] / 0.7
    return color**2, alpha


def small_pine(
    pencil: ImageDraw.ImageDraw, x: float, y: float, tall: float, colors: list, rng: np.random.Generator
) -> None:
    """A far tree: a jagged spire, its sunward (left) half lighter."""
    tiers = max(3, int(tall / 5))
    half = tall * rng.uniform(0.13, 0.19)
    left, right = [(x, y - tall)], [(x, y - tall)]
    for k in range(1, tiers + 1):
        t = k / tiers
        out = half * t * rng.uniform(0.8, 1.15)
        left += [(x - out, y - tall * (1 - t)), (x - out * 0.55, y - tall * (1 - t) - tall * 0.02)]
        right += [(x + out, y - tall * (1 - t)), (x + out * 0.55, y - tall * (1 - t) - tall * 0.02)]
    pencil.polygon([*left, (x, y)], fill=colors[0])
    pencil.polygon([*right, (x, y)], fill=colors[1])


def forest(scene: Array, distance: Array, height: Array, focal: float) -> Array:
    """Plant trees on the visible low slopes; each takes the light of the ground it stands on."""
    h, w = distance.shape
    rng = np.random.default_rng(11)
    where = np.flatnonzero((distance > 0) & (distance < 7) & (height < 0.42) & (height > 0.001))
    if where.size == 0:
        return scene
    # The ground a pixel shows grows with the square of its distance, and so must the trees on it.
    weight = distance.ravel()[where] ** 0.6
    count = min(7000, where.size // 3)
    pick = rng.choice(where, count, replace=False, p=weight / weight.sum())
    pick = pick[np.argsort(-distance.ravel()[pick])]
    sheet = Image.new("RGBA", (w * FINER, h * FINER), (0, 0, 0, 0))
    pencil = ImageDraw.Draw(sheet)
    light = scene.reshape(-1, 3)
    for p in pick:
        row, column = divmod(int(p), w)
        tall = rng.uniform(0.016, 0.034) / distance.flat[p] * focal * h
        tone = light[p] * rng.uniform(0.35, 0.85) * np.array([0.62, 0.95, 0.85])
        colors = [_byte(tone * 1.15), _byte(tone * 0.55)]
        small_pine(pencil, column * FINER, (row + 1) * FINER, tall * FINER, colors, rng)
    color, alpha = _decode(sheet, (w, h))
    return mix(scene, color, alpha)


def large_pine(pencil: ImageDraw.ImageDraw, x: float, y: float, tall: float, rng: np.random.Generator) -> None:
    """A near tree: trunk, drooping boughs and hanging needles, drawn as strokes from dark to lit."""
    lean = rng.uniform(-0.03, 0.03)
    foot = tall * 0.009
    pencil.polygon([(x - foot, y), (x + foot, y), (x + lean * tall, y - tall * 0.985)], fill=_byte(linear("120e0c")))
    for t in np.sort(rng.uniform(0.0, 1.0, 120) ** 0.85 * 0.97):
        side = rng.choice([-1, 1])
        reach = tall * (0.27 * (1 - t) ** 0.8 + 0.012) * rng.uniform(0.55, 1.1)
        x0, y0 = x + lean * tall * t, y - tall * t
        sag = rng.uniform(0.15, 0.55)
        for s in np.linspace(0.05, 1, max(5, int(reach / tall * 110))):
            bx = x0 + side * reach * s
            by = y0 + reach * (sag * s - 0.30 * s * s * s)
            length = tall * 0.030 * (1.15 - 0.6 * s) * rng.uniform(0.5, 1.2)
            warm = max(0.0, -side * 0.5 + 0.2) * rng.uniform(0.0, 1.0) * s
            tone = linear("0b1412") * rng.uniform(0.5, 1.5) + warm * linear("8a4a24") * 0.55
            for spread in (-0.5, 0.1, 0.6):
                pencil.line(
                    [(bx, by), (bx + side * length * spread, by + length)],
                    fill=_byte(tone),
                    width=max(1, int(tall * 0.0028)),
                )


def _shore_line(x: Array, aspect: float, horizon: float) -> Array:
    """Upper edge of the near bank: high at the left corner, low in the middle, a tongue at the right."""
    left = 0.30 * np.exp(-((x / 0.34) ** 2))
    right = 0.17 * np.exp(-(((aspect - x) / 0.26) ** 2))
    return 1.03 - left - right + 0.0 * horizon


def framing_pines(scene: Array, horizon: float) -> Array:
    """The dark near bank with boulders, grass and a few tall trees: it gives the view its depth."""
    h, w = scene.shape[:2]
    aspect = w / h
    x, y = plane((h, w))
    rough = 0.018 * lattice_fbm((h, w), 14, 5, 21, 0.6)
    rim = _shore_line(x, aspect, horizon) + rough
    bank = smooth(0.0, 0.004, y - rim)
    stone = lattice_fbm((h, w), 26, 6, 22, 0.62)
    slope = np.clip(-np.gradient(stone, axis=1) * h / 45 + 0.28, 0, 1) * smooth(0.13, 0.0, y - rim)
    earth = linear("16140f") * (0.7 + stone[..., None]) + slope[..., None] * linear("a0643c") * 0.34
    scene = mix(scene, np.maximum(earth, 0.001), bank)
    sheet = Image.new("RGBA", (w * FINER, h * FINER), (0, 0, 0, 0))
    pencil = ImageDraw.Draw(sheet)
    unit, rng = h * FINER, np.random.default_rng(23)
    _grass(pencil, unit, aspect, horizon, rng)
    for px, tall in ((0.245, 0.40), (0.02, 0.66), (0.125, 0.80), (1.47, 0.50), (1.395, 0.32)):
        foot = float(_shore_line(np.float32(px), aspect, horizon)) + 0.03
        large_pine(pencil, px * unit, foot * unit, tall * unit, rng)
    color, alpha = _decode(sheet, (w, h))
    return mix(scene, color, alpha)


def _grass(pencil: ImageDraw.ImageDraw, unit: float, aspect: float, horizon: float, rng: np.random.Generator) -> None:
    """Blades along the rim of the bank, some catching the last light."""
    for _ in range(2600):
        px = rng.uniform(0, aspect)
        rim = float(_shore_line(np.float32(px), aspect, horizon))
        py = rim + rng.exponential(0.05)
        tall, bend = rng.uniform(0.012, 0.04), rng.normal(0.004, 0.008)
        tone = linear("1c1a10") * rng.uniform(0.4, 1.4) + (rng.random() < 0.2) * linear("a8743c") * 0.25
        pencil.line(
            [
                (px * unit, py * unit),
                ((px + bend * 0.4) * unit, (py - tall * 0.6) * unit),
                ((px + bend) * unit, (py - tall) * unit),
            ],
            fill=_byte(tone),
            width=max(1, int(unit * 0.0016)),
        )
