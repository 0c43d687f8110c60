"""An abstract composition of circles, rays, arcs and chequers in the manner of the 1920s."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from paint.canvas import Array, blur, finish, frame, mix, plane, ramp, relief, rgb, smooth
from paint.noise import lattice, lattice_fbm

ASPECT = 4 / 3
INK = "1a1718"
PAINTS = ("c8322a", "e8a82c", "2c5aa0", "1f7a72", "e07a34", "6a3a78", "e8c8a4", "20242c", "88a848", "d86a80")


class Board:
    """A painting built up from translucent, airbrushed shapes; coordinates have height 1."""

    def __init__(self, shape: tuple[int, int], seed: int) -> None:
        self.shape = shape
        self.x, self.y = plane(shape)
        self.rng = np.random.default_rng(seed)
        paper = ramp(0.5 + 0.5 * lattice_fbm(shape, 3, 4, 71), ((0, "d8b888"), (0.5, "ead9b4"), (1, "f2e8cc")))
        self.image = paper
        # The spatter of the airbrush: every gradient is broken into it.
        self.grit = lattice(shape, shape[1] / 2.2, 72)

    def lay(
        self,
        mask: Array,
        code: str,
        other: str,
        run: Array,
        strength: float = 0.9,
        window: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> None:
        """Spray a mask from one color to another along `run` (0 to 1), with grain."""
        under = self.image[window]
        t = np.clip(run + 0.16 * self.grit[window], 0, 1)
        color = mix(rgb(code), rgb(other), t)
        # Half glaze, half body color, so that what lies under still shows.
        glazed = mix(color, color * (0.50 + 0.72 * under), 0.5)
        self.image[window] = mix(under, glazed, mask * strength)

    def around(self, cx: float, cy: float, r: float) -> tuple[slice, slice]:
        """The window that holds a circle: painting the whole plane for each would be ten times slower."""
        h, w = self.shape
        left, top = (int(np.clip((c - r) * h - 2, 0, n - 2)) for c, n in ((cx, w), (cy, h)))
        right, foot = (int(np.clip((c + r) * h + 3, 2, n)) for c, n in ((cx, w), (cy, h)))
        return slice(top, max(foot, top + 2)), slice(left, max(right, left + 2))

    def disc(self, cx: float, cy: float, r: float, code: str, other: str, turn: float, strength: float = 0.9) -> None:
        """A circle shaded across."""
        window = self.around(cx, cy, r)
        dx, dy = self.x[window] - cx, self.y[window] - cy
        run = 0.5 + (dx * np.cos(turn) + dy * np.sin(turn)) / (2 * r)
        self.lay(self.edge(r - np.hypot(dx, dy)), code, other, run, strength, window)

    def ring(self, cx: float, cy: float, r: float, wide: float, code: str, strength: float = 0.95) -> None:
        """A circle's outline."""
        window = self.around(cx, cy, r + wide)
        d = np.abs(np.hypot(self.x[window] - cx, self.y[window] - cy) - r)
        self.lay(self.edge(wide / 2 - d), code, code, 0 * d + 0.5, strength, window)

    def halo(self, cx: float, cy: float, r: float, code: str, amount: float) -> None:
        """A soft glow of sprayed color around a point."""
        d = np.hypot(self.x - cx, self.y - cy) / r
        spray = np.exp(-d * d) * (1 + 0.5 * self.grit)
        self.image = mix(self.image, rgb(code), np.clip(spray * amount, 0, 1))

    def edge(self, inside: Array) -> Array:
        """Mask of a signed distance (positive inside), one pixel soft."""
        px = 1 / self.shape[0]
        return smooth(-0.7 * px, 0.7 * px, inside)

    def shapely(
        self, points: list[tuple[float, float]], code: str, other: str, turn: float, strength: float = 0.9
    ) -> None:
        """A polygon shaded along `turn`."""
        # Only the window around the shape is touched: most shapes are small.
        h, w = self.shape
        low = np.clip((np.min(points, 0) * h).astype(int) - 1, 0, (w - 2, h - 2))
        high = np.clip((np.max(points, 0) * h).astype(int) + 2, low + 2, (w, h))
        window = slice(low[1], high[1]), slice(low[0], high[0])
        size = (high[1] - low[1], high[0] - low[0])
        sheet = Image.new("L", (size[1] * 3, size[0] * 3), 0)
        ImageDraw.Draw(sheet).polygon([tuple((np.array(p) * h - low) * 3) for p in points], fill=255)
        mask = np.asarray(sheet.resize((size[1], size[0]), Image.Resampling.BOX), np.float32) / 255
        run = (self.x[window] - points[0][0]) * np.cos(turn) + (self.y[window] - points[0][1]) * np.sin(turn)
        least, most = run[mask > 0.5].min(initial=1), run[mask > 0.5].max(initial=-1)
        self.lay(mask, code, other, (run - least) / max(most - least, 1e-3), strength, window)

    def stencil(self, draw) -> Array:
        """Anti-aliased mask from a drawing."""
        h, w = self.shape
        sheet = Image.new("L", (w * 3, h * 3), 0)
        draw(ImageDraw.Draw(sheet), h * 3.0)
        return np.asarray(sheet.resize((w, h), Image.Resampling.BOX), np.float32) / 255

    def lines(self, paths: list[list[tuple[float, float]]], width: float, code: str) -> None:
        """Ruled or curved lines."""

        def draw(pen: ImageDraw.ImageDraw, u: float) -> None:
            for path in paths:
                pen.line([(a * u, b * u) for a, b in path], fill=255, width=max(1, round(width * u)), joint="curve")

        self.image = mix(self.image, rgb(code), self.stencil(draw) * 0.95)


def ground(board: Board) -> None:
    """Large sprayed planes: no part of the picture stays bare."""
    board.shapely([(0, 0), (0.75, 0), (0.32, 1), (0, 1)], "e6cc9c", "c88a58", 0.9, 0.8)
    board.shapely([(0.75, 0), (1.34, 0), (1.34, 0.45), (0.55, 0.46)], "dfe0cc", "7fa4a8", 0.4, 0.85)
    board.shapely([(1.34, 0.40), (1.34, 1), (0.62, 1), (0.55, 0.46)], "e8c48c", "b0604a", 1.0, 0.8)
    for cx, cy, r, code in (
        (0.25, 0.25, 0.3, "e89a5a"),
        (1.1, 0.2, 0.3, "3f7aa0"),
        (0.35, 0.85, 0.3, "4a7a70"),
        (1.1, 0.85, 0.28, "8a3a58"),
        (0.7, 0.5, 0.22, "f4d88a"),
    ):
        board.halo(cx, cy, r, code, 0.55)
    turns = -0.5 + 0.075 * np.arange(26)
    rays = [[(0.30, 0.30), (0.30 + 1.6 * np.cos(a), 0.30 + 1.6 * np.sin(a))] for a in turns]
    board.lines(rays, 0.0014, "9a7a58")


def circles(board: Board) -> None:
    """The great target and the family of lesser circles that answer it."""
    cx, cy = 0.30, 0.30
    for r, code, other in (
        (0.245, "20242c", "3f4a6a"),
        (0.215, "6a3a78", "c8322a"),
        (0.165, "e8a82c", "e07a34"),
        (0.120, "1f7a72", "88c0a8"),
        (0.075, "c8322a", "7a1f2c"),
        (0.034, "f4e6b8", "e8a82c"),
    ):
        board.disc(cx, cy, r, code, other, 0.7 + r * 9, 0.92)
    board.ring(cx, cy, 0.275, 0.007, INK)
    board.ring(cx, cy, 0.292, 0.0025, INK)
    rng = board.rng
    for _ in range(34):
        px, py, r = rng.uniform(0.03, 1.3), rng.uniform(0.04, 0.96), 0.012 + 0.075 * rng.random() ** 2.2
        one, two, three = rng.choice(PAINTS, 3, replace=False)
        board.disc(px, py, r, one, two, rng.uniform(0, 6.28), 0.88)
        if rng.random() < 0.6:
            board.disc(px, py, r * 0.55, three, one, rng.uniform(0, 6.28), 0.9)
        board.ring(px, py, r * 1.16, 0.0028, INK)
    for px, py, r, one, two in (
        (0.93, 0.36, 0.125, "2c5aa0", "9cc8d8"),
        (1.015, 0.43, 0.10, "e8a82c", "e05a2c"),
        (1.13, 0.72, 0.12, "c8322a", "6a1f3a"),
        (0.52, 0.80, 0.105, "1f7a72", "d8d088"),
    ):
        board.disc(px, py, r, one, two, 1.1, 0.78)
        board.ring(px, py, r, 0.004, INK)


def wedges(board: Board) -> None:
    """Triangles and bars that drive across the circles, with hatching on their backs."""
    for points, one, two in (
        ([(0.42, 0.98), (0.70, 0.12), (0.78, 0.98)], "e8c8a4", "2c5aa0"),
        ([(0.60, 0.70), (1.30, 0.55), (0.66, 0.88)], "e8a82c", "c8322a"),
        ([(0.05, 0.58), (0.50, 0.50), (0.10, 0.90)], "1f7a72", "20242c"),
        ([(0.86, 0.05), (1.28, 0.12), (0.98, 0.34)], "d86a80", "6a3a78"),
        ([(0.95, 0.97), (1.30, 0.80), (1.31, 0.98)], "20242c", "2c5aa0"),
    ):
        board.shapely(points, one, two, board.rng.uniform(0, 3), 0.80)
        board.lines([[*points, points[0]]], 0.0028, INK)
    rungs = [[(0.44 + 0.225 * t, 0.95 - 0.80 * t), (0.76 - 0.05 * t, 0.95 - 0.80 * t)] for t in np.linspace(0, 1, 20)]
    board.lines(rungs, 0.0022, INK)
    for x0, y0, n, m, s, turn in (
        (0.08, 0.66, 6, 4, 0.036, -0.15),
        (1.05, 0.10, 5, 5, 0.034, 0.25),
        (0.80, 0.78, 5, 4, 0.032, 0.45),
    ):
        chequer(board, x0, y0, n, m, s, turn)


def chequer(board: Board, x0: float, y0: float, columns: int, rows: int, size: float, turn: float) -> None:
    """A tilted chequerboard whose squares change color as it goes."""
    c, s = np.cos(turn) * size, np.sin(turn) * size
    for i in range(columns):
        for j in range(rows):
            corner = [
                (x0 + c * (i + a) - s * (j + b), y0 + s * (i + a) + c * (j + b))
                for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))
            ]
            code = INK if (i + j) % 2 else PAINTS[(i * 3 + j * 2) % len(PAINTS)]
            board.shapely(corner, code, PAINTS[(i + j) % 5] if code != INK else "3a3a44", 0.8, 0.9)


def wires(board: Board) -> None:
    """Arcs, combs, zigzags and long rules, drawn last."""

    def arc(cx: float, cy: float, r: float, a: float, b: float) -> list[tuple[float, float]]:
        return [(cx + r * np.cos(t), cy + r * np.sin(t)) for t in np.linspace(a, b, 60)]

    for k in range(9):
        board.lines([arc(0.70, 1.02, 0.20 + 0.035 * k, -2.75, -0.6)], 0.0055 if k % 3 == 0 else 0.002, INK)
    for k in range(7):
        board.lines([arc(1.36, 0.0, 0.18 + 0.03 * k, 1.55, 3.1)], 0.003 + 0.003 * (k % 2), PAINTS[k % 4])
    long = [
        [(0.0, 0.93), (1.34, 0.18)],
        [(0.02, 0.05), (1.12, 0.99)],
        [(0.55, 0.0), (0.16, 1.0)],
        [(0.66, 0.64), (1.34, 0.60)],
    ]
    board.lines(long[:2], 0.0065, INK)
    board.lines(long[2:], 0.0035, INK)
    zigzag = [(0.66 + 0.028 * k, 0.235 + 0.035 * (k % 2)) for k in range(14)]
    board.lines([zigzag], 0.006, "c8322a")
    wave = [(0.06 + 0.006 * k, 0.935 + 0.018 * np.sin(k * 0.55)) for k in range(64)]
    board.lines([wave, [(a, b + 0.022) for a, b in wave]], 0.0045, INK)
    comb = [[(1.16 + 0.010 * k, 0.44 - 0.003 * k), (1.175 + 0.010 * k, 0.56 - 0.002 * k)] for k in range(15)]
    board.lines(comb, 0.0026, INK)


def canvas_weave(image: Array, shape: tuple[int, int]) -> Array:
    """Threads of the canvas and the slight unevenness of hand-laid paint."""
    x, y = plane(shape)
    pitch = 300
    weave = np.sin(x * pitch * 2 + 0.8 * lattice(shape, 40, 74)) * np.sin(y * pitch * 2)
    cloudy = lattice_fbm(shape, 18, 5, 75, 0.62)
    diffuse, _ = relief(blur(weave * 0.5 + 0.9 * lattice(shape, shape[1] / 3, 76), 0.6), 0.16)
    return image * (diffuse * (1.06 + 0.11 * cloudy))[..., None]


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    board = Board(shape, 73)
    ground(board)
    wedges(board)
    circles(board)
    wires(board)
    return finish(canvas_weave(board.image, shape))
