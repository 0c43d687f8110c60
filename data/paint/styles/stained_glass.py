"""A church window: colored glass in lead, a rose of light above a tree and two birds."""

from __future__ import annotations

import numpy as np

from paint.canvas import Array, blur, finish, frame, mix, plane, polygon, rgb, smooth
from paint.noise import lattice, lattice_fbm, worley

ASPECT = 3 / 4
CELLS = 15.0  # pieces of glass per picture height
SUN = (0.375, 0.33)

# Glass colors by region: each piece takes one of its region's three.
GLASS = {
    "sky": ("1238a0", "1f5fd0", "2a8ad8"),
    "dusk": ("4a1f9a", "7a2fb0", "2a3ab8"),
    "core": ("fff2a0", "ffd84a", "ffe880"),
    "petal": ("f02a1c", "ff6a10", "d81048"),
    "ring": ("ffb010", "ff8a08", "ffd030"),
    "ray": ("f8c830", "f09020", "e84a20"),
    "hill": ("0a7a3a", "18a04a", "5ab828"),
    "field": ("a8c818", "d8c018", "48a838"),
    "water": ("089aa8", "18c0c0", "1078c8"),
    "trunk": ("7a3410", "a0521a", "5a2408"),
    "leaf": ("0c6a2a", "30a020", "88c020"),
    "bird": ("f4f4ff", "d8ecff", "ffffff"),
    "border": ("b0102a", "d82a2a", "8a0a3a"),
    "gem": ("18b8a0", "f8d020", "2848d8"),
}
NAMES = list(GLASS)


def regions(shape: tuple[int, int]) -> Array:
    """Which part of the picture each pixel belongs to (index into NAMES)."""
    x, y = plane(shape)
    out = np.full(shape, NAMES.index("sky"))

    def put(name: str, where: Array) -> None:
        out[where] = NAMES.index(name)

    dx, dy = x - SUN[0], y - SUN[1]
    r, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    put("dusk", np.sin(3 * turn + 14 * r) > 0.25)
    put("ray", (np.cos(12 * turn) > 0.45) & (r > 0.25) & (r < 0.37 + 0.05 * np.cos(24 * turn)))
    put("ring", r < 0.25)
    put("petal", (r < 0.215) & (r < 0.135 + 0.075 * np.abs(np.cos(4 * turn))))
    put("dusk", (r < 0.115) & (r > 0.098))
    put("ring", r < 0.098)
    put("core", r < 0.065)
    put("hill", y > 0.70 + 0.05 * np.sin(7 * x + 0.6))
    put("field", y > 0.77 - 0.045 * np.sin(6 * x + 1.9))
    put("water", (y > 0.84 + 0.03 * np.sin(9 * x)) & (y < 0.955 + 0.02 * np.sin(11 * x + 2)))
    trunk = np.abs(x - 0.60 - 0.02 * np.sin(9 * y)) < 0.020 + 0.10 * np.maximum(0, y - 0.74)
    put("trunk", trunk & (y > 0.56) & (y < 0.85))
    for cx, cy, size in (
        (0.60, 0.535, 0.085),
        (0.53, 0.60, 0.055),
        (0.665, 0.615, 0.055),
        (0.64, 0.49, 0.05),
    ):
        a = np.arctan2(y - cy, x - cx)
        put("leaf", np.hypot(x - cx, y - cy) < size * (1 + 0.09 * np.cos(7 * a)))
    for cx, cy, s in ((0.17, 0.61, 1.0), (0.31, 0.685, 0.75)):
        put("bird", bird(shape, cx, cy, s) > 0.5)
    inset = np.minimum(np.minimum(x, 0.75 - x), np.minimum(y, 1 - y))
    put("border", inset < 0.052)
    beads = np.hypot((x + 0.01) % 0.073 - 0.0365, (y + 0.005) % 0.0762 - 0.0381)
    put("gem", (inset < 0.048) & (beads < 0.017))
    return out


def bird(shape: tuple[int, int], cx: float, cy: float, s: float) -> Array:
    """A dove with raised wings."""
    points = [
        (-0.10, 0.01),
        (-0.06, -0.012),
        (-0.02, -0.008),
        (-0.05, -0.085),
        (0.0, -0.075),
        (0.025, -0.01),
        (0.06, -0.095),
        (0.085, -0.05),
        (0.06, 0.005),
        (0.11, 0.03),
        (0.10, 0.045),
        (0.03, 0.03),
        (-0.04, 0.028),
    ]
    return polygon(shape, [(cx + s * px, cy + s * py) for px, py in points], 1)


def leads(shape: tuple[int, int], region: Array, first: Array, second: Array) -> Array:
    """Height of the lead strips: between pieces, and thicker along the drawing's own outlines."""
    h = shape[0]
    between = smooth(0.135, 0.045, second - first)
    outline = np.zeros(shape, bool)
    outline[:, 1:] |= region[:, 1:] != region[:, :-1]
    outline[1:] |= region[1:] != region[:-1]
    thick = blur(outline.astype(np.float32), h * 0.0034) * h * 0.0068
    return np.maximum(between, smooth(0.30, 0.75, thick))


def glass(shape: tuple[int, int], region: Array, piece: Array) -> Array:
    """Color of the panes: by region and piece, with streaks, seeds and uneven thickness."""
    codes = np.stack([np.stack([rgb(c) for c in GLASS[n]]) for n in NAMES])
    color = codes[region, (piece * 2.999).astype(int)]
    color = color * (0.62 + 0.75 * ((piece * 37.7) % 1))[..., None]
    warp = lattice_fbm(shape, 5, 2, 61)
    x, y = plane(shape)
    streak = np.sin(60 * (x * np.cos(piece * 6) + y * np.sin(piece * 6)) + 9 * warp + 20 * piece)
    cloud = lattice_fbm(shape, 26, 4, 62, 0.6)
    bubbles = smooth(0.55, 0.8, lattice(shape, 170, 63))
    light = 1 + 0.13 * streak + 0.38 * cloud + 0.30 * bubbles
    deep = np.clip(color, 0, 1.3) ** (1.15 - 0.25 * cloud[..., None])
    return deep * light[..., None]


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    x, y = plane(shape)
    region = regions(shape)
    # Pieces follow the rose: near it the cells are laid out round its center.
    r, turn = np.hypot(x - SUN[0], y - SUN[1]), np.arctan2(y - SUN[1], x - SUN[0])
    first, second, piece = worley(x * CELLS + 3, y * CELLS + 5, 64, 0.85)
    # Fewer, wider pieces towards the middle, or the lead would close over it.
    spokes = np.where(r < 0.065, 8, np.where(r < 0.115, 16, 24))
    ring = worley(turn * spokes / (2 * np.pi) + 40, r * CELLS * 1.3, 65, 0.35)
    inside = r < 0.25
    first, second, piece = (np.where(inside, near, far) for far, near in zip((first, second, piece), ring, strict=True))
    lead = leads(shape, region, first, second)
    pane = glass(shape, region, piece)
    bulge = 0.72 + 0.5 * smooth(0.0, 0.55, second - first)
    day = 0.62 + 0.48 * np.exp(-((r / 0.42) ** 2)) + 0.15 * (1 - y)
    lit = pane * (bulge * day)[..., None]
    halo = blur(lit * (1 - lead)[..., None], shape[0] * 0.018)
    gy, gx = np.gradient(blur(lead, shape[0] * 0.002))
    round_light = np.clip(-(gx + gy) * shape[0] / 260, 0, 1)
    metal = rgb("0d0c10") * (1 + 0.5 * lattice(shape, 120, 66)[..., None]) + 0.30 * round_light[..., None]
    out = mix(lit, metal, lead) + 0.34 * halo
    return finish(np.clip(out, 0, 1.4) / (1 + 0.12 * np.clip(out, 0, 1.4)))
