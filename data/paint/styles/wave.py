"""A wood-block print: a wave with clawed foam over two small boats, cut in few flat colors."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from paint.canvas import Array, finish, frame, mix, plane, rgb, smooth
from paint.noise import lattice_fbm, perlin2

ASPECT = 3 / 2
FINER = 3
INK, DEEP, BLUE, PALE, FOAM = "14233f", "1f3f6e", "4a7ba6", "a9c6cc", "f4eedc"

Points = np.ndarray


def curve(*knots: tuple[float, float], n: int = 160) -> Points:
    """Smooth line (Catmull-Rom) through the knots, n points."""
    k = np.array(knots, float)
    k = np.vstack([2 * k[0] - k[1], k, 2 * k[-1] - k[-2]])
    t = np.linspace(0, len(knots) - 1 - 1e-9, n)
    i, f = t.astype(int), (t % 1)[:, None]
    a, b, c, d = k[i], k[i + 1], k[i + 2], k[i + 3]
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


class Block:
    """The cutter's sheet: flat shapes with dark key lines, in plane coordinates."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape, self.unit = shape, shape[0] * FINER
        self.sheet = Image.new("RGBA", (shape[1] * FINER, shape[0] * FINER), (0, 0, 0, 0))
        self.pen = ImageDraw.Draw(self.sheet)

    def fill(self, points: Points, code: str, line: float = 0.0) -> None:
        """A flat shape, with its key line if a width is given."""
        xy = [tuple(p) for p in np.asarray(points) * self.unit]
        self.pen.polygon(xy, fill="#" + code)
        if line:
            self.line(np.vstack([points, points[:1]]), line)

    def line(self, points: Points, width: float, code: str = INK) -> None:
        """A cut line that swells in the middle, as a knife's does."""
        p = np.asarray(points) * self.unit
        swell = np.clip(np.sin(np.linspace(0.3, 2.84, len(p))), 0.3, 1)
        for k in range(len(p) - 1):
            w = max(1, round(width * self.unit * swell[k]))
            self.pen.line([tuple(p[k]), tuple(p[k + 1])], fill="#" + code, width=w)
            r = w / 2
            self.pen.ellipse((p[k][0] - r, p[k][1] - r, p[k][0] + r, p[k][1] + r), fill="#" + code)

    def dot(self, x: float, y: float, r: float, code: str, ring: bool = False) -> None:
        """A drop of spray."""
        u = self.unit
        if ring:
            self.pen.ellipse(((x - r) * u - 2, (y - r) * u - 2, (x + r) * u + 2, (y + r) * u + 2), fill="#" + INK)
        self.pen.ellipse(((x - r) * u, (y - r) * u, (x + r) * u, (y + r) * u), fill="#" + code)


def between(a: Points, b: Points, t: float) -> Points:
    """The line a share t of the way from a to b."""
    return a + (b - a) * t


def claw(block: Block, x: float, y: float, size: float, angle: float, turn: float) -> None:
    """One finger of foam: a hook that narrows and curls to a point."""
    s = np.linspace(0, 1, 16)
    heading = angle + turn * 2.6 * s**1.5
    step = size / 15
    px, py = x + np.cumsum(np.cos(heading)) * step, y + np.cumsum(np.sin(heading)) * step
    half = size * 0.26 * (1 - s) ** 0.75
    nx, ny = -np.sin(heading), np.cos(heading)
    shape = np.vstack(
        [np.stack([px + nx * half, py + ny * half], -1), np.stack([px - nx * half, py - ny * half], -1)[::-1]]
    )
    block.fill(shape, FOAM, 0.0030)
    vein = np.stack([px, py], -1)[2:11]
    block.line(vein, 0.0022, BLUE)


def fringe(block: Block, crest: Points, size: float, turn: float, seed: int, lean: float) -> None:
    """Foam along a crest: lobes first, then claws in rows, the last ones the smallest."""
    rng = np.random.default_rng(seed)
    tangent = np.gradient(crest, axis=0)
    heading = np.arctan2(tangent[:, 1], tangent[:, 0])
    for row, scale in enumerate((1.0, 0.78, 0.55)):
        for i in range(3 + row * 2, len(crest) - 2, 5):
            a = heading[i] + turn * (lean + rng.uniform(-0.35, 0.35))
            back = 0.35 * size * row
            x, y = crest[i] - back * np.array([np.cos(a), np.sin(a)]) * 0.6 + rng.normal(0, 0.004, 2)
            claw(block, x, y, size * scale * rng.uniform(0.7, 1.2), a, turn * rng.uniform(0.75, 1.15))


def spray(block: Block, around: Points, spread: float, count: int, seed: int) -> None:
    """Drops thrown off a crest."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        x, y = around[int(rng.integers(len(around)))] + rng.normal(0, spread, 2) + np.array([spread * 0.6, 0])
        block.dot(x, y, rng.choice([0.0022, 0.0034, 0.005]), FOAM, ring=True)


def banded(block: Block, back: Points, front: Points, codes: list[str], share: list[float]) -> None:
    """A body of water as bands that run from one outline to the other, with key lines between."""
    edges = np.concatenate([[0], np.cumsum(share) / np.sum(share)])
    for lo, hi, code in zip(edges[:-1], edges[1:], codes, strict=True):
        band = np.vstack([between(back, front, lo), between(back, front, hi)[::-1]])
        block.fill(band, code)
        block.line(between(back, front, hi), 0.0034)
    block.line(back, 0.005)


def great_wave(block: Block) -> None:
    """The wave at the left: it rears, leans to the right and breaks into claws."""
    back = curve((-0.05, 0.62), (0.05, 0.45), (0.17, 0.25), (0.33, 0.10), (0.52, 0.07), (0.68, 0.145), (0.765, 0.27))
    front = curve((0.52, 1.06), (0.50, 0.86), (0.455, 0.66), (0.455, 0.47), (0.515, 0.34), (0.62, 0.285), (0.74, 0.33))
    low = curve((-0.05, 1.06), (0.0, 1.0), (0.1, 0.9), (0.2, 0.7), (0.33, 0.45), (0.5, 0.23), (0.755, 0.30))
    banded(block, back, low, [BLUE, PALE, FOAM, BLUE, DEEP], [0.9, 0.7, 0.5, 0.9, 1.2])
    banded(
        block,
        low,
        front,
        [BLUE, DEEP, FOAM, DEEP, PALE, DEEP, BLUE, FOAM, DEEP, BLUE],
        [1.1, 1.0, 0.35, 0.9, 0.6, 1.0, 0.8, 0.35, 0.9, 0.5],
    )
    top = np.vstack([back[70:], curve((0.765, 0.27), (0.755, 0.33), (0.70, 0.335), n=22), front[::-1][6:44]])
    fringe(block, top, 0.098, 1.0, 31, 0.55)
    fringe(block, back[64:150], 0.072, 1.0, 32, -0.35)
    fringe(block, between(back, low, 0.45)[70:154], 0.055, 1.0, 35, 0.7)
    spray(block, top[30:], 0.035, 170, 33)


def second_wave(block: Block) -> None:
    """A lower crest at the right that answers the first."""
    back = curve((1.58, 0.60), (1.47, 0.585), (1.34, 0.60), (1.22, 0.655), (1.13, 0.72), (1.07, 0.775))
    low = curve((1.58, 1.06), (1.5, 0.95), (1.4, 0.88), (1.28, 0.84), (1.18, 0.83), (1.085, 0.82))
    banded(
        block,
        back,
        low,
        [FOAM, PALE, DEEP, FOAM, BLUE, DEEP, PALE, DEEP],
        [0.6, 0.8, 1.2, 0.35, 1, 1.1, 0.5, 1],
    )
    fringe(block, back[50:], 0.070, -1.0, 36, 0.5)
    spray(block, back[60:], 0.028, 60, 37)


def swell(block: Block, level: float, phase: float, codes: list[str], seed: int) -> None:
    """A long roller across the whole picture, banded like the wave."""
    xs = np.linspace(-0.05, 1.58, 160)
    top = np.stack([xs, level + 0.035 * np.sin(4.1 * xs + phase) + 0.012 * np.sin(9.3 * xs + phase * 2)], -1)
    low = np.stack([xs, level + 0.17 + 0.03 * np.sin(3.6 * xs + phase + 0.9)], -1)
    banded(block, top, low, codes, [0.5, 1.0, 0.4, 1.2, 0.9, 1.0][: len(codes)])
    rng = np.random.default_rng(seed)
    for i in range(4, 156, 6):
        claw(block, *top[i], 0.026 * rng.uniform(0.7, 1.4), -1.2 + rng.normal(0, 0.3), 1.0)


def boat(block: Block, x: float, y: float, s: float, tilt: float) -> None:
    """A long open boat with bowed rowers."""
    c, d = np.cos(tilt), np.sin(tilt)

    def place(points: Points) -> Points:
        p = np.asarray(points) * s
        return np.stack([x + c * p[:, 0] - d * p[:, 1], y + d * p[:, 0] + c * p[:, 1]], -1)

    rim = curve((-1, -0.20), (-0.6, 0.0), (0, 0.05), (0.6, -0.02), (1.05, -0.30), n=40)
    keel = curve((-0.92, -0.08), (-0.5, 0.16), (0, 0.21), (0.55, 0.14), (1.05, -0.30), n=40)
    block.fill(place(np.vstack([rim, keel[::-1]])), "d8a85c", 0.004)
    block.line(place(between(rim, keel, 0.5)), 0.003, "8a4a2c")
    for k in range(6):
        px = -0.6 + 0.22 * k
        body = np.array([[px - 0.09, 0.02], [px - 0.03, -0.17], [px + 0.08, -0.19], [px + 0.13, 0.03]])
        block.fill(place(body), "33507e" if k % 2 else "a8402f", 0.0028)
        head = place(np.array([[px + 0.09, -0.23]]))[0]
        block.dot(*head, s * 0.05, "e8c8a0", ring=True)
        block.line(place(np.array([[px + 0.1, -0.05], [px + 0.22, 0.16], [px + 0.3, 0.32]])), 0.0035)


def sky(shape: tuple[int, int]) -> Array:
    """Graded sky with a red sun and level clouds, a far snow cone under it."""
    x, y = plane(shape)
    tone = mix(rgb("b9a488"), rgb("ecdcb6"), smooth(0.0, 0.35, y + 0.01 * lattice_fbm(shape, 8, 3, 3)))
    tone = mix(tone, rgb("d9b48e"), smooth(0.40, 0.75, y))
    for cy, amp, seed in ((0.16, 0.030, 1), (0.27, 0.022, 2), (0.44, 0.018, 3)):
        edge = amp * (0.5 + np.sin(5 * x + 2 * seed) * np.sin(11 * x + seed))
        tone = mix(tone, rgb("f3e7c8"), smooth(0, 0.003, edge - np.abs(y - cy - 0.02 * np.sin(3 * x + seed))) * 0.85)
    disc = np.hypot(x - 1.17, y - 0.24)
    tone = mix(tone, mix(rgb("c8402a"), rgb("e0774a"), smooth(0.16, 0.32, y)), smooth(0.118, 0.115, disc))
    cone = 0.50 + 0.62 * np.abs(x - 0.98) ** 1.25
    cone = cone + 0.01 * np.sin(40 * x) * (np.abs(x - 0.98) < 0.2)
    tone = mix(tone, rgb("5f7f9c"), smooth(0, 0.003, y - cone))
    cap = 0.565 + 0.018 * np.abs(((x * 22) % 2) - 1) * 1.6
    tone = mix(tone, rgb("f4eedc"), smooth(0, 0.003, y - cone) * smooth(0.002, -0.002, y - cap))
    return mix(tone, rgb(INK), smooth(0.004, 0.002, np.abs(y - cone)) * (y < 0.8))


def print_grain(shape: tuple[int, int], picture: Array) -> Array:
    """Wood grain of the block, fibres of the paper, uneven ink."""
    x, y = plane(shape)
    bend = 0.06 * lattice_fbm(shape, 2, 3, 41)
    knots = perlin2(x * 1.6, (y + bend) * 46, 42) + 0.6 * perlin2(x * 2.5, (y + bend) * 110, 43)
    fibre = lattice_fbm(shape, shape[1] / 3, 2, 44) + 0.8 * lattice_fbm(shape, shape[1] / 5, 2, 45, 0.5, 7.0)
    blot = lattice_fbm(shape, 9, 5, 46, 0.6)
    ink = 1 - picture.mean(-1)
    shade = 1 + 0.060 * fibre + (0.05 + 0.10 * ink) * knots + (0.05 + 0.12 * ink) * blot
    bare = smooth(0.55, 0.9, -knots + 0.5 * fibre) * 0.20 * ink
    worn = mix(picture * shade[..., None], rgb("ead9b4"), bare)
    return worn * mix(np.ones(3), rgb("fbf0d6"), 0.8)


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    block = Block(shape)
    swell(block, 0.735, 1.4, [FOAM, PALE, FOAM, BLUE, PALE], 51)
    boat(block, 0.98, 0.755, 0.135, -0.16)
    second_wave(block)
    swell(block, 0.815, 3.3, [FOAM, BLUE, PALE, DEEP, BLUE], 52)
    great_wave(block)
    boat(block, 0.80, 0.885, 0.175, 0.14)
    swell(block, 0.93, 0.4, [FOAM, DEEP, FOAM, DEEP, BLUE], 53)
    cut = np.asarray(block.sheet.resize((shape[1], shape[0]), Image.Resampling.BOX), np.float32) / 255
    return finish(print_grain(shape, mix(sky(shape), cut[..., :3], cut[..., 3])))
