"""A small harbour in the afternoon: sailing boats at their moorings before a row of quay houses."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from paint.canvas import Array, bloom, blur, film, finish, frame, linear, mix, sample, smooth, vignette
from paint.contents import town
from paint.contents.town import AWNING, GABLE, HULL, IRON, ROOF, SAIL, STONE, WALL, WOOD, mixed
from paint.noise import fbm2, lattice_fbm, perlin2
from paint.raster import Mesh, Seen, Stage

ASPECT = 4 / 3
EYE = np.array([0.0, 3.1, -17.0])
FOCAL, HORIZON = 1.25, 0.54
SUN = np.array([-0.80, 0.52, -0.42])
SUNLIGHT = np.array([3.5, 2.55, 1.55], np.float32)
SKYLIGHT = np.array([0.40, 0.52, 0.72], np.float32)
QUAY = 11.0  # distance (z) of the quay's edge
# Boats: place, length, heading (0 = across the picture), paint, sail share hoisted, seed.
BOATS = (
    (-5.4, -1.6, 5.4, 0.35, 1.0, 0.11),
    (4.6, -0.6, 5.3, -0.5, 0.8, 0.87),
    (-1.0, 3.2, 5.2, 0.1, 1.0, 0.62),
    (8.2, 5.0, 5.4, 0.25, 0.9, 0.83),
    (-9.0, 6.0, 5.2, -0.2, 0.0, 0.47),
    (1.3, -9.8, 2.9, 0.7, -1.0, 0.29),
    (3.9, 8.4, 4.6, 0.0, 0.0, 0.71),
)
HULLS = ("1f3f66", "8c2a22", "f0e8d8", "2a5a48", "c8842c", "30343a", "e8dcc4")


def turned(points: Array, x: float, z: float, heading: float) -> Array:
    """Boat coordinates (x forward) to the world's."""
    c, s = np.cos(heading), np.sin(heading)
    return np.stack(
        [
            x + c * points[..., 0] - s * points[..., 2],
            points[..., 1],
            z + s * points[..., 0] + c * points[..., 2],
        ],
        -1,
    )


def hull(size: float) -> Array:
    """Planked shell as a grid: stations from stern to stem, from one gunwale round the keel to the other."""
    s = np.linspace(0, 1, 15)
    half = 0.165 * size * np.sin(np.pi * (0.20 + 0.80 * s) ** 1.1) ** 0.65 * (s < 0.999)
    sheer = size * (0.105 + 0.10 * (s - 0.4) ** 2 * 1.6)
    around = np.linspace(-1, 1, 11)
    grid = np.zeros((15, 11, 3))
    grid[..., 0] = ((s - 0.5) * size)[:, None] + 0.03 * size * (1 - np.abs(around))[None] * -(s[:, None] - 0.5)
    grid[..., 1] = sheer[:, None] * np.abs(around)[None] ** 1.6 * 1.25 - 0.25 * sheer[:, None]
    grid[..., 2] = half[:, None] * np.sign(around)[None] * np.abs(around)[None] ** 0.55
    return grid


def sail(a: tuple, b: tuple, c: tuple, belly: float) -> Array:
    """A three-cornered sail as a grid that bellies out to one side."""
    a, b, c = (np.array(p, float) for p in (a, b, c))
    t = np.linspace(0, 1, 9)
    grid = np.zeros((9, 9, 3))
    for i, v in enumerate(t):
        left, right = a + (c - a) * v, b + (c - b) * v
        grid[i] = left + (right - left) * t[:, None]
        grid[i, :, 2] += belly * np.sin(np.pi * t) * np.sin(np.pi * min(0.98, v + 0.12)) ** 0.7
    return grid


def boat(mesh: Mesh, ropes: list, place: tuple, number: int) -> None:
    """Hull, deck, cabin, mast, boom, and sails if hoisted; ropes are kept for thin lines later."""
    x, z, size, heading, hoist, seed = place
    shell = hull(size)
    mesh.sheet(turned(shell, x, z, heading), HULL, number + 0.5)
    deck = np.stack([shell[:, 0] * [1, 0.86, 0.96], shell[:, -1] * [1, 0.86, 0.96]], 1)
    mesh.sheet(turned(deck, x, z, heading), WOOD, seed)
    at = lambda *p: tuple(turned(np.array(p, float), x, z, heading))  # noqa: E731
    if hoist < 0:
        for t in (-0.18, 0.12):
            mesh.pole(
                at(t * size, 0.11 * size, -0.14 * size),
                at(t * size, 0.11 * size, 0.14 * size),
                0.09,
                0.09,
                WOOD,
            )
        return
    tall, foot = size * 1.28, size * 0.10
    mesh.pole(at(0.08 * size, foot, 0), at(0.06 * size, tall, 0), 0.075, 0.04, WOOD, seed)
    mesh.pole(at(0.07 * size, 0.26 * size, 0), at(-0.42 * size, 0.25 * size, 0.02 * size), 0.05, 0.04, WOOD, seed)
    cabin = [(-0.14, -0.07), (0.10, -0.06), (0.10, 0.06), (-0.14, 0.07)]
    low, high = (
        [at(a * size, 0.09 * size, b * size) for a, b in cabin],
        [at(a * size, 0.175 * size, b * size) for a, b in cabin],
    )
    for k in range(4):
        j = (k + 1) % 4
        mesh.face([low[k], low[j], high[j], high[k]], HULL, 2.5)
    mesh.face(high, WOOD, seed)
    if hoist > 0:
        main = sail(
            (0.055 * size, 0.27 * size, 0),
            (-0.41 * size, 0.27 * size, 0.02),
            (0.06 * size, tall * 0.97, 0),
            0.09 * size,
        )
        fore = sail(
            (0.47 * size, 0.17 * size, 0),
            (0.12 * size, 0.20 * size, 0.05),
            (0.07 * size, tall * 0.86, 0),
            0.07 * size,
        )
        mesh.sheet(turned(main, x, z, heading), SAIL, seed)
        mesh.sheet(turned(fore, x, z, heading), SAIL, seed)
    else:
        mesh.pole(
            at(0.05 * size, 0.285 * size, 0),
            at(-0.40 * size, 0.275 * size, 0.02 * size),
            0.11,
            0.07,
            SAIL,
            seed,
        )
    top = at(0.06 * size, tall * 0.98, 0)
    for end in ((0.49, 0.15, 0), (-0.48, 0.14, 0), (0.02, 0.12, 0.15), (0.02, 0.12, -0.15)):
        ropes.append((top, at(*(size * e for e in end))))


def build() -> tuple[Mesh, list]:
    """The whole harbour."""
    mesh, ropes = Mesh(), []
    mesh.box((-40, -1, QUAY), (40, 1.0, 40), STONE, 0.3)
    rng = np.random.default_rng(14)
    x, k = -19.5, 0
    while x < 19:
        wide = rng.uniform(3.4, 5.0)
        town.house(mesh, x, QUAY + 3.6 + rng.uniform(0, 0.5), wide, 7.0, rng.uniform(6.6, 10.2), float(rng.random()))
        if k % 3 == 1:
            y, z = 3.55, QUAY + 3.6
            mesh.face(
                [
                    (x + 0.4, y - 0.55, z - 1.3),
                    (x + wide - 0.4, y - 0.55, z - 1.3),
                    (x + wide - 0.4, y, z),
                    (x + 0.4, y, z),
                ],
                AWNING,
                float(k),
            )
        x, k = x + wide + 0.04, k + 1
    mesh.box((4.4, 1, 24), (7.6, 16.5, 27), STONE, 0.8)
    tip = (6.0, 23.0, 25.5)
    base = [(4.1, 16.5, 23.7), (7.9, 16.5, 23.7), (7.9, 16.5, 27.3), (4.1, 16.5, 27.3)]
    for i in range(4):
        mesh.face([base[i], base[(i + 1) % 4], tip], ROOF, 0.55)
    for px in np.arange(-15, 16, 3.1):
        mesh.pole((px, 1.0, QUAY + 0.5), (px, 1.55, QUAY + 0.5), 0.14, 0.17, IRON)
    for _ in range(26):
        px, pz, s = rng.uniform(-15, 15), QUAY + rng.uniform(0.9, 2.4), rng.uniform(0.35, 0.7)
        mesh.box((px, 1, pz), (px + s * 1.3, 1 + s, pz + s), WOOD, float(rng.random()))
    for px in (-12.5, -3.2, 6.4, 12.0):
        mesh.pole((px, -1, QUAY - 0.5), (px, 1.9, QUAY - 0.5), 0.16, 0.14, WOOD, 0.4)
    for number, place in enumerate(BOATS):
        boat(mesh, ropes, place, number)
    return mesh, ropes


def albedo(seen: Seen) -> Array:
    """Color of every visible point."""
    u, v, seed, p = seen.u, seen.v, seen.seed, seen.position
    paint_of = np.stack([linear(c) for c in HULLS])
    y = p[:, 1]
    strake = 1 - 0.25 * smooth(0.42, 0.5, np.abs(y / 0.19 % 1 - 0.5))
    hull_color = paint_of[seed.astype(int) % len(HULLS)] * strake[:, None]
    hull_color = mixed(hull_color, linear("7a2418"), smooth(0.16, 0.13, y))
    hull_color = mixed(hull_color, linear("efe6d0"), smooth(0.03, 0.02, np.abs(y - 0.20)))
    hull_color = hull_color * (0.88 + 0.2 * fbm2(p[:, 0] * 2, y * 5 + p[:, 2], 3, 300))[:, None]
    seam = smooth(0.46, 0.49, np.abs((y * 1.6 + p[:, 0] * 0.25) % 1 - 0.5))
    tan = np.where((seed > 0.6)[:, None], linear("c8683c"), linear("efe2c4"))
    cloth = tan * (0.93 + 0.10 * fbm2(p[:, 0] * 1.5, y * 1.5, 3, 310) - 0.22 * seam)[:, None]
    stripes = np.where((np.sin(u * 9) > 0)[:, None], linear("f0e6d0"), linear("b83a2c"))
    top = mixed(linear("776c5c"), linear("a89c88"), 0.5 + fbm2(p[:, 0] * 2, p[:, 2] * 2, 3, 320))
    stone = np.where((seen.normal[:, 1] > 0.7)[:, None], top, town.masonry(u, v, seed))
    weed = smooth(0.55, 0.0, y + 0.15 * perlin2(p[:, 0] * 2, y * 2, 330))
    stone = mixed(stone, linear("2c3420"), 0.85 * weed)
    looks = {
        WALL: town.facade(u, v, seed)[0],
        GABLE: town.plaster(u, v, seed),
        ROOF: town.tiles(u, v, seed),
        STONE: stone,
        WOOD: town.planks(u, v, seed),
        HULL: hull_color,
        SAIL: cloth,
        AWNING: stripes,
    }
    out = np.tile(linear("1c1c1e"), (len(u), 1))
    for material, color in looks.items():
        out = np.where((seen.material == material)[:, None], color, out)
    return out


def shade(stage: Stage, seen: Seen) -> Array:
    """Light of the visible things: sun with shadows, sky, glow through the sails, haze."""
    facing = seen.normal @ stage.sun
    lit = stage.sunlit(seen.position, seen.normal)
    cloth = seen.material == SAIL
    sun = np.where(cloth, np.abs(facing) * np.where(facing > 0, 1.0, 0.62), np.clip(facing, 0, 1))
    sun = sun * np.where(cloth, 0.45 + 0.55 * lit, lit)
    y = seen.position[:, 1]
    low = 0.62 + 0.38 * smooth(0.0, 5.0, y)
    sky = (0.60 + 0.40 * seen.normal[:, 1]) * low
    bounce = np.clip(0.4 - 0.5 * seen.normal[:, 1], 0, 1) * smooth(4.0, 0.0, y)
    light = albedo(seen) * (
        sun[:, None] * SUNLIGHT + sky[:, None] * SKYLIGHT + bounce[:, None] * np.array([0.30, 0.30, 0.26])
    )
    haze = 1 - np.exp(-np.maximum(seen.position[:, 2] + 5, 0) * 0.0052)
    return mixed(light, np.array([0.75, 0.72, 0.70]), haze)


def heaven(stage: Stage, shape: tuple[int, int], mirrored: bool) -> Array:
    """Afternoon sky with heaped clouds, and a hill behind the town."""
    ray = stage.rays(shape)
    up = ray[..., 1] * (-1 if mirrored else 1)
    side = ray[..., 0]
    t = np.clip(up / 0.45, 0, 1)[..., None]
    base = mix(np.array([0.95, 0.80, 0.62]), np.array([0.17, 0.36, 0.72]), t**0.65)
    u, v = side * 3.0 + 1.7, up * 5.2
    body = fbm2(u * 0.8, v, 6, 340, 0.53)
    above = fbm2(u * 0.8 - 0.10, v + 0.16, 5, 340, 0.53)
    cover = smooth(-0.02, 0.30, body - 0.30 * (up - 0.16))
    lit = np.clip(0.62 + 0.9 * (body - above), 0, 1)
    cloud = mix(np.array([0.46, 0.48, 0.58]), np.array([1.55, 1.34, 1.08]), lit)
    base = mix(base, cloud, cover * 0.92)
    crest = 0.155 + 0.05 * np.sin(side * 4 + 1) + 0.02 * fbm2(side * 5, side * 0, 4, 350)
    trees = fbm2(side * 30, up * 46, 4, 355)
    hill = mix(np.array([0.20, 0.27, 0.27]), np.array([0.42, 0.45, 0.36]), np.clip(0.5 + 0.7 * trees, 0, 1))
    return mix(base, hill, smooth(0.0, 0.004, crest + 0.004 * trees - up)).astype(np.float32)


def rigging(light: Array, stage: Stage, ropes: list, mirrored: bool) -> Array:
    """Stays and shrouds as thin dark lines; they are nearer than anything behind them."""
    h, w = light.shape[:2]
    sheet = Image.new("L", (w * 2, h * 2), 0)
    pen = ImageDraw.Draw(sheet)
    for a, b in ropes:
        ends = stage.project(np.array([a, b]) * [1, -1 if mirrored else 1, 1], (h * 2, w * 2))
        pen.line([tuple(ends[0, :2]), tuple(ends[1, :2])], fill=190, width=max(1, round(h / 500)))
    mask = np.asarray(sheet.resize((w, h), Image.Resampling.BOX), np.float32) / 255
    return mix(light, np.array([0.05, 0.045, 0.04], np.float32), mask * 0.8)


def view(stage: Stage, ropes: list, shape: tuple[int, int], mirrored: bool) -> tuple[Array, Array]:
    """Light of everything but the water, and where things stand."""
    seen = stage.see(shape, mirrored)
    light = heaven(stage, shape, mirrored)
    light[seen.hit] = shade(stage, seen)
    return rigging(light, stage, ropes, mirrored), seen.hit


def water(stage: Stage, light: Array, hit: Array, mirror: Array) -> Array:
    """Ripples: each row of wavelets bends the look-up into the mirrored view."""
    h, w = hit.shape
    ray = stage.rays((h, w))
    on = ~hit & (ray[..., 1] < -0.002)
    away = -EYE[1] / ray[..., 1][on]
    x, z = ray[..., 0][on] * away, away + EYE[2]
    # Waves finer than a pixel are left out, or they would turn to noise in the distance.
    fine = np.clip(14 / away, 0, 1)
    tilt = 0.55 * fbm2(x * 0.55, z * 1.25, 2, 360) + 0.75 * fine * fbm2(x * 1.6, z * 3.4, 2, 365)
    tilt += 0.5 * fine**2 * perlin2(x * 5, z * 9, 370)
    side = fbm2(x * 0.9 + 9, z * 1.4, 3, 375)
    py, px = np.nonzero(on)
    k = mirror.shape[0] / h
    steep = np.clip(20 / away, 0.25, 2.2)
    seen = sample(mirror, (px + 0.010 * h * side * steep) * k, (py + (0.034 * tilt + 0.004) * h * steep) * k)
    slant = np.clip(-ray[..., 1][on] / np.sqrt(1 + ray[..., 1][on] ** 2) + 0.10 * tilt, 0.02, 1)
    fresnel = 0.10 + 0.88 * (1 - slant) ** 4.2
    deep = mixed(linear("0e3238"), linear("1f5a58"), 0.5 + 0.5 * tilt)
    out = light.copy()
    glitter = smooth(0.75, 1.15, tilt + 0.4 * side) * fine
    out[on] = mixed(deep, seen * 0.94, fresnel) + glitter[:, None] * np.array([0.30, 0.26, 0.20])
    return out


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    big, half = frame(round(long_side * 1.6), ASPECT), frame(long_side, ASPECT)
    mesh, ropes = build()
    stage = Stage(mesh, SUN, EYE, FOCAL, HORIZON, (np.array([0, 4, 8.0]), 27.0))
    light, hit = view(stage, ropes, big, False)
    mirror, _ = view(stage, ropes, half, True)
    light = water(stage, light, hit, blur(mirror, 0.6))
    light = bloom(light, 1.1, big[0] * 0.006, 0.2)
    graded = film(light, 0.78) + 0.010 * lattice_fbm(big, big[1] / 2, 2, 5)[..., None]
    return finish(vignette(graded, 0.25), shape)
