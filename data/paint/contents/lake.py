"""A mountain lake at dusk: ridges receding in haze, the last sun on the rock, its mirror in the water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paint.canvas import Array, bloom, blur, film, finish, frame, linear, mix, plane, sample, smooth, vignette
from paint.contents.pines import forest, framing_pines
from paint.noise import fbm2, lattice_fbm, perlin2

ASPECT = 3 / 2
HORIZON = 0.60  # height of the eye's level on the picture, from the top
FOCAL = 1.22  # in picture heights: a moderate wide angle
EYE = 0.012  # km above the water
FAR = 26.0  # km, where the terrain ends in haze
SUN = np.array([-0.80, 0.30, -0.52]) / np.linalg.norm([-0.80, 0.30, -0.52])
SUNLIGHT = np.array([3.6, 1.75, 0.78], np.float32)
SKYLIGHT = np.array([0.25, 0.33, 0.55], np.float32)
MAP_SIZE = 600  # cells of the coarse height map that casts the shadows


@dataclass
class Land:
    """What each pixel above the water sees: distance (0 where sky), position and slope."""

    distance: Array
    x: Array
    z: Array
    height: Array


def ridges(x: Array, z: Array, octaves: int) -> Array:
    """Ridged fractal: sharp crests whose flanks roughen only where they already rise."""
    wx = x + 0.35 * perlin2(x * 0.5 + 3, z * 0.5, 40)
    wz = z + 0.35 * perlin2(x * 0.5, z * 0.5 + 7, 41)
    total, amplitude, previous = np.zeros_like(x), 0.55, np.ones_like(x)
    for k in range(octaves):
        f = 0.36 * 2.03**k
        fold = np.abs(perlin2(wx * f + 5.2 * k, wz * f + 1.7 * k, 50 + k))
        crest = np.clip(1 - fold, 0, 1) ** 1.7
        total += amplitude * crest * previous
        previous = np.clip(crest * 1.25, 0, 1)
        amplitude *= 0.5
    return total


def ground(x: Array, z: Array, octaves: int = 9) -> Array:
    """Height of the land in km; below 0 is lake bed."""
    bay = 0.22 * perlin2(x * 1.1, z * 1.1, 31) + 0.10 * perlin2(x * 3.4, z * 3.4, 32)
    shore = np.hypot((x - 0.25) / (1.35 + 0.10 * z), (z - 1.2) / 2.3) - 1 + bay
    rise = smooth(-0.05, 1.5, shore) * (1 + 0.5 * smooth(3, 14, z))
    # A valley is kept open in the middle so that the far ranges and the glow behind are seen.
    gap = 1 - 0.62 * np.exp(-(((x - 0.35 - 0.06 * z) / (0.7 + 0.10 * z)) ** 2))
    return 0.05 * shore + rise * gap * (1.85 * ridges(x, z, octaves) - 0.22)


def look(shape: tuple[int, int]) -> Land:
    """Find where each pixel's ray meets the land.

    Along one picture column the terrain is a profile; the running maximum of its elevation angle tells
    which sample first covers each pixel, so a sorted search replaces marching.
    """
    h, w = shape
    columns = ((np.arange(w, dtype=np.float32) + 0.5) - w / 2) / h / FOCAL
    depth = np.geomspace(0.5, FAR, 700).astype(np.float32)
    height = ground(columns[:, None] * depth, np.broadcast_to(depth, (w, depth.size)))
    height = np.maximum(height, 0)
    slope = (height - EYE) / depth
    top = np.maximum.accumulate(slope, axis=1)
    rows = (HORIZON - (np.arange(h, dtype=np.float32) + 0.5) / h) / FOCAL
    hit = np.stack([np.searchsorted(top[c], rows) for c in range(w)], 1)
    known = hit < depth.size
    behind = np.minimum(hit, depth.size - 1)
    before = np.maximum(behind - 1, 0)
    column = np.broadcast_to(np.arange(w), (h, w))
    a, b = top[column, before], slope[column, behind]
    t = np.clip((rows[:, None] - a) / np.maximum(b - a, 1e-6), 0, 1)
    z = depth[before] + t * (depth[behind] - depth[before])
    z = np.where(known, z, 0)
    return Land(z, columns * z, z, rows[:, None] * z + EYE)


def shadows(land: Land, on: Array) -> Array:
    """Share of the sun that reaches each land pixel, by walking a coarse height map towards it."""
    gx = np.linspace(-14, 14, MAP_SIZE, dtype=np.float32)
    gz = np.linspace(-1, FAR + 1, MAP_SIZE, dtype=np.float32)
    coarse = ground(*np.meshgrid(gx, gz), octaves=6)
    light = np.ones(on.sum(), np.float32)
    x, y, z = land.x[on], land.height[on], land.z[on]
    for step in np.geomspace(0.06, 7.0, 26):
        px, pz = x + SUN[0] * step, z + SUN[2] * step
        there = sample(coarse, (px + 14) / 28 * (MAP_SIZE - 1), (pz + 1) / (FAR + 2) * (MAP_SIZE - 1))
        clear = (y + SUN[1] * step - there) / (0.05 * step + 0.01)
        light = np.minimum(light, smooth(-1.0, 1.0, clear))
    return light


def rock_and_snow(land: Land, on: Array) -> tuple[Array, Array]:
    """Albedo and normal of each land pixel: cliffs, scree, snow where it can lie, forest below."""
    x, z, y = land.x[on], land.z[on], land.height[on]
    e = 0.0012 * z + 0.002
    here = ground(x, z, 10)
    normal = np.stack([here - ground(x + e, z, 10), e, here - ground(x, z + e, 10)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    flat = normal[:, 1]
    grain = fbm2(x * 9, z * 9 + y * 25, 4, 70)
    strata = fbm2(x * 1.5, y * 26 + 0.8 * x, 3, 75)
    rock = mix(linear("5a5048"), linear("a08e7c"), np.clip(0.45 + 0.45 * strata + 0.3 * grain, 0, 1)[:, None])
    snow = smooth(0.42, 0.66, flat + 0.50 * (y - 1.15) + 0.12 * grain)
    wood = smooth(0.62, 0.30, y + 0.13 * grain) * smooth(0.25, 0.5, flat)
    leaf = mix(linear("1c2a1c"), linear("4a5230"), np.clip(0.4 + 0.5 * grain, 0, 1)[:, None])
    albedo = mix(mix(rock, leaf, wood[:, None]), linear("eef0f2"), (snow * (1 - wood))[:, None])
    return albedo, normal


def shade(land: Land) -> Array:
    """Light that comes from the land, before the air in between."""
    on = land.distance > 0
    albedo, normal = rock_and_snow(land, on)
    sun = np.clip(normal @ SUN.astype(np.float32), 0, 1) * shadows(land, on)
    # The sun is nearly down: the valley floor already lies in the shade of what stands behind the eye.
    sun *= smooth(0.10, 0.62, land.height[on] + 0.10 * perlin2(land.x[on] * 1.3, land.z[on] * 1.3, 60))
    sky = 0.55 + 0.45 * normal[:, 1]
    light = np.zeros((*on.shape, 3), np.float32)
    light[on] = albedo * (sun[:, None] * SUNLIGHT + sky[:, None] * SKYLIGHT)
    return light


def sky(shape: tuple[int, int]) -> Array:
    """Evening sky: blue above, peach towards the gap, banks of cloud lit from below."""
    x, y = plane(shape)
    up = np.clip((HORIZON - y) / HORIZON, 0, 1)
    side = (x - ASPECT * 0.60) / ASPECT
    glow = np.exp(-((side / 0.36) ** 2)) * np.exp(-((up / 0.42) ** 2))
    stops = [0, 0.18, 0.40, 0.7, 1.0]
    tones = np.stack([linear(c) for c in ("f3b27c", "e7a38c", "a99bb4", "5d7cae", "35558f")])
    base = np.stack([np.interp(up, stops, tones[:, k]) for k in range(3)], -1)
    base = base + glow[..., None] * np.array([0.75, 0.36, 0.10])
    # Clouds lie on a level sheet overhead: perspective flattens them towards the horizon.
    reach = 1 / (up + 0.16)
    u, v = side * reach * 2.3, reach * 1.9
    body = fbm2(u * 0.8 + 2.0, v * 1.7, 6, 90, 0.55)
    below = fbm2(u * 0.8 + 2.0, v * 1.7 + 0.16, 4, 90, 0.55)
    cover = smooth(-0.02, 0.55, body) * smooth(0.0, 0.2, up)
    lit = np.clip(0.5 + 1.1 * (body - below), 0, 1)
    tint = mix(linear("6f6a86"), np.array([1.25, 0.66, 0.44]), lit)
    return mix(base, tint, 0.85 * cover).astype(np.float32)


def air(light: Array, land: Land, heaven: Array) -> Array:
    """Haze between the eye and the land: thick in the valley, warm towards the glow."""
    thick = 1 - np.exp(
        -land.distance * 0.105 * np.exp(-np.maximum(land.height, 0) * 0.75) * smooth(0.5, 5.0, land.distance)
    )
    mist = 0.50 * np.exp(-np.maximum(land.height, 0) * 16) * smooth(2.6, 6.5, land.distance)
    veil = blur(heaven, heaven.shape[0] * 0.05) * 0.72 + np.array([0.02, 0.03, 0.06])
    hazy = mix(light, veil.astype(np.float32), np.clip(thick + mist, 0, 0.97))
    return np.where((land.distance > 0)[..., None], hazy, heaven)


def water(scene: Array) -> Array:
    """Fill the lower part with the scene's mirror image, broken by ripples that grow towards the eye."""
    h, w = scene.shape[:2]
    rows = np.arange(int(HORIZON * h), h)
    y, x = np.mgrid[rows[0] : h, 0:w].astype(np.float32)
    below = (y - HORIZON * h) / h
    away = 1 / (below + 0.012)
    u, v = (x / h - ASPECT / 2) * away, away
    swell = fbm2(u * 3.0, v * 9.0, 3, 120) + 0.7 * fbm2(u * 9, v * 2.2, 2, 125)
    breeze = smooth(0.0, 0.7, fbm2(u * 0.25 + 4, v * 0.55, 3, 130))
    force = (0.25 + 0.9 * breeze) * smooth(0, 0.05, below)
    mirror_y = HORIZON * h - below * h * 1.06 + swell * force * h * 0.030 * (0.25 + below * 2)
    image = sample(scene, x + swell * force * h * 0.005, np.clip(mirror_y, 0, HORIZON * h - 1.5))
    fresnel = 0.93 - 0.95 * below
    deep = linear("0d2530") * (0.8 + 0.25 * swell[..., None])
    lake = mix(deep, image, fresnel) * np.array([0.93, 0.97, 1.0])
    lake += (breeze * 0.05 * smooth(0.0, 0.1, below))[..., None] * linear("c4b4c8")
    out = scene.copy()
    out[rows[0] :] = lake
    return out


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    big = frame(round(long_side * 1.3), ASPECT)
    land, heaven = look(big), sky(big)
    land.distance[int(HORIZON * big[0]) :] = 0
    scene = air(shade(land), land, heaven)
    scene = forest(scene, land.distance, land.height, FOCAL)
    scene = water(scene)
    scene = bloom(scene, 1.0, big[0] * 0.008, 0.35)
    scene = framing_pines(scene, HORIZON)
    graded = film(scene, 0.95) + 0.012 * lattice_fbm(big, big[1] / 2, 2, 5)[..., None]
    return finish(vignette(graded, 0.28), shape)
