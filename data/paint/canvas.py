"""The picture plane: coordinates, color, masks, blurring, lighting of paint and the last touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

Array = np.ndarray
Color = tuple[float, float, float]


def frame(long_side: int, aspect: float) -> tuple[int, int]:
    """Height and width of a picture of this aspect (width / height) whose long side is given."""
    if aspect >= 1:
        return round(long_side / aspect), long_side
    return long_side, round(long_side * aspect)


def plane(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Coordinates of the pixel centers, x to the right and y down, the height being 1."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    return (x + 0.5) / h, (y + 0.5) / h


@cache
def rgb(code: str) -> Array:
    """Color of a hexadecimal code such as 'e8b04a', as three floats in [0, 1]."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


@cache
def linear(code: str) -> Array:
    """The same color as light (linear intensities), which ray tracing needs."""
    return rgb(code) ** 2.2


def smooth(low: float | Array, high: float | Array, t: Array) -> Array:
    """Smooth step: 0 below `low`, 1 above `high` (the ends may be given in falling order)."""
    t = np.clip((t - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a: Array | float, b: Array | float, t: Array | float) -> Array:
    """Blend from a to b; a mask of shape (h, w) is spread over the color channels, (n, 1) is not."""
    if isinstance(t, np.ndarray) and t.ndim == 2 and t.shape[1] > 1:
        t = t[..., None]
    return a + (b - a) * t


def ramp(t: Array, stops: Iterable[tuple[float, str]]) -> Array:
    """Color gradient: each stop is (position, hexadecimal color)."""
    places, codes = zip(*stops, strict=True)
    colors = np.stack([rgb(c) for c in codes])
    return np.stack([np.interp(t, places, colors[:, k]) for k in range(3)], -1).astype(np.float32)


def blur(image: Array, radius: float) -> Array:
    """Near-Gaussian blur of standard deviation `radius` pixels (three box blurs), edges repeated."""
    size = max(1, round(radius * 1.03))
    for axis in (0, 1):
        for _ in range(3):
            image = _box(image, size, axis)
    return image


def _box(image: Array, reach: int, axis: int) -> Array:
    """Mean over 2 * reach + 1 pixels along one axis."""
    pad = [(0, 0)] * image.ndim
    pad[axis] = (reach + 1, reach)
    total = np.cumsum(np.pad(image, pad, mode="edge"), axis=axis, dtype=np.float64)
    width = 2 * reach + 1
    n = image.shape[axis]
    upper = np.take(total, range(width, width + n), axis=axis)
    return ((upper - np.take(total, range(n), axis=axis)) / width).astype(np.float32)


def sample(image: Array, x: Array, y: Array) -> Array:
    """Bilinear look-up at pixel coordinates; outside, the border is repeated."""
    h, w = image.shape[:2]
    x, y = np.clip(x, 0, w - 1.001), np.clip(y, 0, h - 1.001)
    x0, y0 = x.astype(np.int32), y.astype(np.int32)
    fx, fy = x - x0, y - y0
    if image.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    top = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    low = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
    return (top * (1 - fy) + low * fy).astype(np.float32)


def stencil(shape: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw, float], None], finer: int = 3) -> Array:
    """Anti-aliased mask in [0, 1]: `draw` is given a pencil on a larger sheet and its pixels per height."""
    h, w = shape
    sheet = Image.new("L", (w * finer, h * finer), 0)
    draw(ImageDraw.Draw(sheet), float(h * finer))
    return np.asarray(sheet.resize((w, h), Image.Resampling.BOX), np.float32) / 255


def polygon(shape: tuple[int, int], points: Array | list, finer: int = 3) -> Array:
    """Anti-aliased mask of one polygon given in plane coordinates (height 1)."""

    def draw(pencil: ImageDraw.ImageDraw, scale: float) -> None:
        pencil.polygon([(px * scale, py * scale) for px, py in points], fill=255)

    return stencil(shape, draw, finer)


def relief(height: Array, depth: float, angle: float = 2.3) -> tuple[Array, Array]:
    """Diffuse and specular light on a surface of this height, lit from `angle` (radians, y up).

    `depth` is how strong the slopes look; a flat surface has diffuse 1 and specular 0.
    """
    gy, gx = np.gradient(height * depth)
    norm = np.sqrt(gx * gx + gy * gy + 1)
    lx, ly, lz = np.cos(angle) * 0.6, -np.sin(angle) * 0.6, 0.8
    diffuse = (-gx * lx - gy * ly + lz) / norm / lz
    half = np.array([lx, ly, lz + 1]) / np.linalg.norm([lx, ly, lz + 1])
    facing = np.clip((-gx * half[0] - gy * half[1] + half[2]) / norm, 0, 1)
    flat = half[2] ** 60
    return diffuse.astype(np.float32), np.clip(facing**60 - flat, 0, 1).astype(np.float32)


def film(light: Array, exposure: float = 1.0) -> Array:
    """Tone-map light to display values with a filmic shoulder, as a camera would."""
    x = np.maximum(light, 0) * exposure
    return np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1) ** (1 / 2.2)


def bloom(light: Array, threshold: float, radius: float, amount: float) -> Array:
    """Add the glow that bright spots throw over their surroundings in a lens."""
    bright = np.maximum(light - threshold, 0)
    return light + amount * (blur(bright, radius) + 0.5 * blur(bright, radius * 4))


def vignette(image: Array, amount: float) -> Array:
    """Darken the corners, which holds the eye in the picture."""
    h, w = image.shape[:2]
    x, y = plane((h, w))
    r2 = ((x - w / h / 2) / (w / h / 2)) ** 2 + ((y - 0.5) / 0.5) ** 2
    return image * (1 - amount * smooth(0.3, 2.0, r2))[..., None]


def shrink(image: Array, shape: tuple[int, int]) -> Array:
    """Reduce a supersampled picture to its final size (Lanczos, channel by channel)."""
    h, w = shape
    if image.shape[:2] == (h, w):
        return image
    planes = [
        Image.fromarray(np.ascontiguousarray(image[..., k], dtype=np.float32)).resize((w, h), Image.Resampling.LANCZOS)
        for k in range(image.shape[2])
    ]
    return np.stack([np.asarray(p) for p in planes], -1)


def finish(image: Array, shape: tuple[int, int] | None = None) -> Array:
    """Final 8-bit picture, reduced to `shape` if given."""
    if shape is not None:
        image = shrink(image, shape)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
