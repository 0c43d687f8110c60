"""nst.images against files that other libraries made and colours that published matrices give."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nst.errors import NstError
from nst.images import picture_size, read_metadata, read_picture, resize, write_picture
from PIL import Image, ImageCms, PngImagePlugin

FIXTURE_REUSED = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def noise(height: int = 6, width: int = 9, channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    """Random levels that use the whole range of the type."""
    top = np.iinfo(dtype).max
    levels = np.random.default_rng(7).integers(0, top, (height, width, channels), dtype, endpoint=True)
    levels.flat[0], levels.flat[-1] = 0, top
    return levels


def eight_bit(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels * 255).astype(int)


def sixteen_bit(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels * 65535).astype(int)


# --- Formats and modes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "gif", "jpg", "heic", "avif"])
def test_each_format_gives_its_pixels(tmp_path: Path, suffix: str) -> None:
    levels = np.zeros((32, 48, 3), np.uint8)
    levels[:, :24] = (200, 40, 90)
    levels[:, 24:] = (10, 180, 220)
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        pillow_heif.from_bytes("RGB", (48, 32), levels.tobytes()).save(path, quality=100, chroma=444)
    else:
        lossless = {
            "webp": {"lossless": True},
            "jpg": {"quality": 100, "subsampling": 0},
            "avif": {"quality": 95, "subsampling": "4:4:4"},
        }
        Image.fromarray(levels).save(path, **lossless.get(suffix, {}))
    picture = read_picture(path)
    tolerance = {"jpg": 3, "heic": 8, "avif": 8}.get(suffix, 0)
    assert np.abs(eight_bit(picture.pixels) - levels).max() <= tolerance
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert (picture.alpha, picture.bits) == (None, 8)
    assert picture_size(path) == (48, 32)


def test_the_format_is_told_by_the_content_not_by_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "really_a_png.jpg"
    Image.fromarray(noise()).save(path, "PNG")
    assert np.array_equal(eight_bit(read_picture(path).pixels), noise())


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_modes_of_eight_bits(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.fromarray(noise(channels=4 if "A" in mode else 3)).convert(mode)
    path = tmp_path / f"a.{suffix}"
    image.save(path)
    picture = read_picture(path)
    expected = np.asarray(image.convert("RGBA"))
    assert np.array_equal(eight_bit(picture.pixels), expected[..., :3])
    if mode in ("LA", "RGBA"):
        assert picture.alpha is not None
        assert np.array_equal(eight_bit(picture.alpha), expected[..., 3])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 128])])
def test_palette_with_transparency(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=transparency)
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    expected = [255, 0, 128] if isinstance(transparency, bytes) else [255, 0, 255]
    assert eight_bit(picture.alpha).tolist() == [expected]
    assert eight_bit(picture.pixels)[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.mark.parametrize(("mode", "key"), [("L", 50), ("RGB", (50, 60, 70)), ("1", 0)])
def test_one_transparent_colour(tmp_path: Path, mode: str, key: int | tuple[int, ...]) -> None:
    image = Image.new(mode, (2, 1), 255 if mode != "RGB" else (255, 255, 255))
    image.putpixel((1, 0), key)
    image.save(tmp_path / "a.png", transparency=key)
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[1, 0]]


def test_full_alpha_counts_as_opaque(tmp_path: Path) -> None:
    Image.new("RGBA", (3, 3), (1, 2, 3, 255)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").alpha is None


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_without_a_profile(tmp_path: Path, suffix: str) -> None:
    Image.new("CMYK", (8, 8), (255, 0, 0, 51)).save(tmp_path / f"a.{suffix}")
    pixel = eight_bit(read_picture(tmp_path / f"a.{suffix}").pixels)[4, 4]
    assert np.abs(pixel - [0, 204, 204]).max() <= 2


def test_cmyk_jpeg_is_inverted_only_where_adobe_says_so(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("CMYK", (8, 8), (255, 0, 0, 51)).save(buffer, "JPEG")
    adobe = buffer.getvalue()
    marker = adobe.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", adobe, marker + 2)
    (tmp_path / "plain.jpg").write_bytes(adobe[:marker] + adobe[marker + 2 + length :])
    pixel = eight_bit(read_picture(tmp_path / "plain.jpg").pixels)[4, 4]  # inks are (0, 255, 255, 204)
    assert np.abs(pixel - [51, 0, 0]).max() <= 2


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for suffix in ("gif", "webp", "png", "tif"):
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
        assert eight_bit(read_picture(tmp_path / f"a.{suffix}").pixels)[0, 0].tolist() == [255, 0, 0]


# --- Deep colour ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_sixteen_bits_is_exact(tmp_path: Path, channels: int) -> None:
    levels = noise(channels=channels, dtype="uint16")
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(levels if channels > 1 else levels[..., 0].copy()))
    picture = read_picture(tmp_path / "a.png")
    colours = 3 if channels >= 3 else 1
    assert picture.bits == 16
    assert np.array_equal(sixteen_bit(picture.pixels), np.broadcast_to(levels[..., :colours], (6, 9, 3)))
    if channels in (2, 4):
        assert picture.alpha is not None
        assert np.array_equal(sixteen_bit(picture.alpha), levels[..., -1])
    else:
        assert picture.alpha is None


def test_transparent_colour_of_a_deep_png(tmp_path: Path) -> None:
    levels = noise(dtype="uint16")
    data = imagecodecs.png_encode(levels)
    key = png_chunk(b"tRNS", struct.pack(">3H", *levels[2, 3].tolist()))
    (tmp_path / "a.png").write_bytes(before_pixels(data, key))
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    assert (picture.alpha[2, 3], picture.alpha.sum()) == (0, 6 * 9 - 1)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_rgb_tiff_is_exact(tmp_path: Path, byteorder: str, planar: str, compression: str | None, dtype: str) -> None:
    levels = noise(channels=3, dtype=dtype)
    data = np.moveaxis(levels, -1, 0) if planar == "separate" else levels
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data, photometric="rgb", planarconfig=planar, compression=compression, byteorder=byteorder)
    picture = read_picture(path)
    scale = 255 if dtype == "uint8" else 65535
    assert picture.bits == (8 if dtype == "uint8" else 16)
    assert np.array_equal(np.rint(picture.pixels * scale), levels)
    assert picture_size(path) == (9, 6)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "float32", "float64", "float16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_deep_tiff_of_each_type(tmp_path: Path, dtype: str, channels: int) -> None:
    levels = noise(channels=channels, dtype="uint16") / 65535
    stored = levels.astype(dtype) if dtype[0] == "f" else np.rint(levels * np.iinfo(dtype).max).astype(dtype)
    photometric = "rgb" if channels >= 3 else "minisblack"
    extra = ["unassalpha"] if channels in (2, 4) else None
    stored = stored[..., 0] if channels == 1 else stored
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, extrasamples=extra, planarconfig="contig")
    picture = read_picture(tmp_path / "a.tif")
    tolerance = 1e-3 if dtype == "float16" else 2e-7
    colours = 3 if channels >= 3 else 1
    assert np.abs(picture.pixels - levels[..., :colours]).max() <= tolerance
    assert (picture.alpha is not None) == (channels in (2, 4))
    if picture.alpha is not None:
        assert np.abs(picture.alpha - levels[..., -1]).max() <= tolerance


def test_float_tiff_is_clipped(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[-1, 0.25, 7, np.nan, np.inf]], np.float32))
    assert read_picture(tmp_path / "a.tif").pixels[0, :, 0].tolist() == [0, 0.25, 1, 0, 1]


def test_white_is_zero_and_premultiplied_and_deep_cmyk(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "w.tif", np.array([[0, 65535]], np.uint16), photometric="miniswhite")
    assert read_picture(tmp_path / "w.tif").pixels[0, :, 0].tolist() == [1, 0]

    half = np.array([[[30000, 15000, 0, 30000], [0, 0, 0, 0]]], np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", half, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "p.tif")
    assert np.allclose(picture.pixels[0], [[1, 0.5, 0], [0, 0, 0]], atol=1e-6)

    inks = np.array([[[65535, 0, 0, 13107]]], np.uint16)
    tifffile.imwrite(tmp_path / "c.tif", inks, photometric="separated", planarconfig="contig")
    assert np.allclose(read_picture(tmp_path / "c.tif").pixels, [0, 0.8, 0.8], atol=1e-6)


def test_bigtiff(tmp_path: Path) -> None:
    levels = noise(dtype="uint16")
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb", bigtiff=True)
    assert np.array_equal(sixteen_bit(read_picture(tmp_path / "a.tif").pixels), levels)


# --- Orientation ---------------------------------------------------------------------------------------

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# The stored corners (top left, top right, bottom left, bottom right) of an upright picture that has red and
# green above blue and white: row 0 and column 0 of the stored picture lie as the table of EXIF says.
STORED_CORNERS = {
    1: (RED, GREEN, BLUE, WHITE),  # row 0 is the top, column 0 the left
    2: (GREEN, RED, WHITE, BLUE),  # top, right
    3: (WHITE, BLUE, GREEN, RED),  # bottom, right
    4: (BLUE, WHITE, RED, GREEN),  # bottom, left
    5: (RED, BLUE, GREEN, WHITE),  # left, top
    6: (GREEN, WHITE, RED, BLUE),  # right, top
    7: (WHITE, GREEN, BLUE, RED),  # right, bottom
    8: (BLUE, RED, WHITE, GREEN),  # left, bottom
}


def stored_corners(orientation: int) -> np.ndarray:
    """The stored pixels (uint8) of an upright picture 24 wide and 16 high."""
    quarter = np.array(STORED_CORNERS[orientation], np.uint8).reshape(2, 2, 3)
    height, width = (16, 24) if orientation < 5 else (24, 16)
    return quarter.repeat(height // 2, axis=0).repeat(width // 2, axis=1)


def save_oriented(path: Path, orientation: int) -> None:
    levels = stored_corners(orientation)
    deep = levels.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = orientation
    match path.name.split(".", 1)[1]:
        case "deep.tif" | "tif" as kind:
            pixels = deep if kind == "deep.tif" else levels
            tifffile.imwrite(path, pixels, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        case "deep.png":
            path.write_bytes(before_pixels(imagecodecs.png_encode(deep), png_chunk(b"eXIf", exif.tobytes()[6:])))
        case "late.png":  # the chunk lies behind the pixels
            data = imagecodecs.png_encode(levels)
            path.write_bytes(data[:-12] + png_chunk(b"eXIf", exif.tobytes()[6:]) + data[-12:])
        case _:
            options = {"lossless": True} if path.suffix == ".webp" else {}
            Image.fromarray(levels).save(path, exif=exif, **options)


@pytest.mark.parametrize("orientation", STORED_CORNERS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "late.png", "deep.png", "webp", "tif", "deep.tif"])
def test_orientations(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"a.{suffix}"
    save_oriented(path, orientation)
    assert picture_size(path) == (24, 16)
    pixels = read_picture(path).pixels
    assert pixels.shape == (16, 24, 3)
    corners = [eight_bit(pixels)[row, column] for row in (2, -3) for column in (2, -3)]
    assert np.abs(np.subtract(corners, (RED, GREEN, BLUE, WHITE))).max() <= 40  # JPEG's chroma
    assert read_picture(path, long_side=12).pixels.shape == (8, 12, 3)
    assert read_picture(path, shape=(5, 7)).pixels.shape == (5, 7, 3)


def test_a_turned_heic_is_turned_once(tmp_path: Path) -> None:
    """The encoder writes the turn twice, as telephones do: as HEIF's property, which counts, and as EXIF."""
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(stored_corners(6).repeat(4, axis=0).repeat(4, axis=1))
    stored.save(tmp_path / "a.heic", exif=exif.tobytes(), quality=95)
    assert b"irot" in (tmp_path / "a.heic").read_bytes()
    assert picture_size(tmp_path / "a.heic") == (96, 64)
    pixels = eight_bit(read_picture(tmp_path / "a.heic").pixels)
    corners = [pixels[row, column] for row in (8, -9) for column in (8, -9)]
    assert np.abs(np.subtract(corners, (RED, GREEN, BLUE, WHITE))).max() <= 20


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("broken", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"garbage" * 9])
def test_broken_exif_counts_as_upright(tmp_path: Path, broken: bytes) -> None:
    Image.fromarray(noise()).save(tmp_path / "a.jpg", exif=broken)
    assert picture_size(tmp_path / "a.jpg") == (9, 6)
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (6, 9, 3)


# --- Colour --------------------------------------------------------------------------------------------

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


def icc_and_texts(path: Path) -> tuple[bytes, dict[Any, Any]]:
    """The profile of a file and its texts by name, as other libraries see them."""
    if path.suffix in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as file:
            return file.pages.first.iccprofile, {"description": file.pages.first.description}
    with Image.open(path) as image:
        return image.info["icc_profile"], {**image.info, **image.getexif().get_ifd(0x8769)}


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def before_pixels(png: bytes, chunk: bytes) -> bytes:
    position = png.index(b"IDAT") - 4
    return png[:position] + chunk + png[position:]


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
def test_grey_profile(tmp_path: Path, deep: bool) -> None:
    grey = np.array([[0, 40, 100, 180, 255]])
    icc = profile({b"kTRC": curve("1.8")}, b"GRAY")
    path = tagged(tmp_path / "a.tif", (grey * 257).astype(np.uint16), icc, deep)
    expected = srgb_encoded((grey / 255) ** 1.8)[..., None]
    assert np.abs(read_picture(path).pixels - expected).max() < (0.003 if deep else 1.6 / 255)


def test_linear_profile_and_grey_pixels_with_an_rgb_profile(tmp_path: Path) -> None:
    grey = np.array([[0, 8000, 40000, 65535]], np.uint16)
    path = tagged(tmp_path / "a.tif", grey, matrix_profile("sRGB", "identity"), True)
    assert np.allclose(read_picture(path).pixels, srgb_encoded(grey / 65535)[..., None], atol=1e-3)


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
    grey = np.arange(256)[None]
    deep = read_picture(tagged(tmp_path / "deep.tif", (grey * 257).astype(np.uint16), icc, True)).pixels
    shallow = read_picture(tagged(tmp_path / "shallow.tif", (grey * 257).astype(np.uint16), icc, False)).pixels
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
    assert "profile is ignored" in caplog.text
    assert "a.tif" in caplog.text


def test_a_table_profile_falls_back_to_eight_bits_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    icc = profile({b"A2B0": inverting_table()})
    levels = (PATCHES * 257).astype(np.uint16)
    path = tagged(tmp_path / "a.tif", levels, icc, True)
    with caplog.at_level(logging.WARNING, "nst"):
        deep = read_picture(path).pixels
    assert "8 bits" in caplog.text
    shallow = read_picture(tagged(tmp_path / "b.tif", levels, icc, False)).pixels
    assert np.array_equal(deep, shallow)
    assert np.abs(deep - PATCHES / 255).max() > 0.2


def inverting_table() -> bytes:
    """An `mft2` that gives inverted colours (as XYZ)."""
    identity = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)])
    xyz = (1 - corners) @ np.array(COLORANTS["sRGB"])
    table = np.rint(xyz / (1 + 32767 / 32768) * 65535).astype(">u2").tobytes()
    ends = struct.pack(">2H", 0, 65535) * 3
    return b"mft2\0\0\0\0" + bytes([3, 3, 2, 0]) + identity + struct.pack(">2H", 2, 2) + ends + table + ends


# --- Sizes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("long_side", "size"), [(0, (90, 60)), (45, (45, 30)), (180, (180, 120)), (1, (1, 1))])
def test_long_side(tmp_path: Path, long_side: int, size: tuple[int, int]) -> None:
    Image.new("RGB", (90, 60)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", long_side=long_side).pixels.shape[1::-1] == size


def test_a_thin_picture_keeps_a_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (1, 500)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", long_side=20).pixels.shape == (20, 1, 3)


def test_sizes_that_contradict_each_other_or_are_absurd(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="not both"):
        read_picture(tmp_path / "a.png", long_side=3, shape=(2, 2))
    with pytest.raises(NstError, match="at most 200 megapixels"):
        read_picture(tmp_path / "a.png", long_side=1_000_000)


def test_resampling_antialiases_and_keeps_constants() -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * np.ones((3, 1, 1))
    small = resize(np.moveaxis(checkers, 0, -1).astype(np.float32), long_side=8)
    assert np.abs(small - 0.5).max() < 0.02
    flat = np.full((10, 20, 3), 0.123456, np.float32)
    assert np.allclose(resize(flat, shape=(7, 31)), 0.123456, atol=1e-6)


def test_resampling_is_finer_than_eight_bits(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(100, 103, 64).astype(np.uint8)[None].repeat(8, 0)).save(tmp_path / "a.png")
    assert len(np.unique(read_picture(tmp_path / "a.png", shape=(8, 640)).pixels)) > 30


def test_hidden_colours_do_not_bleed(tmp_path: Path) -> None:
    levels = np.zeros((40, 40, 4), np.uint8)
    levels[..., 0] = 255  # red, hidden,
    levels[:, 20:] = (0, 0, 255, 255)  # beside visible blue
    Image.fromarray(levels).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png", long_side=13)
    assert picture.alpha is not None
    seen = picture.alpha > 0.01
    assert np.allclose(picture.pixels[seen], (0, 0, 1), atol=1e-3)
    assert (picture.alpha % 1 > 0).any()


# --- What is refused -----------------------------------------------------------------------------------


def refused(path: Path, *words: str) -> None:
    """Both readers refuse the file with one sentence that has the words."""
    for reader in (read_picture, read_metadata, picture_size):
        with pytest.raises(NstError) as caught:
            reader(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        for word in words:
            assert word in message


def test_paths_that_are_no_picture(tmp_path: Path) -> None:
    refused(tmp_path / "missing.png", "no such file")
    refused(tmp_path, "folder")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty")
    for name, data in {
        "page.jpg": b"<!doctype html>",
        "a.psd": b"8BPS\0\1",
        "a.mp4": b"\0\0\0\x18ftypisom" + bytes(9),
    }.items():
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, "supported format", "HEIC")
    refused(tmp_path / "a\0b.png", "cannot be read")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        refused(tmp_path / "pipe.png", "regular file")


def bomb(kind: str) -> bytes:
    """A small file that claims 100,000 × 100,000 pixels."""
    side = 100_000
    if kind == "png" or kind == "deep.png":
        head = struct.pack(">IIBBBBB", side, side, 16 if kind == "deep.png" else 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    if kind == "bmp":
        return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    bits = 16 if kind == "deep.tif" else 8
    entries = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, bits),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (279, 4, 1, 8),
    ]
    return (
        b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    )


@pytest.mark.parametrize("kind", ["png", "deep.png", "bmp", "tif", "deep.tif"])
def test_bombs_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(bomb(kind))
    refused(path, "200 megapixels")


@pytest.mark.parametrize("kind", ["jpg", "gif"])
def test_bombs_by_a_changed_header(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200)).save(buffer, {"jpg": "JPEG", "gif": "GIF"}[kind])
    data = buffer.getvalue()
    old = struct.pack(">HH", 200, 300) if kind == "jpg" else struct.pack("<HH", 300, 200)
    (tmp_path / f"a.{kind}").write_bytes(data.replace(old, b"\xee\xee\xee\xee"))
    refused(tmp_path / f"a.{kind}", "200 megapixels")


def test_a_picture_just_above_the_limit_is_refused_by_us(tmp_path: Path) -> None:
    """Pillow alone would only warn."""
    data = bytearray(bomb("png"))
    data[16:33] = struct.pack(">IIBBBBB", 20_000, 10_001, 8, 2, 0, 0, 0) + struct.pack(">I", 0)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "a.png").write_bytes(data)
    refused(tmp_path / "a.png", "200 megapixels")


def test_no_pixels(tmp_path: Path) -> None:
    for name in ("png", "deep.png"):
        data = bytearray(bomb(name))
        data[16:24] = bytes(8)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        (tmp_path / f"a.{name}").write_bytes(data)
        refused(tmp_path / f"a.{name}")


def encoded(kind: str) -> bytes:
    """A noisy picture of 40 × 40 as file of the kind."""
    levels, buffer = noise(40, 40), io.BytesIO()
    match kind:
        case "deep.png":
            return imagecodecs.png_encode(noise(40, 40, dtype="uint16"))
        case "deep.tif" | "packed.tif":
            compression = "zlib" if kind == "packed.tif" else None
            tifffile.imwrite(buffer, noise(40, 40, dtype="uint16"), photometric="rgb", compression=compression)
        case "heic":
            pillow_heif.from_bytes("RGB", (40, 40), levels.tobytes()).save(buffer)
        case _:
            Image.fromarray(levels).save(buffer, kind)
    return buffer.getvalue()


KINDS = ["jpeg", "png", "tiff", "webp", "bmp", "gif", "avif", "heic", "deep.png", "deep.tif", "packed.tif"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.03, 0.3, 0.7])
def test_truncated_files(tmp_path: Path, kind: str, part: float) -> None:
    data = encoded(kind)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(data[: max(5, int(len(data) * part))])
    with pytest.raises(NstError) as caught:
        read_picture(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("kind", KINDS)
def test_corrupt_files_raise_nothing_else(tmp_path: Path, kind: str) -> None:
    data, random = encoded(kind), np.random.default_rng(3)
    path = tmp_path / "a"
    for _ in range(8):
        corrupt = np.frombuffer(data, np.uint8).copy()
        where = random.integers(0, min(len(corrupt), 400), 6)
        corrupt[where] = random.integers(0, 256, 6)
        path.write_bytes(corrupt.tobytes())
        for reader in (read_picture, picture_size, read_metadata):
            with contextlib.suppress(NstError):
                reader(path)


def test_kinds_that_are_not_supported(tmp_path: Path) -> None:
    lab = ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    ImageCms.applyTransform(Image.fromarray(noise()), transform).save(tmp_path / "lab.tif")
    with pytest.raises(NstError, match="convert it to RGB"):
        read_picture(tmp_path / "lab.tif")
    tifffile.imwrite(tmp_path / "signed.tif", np.zeros((4, 4), np.int16))
    with pytest.raises(NstError, match="convert it to 16-bit RGB"):
        read_picture(tmp_path / "signed.tif")


# --- Writing -------------------------------------------------------------------------------------------

SUFFIXES = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".PNG"]
JSON_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON_FLAT = JSON_SCALARS | st.lists(JSON_SCALARS, max_size=3) | st.dictionaries(st.text(), JSON_SCALARS, max_size=3)
JSON_VALUES = JSON_FLAT | st.lists(JSON_FLAT, max_size=3) | st.dictionaries(st.text(), JSON_FLAT, max_size=3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saved_pixels_come_back(tmp_path: Path, suffix: str) -> None:
    y, x = np.mgrid[0:1:32j, 0:1:48j]
    pixels = np.stack([x, y, (x + y) / 2], axis=-1).astype(np.float32)
    path = tmp_path / f"made/on/the/way/a{suffix}"
    write_picture(path, pixels)
    picture = read_picture(path)
    tolerance = {".jpg": 3, ".jpeg": 3, ".webp": 8}.get(suffix, 0.5001)
    assert np.abs(picture.pixels - pixels).max() * 255 <= tolerance
    assert (picture.alpha, picture.bits) == (None, 8)
    profile, _ = icc_and_texts(path)
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_level_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    levels = noise(64, 64, 4)
    pixels = levels.astype(np.float32) / 255
    write_picture(tmp_path / f"a{suffix}", pixels[..., :3], alpha=pixels[..., 3])
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert np.array_equal(np.asarray(image), levels)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.alpha is not None
    assert np.array_equal(picture.pixels, pixels[..., :3])
    assert np.array_equal(picture.alpha, pixels[..., 3])


def test_sixteen_bits_come_back_exactly(tmp_path: Path) -> None:
    levels = noise(64, 64, 4, "uint16")
    pixels = (levels / 65535).astype(np.float32)
    write_picture(tmp_path / "a.tif", pixels[..., :3], alpha=pixels[..., 3], bits=16, metadata={"a": 1})
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), levels)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.alpha is not None
    assert picture.bits == 16
    assert np.array_equal(sixteen_bit(picture.pixels), levels[..., :3])
    assert np.array_equal(sixteen_bit(picture.alpha), levels[..., 3])


def test_levels_are_rounded_and_clipped(tmp_path: Path) -> None:
    pixels = np.array([[-1, 0.6 / 255, 0.4 / 255, 254.6 / 255, 2]], np.float64)[..., None].repeat(3, axis=2)
    write_picture(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 1, 0, 255, 255]


def test_webp_keeps_alpha_and_jpeg_lies_on_white(tmp_path: Path) -> None:
    pixels, alpha = np.zeros((16, 16, 3), np.float32), np.full((16, 16), 0.25, np.float32)
    for suffix in (".webp", ".jpg"):
        write_picture(tmp_path / f"a{suffix}", pixels, alpha=alpha)
    webp, jpeg = read_picture(tmp_path / "a.webp"), read_picture(tmp_path / "a.jpg")
    assert webp.alpha is not None
    assert np.allclose(webp.alpha, 0.25, atol=0.01)
    assert jpeg.alpha is None
    assert np.allclose(jpeg.pixels, 0.75, atol=0.01)


def test_the_same_picture_gives_the_same_bytes_in_another_process_and_second(tmp_path: Path) -> None:
    pixels = noise().astype(np.float32) / 255
    np.save(tmp_path / "pixels.npy", pixels)
    script = (
        "import sys, numpy as np; from nst.images import write_picture\n"
        "for path in sys.argv[2:]: write_picture(path, np.load(sys.argv[1]), metadata={'seed': 1})\n"
    )
    first, second = ([tmp_path / f"{name}{suffix}" for suffix in SUFFIXES[:-1]] for name in "ab")
    for path in first:
        write_picture(path, pixels, metadata={"seed": 1})
    time.sleep(1)  # a date that sneaks in counts in seconds
    subprocess.run([sys.executable, "-c", script, tmp_path / "pixels.npy", *second], check=True)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_what_is_never_saved(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    for bad in (np.nan, np.inf):
        with pytest.raises(NstError, match="never saved"):
            write_picture(tmp_path / "a.png", np.full_like(pixels, bad))
    with pytest.raises(NstError, match=r"\.png, \.jpg.*choose one"):
        write_picture(tmp_path / "a.xyz", pixels)
    with pytest.raises(NstError, match="choose one"):
        write_picture(tmp_path / "no_suffix", pixels)
    with pytest.raises(NstError, match=r"choose \.tif"):
        write_picture(tmp_path / "a.png", pixels, bits=16)
    with pytest.raises(NstError, match="cannot be saved in this format"):
        write_picture(tmp_path / "a.webp", np.zeros((1, 16_400, 3), np.float32))
    with pytest.raises(ValueError, match="pixels are"):
        write_picture(tmp_path / "a.png", pixels[..., 0])
    with pytest.raises(ValueError, match="bits"):
        write_picture(tmp_path / "a.png", pixels, bits=12)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "a.png", tmp_path / "folder.png", Path(f"{tmp_path}/{'x' * 300}/a.png")):
        with pytest.raises(NstError, match="cannot be written"):
            write_picture(path, pixels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.parametrize("fails", ["write_bytes", "replace"])
def test_a_failure_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    write_picture(path, np.zeros((4, 4, 3), np.float32))
    before = path.read_bytes()
    write_half: Callable[[Path, bytes], int] = Path.write_bytes

    def fail(self: Path, argument: object) -> None:
        if isinstance(argument, bytes):
            write_half(self, argument[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, fails, fail)
    with pytest.raises(NstError, match="No space left on device"):
        write_picture(path, np.ones((4, 4, 3), np.float32))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_picture(tmp_path / "a.png", np.zeros((2, 2, 3), np.float32))
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


# --- Metadata ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@FIXTURE_REUSED
@given(metadata=st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_metadata_come_back(tmp_path: Path, suffix: str, metadata: dict[str, object]) -> None:
    path = tmp_path / f"a{suffix}"
    write_picture(path, np.zeros((2, 3, 3), np.float32), metadata=metadata)
    assert read_metadata(path) == metadata
    assert picture_size(path) == (3, 2)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("length", [50_000, 64_990, 65_100, 400_000])
def test_long_metadata(tmp_path: Path, suffix: str, length: int) -> None:
    metadata = {"größe": "ß漢🎨" * 10, "long": "0123456789" * (length // 10)}
    write_picture(tmp_path / f"a{suffix}", np.zeros((2, 3, 3), np.float32), metadata=metadata)
    assert read_metadata(tmp_path / f"a{suffix}") == metadata


def test_metadata_that_do_not_fit(tmp_path: Path) -> None:
    long = {"noise": np.random.default_rng(0).bytes(80_000).hex()}
    with pytest.raises(NstError, match=r"metadata is too long.*choose \.png"):
        write_picture(tmp_path / "a.jpg", np.zeros((2, 3, 3), np.float32), metadata=long)
    write_picture(tmp_path / "a.png", np.zeros((2, 3, 3), np.float32), metadata=long)
    with pytest.raises(ValueError, match="JSON"):
        write_picture(tmp_path / "b.png", np.zeros((2, 3, 3), np.float32), metadata={"loss": float("nan")})


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_pictures_without_metadata(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise()).save(path)
    with pytest.raises(NstError, match="carries no settings of nst"):
        read_metadata(path)
    if suffix != ".bmp":
        write_picture(path, np.zeros((2, 3, 3), np.float32))
        with pytest.raises(NstError, match="carries no settings of nst"):
            read_metadata(path)


@pytest.mark.parametrize("text", ["nonsense", "[]", "{}", '{"nst": 3}', "nst:zlib:!!", "[" * 100_000])
def test_foreign_text_is_no_metadata(tmp_path: Path, text: str) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("nst", text)
    Image.fromarray(noise()).save(tmp_path / "a.png", pnginfo=chunks)
    with pytest.raises(NstError, match="carries no settings of nst"):
        read_metadata(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", noise(), description=text, metadata=None)
    with pytest.raises(NstError, match="carries no settings of nst"):
        read_metadata(tmp_path / "a.tif")


def test_other_tools_can_read_the_metadata(tmp_path: Path) -> None:
    for suffix in (".png", ".tif", ".jpg"):
        write_picture(tmp_path / f"a{suffix}", np.zeros((2, 3, 3), np.float32), metadata={"seed": 5})
    expected = {"nst": {"seed": 5}}
    assert json.loads(icc_and_texts(tmp_path / "a.png")[1]["nst"]) == expected
    assert json.loads(icc_and_texts(tmp_path / "a.tif")[1]["description"]) == expected
    assert json.loads(icc_and_texts(tmp_path / "a.jpg")[1][0x9286].removeprefix(b"ASCII\0\0\0")) == expected


# --- The module itself ---------------------------------------------------------------------------------


def test_importing_loads_no_codec() -> None:
    script = (
        "import sys, nst.images\n"
        "heavy = {'torch', 'tifffile', 'imagecodecs', 'pillow_heif', 'PIL.ImageCms'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
