"""A sitter in a wide felt hat and a red scarf, lit from one side before a dark wall."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from paint import march
from paint.canvas import Array, bloom, film, finish, frame, linear, plane, smooth, vignette
from paint.march import capsule, carve, ellipsoid, join, vector
from paint.noise import fbm2, perlin3

ASPECT = 3 / 4
EYE, TARGET, FOCAL = vector(-0.25, -0.05, -7.6), vector(-0.02, -0.55, 0.0), 1.86
KEY = march.unit(vector(-0.72, 0.40, -0.62))
RIM = march.unit(vector(0.85, 0.25, 0.55))
KEYLIGHT, RIMLIGHT, FILL = vector(3.3, 2.65, 2.0), vector(0.55, 0.75, 1.1), vector(0.17, 0.18, 0.22)
REACH = 14.0
TURN = 0.42  # the head looks to the sitter's right, into the light
(SKIN, EYES, LIPS, HAIR, HAT, SCARF, COAT, SHIRT) = range(8)


def local(p: Array) -> Array:
    """Coordinates of the head: turned to one side and a little tilted."""
    c, s = np.cos(TURN), np.sin(TURN)
    x, y, z = c * p[:, 0] - s * p[:, 2], p[:, 1], s * p[:, 0] + c * p[:, 2]
    c, s = np.cos(0.06), np.sin(0.06)
    return np.stack([c * x - s * y, s * x + c * y, z], -1)


def mirrored(q: Array) -> Array:
    """Fold the face along its middle, so that each feature is written once."""
    return np.stack([np.abs(q[:, 0]), q[:, 1], q[:, 2]], -1)


def face(q: Array) -> Array:
    """Skull, jaw, cheeks, brow, nose, chin, ears and neck, run into one another."""
    m = mirrored(q)
    head = ellipsoid(q, vector(0, 0.20, 0.08), vector(0.70, 0.80, 0.86))
    head = join(head, ellipsoid(q, vector(0, -0.40, -0.17), vector(0.50, 0.60, 0.56)), 0.38)
    head = join(head, ellipsoid(m, vector(0.31, -0.27, -0.47), vector(0.23, 0.19, 0.20)), 0.22)
    head = join(head, march.length(q - vector(0, -0.86, -0.49)) - 0.125, 0.24)
    head = join(head, capsule(m, vector(0.10, 0.13, -0.745), vector(0.40, 0.13, -0.61), 0.060, 0.045), 0.18)
    head = carve(head, ellipsoid(m, vector(0.275, -0.035, -0.86), vector(0.165, 0.095, 0.175)), 0.16)
    nose = capsule(q, vector(0, 0.06, -0.775), vector(0, -0.29, -0.985), 0.048, 0.078)
    nose = join(nose, march.length(m - vector(0.080, -0.325, -0.905)) - 0.052, 0.07)
    head = join(head, nose, 0.10)
    head = carve(head, march.length(m - vector(0.052, -0.385, -0.955)) - 0.020, 0.03)
    mound = ellipsoid(q, vector(0, -0.575, -0.66), vector(0.23, 0.17, 0.12))
    head = join(head, mound, 0.14)
    head = join(head, ellipsoid(m, vector(0.70, -0.06, 0.10), vector(0.07, 0.20, 0.13)), 0.06)
    neck = capsule(q, vector(0, -0.6, 0.16), vector(0, -1.7, 0.30), 0.34, 0.40)
    return join(head, neck, 0.16)


EYE_AT = vector(0.275, -0.035, -0.625)


def lids(q: Array) -> Array:
    """Upper and lower eyelids: shells around the eyeball with an almond opening."""
    m = mirrored(q) - EYE_AT
    shell = np.abs(march.length(m) - 0.148) - 0.013
    opening = np.maximum(m[:, 1] - (0.041 - 2.3 * (m[:, 0] + 0.005) ** 2), -m[:, 1] - 0.040 + 1.9 * m[:, 0] ** 2)
    return np.maximum(shell, -opening)


def lips(q: Array) -> Array:
    """Two rolls with a cupid's bow, the corners turned up a little."""
    bend = np.stack([q[:, 0], q[:, 1] - 0.5 * q[:, 0] ** 2, q[:, 2] - 0.85 * q[:, 0] ** 2], -1)
    upper = ellipsoid(mirrored(bend), vector(0.045, -0.545, -0.752), vector(0.135, 0.037, 0.060))
    lower = ellipsoid(bend, vector(0, -0.622, -0.742), vector(0.135, 0.047, 0.065))
    return join(upper, lower, 0.014)


def hair(p: Array, q: Array) -> Array:
    """Hair that leaves the face free and falls in waves to the shoulders."""
    cap = ellipsoid(q, vector(0, 0.18, 0.20), vector(0.83, 0.86, 0.90))
    hollow = ellipsoid(q, vector(0, -0.30, -0.78), vector(0.60, 1.05, 0.86))
    cap = carve(cap, hollow, 0.10)
    m = mirrored(q)
    wave = 0.05 * np.sin(5.0 * q[:, 1] + 1.0)
    m = m - np.stack([wave, 0 * wave, 0.6 * wave], -1)
    fall = join(
        capsule(m, vector(0.66, 0.15, 0.16), vector(0.74, -0.75, 0.20), 0.19, 0.23),
        capsule(m, vector(0.74, -0.75, 0.20), vector(0.66, -1.50, 0.10), 0.23, 0.13),
        0.1,
    )
    body = join(cap, fall, 0.2)
    around = np.arctan2(q[:, 0], -q[:, 2])
    lock = np.sin(34 * around + 3.0 * np.sin(3.1 * q[:, 1]) + 5 * q[:, 2])
    fine = np.sin(97 * around + 7 * np.sin(2.3 * q[:, 1] + 1))
    return (body + 0.014 * lock + 0.008 * fine) * 0.7


def hat(q: Array) -> tuple[Array, Array]:
    """A felt hat: wavy brim and dented crown; also the height above the brim (for the ribbon)."""
    c, s = np.cos(-0.10), np.sin(-0.10)
    y, z = c * (q[:, 1] - 0.60) - s * q[:, 2], s * (q[:, 1] - 0.60) + c * q[:, 2]
    x = q[:, 0]
    r = np.sqrt((x / 1.48) ** 2 + ((z - 0.05) / 1.34) ** 2)
    droop = 0.11 * (x * x - 0.4) - 0.13 * r * r + 0.035 * np.sin(3 * np.arctan2(x, z)) * r
    brim = np.maximum(np.abs(y + droop + 0.04) - 0.022, (r - 1) * 1.2)
    top = np.stack([x, y, z], -1)
    crown = ellipsoid(top, vector(0, 0.10, 0.08), vector(0.80, 0.70, 0.82))
    crown = carve(crown, ellipsoid(top, vector(0, 0.90, 0.10), vector(0.22, 0.24, 0.6)), 0.2)
    crown = np.maximum(crown, -y - 0.05)
    return join(brim, crown, 0.09) * 0.75, y


def clothes(p: Array) -> tuple[Array, Array]:
    """Coat over the shoulders, and a scarf wound in folds around the neck."""
    coat = ellipsoid(p, vector(0.05, -2.62, 0.42), vector(1.78, 1.10, 0.80))
    coat = join(coat, ellipsoid(p, vector(0.05, -3.4, 0.25), vector(1.5, 1.5, 0.85)), 0.4)
    crease = 0.035 * np.sin(6 * p[:, 0] + 3 * p[:, 1]) * np.sin(4 * p[:, 1] - 2 * p[:, 0])
    lapel = 0.05 * smooth(0.04, -0.04, np.abs(p[:, 0] + 0.10) - 0.30 + 0.22 * (p[:, 1] + 2.9))
    coat = (coat + crease + lapel) * 0.8
    turn = np.arctan2(p[:, 0], -(p[:, 2] - 0.2))
    level = p[:, 1] + 1.36 - 0.10 * np.cos(turn) * -1 - 0.06 * np.sin(2 * turn)
    ring = np.sqrt((np.sqrt(p[:, 0] ** 2 + ((p[:, 2] - 0.18) * 1.05) ** 2) - 0.52) ** 2 + (level * 0.72) ** 2)
    fold = 0.034 * np.sin(16 * level + 2.2 * np.sin(turn * 1.5) + turn * 2) + 0.012 * np.sin(39 * level - 3 * turn)
    wound = ring - 0.235 + fold
    tail = ellipsoid(p, vector(-0.20, -2.25, -0.42), vector(0.30, 0.85, 0.17))
    tail = tail + 0.03 * np.sin(24 * p[:, 0] + 3 * np.sin(3 * p[:, 1]))
    return coat, join(wound, tail, 0.12) * 0.7


def parts(p: Array) -> Array:
    """Distance to each of the eight materials, (8, n)."""
    q = local(p)
    skin = np.minimum(face(q), lids(q))
    eyes = march.length(mirrored(q) - EYE_AT) - 0.140
    coat, scarf = clothes(p)
    shirt = np.full(len(p), 9.0, np.float32)
    return np.stack([skin, eyes, lips(q), hair(p, q), hat(q)[0], scarf, coat, shirt])


def field(p: Array) -> Array:
    """Distance to the sitter."""
    return parts(p).min(0)


@lru_cache(maxsize=1)
def quick() -> march.Voxels:
    """The sitter as a grid of distances."""
    return march.Voxels(field, vector(-2.0, -3.0, -1.7), vector(2.0, 1.75, 1.6), 0.032)


def blend(a: str, b: str, t: Array) -> Array:
    """Between two colors, one weight per point."""
    return linear(a) + (linear(b) - linear(a)) * np.clip(t, 0, 1)[:, None]


def skin_color(q: Array) -> Array:
    """Complexion: warm cheeks and nose, cooler jaw, painted brows and lashes, freckles of paint."""
    m = mirrored(q)
    mottle = perlin3(*(q.T * 5.5), 20) * 0.5 + perlin3(*(q.T * 23), 21) * 0.35
    color = blend("b87c58", "dba680", 0.55 + 0.45 * mottle)
    flush = np.exp(-(march.length((m - vector(0.36, -0.28, -0.62)) / vector(0.2, 0.15, 0.3)) ** 2))
    flush = flush + 0.8 * np.exp(-(march.length((q - vector(0, -0.31, -1.02)) / vector(0.10, 0.10, 0.12)) ** 2))
    color = color + (linear("c8604c") - color) * np.clip(0.55 * flush, 0, 1)[:, None]
    arch = 0.165 - 0.9 * (m[:, 0] - 0.25) ** 2 + 0.02 * m[:, 0]
    hairs = 0.75 + 0.25 * np.sin(110 * m[:, 0] - 60 * m[:, 1])
    brow = smooth(0.034, 0.012, np.abs(m[:, 1] - arch) + 0.05 * (m[:, 0] - 0.13)) * hairs
    brow *= smooth(0.09, 0.14, m[:, 0]) * smooth(0.47, 0.38, m[:, 0]) * (q[:, 2] < -0.4)
    color = color + (linear("2c1a12") - color) * (0.85 * brow)[:, None]
    e = m - EYE_AT
    edge = 0.041 - 2.3 * (e[:, 0] + 0.005) ** 2
    lash = smooth(0.020, 0.008, np.abs(e[:, 1] - edge)) * (march.length(e) < 0.175) * (e[:, 2] < 0)
    return color + (linear("20120e") - color) * (0.8 * lash)[:, None]


def eye_color(q: Array) -> Array:
    """White, iris with rays and a dark rim, pupil; both look towards the light."""
    e = mirrored(q) - EYE_AT
    e[:, 0] *= np.sign(q[:, 0])
    gaze = march.unit(vector(0.10, 0.0, -1.0))
    off = march.length(e / np.maximum(march.length(e), 1e-6)[:, None] - gaze)
    rays = 0.5 + 0.5 * np.sin(40 * np.arctan2(e[:, 1], e[:, 0]))
    iris = blend("2c3a30", "66805c", 0.3 + 0.5 * rays * smooth(0.15, 0.4, off))
    iris *= (1 - 0.75 * smooth(0.40, 0.52, off))[:, None]
    color = iris + (linear("d8ccc0") - iris) * smooth(0.50, 0.56, off)[:, None]
    return color * smooth(0.20, 0.26, off)[:, None]


def albedo(m: Array, p: Array) -> Array:
    """Color of each surface point."""
    q = local(p)
    weave = perlin3(*(p.T * 55), 30)
    nap = perlin3(*(p.T * 9), 31) + 0.6 * perlin3(*(p.T * 30), 32)
    turn = np.arctan2(p[:, 0], -(p[:, 2] - 0.2))
    level = hat(q)[1]
    stripe = smooth(0.2, 0.35, np.sin(30 * p[:, 1] + 4 * np.sin(turn)))
    felt = blend("33402f", "5f6a48", 0.5 + 0.35 * nap)
    ribbon = smooth(0.0, 0.015, level + 0.005) * smooth(0.235, 0.22, level) * (march.length(q[:, [0, 2]]) < 0.95)
    felt = felt + (linear("b8862c") - felt) * (0.9 * ribbon)[:, None]
    looks = (
        skin_color(q),
        eye_color(q),
        blend("8f3a34", "b85a4e", 0.5 + 0.5 * nap),
        blend(
            "2e1408",
            "8a4a1e",
            0.45 + 0.35 * np.sin(97 * np.arctan2(q[:, 0], -q[:, 2]) + 7 * np.sin(2.3 * q[:, 1] + 1)) + 0.3 * nap,
        ),
        felt,
        blend("8c1a1c", "c8402c", 0.5 + 0.4 * weave + 0.2 * nap) * (1 - 0.35 * stripe)[:, None],
        blend("1a2438", "3a4a66", 0.45 + 0.4 * weave + 0.25 * nap),
        blend("c8c0b0", "e8e0d0", nap),
    )
    return np.choose(m[:, None], looks)


def light_of(p: Array, rays: Array) -> Array:
    """Light from each point of the sitter; skin lets some red light through at the shadow's edge."""
    m = parts(p).argmin(0)
    n = march.normals(field, p, 0.002)
    rough = np.stack([perlin3(*(p.T * 60), 40 + k) for k in range(3)], -1)
    amount = np.array([0.05, 0, 0.10, 0.06, 0.10, 0.22, 0.20, 0.1], np.float32)[m]
    n = march.unit(n + rough * amount[:, None])
    shade = march.soft_shadow(quick(), p + n * 0.01, KEY, 0.11, 4.5)
    facing = n @ KEY
    flesh = np.isin(m, (SKIN, LIPS)).astype(np.float32)
    wrap = vector(0.30, 0.10, 0.05)
    soft = np.clip((facing[:, None] + wrap) / (1 + wrap), 0, 1)
    hard = np.clip(facing, 0, 1)[:, None]
    diffuse = (hard + (soft - hard) * flesh[:, None]) * shade[:, None]
    openness = march.hollows(quick(), p, n, 0.35)
    edge = np.clip(n @ RIM, 0, 1) ** 1.5 * smooth(-0.2, 0.6, p[:, 0])
    fill = (0.65 + 0.35 * n[:, 1]) * openness
    bounce = np.clip(-n[:, 1] * 0.7 + 0.3, 0, 1) * openness
    out = albedo(m, p) * (
        diffuse * KEYLIGHT
        + fill[:, None] * FILL
        + (edge * openness)[:, None] * RIMLIGHT
        + bounce[:, None] * vector(0.20, 0.09, 0.06)
    )
    shine = np.array([0.16, 1.6, 0.45, 0.22, 0.05, 0.05, 0.05, 0.0], np.float32)[m]
    sharp = np.array([18, 220, 40, 22, 8, 8, 8, 8], np.float32)[m]
    spark = march.gloss(n, rays, KEY, sharp) * shine * shade
    return out + spark[:, None] * KEYLIGHT * 0.5


def wall(shape: tuple[int, int]) -> Array:
    """Plaster wall behind: lighter on the side away from the lamp, so that both outlines stand out."""
    x, y = plane(shape)
    stain = fbm2(x * 3, y * 3, 5, 60)
    glow = np.exp(-(((x - 0.62) / 0.36) ** 2 + ((y - 0.42) / 0.45) ** 2))
    tone = 0.025 + 0.20 * glow * (1 + 0.45 * stain) + 0.012 * stain
    return np.maximum(tone, 0.008)[..., None] * vector(1.0, 0.82, 0.58)


def look_along(rays: Array, behind: Array) -> Array:
    """Light that comes along each ray; `behind` is the wall's."""
    t = march.trace(quick().careful, EYE, rays, REACH, 80, 4.8)
    out = behind.copy()
    hit = np.flatnonzero(t < REACH - 0.01)
    out[hit] = light_of(EYE + rays[hit] * t[hit, None], rays[hit])
    return out


def paint(long_side: int) -> Array:
    """The whole picture, 8 bit."""
    shape = frame(long_side, ASPECT)
    behind = wall(shape).reshape(-1, 3)
    light = march.picture(shape, EYE, TARGET, FOCAL, lambda rays, at: look_along(rays, behind[at]))
    light = bloom(light, 1.0, shape[0] * 0.005, 0.2)
    return finish(vignette(film(light, 0.88), 0.35))
