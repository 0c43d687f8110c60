"""Formats and headers of image files. Nothing here decodes pixels."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from nst import limits
from nst.errors import NstError
from nst.images.needs import pillow_bytes, tiff_bytes
from nst.images.source import Source, opened, unreadable

MAX_PIXELS = limits.PICTURE_PIXELS
"""Images with more pixels are refused before decoding."""

MAX_TEXT = 4_000_000
"""Maximum bytes of metadata that are read. A record has about 3,000, and 300 for each further style of a blend."""

_REDUCE = "reduce it first, for example with ImageMagick: `magick IN -resize 8000x8000 OUT`"

_SUPPORTED = "JPEG, PNG, TIFF, WebP, HEIC, AVIF, BMP or GIF"

# Pillow warns above this number and refuses above twice it; nst refuses above it. Pillow's default is below the
# 108 megapixels of current phones.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_ORIENTATION = 0x0112  # tag number in EXIF and TIFF


@dataclass(frozen=True)
class Header:
    """The header of an image file."""

    format: str  # Pillow's name: JPEG, PNG, TIFF, WEBP, HEIF, AVIF, BMP, GIF
    width: int  # as stored, before the orientation
    height: int
    orientation: int  # EXIF's 1..8
    bits: int  # per channel, as stored
    bytes: int  # memory for decoding

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels with the orientation applied."""
        return (self.width, self.height) if self.orientation < 5 else (self.height, self.width)


def picture_size(path: Source) -> tuple[int, int]:
    """(width, height) in pixels with the orientation applied; reads the header only.

    Raises NstError if the file is missing, not an image of a supported format, broken, or too large.
    """
    return read_header(path).size


def read_header(path: Source) -> Header:
    """The header of an image. Raises NstError as `picture_size` does."""
    with opened(path) as file:
        kind = _sniff(path, file)
        file.seek(0)
        with decoding(path):
            header = _tiff_header(file) if kind == "TIFF" else _pillow_header(file, kind)
    if header.width < 1 or header.height < 1:
        raise NstError(f"{path}: the image has no pixels ({header.width}×{header.height}); save it again")
    if header.width * header.height > MAX_PIXELS:
        raise NstError(
            f"{path}: the image has {header.width}×{header.height} pixels according to its header; "
            f"at most {MAX_PIXELS // 10**6} megapixels are supported: {_REDUCE}"
        )
    return header


def check_decodable(path: Source, header: Header) -> None:
    """Raise NstError for an image whose decoding would take too much memory."""
    if max(header.size) > limits.PICTURE_SIDE:
        sides = "×".join(f"{side:,}" for side in header.size)
        raise NstError(f"{path}: has {sides} pixels; at most {limits.PICTURE_SIDE:,} per side are supported: {_REDUCE}")
    if header.bytes > limits.PICTURE_MEMORY:
        raise NstError(
            f"{path}: {header.width}×{header.height} pixels of this format take {header.bytes / 1e9:.3g} GB to decode; "
            f"at most {limits.PICTURE_MEMORY / 1e9:.0f} GB is allowed: {_REDUCE}"
        )


@contextmanager
def decoding(path: Source) -> Iterator[None]:
    """Convert any exception of a decoder into an NstError that names the file."""
    try:
        yield
    except NstError:
        raise
    except MemoryError as error:
        raise NstError(f"{path}: needs more memory than is available; reduce the image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NstError(
            f"{path}: the image has more than {MAX_PIXELS // 10**6} megapixels according to its header, "
            f"the most that is supported: {_REDUCE}"
        ) from error
    except ModuleNotFoundError as error:
        package = str(error.name).replace("_", "-")
        raise NstError(
            f"{path}: requires the package {package}, which is not installed: pip install {package}"
        ) from error
    except OSError as error:
        if error.errno:  # an error of the disk, not of the decoder
            raise unreadable(path, error) from error
        raise broken(path, error) from error
    except Exception as error:  # corrupt files make decoders raise almost any exception
        raise broken(path, error) from error


def broken(path: Source, error: Exception) -> NstError:
    """The error for a file that a decoder rejects."""
    # Pillow's message for an unreadable header only names its file object.
    if isinstance(error, UnidentifiedImageError):
        reason = "unreadable header"
    elif isinstance(error, (TypeError, AttributeError, LookupError, ArithmeticError, AssertionError)):
        reason = "invalid structure"  # the message is about the decoder's code
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
    return NstError(
        f"{path}: the image is truncated, corrupt or of an unsupported kind ({reason}); export it again as PNG or JPEG"
    )


@contextmanager
def open_pillow(file: BinaryIO, kind: str) -> Iterator[Image.Image]:
    """Pillow's lazily decoded image of an open file of known format."""
    if kind == "HEIF":
        import pillow_heif  # imported here because it is slow and rarely needed

        pillow_heif.register_heif_opener()
    with Image.open(file, formats=[kind]) as image:
        yield image


def png_chunks(file: BinaryIO, names: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    """(name, data) of a PNG's chunks with these names, except larger ones than nst and cameras write."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name in names and length <= MAX_TEXT:
            yield name, file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)
        file.seek(4, os.SEEK_CUR)  # the checksum


def orientation_of(image: Image.Image, exif: bytes | None = None) -> int:
    """The EXIF orientation of an open image, 1..8; 1 if it is missing or broken. `exif`: the data, if known already."""
    tags = Image.Exif()
    try:
        if exif is None:
            tags = image.getexif()
        else:
            tags.load(exif)
        return _valid_orientation(tags.get(_ORIENTATION))
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):
        return 1


def _sniff(path: Source, file: BinaryIO) -> str:
    """The format according to the first bytes of the file, because suffixes may be wrong."""
    try:
        head = file.read(16)
    except OSError as error:
        raise unreadable(path, error) from error
    if not head:
        raise NstError(f"{path}: the file is empty; save the image again")
    kind = format_of(head)
    if kind is None:
        raise NstError(f"{path}: is not an image in a supported format; convert it to {_SUPPORTED}")
    return kind


def format_of(head: bytes) -> str | None:
    """Pillow's name of the format of a file with these first 16 bytes; None if unsupported."""
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
        return "AVIF" if head[8:12] in (b"avif", b"avis") else "HEIF" if head[8:12] in brands else None
    magics = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF8": "GIF", b"BM": "BMP"}
    return next((kind for magic, kind in magics.items() if head.startswith(magic)), None)


def _pillow_header(file: BinaryIO, kind: str) -> Header:
    # Of a PNG, whose eXIf chunk may be behind the pixels: Pillow would decode them to reach it.
    chunks = dict(png_chunks(file, (b"IHDR", b"eXIf"))) if kind == "PNG" else {}
    bits = chunks[b"IHDR"][8] if b"IHDR" in chunks else 8
    file.seek(0)
    with open_pillow(file, kind) as image:
        orientation = orientation_of(image, chunks.get(b"eXIf", b"") if kind == "PNG" else None)
        return Header(kind, image.width, image.height, orientation, bits, pillow_bytes(image, kind, bits, file))


def _tiff_header(file: BinaryIO) -> Header:
    """The header by tifffile, because Pillow does not support deep color."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        tag = page.tags.get(_ORIENTATION)
        orientation = _valid_orientation(tag.value if tag else 1)
        width, height = int(page.imagewidth), int(page.imagelength)  # these are tuples in a corrupt file
        bits = int(page.bitspersample)
        if not 1 <= bits <= 64:
            raise ValueError(f"it has {bits:,} bits per sample")
        return Header("TIFF", width, height, orientation, bits, tiff_bytes(page, bits, orientation))


def _valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
