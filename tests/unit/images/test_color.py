"""Color profiles to sRGB, against colors that published matrices and LittleCMS give."""

from __future__ import annotations

import itertools
import logging
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from nst.images import read_picture
from pictures import before_pixels, noise, png_chunk, sixteen_bit

# Colorants under D50 (Bradford), as published profiles have them; linear light to linear sRGB under D65, from
# W3C's CSS Color 4 (Display P3) and from brucelindbloom.com (Adobe RGB).
COLORANTS = {
    "P3": [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)],
    "Adobe": [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
    "sRGB": [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)],
}
TO_SRGB = {
    "P3": np.array([[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]]),
    "Adobe": np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]]),
}
SRGB_PARAMETERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def srgb_decoded(x: np.ndarray) -> np.ndarray:
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def srgb_encoded(y: np.ndarray) -> np.ndarray:
    y = np.clip(y, 0, 1)
    return np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def curve(kind: str) -> bytes:
    if kind == "sRGB parametric":
        return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed(*SRGB_PARAMETERS)
    if kind == "sRGB table":
        table = np.rint(srgb_decoded(np.linspace(0, 1, 4096)) * 65535).astype(">u2")
        return b"curv\0\0\0\0" + struct.pack(">I", 4096) + table.tobytes()
    if kind == "identity":
        return b"curv\0\0\0\0" + struct.pack(">I", 0)
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(float(kind) * 256))


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ") -> bytes:
    """A minimal ICC profile."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249), **tags}
    table, body, offset = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", offset + len(body), b"test", 0x04200000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + table + body


def matrix_profile(name: str, curve_kind: str) -> bytes:
    colorants = {
        letter + b"XYZ": b"XYZ \0\0\0\0" + fixed(*COLORANTS[name][i]) for i, letter in enumerate((b"r", b"g", b"b"))
    }
    return profile(colorants | {letter + b"TRC": curve(curve_kind) for letter in (b"r", b"g", b"b")})


def tagged(path: Path, levels: np.ndarray, icc: bytes, deep: bool) -> Path:
    """Write uint16 levels, shortened to 8 bits if not deep, with the profile."""
    if path.suffix == ".tif":
        photometric = "rgb" if levels.ndim == 3 else "minisblack"
        pixels = levels if deep else (levels // 257).astype(np.uint8)
        tifffile.imwrite(path, pixels, photometric=photometric, iccprofile=icc)
    elif deep:
        chunk = png_chunk(b"iCCP", b"p\0\0" + zlib.compress(icc))
        path.write_bytes(before_pixels(imagecodecs.png_encode(levels), chunk))
    else:
        Image.fromarray((levels // 257).astype(np.uint8)).save(path, icc_profile=icc)
    return path


PATCHES = np.array([[[200, 100, 50], [120, 130, 140], [30, 200, 90], [255, 0, 0], [255, 255, 255], [64, 60, 128]]])


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(("space", "kind"), [("P3", "sRGB parametric"), ("P3", "sRGB table"), ("Adobe", "2.19921875")])
def test_wide_gamuts_become_srgb(tmp_path: Path, space: str, kind: str, deep: bool, suffix: str) -> None:
    levels = (PATCHES * 257).astype(np.uint16)
    path = tagged(tmp_path / f"a.{suffix}", levels, matrix_profile(space, kind), deep)
    encoded = PATCHES / 255
    linear = srgb_decoded(encoded) if space == "P3" else encoded**2.19921875
    expected = srgb_encoded(linear @ TO_SRGB[space].T)
    tolerance = 0.0015 if deep else 1.6 / 255
    assert np.abs(read_picture(path).pixels - expected).max() < tolerance


def test_known_answer_of_display_p3(tmp_path: Path) -> None:
    """color(display-p3 0.5 0.25 0.75), converted by hand with CSS Color 4's matrices."""
    levels = np.rint(np.full((1, 1, 3), (0.5, 0.25, 0.75)) * 65535).astype(np.uint16)
    path = tagged(tmp_path / "a.tif", levels, matrix_profile("P3", "sRGB parametric"), True)
    linear = np.array([0.2140411, 0.0508761, 0.5225216]) @ TO_SRGB["P3"].T
    assert np.allclose(read_picture(path).pixels[0, 0], srgb_encoded(linear), atol=3e-4)


def test_deep_wide_gamut_keeps_its_depth(tmp_path: Path) -> None:
    ramp = np.linspace(20000, 21000, 1000).astype(np.uint16)[None, :, None].repeat(3, axis=2).copy()
    path = tagged(tmp_path / "a.tif", ramp, matrix_profile("Adobe", "2.19921875"), True)
    pixels = read_picture(path).pixels[0, :, 1]
    assert len(np.unique(pixels)) > 900  # 8 bits would leave 5
    assert (np.diff(pixels) >= 0).all()


@pytest.mark.parametrize("deep", [False, True])
def test_pixels_of_an_srgb_profile_stay_exactly(tmp_path: Path, deep: bool) -> None:
    levels = noise(16, 16, dtype="uint16")
    levels = levels if deep else levels // 257 * 257
    littlecms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (littlecms, matrix_profile("sRGB", "sRGB table"), matrix_profile("sRGB", "sRGB parametric")):
        path = tagged(tmp_path / "a.tif", levels, icc, deep)
        assert np.array_equal(sixteen_bit(read_picture(path).pixels), levels)


@pytest.mark.parametrize("deep", [False, True])
def test_gray_profile(tmp_path: Path, deep: bool) -> None:
    gray = np.array([[0, 40, 100, 180, 255]])
    icc = profile({b"kTRC": curve("1.8")}, b"GRAY")
    path = tagged(tmp_path / "a.tif", (gray * 257).astype(np.uint16), icc, deep)
    expected = srgb_encoded((gray / 255) ** 1.8)[..., None]
    assert np.abs(read_picture(path).pixels - expected).max() < (0.003 if deep else 1.6 / 255)


def test_linear_profile_and_gray_pixels_with_an_rgb_profile(tmp_path: Path) -> None:
    gray = np.array([[0, 8000, 40000, 65535]], np.uint16)
    path = tagged(tmp_path / "a.tif", gray, matrix_profile("sRGB", "identity"), True)
    assert np.allclose(read_picture(path).pixels, srgb_encoded(gray / 65535)[..., None], atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (0, (1.8,)),
        (1, (2, 1.1, -0.1)),
        (2, (2, 1.1248, -0.1, -0.05)),
        (4, (2.2, 0.9073, 0.1, 0.1, 0.1, -0.0159, 0)),
    ],
)
def test_each_kind_of_parametric_curve_agrees_with_littlecms(
    tmp_path: Path, kind: int, parameters: tuple[float, ...]
) -> None:
    para = b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*parameters)
    icc = profile({b"kTRC": para}, b"GRAY")
    gray = np.arange(256)[None]
    deep = read_picture(tagged(tmp_path / "deep.tif", (gray * 257).astype(np.uint16), icc, True)).pixels
    shallow = read_picture(tagged(tmp_path / "shallow.tif", (gray * 257).astype(np.uint16), icc, False)).pixels
    difference = np.abs(deep - shallow)
    assert difference.max() < 6 / 255  # LittleCMS interpolates a table, coarsely where a curve leaves black
    assert difference.mean() < 0.5 / 255


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    "icc", [b"nonsense", b"\0" * 200, matrix_profile("P3", "2.2")[:180]], ids=["text", "zeros", "cut"]
)
def test_broken_profiles_are_ignored_with_a_warning(
    tmp_path: Path, icc: bytes, deep: bool, caplog: pytest.LogCaptureFixture
) -> None:
    levels = noise(dtype="uint16") // 257 * 257
    path = tagged(tmp_path / "a.tif", levels, icc, deep)
    with caplog.at_level(logging.WARNING, "nst"):
        assert np.array_equal(sixteen_bit(read_picture(path).pixels), levels)
    assert "profile is invalid and is ignored" in caplog.text
    assert "a.tif" in caplog.text


@pytest.mark.parametrize("space", [b"RGB ", b"CMYK"])
def test_a_table_profile_keeps_the_depth(tmp_path: Path, space: bytes) -> None:
    icc = profile({b"A2B0": inverting_table(len(space.strip()))}, space)
    ramp = np.linspace(8000, 50000, 900).astype(np.uint16)
    levels = np.stack([ramp, ramp[::-1], ramp, ramp * 0][: len(space.strip())], axis=-1)[None]
    kinds = {"photometric": "separated" if space == b"CMYK" else "rgb", "iccprofile": icc}
    for name, data in (("deep", levels), ("shallow", (levels // 257).astype(np.uint8))):
        tifffile.imwrite(tmp_path / f"{name}.tif", data, **kinds)
    deep, shallow = (read_picture(tmp_path / f"{name}.tif").pixels for name in ("deep", "shallow"))
    assert np.abs(deep - shallow).max() < 2.5 / 255
    assert len(np.unique(deep[..., 0])) > 850
    assert len(np.unique(shallow[..., 0])) < 256


def inverting_table(channels: int = 3) -> bytes:
    """An `mft2` that gives inverted colors (as XYZ)."""
    identity = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    corners = np.array(list(itertools.product((0, 1), repeat=channels)))
    light = (1 - corners[:, :3]) * (1 if channels == 3 else 1 - corners[:, 3:])
    xyz = light @ np.array(COLORANTS["sRGB"])
    table = np.rint(xyz / (1 + 32767 / 32768) * 65535).astype(">u2").tobytes()
    into, out = struct.pack(">2H", 0, 65535) * channels, struct.pack(">2H", 0, 65535) * 3
    return b"mft2\0\0\0\0" + bytes([channels, 3, 2, 0]) + identity + struct.pack(">2H", 2, 2) + into + table + out
