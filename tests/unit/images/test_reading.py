"""Reading images: formats, modes, deep color, orientation and size, against files that other libraries made."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from nst.errors import NstError
from nst.images import picture_size, read_picture, resize, strips
from pictures import before_pixels, eight_bit, noise, png_chunk, sixteen_bit

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
def test_one_transparent_color(tmp_path: Path, mode: str, key: int | tuple[int, ...]) -> None:
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
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    for suffix in ("gif", "webp", "png", "tif"):
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
        assert eight_bit(read_picture(tmp_path / f"a.{suffix}").pixels)[0, 0].tolist() == [255, 0, 0]


# --- Deep color ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_sixteen_bits_is_exact(tmp_path: Path, channels: int) -> None:
    levels = noise(channels=channels, dtype="uint16")
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(levels if channels > 1 else levels[..., 0].copy()))
    picture = read_picture(tmp_path / "a.png")
    colors = 3 if channels >= 3 else 1
    assert picture.bits == 16
    assert np.array_equal(sixteen_bit(picture.pixels), np.broadcast_to(levels[..., :colors], (6, 9, 3)))
    if channels in (2, 4):
        assert picture.alpha is not None
        assert np.array_equal(sixteen_bit(picture.alpha), levels[..., -1])
    else:
        assert picture.alpha is None


def test_transparent_color_of_a_deep_png(tmp_path: Path) -> None:
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
    colors = 3 if channels >= 3 else 1
    assert np.abs(picture.pixels - levels[..., :colors]).max() <= tolerance
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
# The stored corners (top left, top right, bottom left, bottom right) of an upright image that has red and
# green above blue and white: row 0 and column 0 of the stored image lie as the table of EXIF says.
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
    """The stored pixels (uint8) of an upright image 24 wide and 16 high."""
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
@pytest.mark.parametrize("strip", [strips._PIXELS, 50])
def test_orientations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strip: int, suffix: str, orientation: int
) -> None:
    """In one strip, and in several of two rows."""
    monkeypatch.setattr(strips, "_PIXELS", strip)
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


def test_hidden_colors_do_not_bleed(tmp_path: Path) -> None:
    levels = np.zeros((40, 40, 4), np.uint8)
    levels[..., 0] = 255  # red, hidden,
    levels[:, 20:] = (0, 0, 255, 255)  # beside visible blue
    Image.fromarray(levels).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png", long_side=13)
    assert picture.alpha is not None
    seen = picture.alpha > 0.01
    assert np.allclose(picture.pixels[seen], (0, 0, 1), atol=1e-3)
    assert (picture.alpha % 1 > 0).any()


@pytest.mark.parametrize("deep", [False, True])
def test_the_orientation_of_a_png_is_that_of_its_exif_only(tmp_path: Path, deep: bool) -> None:
    """Pillow also obeys XMP, but neither the header, by which sizes are compared, nor viewers do."""
    levels = stored_corners(1)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>'
    text = png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp)
    data = imagecodecs.png_encode(levels.astype(np.uint16) * 257 if deep else levels)
    (tmp_path / "a.png").write_bytes(before_pixels(data, text))
    assert picture_size(tmp_path / "a.png") == (24, 16)
    assert read_picture(tmp_path / "a.png").pixels.shape == (16, 24, 3)
