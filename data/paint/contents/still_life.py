"""Fruit, a jug and a bottle on a wooden table by a window: round things in one raking light."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from paint import march
from paint.canvas import Array, bloom, film, finish, frame, linear, smooth, vignette
from paint.march import vector
from paint.noise import fbm2, perlin2, perlin3

ASPECT = 1.0
EYE, TARGET, FOCAL = vector(0.15, 1.45, -4.6), vector(0.0, 0.62, 0.0), 1.75
WINDOW = march.unit(vector(-0.78, 0.62, -0.42))
WARM, COOL = vector(3.4, 2.75, 2.0), vector(0.16, 0.19, 0.25)
REACH = 12.0
(TABLE, WALL, CLOTH, APPLE, APPLE2, LEMON, ORANGE, GRAPE, BOTTLE, JUG, STALK, PEAR, CORK) = range(13)

BOTTLE_AT = vector(-0.42, 0, 0.75)
BOTTLE_SHAPE = march.profile(
    [0, 0.03, 0.06, 0.95, 1.12, 1.24, 1.32, 1.72, 1.74, 1.80, 1.82],
    [0.25, 0.29, 0.30, 0.30, 0.27, 0.16, 0.105, 0.085, 0.11, 0.11, 0.09],
)
JUG_AT = vector(0.50, 0, 0.62)
JUG_SHAPE = march.profile(
    [0, 0.04, 0.10, 0.28, 0.46, 0.62, 0.78, 0.92, 1.04, 1.10, 1.14],
    [0.26, 0.28, 0.25, 0.38, 0.43, 0.41, 0.31, 0.22, 0.215, 0.25, 0.27],
)


def _bunch() -> Array:
    """Grape centers: a heap that trails towards the eye."""
    rng = np.random.default_rng(5)
    out: list[Array] = []
    for _ in range(400):
        t = rng.uniform()
        p = vector(
            0.60 + 0.42 * t + rng.normal(0, 0.10 * (1 - 0.6 * t)),
            0.09 + abs(rng.normal(0, 0.12 * (1 - 0.75 * t))),
            -0.60 + 0.10 * t + rng.normal(0, 0.10),
        )
        if all(np.linalg.norm(p - q) > 0.145 for q in out) and len(out) < 24:
            out.append(p)
    return np.array(out, np.float32)


BUNCH = _bunch()


def table(p: Array) -> Array:
    """Board of the table, its front edge rounded."""
    q = np.abs(p - vector(0, -0.1, 0.25)) - vector(2.6, 0.09, 1.35)
    return march.length(np.maximum(q, 0)) + np.minimum(q.max(1), 0) - 0.012


def cloth(p: Array) -> Array:
    """A linen cloth that lies in folds and hangs over the edge."""
    x, z = p[:, 0], p[:, 2]
    fold = 0.040 * np.sin(9 * x + 5 * z + 1.5 * np.sin(3 * z)) + 0.03 * np.sin(15 * x - 6 * z)
    hang = smooth(-1.02, -1.20, z)
    top = 0.045 + fold * (0.45 + 0.55 * smooth(-0.3, -1.2, z))
    sheet = np.maximum(np.abs(p[:, 1] - top) - 0.018, z * -1 - 1.16)
    front = np.abs(z + 1.16 + fold * 0.9) - 0.018
    front = np.maximum(front, p[:, 1] - 0.06)
    # The border runs askew, as a cloth thrown down does.
    border = np.maximum(x - 0.46 + 0.30 * (z + 0.4), -x - 0.95 - 0.2 * z)
    body = march.join(sheet, front, 0.10)
    return np.maximum(np.maximum(body, border), np.maximum(z + 0.10 - 0.25 * x, -p[:, 1] - 0.75)) * 0.62 + 0 * hang


def apple(p: Array, center: Array, r: float, tilt: float) -> Array:
    """An apple: a sphere with a dimple at the stalk, narrower below."""
    q = p - center
    c, s = np.cos(tilt), np.sin(tilt)
    x, y = c * q[:, 0] + s * q[:, 1], -s * q[:, 0] + c * q[:, 1]
    ring = np.sqrt(x * x + q[:, 2] ** 2)
    narrowing = np.clip(1.0 - 0.18 * y / r, 0.6, 1.4)
    body = np.sqrt(ring**2 * narrowing + (y * 1.06) ** 2) - r
    dimple = np.sqrt(ring**2 + (y - r * 1.12) ** 2) - r * 0.28
    return march.carve(body, dimple, r * 0.35) * 0.9


def grapes(p: Array) -> Array:
    """The bunch; far points are answered by a sphere around all of it, which is much quicker."""
    center = BUNCH.mean(0)
    out = march.length(p - center) - np.linalg.norm(BUNCH - center, axis=1).max() - 0.086
    near = np.flatnonzero(out < 0.12)
    if near.size:
        q = p[near]
        square = (q * q).sum(1)[:, None] - 2 * q @ BUNCH.T + (BUNCH * BUNCH).sum(1)
        out[near] = np.sqrt(np.maximum(square.min(1), 0)) - 0.086
    return out


def parts(p: Array) -> dict[int, Array]:
    """Distance to every object."""
    lemon = march.ellipsoid(p, vector(-0.30, 0.20, -0.62), vector(0.25, 0.185, 0.185))
    lemon = march.join(lemon, march.length(p - vector(-0.545, 0.20, -0.62)) - 0.035, 0.09)
    pear = march.join(
        march.length(p - vector(0.22, 0.27, -0.16)) - 0.25,
        march.length(p - vector(0.25, 0.62, -0.14)) - 0.115,
        0.34,
    )
    handle = (
        np.sqrt((np.sqrt((p[:, 0] - 0.93) ** 2 / 0.75 + (p[:, 1] - 0.70) ** 2) - 0.24) ** 2 + (p[:, 2] - 0.62) ** 2)
        - 0.042
    )
    jug = march.join(march.lathe(p, JUG_AT, JUG_SHAPE), handle, 0.06)
    mouth = march.capsule(p, JUG_AT + vector(0, 0.75, 0), JUG_AT + vector(0, 1.3, 0), 0.12, 0.235)
    stalks = np.minimum(
        march.capsule(p, vector(-0.80, 0.50, -0.05), vector(-0.75, 0.66, -0.08), 0.014, 0.020),
        march.capsule(p, vector(0.25, 0.70, -0.14), vector(0.31, 0.86, -0.16), 0.014, 0.020),
    )
    return {
        TABLE: table(p),
        WALL: 3.0 - p[:, 2],
        CLOTH: cloth(p),
        APPLE: apple(p, vector(-0.80, 0.30, -0.05), 0.29, 0.12),
        APPLE2: apple(p, vector(-1.22, 0.27, 0.42), 0.27, -0.5),
        LEMON: lemon,
        ORANGE: march.length(p - vector(1.12, 0.26, 0.12)) - 0.26,
        GRAPE: grapes(p),
        BOTTLE: march.lathe(p, BOTTLE_AT, BOTTLE_SHAPE),
        JUG: march.carve(jug, mouth, 0.03),
        STALK: stalks,
        PEAR: pear,
        CORK: march.capsule(p, BOTTLE_AT + vector(0, 1.8, 0), BOTTLE_AT + vector(0, 1.87, 0), 0.075, 0.075),
    }


def field(p: Array) -> Array:
    """Distance to the nearest thing."""
    return np.min(list(parts(p).values()), axis=0)


@lru_cache(maxsize=1)
def quick() -> march.Voxels:
    """The things on the table as a grid of distances."""
    return march.Voxels(field, vector(-2.7, -0.9, -1.4), vector(2.7, 2.0, 1.8), 0.032)


def reaching(p: Array) -> Array:
    """Distance for the rays of the eye; beyond the grid only the wall and the table's board are left."""
    return np.minimum(quick().careful(p), np.minimum(3.0 - p[:, 2], table(p)))


def nearest(p: Array) -> Array:
    """Material of each surface point."""
    found = parts(p)
    return np.array(list(found))[np.argmin(np.stack(list(found.values())), axis=0)]


def blend(a: str, b: str, t: Array) -> Array:
    """Between two colors, one weight per point."""
    return linear(a) + (linear(b) - linear(a)) * np.clip(t, 0, 1)[:, None]


def wood(p: Array) -> Array:
    """Old oak boards: grain stretched along x, dark joints between planks."""
    x, z = p[:, 0], p[:, 2]
    plank = np.floor((z + 1.1) / 0.42)
    rings = fbm2(x * 0.7 + plank * 7, z * 9 + plank * 3.3, 4, 30)
    pores = perlin2(x * 6, z * 95, 34)
    tone = 0.45 + 0.5 * rings + 0.16 * pores + 0.10 * np.sin(plank * 12.9)
    joint = np.abs((z + 1.1) / 0.42 - plank - 0.5)
    color = blend("4a2a16", "a8703c", tone)
    return color * (1 - 0.8 * smooth(0.485, 0.497, joint))[:, None]


def albedo(m: Array, p: Array) -> Array:
    """Color of each surface point."""
    out = np.zeros_like(p)
    for material in np.unique(m):
        on = m == material
        out[on] = surface(int(material), p[on])
    return out


def surface(material: int, p: Array) -> Array:
    """Color of points that all belong to one material."""
    x, y, z = p.T
    spots = perlin3(x * 40, y * 40, z * 40, 50)
    streak = perlin3(x * 7, y * 2.2, z * 7, 51) + 0.4 * perlin3(x * 26, y * 5, z * 26, 52)
    broad = perlin3(x * 2.2, y * 2.2, z * 2.2, 53)
    looks = {
        TABLE: lambda: wood(p),
        WALL: lambda: blend("3a342c", "6c6252", 0.5 + 0.35 * fbm2(x * 1.3, y * 1.3, 5, 60) + 0.1 * x * -1),
        CLOTH: lambda: (
            blend("d8d0c0", "f2ece0", 0.6 + 0.6 * perlin2(x * 60, z * 60, 61))
            * (1 - 0.55 * smooth(0.030, 0.022, np.abs(np.abs(x + 0.2 * z + 0.24) - 0.50)))[:, None]
            * np.array([1, 1, 1], np.float32)
        ),
        APPLE: lambda: blend("a4121a", "e0b040", 0.22 + 0.55 * streak + 0.5 * broad + 0.25 * smooth(0.4, 0.6, y)),
        APPLE2: lambda: blend("7f9a28", "c43a24", 0.30 + 0.45 * streak + 0.7 * broad),
        LEMON: lambda: blend("d8a010", "f6d838", 0.6 + 0.4 * spots),
        ORANGE: lambda: blend("d45a08", "f48a18", 0.55 + 0.4 * spots),
        GRAPE: lambda: blend("2c1038", "6a2a5e", 0.45 + 0.7 * perlin3(x * 11, y * 11, z * 11, 54)),
        BOTTLE: lambda: blend("06140c", "14361c", 0.4 + 0.6 * smooth(0.9, 0.2, y)),
        JUG: lambda: jug_glaze(p),
        STALK: lambda: blend("2a1a0e", "5a3c1e", 0.5 + spots),
        PEAR: lambda: blend("8c9a2c", "d8b444", 0.5 + 0.9 * broad + 0.25 * spots),
        CORK: lambda: blend("8a6238", "c49a64", 0.5 + spots),
    }
    return looks[material]()


def jug_glaze(p: Array) -> Array:
    """Cream earthenware with a painted band of blue leaves."""
    q = p - JUG_AT
    turn = np.arctan2(q[:, 0], -q[:, 2])
    leaf = np.sin(turn * 9 + 3 * np.sin((q[:, 1] - 0.46) * 14))
    band = smooth(0.13, 0.11, np.abs(q[:, 1] - 0.46))
    lines = smooth(0.010, 0.005, np.abs(np.abs(q[:, 1] - 0.46) - 0.155))
    blue = np.maximum(band * smooth(0.25, 0.45, leaf * np.cos((q[:, 1] - 0.46) * 11)), lines)
    base = blend("c8b894", "ece2c8", 0.6 + 0.6 * fbm2(turn * 2, q[:, 1] * 4, 4, 70))
    return base + (linear("24468c") - base) * (0.9 * blue)[:, None]


def room(rays: Array) -> Array:
    """What a glossy surface mirrors: a window with glazing bars to the left, a dim room elsewhere."""
    side = rays @ march.unit(np.cross(WINDOW, vector(0, 1, 0)))
    up = rays @ march.unit(np.cross(march.unit(np.cross(WINDOW, vector(0, 1, 0))), WINDOW))
    front = rays @ WINDOW
    pane = smooth(0.30, 0.27, np.abs(side)) * smooth(0.40, 0.37, np.abs(up)) * (front > 0)
    bars = smooth(0.012, 0.026, np.abs(side)) * smooth(0.012, 0.026, np.abs(np.abs(up) - 0.13))
    dim = 0.05 + 0.06 * smooth(-0.3, 0.9, rays[:, 1])
    return (pane * bars)[:, None] * vector(6.5, 6.2, 5.6) + dim[:, None] * vector(1.0, 0.95, 0.85)


SHINE = {
    TABLE: 0.35,
    WALL: 0.0,
    CLOTH: 0.0,
    APPLE: 0.85,
    APPLE2: 0.8,
    LEMON: 0.35,
    ORANGE: 0.3,
    GRAPE: 0.7,
    BOTTLE: 2.2,
    JUG: 1.0,
    STALK: 0.0,
    PEAR: 0.45,
    CORK: 0.0,
}


def light_of(p: Array, rays: Array, mirrored: bool) -> Array:
    """Light that leaves each surface point towards the eye."""
    m = nearest(p)
    n = march.normals(field, p)
    bumpy = np.isin(m, (ORANGE, LEMON))
    pits = np.stack([perlin3(*(p[bumpy].T * 34), 80 + k) for k in range(3)], -1)
    n[bumpy] = march.unit(n[bumpy] + 0.13 * pits)
    color = albedo(m, p)
    shade = march.soft_shadow(quick(), p + n * 0.004, WINDOW, 0.16, 4.0)
    diffuse = np.clip(n @ WINDOW, 0, 1) * shade
    open_sky = march.hollows(quick(), p, n)
    fill = (0.6 + 0.4 * n[:, 1]) * open_sky
    # Light thrown back by the lit table warms what faces down.
    bounce = np.clip(0.35 - 0.65 * n[:, 1], 0, 1) * open_sky * smooth(1.2, 0.0, p[:, 1])
    out = color * (diffuse[:, None] * WARM + fill[:, None] * COOL + bounce[:, None] * vector(0.34, 0.22, 0.12))
    fall = np.where(m == WALL, 0.20 + 0.5 * smooth(1.4, -1.8, p[:, 0] - 0.5 * p[:, 1]), 1.0)
    out *= fall[:, None]
    shine = np.array([SHINE[k] for k in range(13)], np.float32)[m]
    bent = march.unit(rays - 2 * np.einsum("ij,ij->i", rays, n)[:, None] * n)
    strength = shine * march.fresnel(n, rays) * (0.35 + 0.65 * open_sky)
    out += strength[:, None] * room(bent) * (0.25 + 0.75 * shade)[:, None]
    if mirrored:
        out += _reflections(p, n, bent, m, strength)
    return out


def _reflections(p: Array, n: Array, bent: Array, m: Array, strength: Array) -> Array:
    """One bounce on the glossiest things: they show their neighbors."""
    out = np.zeros_like(p)
    on = np.flatnonzero(np.isin(m, (BOTTLE, JUG, TABLE)) & (strength > 0.02))
    if on.size == 0:
        return out
    start = p[on] + n[on] * 0.01
    t = march.trace(quick().careful, start, bent[on], 3.0, 40)
    hit = t < 2.99
    rays = bent[on][hit]
    out[on[hit]] = strength[on[hit], None] * light_of(start[hit] + rays * t[hit, None], rays, False)
    return out


def look_along(rays: Array) -> Array:
    """Light that comes along each ray."""
    t = march.trace(reaching, EYE, rays, REACH, 80, 2.0)
    return light_of(EYE + rays * t[:, None], rays, True)


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    light = march.picture(shape, EYE, TARGET, FOCAL, lambda rays, at: look_along(rays))
    light = bloom(light, 1.1, shape[0] * 0.006, 0.25)
    return finish(vignette(film(light, 0.95), 0.35))
