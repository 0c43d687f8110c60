"""What a picture file is, by its first bytes and its header; nothing here decodes pixels."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from nst import limits
from nst.errors import NstError
from nst.images.needs import pillow_bytes, tiff_bytes
from nst.images.source import Source, opened, unreadable

MAX_PIXELS = limits.PICTURE_PIXELS
"""A picture of more pixels is refused before anything is decoded."""

_REDUCE = "reduce it first, as with ImageMagick's `magick IN -resize 8000x8000 OUT`"

_SUPPORTED = "JPEG, PNG, TIFF, WebP, HEIC, AVIF, BMP or GIF"

# Pillow warns from this number on and refuses from twice it; ours refuses here. Its own default is below the
# 108 megapixels of today's telephones.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_ORIENTATION = 0x0112  # the tag of EXIF and of TIFF


@dataclass(frozen=True)
class Header:
    """What a file says of its picture before the pixels."""

    format: str  # Pillow's name: JPEG, PNG, TIFF, WEBP, HEIF, AVIF, BMP, GIF
    width: int  # as stored, before the orientation
    height: int
    orientation: int  # EXIF's 1..8
    bits: int  # a channel, as the file says it
    bytes: int  # that decoding it fills

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as the picture is seen, its orientation applied."""
        return (self.width, self.height) if self.orientation < 5 else (self.height, self.width)


def picture_size(path: Source) -> tuple[int, int]:
    """(width, height) in pixels as the picture is seen, its orientation applied; reads the header only.

    Raises NstError where the file is missing, no picture, of an unsupported format, broken or too big.
    """
    return read_header(path).size


def read_header(path: Source) -> Header:
    """The header of a picture of a supported format and an allowed size; else NstError."""
    with opened(path) as file:
        kind = _sniff(path, file)
        file.seek(0)
        with decoding(path):
            header = _tiff_header(file) if kind == "TIFF" else _pillow_header(file, kind)
    if header.width < 1 or header.height < 1:
        raise NstError(f"{path}: the picture has no pixels ({header.width}×{header.height}); save it again")
    if header.width * header.height > MAX_PIXELS:
        raise NstError(
            f"{path}: the picture says that it is {header.width}×{header.height} pixels; "
            f"at most {MAX_PIXELS // 10**6} megapixels are read: make it smaller first"
        )
    return header


def check_decodable(path: Source, header: Header) -> None:
    """Raise NstError for a picture that would take too much memory to decode."""
    if max(header.size) > limits.PICTURE_SIDE:
        sides = "×".join(f"{side:,}" for side in header.size)
        raise NstError(f"{path}: has {sides} pixels; at most {limits.PICTURE_SIDE:,} a side are read: {_REDUCE}")
    if header.bytes > limits.PICTURE_MEMORY:
        raise NstError(
            f"{path}: {header.width}×{header.height} pixels of this kind take {header.bytes / 1e9:.3g} GB to decode; "
            f"at most {limits.PICTURE_MEMORY / 1e9:.0f} GB is used: {_REDUCE}"
        )


@contextmanager
def decoding(path: Source) -> Iterator[None]:
    """Whatever a decoder raises inside becomes an NstError that names the file."""
    try:
        yield
    except NstError:
        raise
    except MemoryError as error:
        raise NstError(f"{path}: needs more memory than there is; make the picture smaller") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NstError(
            f"{path}: the picture says that it has more than the {MAX_PIXELS // 10**6} megapixels "
            "that are read: make it smaller first"
        ) from error
    except ModuleNotFoundError as error:
        package = str(error.name).replace("_", "-")
        raise NstError(
            f"{path}: needs the package {package}, which is not installed here: pip install {package}"
        ) from error
    except OSError as error:
        if error.errno:  # the disk's, not the decoder's
            raise unreadable(path, error) from error
        raise broken(path, error) from error
    except Exception as error:  # hostile files make decoders raise nearly everything
        raise broken(path, error) from error


def broken(path: Source, error: Exception) -> NstError:
    """What a decoder says of a file."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return NstError(
        f"{path}: the picture is truncated, corrupt or of an unsupported kind ({reason}); "
        "export it again as PNG or JPEG"
    )


@contextmanager
def open_pillow(file: BinaryIO, kind: str) -> Iterator[Image.Image]:
    """Pillow's lazy picture of an open file whose format is known already."""
    if kind == "HEIF":
        import pillow_heif  # here: it takes long to import and few need it

        pillow_heif.register_heif_opener()
    with Image.open(file, formats=[kind]) as image:
        yield image


def orientation_of(image: Image.Image) -> int:
    """EXIF's orientation of an open picture, 1..8; what is broken counts as upright."""
    try:
        return _valid_orientation(image.getexif().get(_ORIENTATION))
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):
        return 1


def _sniff(path: Source, file: BinaryIO) -> str:
    """The format by the file's first bytes, because suffixes lie."""
    try:
        head = file.read(16)
    except OSError as error:
        raise unreadable(path, error) from error
    if not head:
        raise NstError(f"{path}: the file is empty; save the picture again")
    kind = _kind(head)
    if kind is None:
        raise NstError(f"{path}: is not a picture in a supported format; convert it to {_SUPPORTED}")
    return kind


def _kind(head: bytes) -> str | None:
    """Pillow's name of the format of a file that begins with these 16 bytes."""
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
    bits, exif = _png_facts(file) if kind == "PNG" else (8, None)
    file.seek(0)
    with open_pillow(file, kind) as image:
        orientation = orientation_of(image) if exif is None else _parsed_orientation(exif)
        return Header(kind, image.width, image.height, orientation, bits, pillow_bytes(image, kind, bits, file))


def _png_facts(file: BinaryIO) -> tuple[int, bytes]:
    """Bits a channel and the EXIF block (or b"") of a PNG, whose eXIf chunk may lie behind the pixels.

    Pillow would decode the pixels to get there; this skips over them.
    """
    bits, exif = 8, b""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == b"IHDR":
            bits = file.read(length)[8]
        elif name == b"eXIf":
            exif = file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)
        file.seek(4, os.SEEK_CUR)  # the checksum
    return bits, exif


def _parsed_orientation(block: bytes) -> int:
    exif = Image.Exif()
    try:
        exif.load(block)
        return _valid_orientation(exif.get(_ORIENTATION))
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):
        return 1


def _tiff_header(file: BinaryIO) -> Header:
    """By tifffile, because Pillow knows no deep color."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        tag = page.tags.get(_ORIENTATION)
        orientation = _valid_orientation(tag.value if tag else 1)
        width, height = int(page.imagewidth), int(page.imagelength)  # tuples in a corrupt file
        bits = int(page.bitspersample)
        if not 1 <= bits <= 64:
            raise ValueError(f"it has {bits:,} bits a sample")
        return Header("TIFF", width, height, orientation, bits, tiff_bytes(page, bits, orientation))


def _valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
