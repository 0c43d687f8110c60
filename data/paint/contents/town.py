"""Houses: their walls, windows, roofs and stones, shared by the harbour and the street."""

from __future__ import annotations

import numpy as np

from paint.canvas import Array, linear, smooth
from paint.noise import fbm2, perlin2
from paint.raster import Mesh

(WALL, GABLE, ROOF, STONE, WOOD, HULL, SAIL, AWNING, IRON, LAMP, SIGN) = range(11)
PLASTER = ("c98a44", "b4543a", "d8bc84", "6f8f8a", "a03f36", "c89a6a", "5f80a4", "d0a448", "b06a50", "8f9a6a")
SHUTTER = ("2f5a4a", "3a5a8a", "7a3a2a", "2f4a4a", "5a6a3a")
STOREY = 2.75


def house(mesh: Mesh, x: float, z: float, wide: float, deep: float, tall: float, seed: float) -> None:
    """A house whose gable faces the eye, standing on y = 1."""
    y0, ridge = 1.0, tall + wide * 0.48
    a, b = x, x + wide
    mesh.face([(a, y0, z), (b, y0, z), (b, tall, z), (a, tall, z)], WALL, seed)
    mesh.face([(a, tall, z), (b, tall, z), ((a + b) / 2, ridge, z)], GABLE, seed)
    mesh.face([(b, y0, z), (b, y0, z + deep), (b, tall, z + deep), (b, tall, z)], GABLE, seed)
    mesh.face([(a, y0, z + deep), (a, y0, z), (a, tall, z), (a, tall, z + deep)], GABLE, seed)
    mid, over, drop = (a + b) / 2, 0.22, 0.20
    mesh.face(
        [
            (a - over, tall - drop, z - 0.25),
            (a - over, tall - drop, z + deep),
            (mid, ridge + 0.05, z + deep),
            (mid, ridge + 0.05, z - 0.25),
        ],
        ROOF,
        seed,
    )
    mesh.face(
        [
            (b + over, tall - drop, z + deep),
            (b + over, tall - drop, z - 0.25),
            (mid, ridge + 0.05, z - 0.25),
            (mid, ridge + 0.05, z + deep),
        ],
        ROOF,
        seed,
    )
    cx = a + wide * (0.22 + 0.5 * (seed * 7 % 1))
    mesh.box((cx, tall, z + 2.0), (cx + 0.6, ridge + 0.7, z + 2.6), STONE, seed)


def tint(codes: tuple[str, ...], seed: Array) -> Array:
    """One of the colors for each point, by seed."""
    table = np.stack([linear(c) for c in codes])
    return table[(seed * 997).astype(int) % len(codes)]


def mixed(a: Array, b: Array, t: Array) -> Array:
    """Blend of two colors (n, 3) or (3,), one weight per point."""
    return a + (b - a) * np.clip(t, 0, 1)[:, None]


def plaster(u: Array, v: Array, seed: Array) -> Array:
    """Lime wash: patchy, streaked by rain, worn near the ground."""
    s = seed * 53
    patch = fbm2(u * 0.7 + s, v * 0.7, 4, 200)
    streak = perlin2(u * 3.5 + s, v * 0.35, 205)
    grit = perlin2(u * 14 + s, v * 14, 206)
    tone = 0.92 + 0.20 * patch + 0.10 * streak + 0.07 * grit
    worn = smooth(0.15, 0.55, patch - 0.16 * v + 0.12)
    return mixed(tint(PLASTER, seed) * tone[:, None], linear("a89880") * tone[:, None], 0.55 * worn)


def facade(u: Array, v: Array, seed: Array, width: float | Array = 4.0, lit: float = 0.08) -> tuple[Array, Array]:
    """Color and own glow of a wall with rows of shuttered windows and a door below."""
    base = plaster(u, v, seed)
    glow = np.zeros_like(base)
    pitch = 1.45 + 0.25 * (seed * 31 % 1)
    column, floor = np.floor(u / pitch), np.floor(v / STOREY)
    x, y = u - (column + 0.5) * pitch, v - floor * STOREY
    pick = np.abs(np.sin((column * 12.9 + floor * 78.2 + seed * 437) * 4.37) * 43.7) % 1
    ground = floor < 0.5
    half, low, high = np.where(ground, 0.44, 0.33), np.where(ground, 0.02, 0.75), np.where(ground, 2.25, 2.10)
    inside = (np.abs(x) < half) & (y > low) & (y < high)
    frame = (np.abs(x) < half + 0.10) & (y > low - 0.10) & (y < high + 0.10)
    sill = (np.abs(x) < half + 0.16) & (np.abs(y - low + 0.05) < 0.07)
    shutter = ~ground & (np.abs(x) > half + 0.05) & (np.abs(x) < half + 0.34) & (y > low - 0.04) & (y < high + 0.03)
    out = np.where(frame[:, None], linear("e4dccb"), base)
    out = np.where(sill[:, None], linear("bdb3a0"), out)
    slats = 0.75 + 0.25 * np.sin(y * 70)
    out = np.where(shutter[:, None], tint(SHUTTER, seed * 1.7) * slats[:, None], out)
    # The reveal: the lintel and the left jamb throw a shade on the pane.
    deep = np.where((y > high - 0.22) | (x < -half + 0.10), 0.35, 1.0)
    bars = (np.abs(x) < 0.025) | (np.abs((y - low) % 0.46 - 0.23) > 0.205)
    sky = mixed(linear("141c24"), linear("6f8ea8"), smooth(-0.3, 0.9, perlin2(u * 0.9 + 3 * v, v * 0.8, 210)))
    door = ground & (pick < 0.5)
    panel = tint(SHUTTER, seed * 2.3 + pick) * (0.7 + 0.3 * (np.abs((y % 0.7) - 0.35) < 0.28))[:, None]
    pane = np.where(door[:, None], panel, sky * 0.8)
    pane = np.where((bars & ~door)[:, None], linear("d8d0c0"), pane) * deep[:, None]
    out = np.where(inside[:, None], pane, out)
    shining = inside & ~door & (pick > 1 - lit)
    curtain = 0.6 + 0.4 * np.cos(6 * x) * (1 - 0.4 * np.clip((y - low) / 2, 0, 1))
    warm = np.array([2.6, 1.45, 0.55], np.float32) * (0.55 + 0.7 * (pick * 9 % 1))[:, None]
    glow[shining] = (warm * (curtain * np.where(bars, 0.12, 1.0))[:, None])[shining]
    band = np.abs(v % STOREY - 0.02) < 0.06
    return np.where((band & ~inside & (floor > 0))[:, None], out * 0.82, out).astype(np.float32), glow


def tiles(u: Array, v: Array, seed: Array) -> Array:
    """Pantiles in courses, each of a slightly different fire."""
    row = np.floor(v / 0.26)
    col = np.floor(u / 0.22 + 0.5 * (row % 2))
    each = np.abs(np.sin(row * 12.7 + col * 37.3) * 137.1) % 1
    round_top = 0.70 + 0.30 * np.sin((u / 0.22 + 0.5 * (row % 2)) % 1 * np.pi)
    lip = 1 - 0.5 * smooth(0.80, 1.0, v / 0.26 % 1)
    base = mixed(tint(("8a3f28", "7a4a38", "94502f", "5f5048"), seed * 3.1), linear("c07848"), 0.55 * each)
    moss = smooth(0.1, 0.6, fbm2(u * 0.5, v * 0.5 + seed * 9, 4, 220))
    return mixed(base, linear("5a5a3c"), 0.5 * moss) * (round_top * lip * (0.75 + 0.35 * each))[:, None]


def masonry(u: Array, v: Array, seed: Array, height: float = 0.42) -> Array:
    """Dressed stone blocks, darker and green towards the foot."""
    row = np.floor(v / height)
    shift = 0.37 * (row % 3)
    col = np.floor((u + shift) / 0.85)
    each = np.abs(np.sin(row * 71.3 + col * 19.7 + seed * 7) * 91.7) % 1
    fx, fy = np.abs((u + shift) / 0.85 % 1 - 0.5), np.abs(v / height % 1 - 0.5)
    joint = np.maximum(smooth(0.465, 0.495, fx), smooth(0.43, 0.49, fy))
    tone = 0.6 + 0.35 * each + 0.25 * fbm2(u * 3, v * 3, 4, 230)
    return mixed(linear("5f574c"), linear("b4a890"), tone) * (1 - 0.6 * joint)[:, None]


def planks(u: Array, v: Array, seed: Array) -> Array:
    """Weathered wood."""
    grain = fbm2(u * 0.8 + seed * 20, v * 14, 3, 240)
    return mixed(linear("3a281a"), linear("8f6a44"), 0.5 + 0.6 * grain)
