"""A small file that unpacks to gigabytes is decoded within bounds, or refused with the true reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from bounded import bounded
from nst import limits
from nst.errors import NstError
from nst.images import intact_picture_size, read_picture, resize
from nst.images.resizing import resampled
from pictures import noise, png_chunk

SIDE = 3000


@pytest.fixture(autouse=True)
def by_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the images can be smaller than those for which it matters."""
    monkeypatch.setattr("nst.images.resizing._WHOLE", 0)


def png(path: Path, bits: int, kind: int, channels: int, side: int = SIDE) -> Path:
    """A black PNG, of which a very large one has no pixels."""
    packer = zlib.compressobj()
    rows = bytes(1 + side * channels * bits // 8) * 100
    data = b"".join([*(packer.compress(rows) for _ in range(side // 100) if side == SIDE), packer.flush()])
    head = struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, 0)
    chunks = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def tiff(path: Path, bits: int, side: int, compression: int, rows: int) -> Path:
    """A TIFF of RGB whose pixels are not there."""
    tags = {256: side, 257: side, 258: bits, 259: compression, 262: 2, 273: 8, 277: 3, 278: rows, 279: 8, 339: 3}
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (256, 257, 273, 278, 279) else 3, 1, value)
                       for tag, value in tags.items())  # fmt: skip
    path.write_bytes(b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


# Megabytes of the samples, and of what works on a strip of them.
@pytest.mark.parametrize(
    ("bits", "kind", "channels", "samples"),
    [(16, 6, 4, 72), (16, 2, 3, 54), (8, 6, 4, 36), (8, 2, 3, 36), (8, 3, 1, 9), (1, 0, 1, 9)],
)
def test_pngs_of_few_bytes(tmp_path: Path, bits: int, kind: int, channels: int, samples: int) -> None:
    path = png(tmp_path / "a.png", bits, kind, channels)
    if kind == 3:
        data = path.read_bytes()
        path.write_bytes(data[:33] + png_chunk(b"PLTE", bytes(6)) + png_chunk(b"tRNS", b"\0") + data[33:])
    assert path.stat().st_size < 500_000
    outcome = bounded(read_picture, path, long_side=32, seconds=30, megabytes=samples + 60)
    assert outcome.error == ""


@pytest.mark.parametrize("suffix", ["gif", "jpg", "webp", "tif"])
def test_other_formats_of_few_bytes(tmp_path: Path, suffix: str) -> None:
    image = Image.new("P" if suffix == "gif" else "RGB", (SIDE, SIDE))
    image.save(tmp_path / f"a.{suffix}", **({"compression": "tiff_deflate"} if suffix == "tif" else {}))
    assert bounded(read_picture, tmp_path / f"a.{suffix}", long_side=32, seconds=30, megabytes=100).error == ""


def test_an_animation_of_many_frames(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(64, 64, 1)[..., 0] // (1 + index % 9)) for index in range(2000)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], optimize=False)
    (tmp_path / "b.gif").write_bytes((tmp_path / "a.gif").read_bytes()[:-1])  # so that it is decoded to be checked
    assert bounded(read_picture, tmp_path / "a.gif", long_side=32, seconds=5, megabytes=50).error == ""
    assert bounded(intact_picture_size, tmp_path / "b.gif", seconds=5, megabytes=50).error == ""


def test_to_look_whether_a_large_picture_is_whole_takes_no_floats(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 8, 6, 4)
    path.write_bytes(path.read_bytes() + b"behind it" * 20)
    assert bounded(intact_picture_size, path, seconds=30, megabytes=60).error == ""


def refused(path: Path, *reasons: str) -> None:
    for reader in (read_picture, intact_picture_size):
        outcome = bounded(reader, path, seconds=5, megabytes=100)
        assert outcome.error.startswith(f"{path}: ")
        for reason in reasons:
            assert reason in outcome.error


GB = "GB to decode; at most 1 GB is allowed: reduce it first, for example with ImageMagick: `magick IN -resize"


def test_what_takes_too_much_to_decode(tmp_path: Path) -> None:
    refused(png(tmp_path / "a.png", 16, 6, 4, 11_200), "11200×11200 pixels of this format take 1 GB")
    refused(tiff(tmp_path / "64.tif", 64, 7000, 8, 1), f"7000×7000 pixels of this format take 1.18 {GB}")
    refused(tiff(tmp_path / "strip.tif", 32, 6000, 8, 6000), f"6000×6000 pixels of this format take 1.3 {GB}")
    refused(tiff(tmp_path / "8.tif", 8, 14000, 8, 14000), f"14000×14000 pixels of this format take 1.37 {GB}")


@pytest.mark.parametrize(("subsampling", "gigabytes"), [(0, "1.96"), (2, "1.37")])
def test_a_progressive_jpeg_keeps_its_coefficients(tmp_path: Path, subsampling: int, gigabytes: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(200, 300)).save(buffer, "JPEG", progressive=True, subsampling=subsampling)
    path = tmp_path / "a.jpg"
    path.write_bytes(buffer.getvalue().replace(struct.pack(">HH", 200, 300), struct.pack(">HH", 14_000, 14_000)))
    refused(path, f"take {gigabytes} GB to decode")
    data = bytearray(path.read_bytes().replace(b"\xff\xc2", b"\xff\xc0"))
    data[data.index(b"\xff\xda") + 4] = 1  # sequential, and its first scan has one component
    path.write_bytes(data)
    refused(path, f"take {gigabytes} GB to decode")


def test_a_jpeg_of_thousands_of_scans(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (2000, 2000)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    frame, last = data.index(b"\xff\xc2"), data.rindex(b"\xff\xda")
    comment = b"\xff\xfe\0\6\xff\xd9\xff\xd9"
    path = tmp_path / "a.jpg"
    for many in (
        data[:last] + data[last:-2] * 1100,  # without an end
        data[:last] + comment + data[last:-2] * 1100 + bytes(99),  # with the bytes of an end in a comment
        data[:frame] + b"\xff" + data[frame:last] + data[last:-2] * 1100,  # with a fill byte before a marker
    ):
        path.write_bytes(many)
        refused(path, "scans of 2000×2000 pixels, too many to decode; save it as a baseline JPEG")
    path.write_bytes(data[:last] + data[last:-2] * 1100 + data[-2:])
    outcome = bounded(read_picture, path, long_side=32, seconds=5)
    assert "scans of 2000×2000 pixels, too many to decode; save it as a baseline JPEG" in outcome.error
    path.write_bytes(data)
    assert bounded(read_picture, path, long_side=32).error == ""


def test_scans_are_counted_up_to_the_end_of_the_jpeg(tmp_path: Path) -> None:
    """Phones append videos, whose bytes are no scans. Neither are those of a comment."""
    buffer = io.BytesIO()
    Image.new("L", (2000, 2000)).save(buffer, "JPEG", progressive=True)
    data, scans = buffer.getvalue(), b"\xff\xda\0\2" * 5000
    last = data.rindex(b"\xff\xda")
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(scans)) + scans
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:last] + comment + data[last:] + bytes(2) + scans)
    for reader in (read_picture, intact_picture_size):
        assert bounded(reader, path).error == ""


def test_a_bmp_of_runs_takes_long(tmp_path: Path) -> None:
    head = struct.pack("<IIIIiiHHIIiiII", 54 + 1024, 0, 54 + 1024, 40, 9000, 9000, 1, 8, 1, 0, 0, 0, 256, 0)
    (tmp_path / "a.bmp").write_bytes(b"BM" + head + bytes(1024) + b"\0\0" * 9000 + b"\0\1")
    outcome = bounded(read_picture, tmp_path / "a.bmp", long_side=32, seconds=5)
    assert (
        "is a run-length encoded BMP with more than 20 megapixels, the most that is supported; save it as PNG"
        in outcome.error
    )


@pytest.mark.parametrize("side", [(200_000, 9), (9, 200_000)])
def test_sides(tmp_path: Path, side: tuple[int, int]) -> None:
    Image.new("L", side).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", f"has {side[0]:,}×{side[1]:,} pixels; at most 100,000 per side are supported")


def test_a_tiff_of_absurd_depth(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(dtype="uint16"), photometric="rgb")
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.tags["BitsPerSample"].valueoffset
    data = bytearray(path.read_bytes())
    data[offset : offset + 6] = b"\xff" * 6
    path.write_bytes(data)
    for reader in (read_picture, intact_picture_size):
        assert bounded(reader, path, seconds=5, megabytes=50).error.startswith(f"{path}: ")


def test_files_of_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (9, 6)).save(tmp_path / "a.bmp")
    monkeypatch.setattr(limits, "PICTURE_BYTES", 100)
    with pytest.raises(NstError, match=r"a\.bmp: has 0\.0 GB; at most 0 GB are supported"):
        read_picture(tmp_path / "a.bmp")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGB", "RGBA"])
def test_an_uncompressed_tiff_is_turned_once(tmp_path: Path, mode: str, orientation: int) -> None:
    """Pillow maps such a file into memory, and then turned it without its size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(noise(30, 20)).convert(mode)
    image.save(tmp_path / "a.tif", exif=exif)
    image.save(tmp_path / "b.tif", exif=exif, compression="tiff_lzw")
    mapped, unpacked = read_picture(tmp_path / "a.tif"), read_picture(tmp_path / "b.tif")
    assert mapped.pixels.shape[:2] == ((30, 20) if orientation < 5 else (20, 30))
    assert np.array_equal(mapped.pixels, unpacked.pixels)


@pytest.mark.parametrize("target", [(9, 14), (60, 35), (64, 200), (7, 30), (50, 30)])
@pytest.mark.parametrize("transparent", [False, True])
def test_strips_are_resampled_as_the_whole_is(
    target: tuple[int, int], transparent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    color, alpha = noise(50, 30), noise(50, 30, 1)[..., 0] if transparent else None
    monkeypatch.setattr("nst.images.resizing._WHOLE", 10**9)
    whole, opacity = resampled([(color, alpha)], (50, 30), target)
    monkeypatch.setattr("nst.images.resizing._WHOLE", 0)
    parts = [(color[a:b], None if alpha is None else alpha[a:b]) for a, b in ((0, 1), (1, 20), (20, 50))]
    strips, opacities = resampled(parts, (50, 30), target)
    assert np.abs(strips - whole).max() <= 1e-6
    if transparent:
        assert np.abs(opacities - opacity).max() <= 1e-6
    else:
        assert np.array_equal(whole, resize(color, shape=target))
