"""What is no image, too large or damaged is refused in one message."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms

from nst.errors import NstError, printable
from nst.images import picture_size, read_metadata, read_picture
from nst.images.opening import decoding
from pictures import noise, png_chunk


def refused(path: Path, *words: str) -> None:
    """Both readers refuse the file with one message that has the words."""
    for reader in (read_picture, read_metadata, picture_size):
        with pytest.raises(NstError) as caught:
            reader(path)
        message = str(caught.value)
        assert message.startswith(f"{printable(str(path))}: ")
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
    """A noisy image of 40 × 40 as file of the kind."""
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


def test_the_message_of_a_decoder_that_fails_in_its_own_code_is_not_shown() -> None:
    expected = r"a\.tif: the image is truncated, .* \(invalid structure\); export it again"
    with pytest.raises(NstError, match=expected), decoding("a.tif"):
        raise TypeError("unsupported operand type(s) for //: 'tuple' and 'int'")
