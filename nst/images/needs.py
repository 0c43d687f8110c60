"""The memory that decoding an image takes, estimated from its header: a small file may expand to many gigabytes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from nst import limits
from nst.errors import NstError
from nst.images.source import Source, opened

if TYPE_CHECKING:
    from nst.images.opening import Header

#: Bytes per pixel, measured; for AVIF computed, with 10 bits and alpha.
_PILLOW = 4
_ANIMATED_WEBP, _AVIF, _HEIF = 16, 16, 10

#: A marker of a JPEG that begins a segment, or EOI.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")


def pillow_bytes(image: Image.Image, kind: str, bits: int, file: BinaryIO) -> int:
    """Bytes for decoding an image that Pillow has opened but not decoded yet."""
    pixels = image.width * image.height
    if kind == "PNG" and bits > 8:
        return pixels * 2 * (len(image.getbands()) + ("transparency" in image.info))
    if kind == "JPEG":
        return pixels * _PILLOW + _jpeg_coefficients(pixels, file)
    each = {"AVIF": _AVIF, "HEIF": _HEIF}.get(kind, _PILLOW)
    if kind == "WEBP" and getattr(image, "is_animated", False):
        each = _ANIMATED_WEBP
    return pixels * each


def tiff_bytes(page: Any, bits: int, orientation: int) -> int:
    """Bytes for decoding a page of a TIFF: by Pillow up to 8 bits per channel, else by tifffile."""
    strip = math.prod(page.chunks) * max(1, math.ceil(bits / 8)) if page.compression != 1 else 0
    if bits > 8:
        return 0 if page.is_final else int(page.nbytes) + 2 * strip
    copies = 2 if orientation > 1 else 1  # Pillow rotates into another image
    return int(page.imagewidth * page.imagelength) * _PILLOW * copies + strip


def check_scans(source: Source, header: Header) -> None:
    """Raise NstError for a progressive JPEG with so many scans that decoding would take minutes."""
    if header.format != "JPEG":
        return
    with opened(source) as file:
        if not _jpeg_scans(file)[1]:
            return
        scans = 1 + _further_scans(file.read())
    if scans * header.width * header.height > limits.PICTURE_SCANNED:
        size = f"{header.width}×{header.height} pixels"
        raise NstError(f"{source}: has {scans:,} scans of {size}, too many to decode; save it as a baseline JPEG")


def _further_scans(data: bytes) -> int:
    """The scans in a JPEG's data after the header of its first scan, up to EOI or the end of the file."""
    scans = position = 0
    while (found := _MARKER.search(data, position)) and found[0] != b"\xff\xd9":
        scans += found[0] == b"\xff\xda"
        # A segment, such as a comment, may contain the bytes of a marker.
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return scans


def _jpeg_coefficients(pixels: int, file: BinaryIO) -> int:
    """Bytes of the coefficients that libjpeg keeps for a JPEG with several scans."""
    factors, several = _jpeg_scans(file)
    if not several:
        return 0
    most = max(across for across, _ in factors) * max(down for _, down in factors)
    return math.ceil(pixels * 2 * sum(across * down for across, down in factors) / most)


def _jpeg_scans(file: BinaryIO) -> tuple[list[tuple[int, int]], bool]:
    """The sampling factors of a JPEG's components, and whether it has several scans (ITU-T T.81, annex B).

    Leaves the file at its first scan.
    """
    factors: list[tuple[int, int]] = []
    progressive = False
    file.seek(2)
    while marker := _next_marker(file):
        length = int.from_bytes(file.read(2))
        body = file.read(max(0, length - 2))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the frame
            progressive = marker not in (0xC0, 0xC1, 0xC9)
            factors = [divmod(body[7 + 3 * index], 16) for index in range(body[5])]
        elif marker == 0xDA:  # a scan
            return factors, progressive or body[0] < len(factors)
    return factors, progressive


def _next_marker(file: BinaryIO) -> int:
    """The next marker of a JPEG that begins a segment; 0 at the end of the file. Skips what the decoder skips."""
    previous = b""
    while byte := file.read(1):
        if previous == b"\xff" and byte[0] >= 0xC0 and not 0xD0 <= byte[0] <= 0xD8 and byte != b"\xff":
            return byte[0]
        previous = byte
    return 0
