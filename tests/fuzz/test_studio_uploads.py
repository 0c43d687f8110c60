"""Uploads of any bytes under any name: stored as an image, or refused in one sentence, and nothing else is left."""

from __future__ import annotations

import io
import resource
import struct
import tempfile
import zipfile
import zlib
from functools import cache
from pathlib import Path

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
from nst.grid.names import slug
from nst.studio import decoding
from nst.studio.decoding import Decoded
from nst.studio.uploads import NAME, display_name
from pictures import before_pixels, png_chunk
from uploads import files, image_bytes, studio

#: Memory of a decoder's process, in megabytes: what its limit allows.
DECODER = 1600


def _heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB", (40, 24), bytes(40 * 24 * 3)).save(file)
    return file.getvalue()


def _deep_tiff() -> bytes:
    file = io.BytesIO()
    pixels = np.arange(24 * 40 * 3, dtype=np.uint16).reshape(24, 40, 3)
    tifffile.imwrite(file, pixels, photometric="rgb", compression="zlib", predictor=True)
    return file.getvalue()


KINDS = {
    "jpeg": image_bytes,
    "progressive jpeg": lambda: image_bytes(progressive=True),
    "png": lambda: image_bytes("PNG", mode="RGBA"),
    "palette png": lambda: image_bytes("PNG", mode="P"),
    "webp": lambda: image_bytes("WEBP"),
    "avif": lambda: image_bytes("AVIF"),
    "heic": _heic,
    "tiff": lambda: image_bytes("TIFF", compression="jpeg"),
    "deep tiff": _deep_tiff,
}


@cache
def whole(kind: str) -> bytes:
    return KINDS[kind]()


def upload(data: bytes, *, name: str = "a.jpg", by: str = "receive") -> None:
    """Upload a file to a new studio, and check what is there afterwards. Raises NstError where it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        store, before = studio(Path(folder)), []
        if by == "receive_mask":
            painted = store.receive("session", "content", "a.jpg", io.BytesIO(whole("jpeg")))
            before = files(Path(folder))
        try:
            if by == "receive_mask":
                stored = store.receive_mask("session", painted.id, io.BytesIO(data))
            else:
                stored = store.receive("session", "content", name, io.BytesIO(data))
            expected = [f"uploads/{stored.id}{stored.suffix}", f"uploads/{stored.id}.preview.webp"]
            assert stored.suffix in decoding.SUFFIXES.values()
            assert 1 <= stored.width * stored.height <= decoding.PIXELS
            with Image.open(store.preview(stored)) as preview:
                preview.load()
                assert preview.format == "WEBP"
                assert max(preview.size) <= decoding.PREVIEW
            assert {*before, *expected} == {*files(Path(folder))}
        except NstError as error:
            message = str(error)
            assert "\n" not in message
            assert len(message) < 2000
            assert folder not in message
            assert "object at 0x" not in message
            assert "/" not in message.replace(display_name(name), "")
            assert files(Path(folder)) == before
            raise
        finally:
            assert not [path for path in Path(folder, "uploads").iterdir() if path.is_dir()]
            most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            assert most < DECODER, f"the decoder took {most:.0f} MB"


def received(data: bytes, **options) -> str:
    """The message with which a file is refused; empty if it is stored."""
    return bounded(upload, data, seconds=10, megabytes=300, **options).error


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_whole_is_stored(kind):
    assert received(whole(kind)) == ""


@given(data=st.binary(max_size=300), head=st.sampled_from([b"", *(whole(kind)[:16] for kind in KINDS)]))
@example(data=b"\xff" * 100, head=b"II*\0\x08\0\0\0")
@example(data=b"\0" * 300, head=b"\0\0\0\x18ftypheic")
def test_any_bytes(data, head):
    assert received(head + data)


@given(data=st.data(), kind=st.sampled_from([*KINDS]))
def test_damaged_images(data, kind):
    received(data.draw(damaged(whole(kind))))


@given(data=st.data(), kind=st.sampled_from([*KINDS]))
def test_flipped_bits(data, kind):
    image = bytearray(whole(kind))
    for _ in range(data.draw(st.integers(1, 20))):
        bit = data.draw(st.integers(0, 8 * len(image) - 1))
        image[bit // 8] ^= 1 << bit % 8
    received(bytes(image))


@given(kind=st.sampled_from([*KINDS]), data=st.data())
def test_damaged_masks(kind, data):
    received(data.draw(damaged(whole(kind))), by="receive_mask")


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../evil", "x")
    return file.getvalue()


BEHIND = {"html": b"<script>alert(1)</script>", "zip": _zip(), "python": b"\nimport os\n", "jpeg": whole("jpeg")}


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("behind", BEHIND)
def test_an_image_with_another_file_behind_it_is_only_an_image(kind, behind):
    """The preview, which is what browsers get, has nothing of it: `upload` decodes it."""
    with tempfile.TemporaryDirectory() as folder:
        store = studio(Path(folder))
        stored = store.receive("a", "style", "a.html", io.BytesIO(whole(kind) + BEHIND[behind]))
        assert stored.suffix in decoding.SUFFIXES.values()
        preview = store.preview(stored).read_bytes()
        assert BEHIND[behind] not in preview
        assert b"script" not in preview
        assert len(preview) == 8 + struct.unpack("<I", preview[4:8])[0]


NO_IMAGES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "svg with a head": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "html behind gif's head": b"GIF89a/*<script>alert(1)</script>*/",
    "html behind bmp's head": b"BM<script>alert(1)</script>",
    "zip": _zip(),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "imagemagick": b'push graphic-context\nfill "url(https://example.com/a.png)"\npop graphic-context',
    "pdf": b"%PDF-1.7\n",
    "elf": b"\x7fELF" + bytes(60),
    "a list of files": b"ffconcat version 1.0\nfile /etc/passwd\n",
}


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_what_is_no_image(kind):
    message = received(NO_IMAGES[kind], name="lake.jpg")
    assert message.startswith("lake.jpg is ")
    assert "passwd" not in message


# --- small files that expand -------------------------------------------------------------------------------------


def _png(width: int, height: int, bits: int, color: int, rows: int) -> bytes:
    """A black PNG with the first rows of its pixels only."""
    channels = {0: 1, 2: 3, 6: 4}[color]
    packer, row = zlib.compressobj(9), bytes(1 + (width * bits * channels + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    chunks = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _png_with(name: bytes, head: bytes) -> bytes:
    return before_pixels(whole("png"), png_chunk(name, head + _packed(1500)))


def _tiff(strip: bytes, **tags: int) -> bytes:
    """A grayscale TIFF of one strip."""
    values = {256: 9000, 257: 9000, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: 9000, 279: len(strip)}
    values |= {int(tag[1:]): value for tag, value in tags.items()}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(values.items()))
    directory = struct.pack("<H", len(values)) + entries + bytes(4)
    return struct.pack("<4sI", b"II*\0", 8 + len(strip)) + strip + directory


def _packed(megabytes: int) -> bytes:
    """A zlib stream of zeros: a packed megabyte, repeated."""
    packer = zlib.compressobj(9, wbits=-15)
    once = packer.compress(bytes(10**6)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (megabytes * 10**6 % 65521 << 16) + 1
    return b"\x78\xda" + once * megabytes + b"\x03\0" + struct.pack(">I", checksum)


def _vp8x(width: int, height: int) -> bytes:
    """A WebP whose extended header claims another size."""
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunks = b"WEBPVP8X" + struct.pack("<I4x", 10) + canvas + whole("webp")[12:]
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _claiming(kind: str, *, jpeg: bytes = b"\xff\xc0\x00\x11\x08") -> bytes:
    """A JPEG that claims 65,000 × 65,000 pixels."""
    image = bytearray(whole(kind))
    struct.pack_into(">HH", image, image.index(jpeg) + 5, 65_000, 65_000)
    return bytes(image)


def _larger(kind: str, side: int) -> bytes:
    """A HEIC or AVIF that claims another size."""
    image = bytearray(whole(kind))
    struct.pack_into(">II", image, image.index(b"ispe") + 8, side, side)
    return bytes(image)


BOMBS = {
    "png of 900 megapixels": lambda: _png(30_000, 30_000, 1, 0, 30_000),
    "png of 2**62 pixels": lambda: _png(2**31 - 1, 2**31 - 1, 16, 6, 0),
    "wide png": lambda: _png(10**8, 1, 8, 0, 1),
    "deep png without its pixels": lambda: _png(9999, 9999, 16, 6, 1),
    "png with a packed profile": lambda: _png_with(b"iCCP", b"x\0\0"),
    "png with a packed text": lambda: _png_with(b"zTXt", b"x\0\0"),
    "png with a packed international text": lambda: _png_with(b"iTXt", b"x\0\1\0\0\0"),
    "jpeg of 4 gigapixels": lambda: _claiming("jpeg"),
    "tiff of 4 gigapixels": lambda: _tiff(b"x", t256=65_000, t257=65_000),
    "tiff with a longer strip": lambda: _tiff(_packed(2000), t256=100, t257=100, t278=100),
    "deep tiff with a longer strip": lambda: _tiff(_packed(2000), t256=100, t257=100, t258=16, t278=100),
    "deep tiff without its pixels": lambda: _tiff(_packed(1), t258=32),
    "tiff with many samples": lambda: _tiff(_packed(1), t258=16, t277=65_535),
    "tiff that is its own next page": lambda: _tiff(b"x" * 100)[:-4] + struct.pack("<I", 108),
    "webp of 16,383 × 16,383": lambda: _vp8x(16_383, 16_383),
    "webp of 2**24 × 2**24": lambda: _vp8x(2**24, 2**24),
    "heic of 3.6 gigapixels": lambda: _larger("heic", 60_000),
    "heic of 81 megapixels without them": lambda: _larger("heic", 9_000),
    "avif of 3.6 gigapixels": lambda: _larger("avif", 60_000),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_small_files_that_expand(kind):
    bomb = BOMBS[kind]()
    assert len(bomb) < decoding.PIXELS // 20
    message = received(bomb)
    # libtiff ignores what a strip has beyond its rows, which are few
    assert message.startswith("a.jpg: " if kind != "tiff with a longer strip" else "")
    assert "cannot be stored" not in message


def test_a_real_image_of_almost_the_most_pixels_fits_into_the_limits():
    file = io.BytesIO()
    Image.new("RGB", (10_000, 9_900), "navy").save(file, "JPEG", progressive=True, subsampling=0)
    assert received(file.getvalue()) == ""


# --- names -------------------------------------------------------------------------------------------------------

TROUBLE = st.sampled_from(
    ["../", "..\\", "/", "\0", "\r\n", "Set-Cookie: a=b", "\u202e", "\u200f", "\ud800", "%2e%2e%2f", "' OR 1=1",
     "<script>", "\x1b[2J", "x" * 10_000, "C:", "con", ".", "\u0301" * 100, "😀", "image.jpg", " "]
)  # fmt: skip
NAMES = st.lists(TROUBLE | st.text(max_size=10), max_size=8).map("".join)


@given(name=NAMES)
@example(name="../" * 3000)
@example(name="\u202e" * 10_000)
def test_a_shown_name_is_plain_text(name):
    shown = display_name(name)
    assert 1 <= len(shown) <= NAME
    assert shown.isprintable()
    assert shown == shown.strip()
    assert shown.strip(".")
    assert not {"/", "\\"} & {*shown}
    assert shown.encode()
    assert "/" not in slug(shown)


@given(name=NAMES)
@example(name="../../../tmp/evil.jpg")
@example(name="x" * 10_000)
def test_no_name_becomes_a_path(name):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "decode", _accept)
        store = studio(Path(folder))
        stored = store.receive("session", "content", name, io.BytesIO(b"pixels"))
        assert store.get("session", stored.id) == stored
        assert files(Path(folder)) == [f"uploads/{stored.id}.jpg", f"uploads/{stored.id}.preview.webp"]


def _accept(file: Path, preview: Path, **options) -> Decoded:
    preview.write_bytes(b"preview")
    return Decoded(".jpg", 1, 1)
