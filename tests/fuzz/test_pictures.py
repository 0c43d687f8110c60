"""Pictures of any bytes: refused in one message, or numbers from 0 to 1."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from bounded import bounded
from mutation import damaged
from nst.errors import NstError
from nst.images import intact_picture_size, picture_size, read_metadata, read_picture

LEVELS = np.random.default_rng(7).integers(0, 256, (24, 40, 4), np.uint8)
DEEP = LEVELS.astype(np.uint16) * 257


def _pillow(mode: str, kind: str, **options) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(LEVELS).convert("RGB" if mode not in ("RGBA", "LA") else "RGBA").convert(mode)
    image.save(file, kind, exif=exif, **options)
    return file.getvalue()


def _tiff(pixels: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **({"photometric": "rgb"} | options))
    return file.getvalue()


def _heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB", (40, 24), LEVELS[..., :3].tobytes()).save(file)
    return file.getvalue()


def _animation(kind: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.fromarray(np.roll(LEVELS[..., :3], turn, 0)) for turn in range(3)]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


KINDS = {
    "jpeg": lambda: _pillow("RGB", "JPEG"),
    "progressive jpeg": lambda: _pillow("RGB", "JPEG", progressive=True),
    "cmyk jpeg": lambda: _pillow("CMYK", "JPEG"),
    "png": lambda: _pillow("RGBA", "PNG"),
    "palette png": lambda: _pillow("P", "PNG", transparency=3),
    "bilevel png": lambda: _pillow("1", "PNG"),
    "deep png": lambda: imagecodecs.png_encode(DEEP),
    "gif": lambda: _animation("GIF"),
    "webp": lambda: _pillow("RGBA", "WEBP"),
    "animated webp": lambda: _animation("WEBP"),
    "avif": lambda: _pillow("RGBA", "AVIF"),
    "heic": _heic,
    "bmp": lambda: _pillow("P", "BMP"),
    "tiff": lambda: _pillow("LA", "TIFF"),
    "jpeg tiff": lambda: _pillow("RGB", "TIFF", compression="jpeg"),
    "deep tiff": lambda: _tiff(DEEP, extrasamples=["assocalpha"]),
    "packed tiff": lambda: _tiff(DEEP[..., :3], compression="zlib", predictor=True, rowsperstrip=5),
    "tiles": lambda: _tiff(DEEP[..., :3] / np.float64(65535), compression="lzw", tile=(16, 16)),
    "planes": lambda: _tiff(np.moveaxis(DEEP[..., :3], -1, 0).astype(np.float32), planarconfig="separate"),
    "bigtiff": lambda: _tiff(DEEP[..., 0], photometric="miniswhite", bigtiff=True, byteorder=">"),
}
NUMBERS = (0, 1, 65, 255, 14_000, 32_768, 65_535, 10**6, 2**31 - 1, 2**32 - 1)


@cache
def whole(kind: str) -> bytes:
    return KINDS[kind]()


@st.composite
def forged(draw, kind: str) -> bytes:
    """A file with numbers of its first bytes replaced: sizes, offsets, counts, depths."""
    data = bytearray(whole(kind))
    for _ in range(draw(st.integers(1, 3))):
        form = draw(st.sampled_from([">H", "<H", ">I", "<I", ">B"]))
        at = draw(st.integers(0, min(len(data), 400) - 4))
        number = draw(st.sampled_from(NUMBERS)) % 256 ** struct.calcsize(form)
        struct.pack_into(form, data, at, number)
    return bytes(data)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read_all() -> None:
    """By every reader; and what is read is a picture."""
    for reader in (picture_size, intact_picture_size, read_metadata):
        _refused(reader)
    for size in ({"long_side": 32}, {"shape": (7, 90)}):
        picture = _refused(read_picture, **size)
        if picture is not None:
            assert picture.pixels.shape[:2] == size.get("shape", picture.pixels.shape[:2])
            assert max(picture.pixels.shape) == max(size.get("shape", (32,)))
            planes = [picture.pixels, *([] if picture.alpha is None else [picture.alpha])]
            assert all(np.isfinite(plane).all() and plane.min() >= 0 and plane.max() <= 1 for plane in planes)


def _refused(reader, **options):
    try:
        return reader("picture", **options)
    except NstError as error:
        message = str(error)
        assert message.startswith("picture: ")
        assert "\n" not in message
        assert len(message) < 2000
        return None


def read(content: bytes) -> None:
    Path("picture").write_bytes(content)
    assert bounded(read_all).error == ""


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_whole_is_read(kind):
    Path("picture").write_bytes(whole(kind))
    assert intact_picture_size("picture") in ((40, 24), (24, 40))
    read(whole(kind))


@given(data=st.data(), kind=st.sampled_from([*KINDS]))
def test_damaged_pictures(data, kind):
    read(data.draw(damaged(whole(kind))))


@given(data=st.data(), kind=st.sampled_from([*KINDS]))
def test_forged_numbers(data, kind):
    read(data.draw(forged(kind)))


@given(data=st.data(), kinds=st.lists(st.sampled_from([*KINDS]), min_size=2, max_size=2))
def test_pieces_of_two_files(data, kinds):
    first, second = map(whole, kinds)
    read(first[: data.draw(st.integers(4, len(first)))] + second[data.draw(st.integers(0, len(second))) :])


@given(head=st.sampled_from([whole(kind)[:16] for kind in KINDS]), rest=st.binary(max_size=400))
@example(head=b"", rest=b"")
@example(head=b"II*\0\x08\0\0\0", rest=b"\xff" * 100)
@example(head=b"GIF89a", rest=b"\xff" * 100)
@example(head=b"BM", rest=b"\xff" * 100)
@example(head=b"\0\0\0\x18ftypheic", rest=b"\0" * 100)
def test_heads_of_files(head, rest):
    read(head + rest)
