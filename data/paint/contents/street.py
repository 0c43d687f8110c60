"""An old street after rain at nightfall: lit windows, lamps, and their light on wet cobbles."""

from __future__ import annotations

import numpy as np

from paint.canvas import Array, bloom, blur, film, finish, frame, linear, mix, sample, smooth, vignette
from paint.contents import town
from paint.contents.town import AWNING, GABLE, IRON, LAMP, ROOF, SIGN, STONE, WALL, mixed
from paint.noise import fbm2, perlin2, worley
from paint.raster import Mesh, Seen, Stage

ASPECT = 2 / 3
EYE = np.array([0.35, 1.75, 0.0])
FOCAL, HORIZON = 0.92, 0.60
SUN = np.array([0.15, 0.75, 0.62])
HALF = 3.3
SKYLIGHT = np.array([0.10, 0.135, 0.23], np.float32)
DUSK = np.array([0.30, 0.25, 0.30], np.float32)
LAMPLIGHT = np.array([3.4, 1.75, 0.62], np.float32)
LAMPS = ((-2.55, 3.55, 6.3), (2.55, 3.6, 10.6), (-2.55, 3.55, 16.5), (2.55, 3.6, 23.5), (-2.5, 3.55, 32.0))
# Walkers: place (x, z), height, umbrella's color code.
WALKERS = ((-0.75, 8.6, 1.74, 0), (0.95, 13.5, 1.70, 1), (1.45, 13.9, 1.62, 2), (-1.2, 21.0, 1.75, 1))
UMBRELLAS = ("8c1f1c", "20262e", "2c4a6a")
CLOTH = 11


def row(mesh: Mesh, side: int, rng: np.random.Generator) -> None:
    """One side of the street: house after house, each with a cornice, a roof and perhaps a shop."""
    z, k = 2.2, 0
    while z < 46:
        wide, tall = rng.uniform(4.2, 6.4), rng.uniform(7.6, 12.4)
        x = side * (HALF + rng.uniform(-0.12, 0.22))
        out, seed = x + side * 6, float(rng.random())
        mesh.face([(x, 0, z), (x, 0, z + wide), (x, tall, z + wide), (x, tall, z)], WALL, seed)
        mesh.face([(x, 0, z), (out, 0, z), (out, tall + 4, z), (x, tall, z)], GABLE, seed)
        low, high = sorted((x - side * 0.32, x + side * 0.1))
        mesh.box((low, tall - 0.12, z), (high, tall + 0.10, z + wide), STONE, seed)
        mesh.face(
            [
                (x - side * 0.3, tall + 0.1, z),
                (x - side * 0.3, tall + 0.1, z + wide),
                (out, tall + 5, z + wide),
                (out, tall + 5, z),
            ],
            ROOF,
            seed,
        )
        low, high = sorted((x - side * 0.10, x + side * 0.1))
        mesh.box((low, 0, z), (high, 0.55, z + wide), STONE, seed)
        if (k + (side > 0)) % 2 == 0:
            mesh.face(
                [
                    (x - side * 1.25, 2.45, z + 0.5),
                    (x - side * 1.25, 2.45, z + wide - 0.5),
                    (x, 3.05, z + wide - 0.5),
                    (x, 3.05, z + 0.5),
                ],
                AWNING,
                seed,
            )
        elif z > 4:
            sign = z + 0.6
            mesh.face(
                [
                    (x - side * 0.2, 3.0, sign),
                    (x - side * 1.05, 3.0, sign),
                    (x - side * 1.05, 3.75, sign),
                    (x - side * 0.2, 3.75, sign),
                ],
                SIGN,
                seed,
            )
            mesh.pole((x, 3.85, sign), (x - side * 1.15, 3.85, sign), 0.025, 0.025, IRON)
        z, k = z + wide, k + 1


def lamp(mesh: Mesh, x: float, y: float, z: float) -> None:
    """A lantern on a wall bracket."""
    side = np.sign(x)
    mesh.pole((side * HALF, y + 0.1, z), (x, y + 0.42, z), 0.03, 0.03, IRON)
    mesh.pole((x, y - 0.22, z), (x, y + 0.18, z), 0.11, 0.17, LAMP)
    mesh.pole((x, y + 0.18, z), (x, y + 0.38, z), 0.22, 0.02, IRON)


def walker(mesh: Mesh, x: float, z: float, tall: float, color: int) -> None:
    """A passer-by in a long coat under an umbrella, seen from behind."""
    for foot in (-0.09, 0.10):
        mesh.pole((x + foot, 0, z + foot), (x + foot * 0.8, tall * 0.48, z), 0.055, 0.085, CLOTH, 3.5)
    mesh.pole((x, tall * 0.26, z), (x, tall * 0.60, z), 0.25, 0.16, CLOTH, 4.5)
    mesh.pole((x, tall * 0.60, z), (x, tall * 0.83, z), 0.17, 0.21, CLOTH, 4.5)
    mesh.pole((x, tall * 0.83, z), (x, tall * 0.86, z), 0.20, 0.07, CLOTH, 4.5)
    mesh.pole((x, tall * 0.86, z), (x, tall * 0.99, z), 0.09, 0.085, CLOTH, 3.5)
    mesh.pole((x + 0.16, tall * 0.7, z), (x + 0.13, tall * 1.26, z), 0.012, 0.012, IRON)
    turn, t = np.linspace(0, 2 * np.pi, 9), np.array([0.02, 0.4, 0.75, 1.0])
    grid = np.stack(
        [
            x + 0.1 + 0.62 * t[:, None] * np.cos(turn),
            tall * 1.28 - 0.26 * t[:, None] ** 2 + 0 * turn,
            z + 0.62 * t[:, None] * np.sin(turn),
        ],
        -1,
    )
    mesh.sheet(grid, CLOTH, color + 0.5)


def build() -> Mesh:
    """The street and the church at its end."""
    mesh, rng = Mesh(), np.random.default_rng(27)
    row(mesh, -1, rng)
    row(mesh, 1, rng)
    mesh.box((-9, 0, 56), (9, 9.0, 70), STONE, 0.2)
    mesh.face([(-9, 9, 56), (9, 9, 56), (0, 15, 58)], ROOF, 0.2)
    mesh.box((-2.6, 0, 54), (2.0, 19.0, 58.5), STONE, 0.6)
    base = [(-2.9, 19, 53.7), (2.3, 19, 53.7), (2.3, 19, 58.8), (-2.9, 19, 58.8)]
    for i in range(4):
        mesh.face([base[i], base[(i + 1) % 4], (-0.3, 31, 56)], ROOF, 0.7)
    for place in LAMPS:
        lamp(mesh, *place)
    for place in WALKERS:
        walker(mesh, *place)
    return mesh


def lamps_on(position: Array, normal: Array) -> Array:
    """Light of all the lanterns, falling off with distance."""
    total = np.zeros_like(position)
    for place in LAMPS:
        d = np.asarray(place, np.float32) - position
        r2 = (d * d).sum(1)
        facing = np.clip(0.25 + 0.75 * np.einsum("ij,ij->i", d, normal) / np.sqrt(r2 + 1e-6), 0, 1)
        total += (facing / (0.35 + r2))[:, None] * LAMPLIGHT * 2.6
    return total


def shade(stage: Stage, seen: Seen) -> Array:
    """Light of walls, roofs, walkers: dusk from the sky, lamps, and what shines by itself."""
    u, v, seed, p = seen.u, seen.v, seen.seed, seen.position
    wall, glow = town.facade(u, v, seed, lit=0.42)
    stripes = np.where((np.sin(u * 10) > 0)[:, None], linear("e8dcc0"), town.tint(("8c2a22", "2f5a4a", "3a4a7a"), seed))
    coats = np.stack([linear(c) for c in (*UMBRELLAS, "15171b", "2a241e")])
    board = mixed(
        linear("2a1c12"),
        linear("c89a3c"),
        smooth(0.02, 0.05, np.abs(np.hypot(u - 0.42, v - 0.37) - 0.24)) * -1 + 1,
    )
    looks = {
        WALL: wall,
        GABLE: town.plaster(u, v, seed),
        ROOF: town.tiles(u, v, seed) * 0.7,
        STONE: town.masonry(u, v, seed),
        AWNING: stripes,
        SIGN: board,
        CLOTH: coats[seed.astype(int) % 5],
    }
    color = np.tile(linear("141416"), (len(u), 1))
    for material, look in looks.items():
        color = np.where((seen.material == material)[:, None], look, color)
    lit = stage.sunlit(p, seen.normal)
    sky = (0.55 + 0.45 * seen.normal[:, 1]) * (0.35 + 0.65 * smooth(0, 11, p[:, 1]))
    dusk = np.clip(seen.normal @ stage.sun, 0, 1) * lit
    light = color * (sky[:, None] * SKYLIGHT * 2.0 + dusk[:, None] * DUSK + lamps_on(p, seen.normal))
    light = light + glow * (seen.material == WALL)[:, None] * 1.15
    light[seen.material == LAMP] = LAMPLIGHT * 3.2
    return veil(light, p[:, 2])


def veil(light: Array, away: Array) -> Array:
    """Damp air: it takes the color of the dusk, a little warmed by the lamps."""
    return mixed(light, np.array([0.30, 0.235, 0.26], np.float32), 1 - np.exp(-away * 0.0115))


def heaven(stage: Stage, shape: tuple[int, int], mirrored: bool) -> Array:
    """The last light behind the church, torn clouds above."""
    ray = stage.rays(shape)
    up = np.clip(ray[..., 1] * (-1 if mirrored else 1), 0, 1)
    stops = [0.0, 0.14, 0.3, 0.5, 0.75]
    tones = np.array(
        [[1.0, 0.50, 0.22], [0.92, 0.44, 0.28], [0.44, 0.31, 0.40], [0.16, 0.21, 0.40], [0.06, 0.10, 0.24]]
    )
    base = np.stack([np.interp(up, stops, tones[:, k]) for k in range(3)], -1)
    u, v = ray[..., 0] * 3.2 + 2, up * 7
    body = fbm2(u, v, 6, 400, 0.55)
    lit = np.clip(0.5 + 1.2 * (body - fbm2(u, v - 0.2, 5, 400, 0.55)), 0, 1)
    cloud = mix(np.array([0.10, 0.11, 0.18]), np.array([0.95, 0.46, 0.32]), lit * smooth(0.62, 0.1, up))
    return mix(base, cloud, 0.8 * smooth(0.0, 0.5, body)).astype(np.float32)


def view(stage: Stage, shape: tuple[int, int], mirrored: bool) -> tuple[Array, Array]:
    """Light of everything but the ground, and where things stand."""
    seen = stage.see(shape, mirrored)
    light = heaven(stage, shape, mirrored)
    light[seen.hit] = shade(stage, seen)
    return light, seen.hit


def ground(stage: Stage, light: Array, hit: Array, mirror: Array) -> Array:
    """Cobbles, rounded and wet: each stone bends the mirrored street, puddles show it plainly."""
    h, w = hit.shape
    ray = stage.rays((h, w))
    on = ~hit & (ray[..., 1] < -0.004)
    away = -EYE[1] / ray[..., 1][on]
    x, z = ray[..., 0][on] * away + EYE[0], away
    # Setts lie in bowed courses across the street.
    course = (z + 0.10 * x * x) * 4.6
    across = x * 4.9 + 0.5 * (np.floor(course) % 2)
    first, second, each = worley(across, course, 410, 0.38)
    gap = smooth(0.02, 0.16, second - first)
    fade = np.clip(9 / away, 0.06, 1)
    dome = np.clip(1 - first * 1.5, 0, 1)
    bump_x = np.sin((across % 1 - 0.5) * 3) * fade
    bump_z = np.sin((course % 1 - 0.5) * 3) * fade
    puddle = smooth(0.12, 0.42, fbm2(x * 0.55 + 3, z * 0.42, 4, 420) - 0.10 * np.abs(np.abs(x) - 1.4))
    rough = (1 - 0.9 * puddle) * 0.9
    grit = perlin2(x * 60, z * 60, 430) * fade
    py, px = np.nonzero(on)
    k = mirror.shape[0] / h
    bend = h * 0.035 * np.clip(7 / away, 0.25, 2.0)
    shiny = sample(mirror, (px + bend * 0.35 * bump_x * rough) * k, (py + bend * (bump_z + 0.25 * grit) * rough) * k)
    normal = np.stack([-0.5 * bump_x * rough, np.ones_like(x), -0.5 * bump_z * rough], -1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    p = np.stack([x, np.zeros_like(x), z], -1).astype(np.float32)
    stone = (
        mixed(linear("2c2a2c"), linear("6f675f"), 0.25 + 0.6 * each + 0.15 * grit)
        * (0.25 + 0.75 * gap * (0.4 + 0.6 * dome))[:, None]
    )
    matt = stone * (lamps_on(p, normal) * 0.9 + SKYLIGHT * 1.6)
    slant = np.clip(-ray[..., 1][on], 0.02, 1)
    wet = (0.05 + 0.80 * (1 - slant) ** 3.0) * (0.30 + 0.70 * np.maximum(gap * (0.5 + 0.5 * dome), puddle))
    out = light.copy()
    out[on] = veil(mixed(matt, shiny, wet), away * 0.6)
    return out


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    big = frame(round(long_side * 1.4), ASPECT)
    stage = Stage(build(), SUN, EYE, FOCAL, HORIZON, (np.array([0, 5, 26.0]), 36.0), 1200)
    light, hit = view(stage, big, False)
    mirror, _ = view(stage, shape, True)
    light = ground(stage, light, hit, blur(mirror, shape[0] * 0.0022))
    light = bloom(light, 0.85, big[0] * 0.007, 0.5)
    return finish(vignette(film(light, 1.25), 0.30), shape)
