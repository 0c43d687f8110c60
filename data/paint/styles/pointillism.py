"""A summer river bank in dots: color is divided, and the eye mixes it again."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from paint.canvas import Array, blur, finish, frame, mix, plane, ramp, rgb, smooth
from paint.noise import lattice_fbm
from paint.strokes import Easel

ASPECT = 3 / 2
# Pure paints of the divided palette; every dot leans towards one of them.
PAINTS = ("f6d32d", "f08a24", "d8402c", "c24a8a", "6a3fa0", "2f4fb0", "2b8fc8", "3aa878", "7fb83a", "fbf3dc")


def backdrop(shape: tuple[int, int]) -> Array:
    """Sky, far bank, river and lawn, as fields of color."""
    x, y = plane(shape)
    cloud = lattice_fbm(shape, 5, 4, 12, 0.55, 2.0)
    scene = ramp(y / 0.34 + 0.25 * cloud, ((0, "8fb8e0"), (0.5, "c4d8e6"), (0.8, "f4e3c4"), (1, "fbe2b0")))
    far = 0.335 + 0.035 * lattice_fbm(shape, 9, 4, 13)[shape[0] // 2] - 0.035 * np.exp(-(((x - 1.2) / 0.3) ** 2))
    scene = mix(
        scene,
        ramp((y - far) / 0.06, ((0, "9fb48c"), (0.5, "6f9a86"), (1, "58789c"))),
        smooth(0, 0.006, y - far),
    )
    ripple = lattice_fbm(shape, 30, 3, 14, 0.6, 6.0)
    river = ramp((y - 0.39) / 0.34 + 0.22 * ripple, ((0, "e9e2c0"), (0.3, "9cc3dc"), (0.7, "5d93cc"), (1, "3f6fb4")))
    scene = mix(scene, river, smooth(0.388, 0.392, y))
    shore = 0.60 + 0.20 * (ASPECT - x) ** 1.2 * 0.9 - 0.30 * np.maximum(0, 0.75 - x)
    sun = lattice_fbm(shape, 7, 3, 15, 0.6, 2.5)
    lawn = ramp(0.5 + 0.9 * sun, ((0, "2f6a4c"), (0.35, "5f9a40"), (0.6, "a8c444"), (1, "f0de6a")))
    return mix(scene, lawn, smooth(-0.004, 0.006, y - shore))


class Sketch:
    """Flat shapes painted over the backdrop before it is broken into dots."""

    def __init__(self, scene: Array) -> None:
        self.unit = scene.shape[0]
        self.sheet = Image.fromarray((np.clip(scene, 0, 1) * 255).astype(np.uint8))
        self.pen = ImageDraw.Draw(self.sheet)

    def shape(self, points: list[tuple[float, float]], code: str) -> None:
        """A filled polygon in plane coordinates."""
        self.pen.polygon([(x * self.unit, y * self.unit) for x, y in points], fill="#" + code)

    def oval(self, x: float, y: float, rx: float, ry: float, code: str) -> None:
        """A filled ellipse."""
        u = self.unit
        self.pen.ellipse(((x - rx) * u, (y - ry) * u, (x + rx) * u, (y + ry) * u), fill="#" + code)

    def boat(self, x: float, y: float, s: float, sail: str) -> None:
        """A sailing boat and its broken mirror image."""
        self.shape([(x, y - s), (x, y - s * 0.12), (x + s * 0.55, y - s * 0.12)], sail)
        self.shape(
            [(x - s * 0.04, y - s * 0.9), (x - s * 0.04, y - s * 0.12), (x - s * 0.36, y - s * 0.12)],
            "f2ead2",
        )
        self.shape(
            [
                (x - s * 0.42, y - s * 0.08),
                (x + s * 0.55, y - s * 0.08),
                (x + s * 0.4, y + s * 0.06),
                (x - s * 0.3, y + s * 0.06),
            ],
            "7a3a2c",
        )
        for k in range(5):
            d = s * (0.12 + 0.12 * k)
            self.shape(
                [
                    (x - s * (0.3 - 0.04 * k), y + d),
                    (x + s * (0.4 - 0.06 * k), y + d),
                    (x + s * 0.3, y + d + s * 0.05),
                    (x - s * 0.25, y + d + s * 0.05),
                ],
                "e8e4d0",
            )

    def lady(self, x: float, y: float, s: float, dress: str, shade: str, parasol: str) -> None:
        """A walker with a parasol and a long shadow on the grass."""
        self.shape(
            [(x, y), (x + s * 0.9, y + s * 0.16), (x + s * 0.85, y + s * 0.22), (x - s * 0.1, y + 0.03 * s)],
            "2c5a58",
        )
        self.shape(
            [
                (x - s * 0.05, y - s * 0.62),
                (x + s * 0.06, y - s * 0.62),
                (x + s * 0.17, y),
                (x - s * 0.15, y),
            ],
            dress,
        )
        self.shape(
            [
                (x + s * 0.02, y - s * 0.62),
                (x + s * 0.06, y - s * 0.62),
                (x + s * 0.19, y),
                (x + s * 0.05, y),
            ],
            shade,
        )
        self.shape(
            [
                (x - s * 0.08, y - s * 0.80),
                (x + s * 0.08, y - s * 0.80),
                (x + s * 0.06, y - s * 0.58),
                (x - s * 0.05, y - s * 0.58),
            ],
            shade,
        )
        self.oval(x, y - s * 0.87, s * 0.055, s * 0.07, "e8b894")
        self.shape(
            [
                (x - s * 0.09, y - s * 0.91),
                (x + s * 0.09, y - s * 0.91),
                (x + s * 0.04, y - s),
                (x - s * 0.05, y - s * 0.99),
            ],
            "5a2c3a",
        )
        arc = [
            (x - s * 0.1 + s * 0.36 * np.cos(a), y - s * 1.02 + s * 0.24 * np.sin(a))
            for a in np.linspace(np.pi, 2 * np.pi, 14)
        ]
        self.shape(arc, parasol)

    def crown(self, x: float, y: float, r: float, rng: np.random.Generator, codes: tuple[str, ...]) -> None:
        """Foliage: leaf masses, the later (upper left) ones lighter."""
        for k in range(90):
            t = k / 90
            a, d = rng.uniform(0, 2 * np.pi), r * rng.uniform(0, 1) ** 0.6
            px, py = x + d * np.cos(a) * 1.25 - 0.12 * r * t, y + d * np.sin(a) * 0.8 - 0.2 * r * t
            size = r * rng.uniform(0.08, 0.22)
            self.oval(px, py, size, size * 0.7, codes[min(len(codes) - 1, int(t * len(codes)))])


def compose(shape: tuple[int, int]) -> Array:
    """The scene before it is divided: trees, boats, strollers."""
    sketch = Sketch(backdrop(shape))
    rng = np.random.default_rng(17)
    for x, y, s, sail in (
        (0.92, 0.47, 0.13, "fff6e0"),
        (1.24, 0.43, 0.075, "f0c890"),
        (0.62, 0.42, 0.06, "fbeede"),
    ):
        sketch.boat(x, y, s, sail)
    greens = ("1f3f5c", "2a5a4c", "3f7a44", "6f9f3c", "b4c448", "f0d860")
    sketch.shape([(0.17, 0.95), (0.235, 0.95), (0.222, 0.3), (0.192, 0.3)], "4a2f52")
    sketch.shape([(1.33, 0.80), (1.362, 0.80), (1.355, 0.3), (1.34, 0.3)], "5a3448")
    for x, y, r in ((0.20, 0.17, 0.21), (0.03, 0.25, 0.15), (0.40, 0.10, 0.12)):
        sketch.crown(x, y, r, rng, greens)
    sketch.crown(1.37, 0.24, 0.13, rng, greens)
    sketch.oval(0.36, 0.955, 0.34, 0.035, "2f5a6a")
    sketch.lady(0.56, 0.90, 0.34, "c8407a", "7a2c6a", "f2b42c")
    sketch.lady(0.72, 0.84, 0.25, "f2ecdc", "8fa4d4", "e0583a")
    sketch.lady(1.10, 0.83, 0.20, "4a5fb8", "2c3a80", "f6e8c0")
    sketch.lady(1.25, 0.95, 0.30, "f0a848", "c05a3a", "58a8c0")
    sketch.lady(0.36, 0.80, 0.17, "e8d8e8", "9a7ac0", "d84a5a")
    return np.asarray(sketch.sheet, np.float32) / 255


def divide(tones: Array, rng: np.random.Generator, purity: float) -> Array:
    """Replace part of each tone by a pure paint near it, or now and then by its complement."""
    paints = np.stack([rgb(c) for c in PAINTS])
    noisy = tones + rng.normal(0, 0.20, tones.shape)
    near = paints[np.argmin(((noisy[:, None] - paints) ** 2).sum(-1), axis=1)]
    dotted = mix(tones, near, rng.uniform(0, purity, (len(tones), 1)))
    complement = mix(tones, 1.15 * tones.max(1, keepdims=True) - 0.75 * tones, 0.6)
    return np.where(rng.random((len(tones), 1)) < 0.10, complement, dotted)


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit: three layers of ever smaller dots."""
    shape = frame(long_side, ASPECT)
    h = shape[0]
    scene = blur(compose(shape), h / 500)
    easel = Easel(shape, (226, 214, 186), 18)
    rng = np.random.default_rng(19)
    for count, radius, purity in ((9000, 0.0115, 0.5), (26000, 0.0070, 0.75), (30000, 0.0048, 0.95)):
        x, y = rng.uniform(0, ASPECT, count), rng.uniform(0, 1, count)
        tones = scene[(y * h).astype(int), np.minimum((x * h).astype(int), shape[1] - 1)]
        easel.dots(x, y, radius * rng.uniform(0.75, 1.2, count), divide(tones, rng, purity))
    return finish(easel.finished(0.8, 0.05))
