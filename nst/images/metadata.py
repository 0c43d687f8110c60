"""The JSON that a picture carries: the whole settings of a run, so that it can be made again.

PNG keeps it in an iTXt chunk "nst", JPEG and WebP in EXIF's UserComment, TIFF in ImageDescription, GIF in a
comment. All keep the same ASCII text, `{"nst": {...}}` with other letters escaped: so it survives tools that know no
Unicode.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

from nst.errors import NstError
from nst.images.opening import PathLike, decoding, open_pillow, picture_size, read_header

_EXIF_IFD, _USER_COMMENT, _DESCRIPTION = 0x8769, 0x9286, 0x010E
_ASCII = b"ASCII\0\0\0"  # how a UserComment names its letters
_PACKED = "nst:zlib:"  # a text that was too long for JPEG as it is
_EXIF_ROOM = 65_000
"""Bytes of text that surely fit into the one segment of 64 KiB that JPEG has for EXIF."""


def metadata_text(metadata: dict[str, Any]) -> str:
    """The text that pictures carry; ValueError or TypeError for what JSON cannot say."""
    return json.dumps({"nst": metadata}, allow_nan=False)


def mark(what: str) -> str:
    """The text that tells a sheet, a plot or an animation of ours from the pictures of others."""
    return metadata_text({"made": what})


def png_text(text: str) -> PngImagePlugin.PngInfo:
    """The text as a chunk of PNG."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("nst", text)
    return chunks


def exif_block(text: str) -> bytes:
    """The text as EXIF; a long one packed. ValueError where it is too long even so."""
    if len(text) > _EXIF_ROOM:
        text = _PACKED + base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")
    if len(text) > _EXIF_ROOM:
        raise ValueError("the metadata is too long for this format")
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _ASCII + text.encode("ascii")
    return exif.tobytes()


def read_metadata(path: PathLike) -> dict[str, Any]:
    """What write_picture embedded; NstError where the file is no picture or carries none."""
    kind = read_header(path).format
    with decoding(path):
        text = _tiff_text(path) if kind == "TIFF" else _pillow_text(path, kind)
    try:
        if text.startswith(_PACKED):
            text = zlib.decompress(base64.b64decode(text[len(_PACKED) :])).decode("ascii")
        metadata = json.loads(text)["nst"]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error, zlib.error) as error:
        raise _none(path) from error
    if not isinstance(metadata, dict):
        raise _none(path)
    return metadata


def is_foreign(path: PathLike) -> bool:
    """Whether there is a picture that nst did not make."""
    try:
        picture_size(path)
    except NstError:  # nothing, or a file that another program has left half written
        return False
    try:
        read_metadata(path)
    except NstError:
        return True
    return False


def _none(path: PathLike) -> NstError:
    return NstError(f"{path}: carries no settings of nst; name a picture as nst saved it")


def _pillow_text(path: PathLike, kind: str) -> str:
    with open_pillow(path, kind) as image:
        if kind == "PNG":
            return str(image.info.get("nst") or getattr(image, "text", {}).get("nst", ""))
        if kind == "GIF":
            return image.info.get("comment", b"").decode("ascii", "replace")
        comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    return comment[len(_ASCII) :].decode("ascii", "replace") if isinstance(comment, bytes) else ""


def _tiff_text(path: PathLike) -> str:
    import tifffile

    with tifffile.TiffFile(path) as file:
        tag = file.pages.first.tags.get(_DESCRIPTION)
        return str(tag.value) if tag else ""
