"""Embedded metadata: JSON with the settings of a run, from which the image can be reproduced.

It is stored in an iTXt chunk "nst" (PNG), in EXIF UserComment (JPEG, WebP), in ImageDescription (TIFF) or in a comment
(GIF): always `{"nst": {...}}` in ASCII with escapes, for tools without Unicode.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, PngImagePlugin

from nst.errors import NstError
from nst.images.opening import MAX_TEXT, decoding, open_pillow, png_chunks, read_header
from nst.images.source import PathLike, opened
from nst.io.files import is_file

_EXIF_IFD, _USER_COMMENT, _DESCRIPTION = 0x8769, 0x9286, 0x010E
_ASCII = b"ASCII\0\0\0"  # character code of a UserComment
_PACKED = "nst:zlib:"  # prefix of a compressed text
_EXIF_ROOM = 65_000
"""Maximum bytes of text in JPEG, whose EXIF segment has 64 KiB."""
_MARKED = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif"}


def metadata_text(metadata: dict[str, Any]) -> str:
    """The embedded text. Raises ValueError or TypeError for values that JSON cannot represent."""
    return json.dumps({"nst": metadata}, allow_nan=False)


def mark(what: str) -> str:
    """The embedded text of a sheet, plot or animation, which marks it as made by nst."""
    return metadata_text({"made": what})


def png_text(text: str) -> PngImagePlugin.PngInfo:
    """The text as a PNG chunk."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("nst", text)
    return chunks


def exif_block(text: str) -> bytes:
    """The text as EXIF data, compressed if long. Raises ValueError if it is too long even then."""
    if len(text) > _EXIF_ROOM:
        text = _PACKED + base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")
    if len(text) > _EXIF_ROOM:
        raise ValueError("the metadata is too long for this format")
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _ASCII + text.encode("ascii")
    return exif.tobytes()


def read_metadata(path: PathLike) -> dict[str, Any]:
    """The metadata embedded by `write_picture`. Raises NstError if the file is not an image or has none."""
    kind = read_header(path).format
    with opened(path) as file, decoding(path):
        text = _text(file, kind)
    try:
        if text.startswith(_PACKED):
            text = _unpacked(base64.b64decode(text[len(_PACKED) :])).decode("ascii")
        metadata = json.loads(text)["nst"]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error, zlib.error) as error:
        raise _none(path) from error
    if not isinstance(metadata, dict):
        raise _none(path)
    return metadata


def is_foreign(path: PathLike) -> bool:
    """Whether a path is an existing file that nst did not make, in a format that nst marks.

    MP4, PDF, SVG and HTML have no mark: they are never foreign.
    """
    if Path(path).suffix.lower() not in _MARKED:
        return False
    try:
        read_metadata(path)
    except NstError:  # no file, another program's, or one that cannot be read
        return is_file(Path(path)) and Path(path).stat().st_size > 0
    return False


def _none(path: PathLike) -> NstError:
    return NstError(f"{path}: has no metadata of nst; give an image that nst saved")


def _text(file: BinaryIO, kind: str) -> str:
    """The embedded text; '' if there is none, or if it is too long to be nst's."""
    readers = {"TIFF": _tiff_text, "PNG": _png_text}
    text = readers[kind](file) if kind in readers else _pillow_text(file, kind)
    return text if len(text) <= MAX_TEXT else ""


def _unpacked(data: bytes) -> bytes:
    """Decompress up to MAX_TEXT bytes; 1 MB could expand to 1 GB."""
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(data, MAX_TEXT)
    if not unpacking.eof:
        raise ValueError("too long, or truncated")
    return unpacked


def _png_text(file: BinaryIO) -> str:
    """The text of the chunk `nst` of a PNG. Pillow would decode all pixels to reach a chunk behind them.

    nst writes an iTXt chunk; other tools may convert it to tEXt or zTXt (PNG, third edition, 11.3.3).
    """
    for name, data in png_chunks(file, (b"iTXt", b"tEXt", b"zTXt")):
        key, _, rest = data.partition(b"\0")
        if key == b"nst":
            with suppress(ValueError, IndexError, zlib.error):  # another program's chunk of that name
                return _chunk_text(name, rest)
    return ""


def _chunk_text(name: bytes, data: bytes) -> str:
    """The text of a chunk, from the bytes after its keyword."""
    if name == b"tEXt":
        return data.decode("latin-1")
    if name == b"zTXt":
        return _unpacked(data[1:]).decode("latin-1")
    text = data[2:].split(b"\0", 2)[2]  # after language and translated keyword
    return (_unpacked(text) if data[:1] == b"\1" else text).decode("utf-8")


def _pillow_text(file: BinaryIO, kind: str) -> str:
    with open_pillow(file, kind) as image:
        if kind == "GIF":
            return image.info.get("comment", b"").decode("ascii", "replace")
        comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    return comment[len(_ASCII) :].decode("ascii", "replace") if isinstance(comment, bytes) else ""


def _tiff_text(file: BinaryIO) -> str:
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        tag = tiff.pages.first.tags.get(_DESCRIPTION)
        return str(tag.value) if tag else ""
