"""What a picture file is, by its first bytes and its header; nothing here decodes pixels."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from nst.errors import NstError

MAX_PIXELS = 200_000_000
"""A picture of more pixels is refused before anything is decoded."""

_SUPPORTED = "JPEG, PNG, TIFF, WebP, HEIC, AVIF, BMP or GIF"

# Pillow warns from this number on and refuses from twice it; ours refuses here. Its own default is below the
# 108 megapixels of today's telephones.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_ORIENTATION = 0x0112  # the tag of EXIF and of TIFF

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Header:
    """What a file says of its picture before the pixels."""

    format: str  # Pillow's name: JPEG, PNG, TIFF, WEBP, HEIF, AVIF, BMP, GIF
    width: int  # as stored, before the orientation
    height: int
    orientation: int  # EXIF's 1..8
    bits: int  # a channel, as the file says it

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as the picture is seen, its orientation applied."""
        return (self.width, self.height) if self.orientation < 5 else (self.height, self.width)


def picture_size(path: PathLike) -> tuple[int, int]:
    """(width, height) in pixels as the picture is seen, its orientation applied; reads the header only.

    Raises NstError where the file is missing, no picture, of an unsupported format, broken or too big.
    """
    return read_header(path).size


def read_header(path: PathLike) -> Header:
    """The header of a picture of a supported format and an allowed size; else NstError."""
    kind = _sniff(Path(path))
    with decoding(path):
        header = _tiff_header(path) if kind == "TIFF" else _pillow_header(path, kind)
    if header.width < 1 or header.height < 1:
        raise NstError(f"{path}: the picture has no pixels ({header.width}×{header.height}); save it again")
    if header.width * header.height > MAX_PIXELS:
        raise NstError(
            f"{path}: the picture says that it is {header.width}×{header.height} pixels; "
            f"at most {MAX_PIXELS // 10**6} megapixels are read: make it smaller first"
        )
    return header


@contextmanager
def decoding(path: PathLike) -> Iterator[None]:
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
    except Exception as error:  # hostile files make decoders raise nearly everything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise NstError(
            f"{path}: the picture is truncated, corrupt or of an unsupported kind ({reason}); "
            "export it again as PNG or JPEG"
        ) from error


@contextmanager
def open_pillow(path: PathLike, kind: str) -> Iterator[Image.Image]:
    """Pillow's lazy picture of a file whose format is known already."""
    if kind == "HEIF":
        import pillow_heif  # here: it takes long to import and few need it

        pillow_heif.register_heif_opener()
    with Image.open(path, formats=[kind]) as image:
        yield image


def orientation_of(image: Image.Image) -> int:
    """EXIF's orientation of an open picture, 1..8; what is broken counts as upright."""
    try:
        return _valid_orientation(image.getexif().get(_ORIENTATION))
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):
        return 1


def _sniff(path: Path) -> str:
    """The format by the file's first bytes, because suffixes lie."""
    try:
        if path.is_dir():
            raise NstError(f"{path}: is a folder; name a picture in it")
        if path.exists() and not path.is_file():
            raise NstError(f"{path}: is not a regular file; name a picture")
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise NstError(f"{path}: there is no such file; check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the path
        reason = getattr(error, "strerror", None) or error
        raise NstError(f"{path}: cannot be read ({reason}); check the path and its permissions") from error
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


def _pillow_header(path: PathLike, kind: str) -> Header:
    bits, exif = _png_facts(path) if kind == "PNG" else (8, None)
    with open_pillow(path, kind) as image:
        orientation = orientation_of(image) if exif is None else _parsed_orientation(exif)
        return Header(kind, image.width, image.height, orientation, bits)


def _png_facts(path: PathLike) -> tuple[int, bytes]:
    """Bits a channel and the EXIF block (or b"") of a PNG, whose eXIf chunk may lie behind the pixels.

    Pillow would decode the pixels to get there; this skips over them.
    """
    bits, exif = 8, b""
    with Path(path).open("rb") as file:
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


def _tiff_header(path: PathLike) -> Header:
    """By tifffile, because Pillow knows no deep colour."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        tag = page.tags.get(_ORIENTATION)
        orientation = _valid_orientation(tag.value if tag else 1)
        width, height = int(page.imagewidth), int(page.imagelength)  # tuples in a corrupt file
        return Header("TIFF", width, height, orientation, int(page.bitspersample))


def _valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
