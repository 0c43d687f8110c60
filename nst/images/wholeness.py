"""Whether a picture's file is all there, told from its end: decoding a thousand photographs would take a minute.

A file that ends as its format ends is whole. Only one that does not (it may have been cut off, or have something
behind it, as telephones append films) is decoded.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from PIL import ImageSequence

from nst.errors import NstError
from nst.images.opening import Header, check_decodable, decoding, open_pillow, read_header
from nst.images.source import PathLike, contents, opened
from nst.images.strips import decode

#: What a JPEG, PNG or GIF ends with.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82", "GIF": b";"}


def whole_picture_size(path: PathLike) -> tuple[int, int]:
    """What `nst.images.picture_size` returns; raises NstError for a truncated file too, and one that is not decoded."""
    header = read_header(path)
    check_decodable(path, header)
    with opened(path) as file, decoding(path):
        if not _ends_well(file, header):
            file.seek(0)
            _decode(path, file, header)
    return header.size


def decoded_size(path: PathLike) -> tuple[int, int]:
    """`nst.images.picture_size` of a file of our own making, once its last pixel and frame are decoded.

    Raises NstError also for a file that does not end as its format does.
    """
    header = read_header(path)
    with opened(path) as file, decoding(path):
        if not _ends_well(file, header):
            raise NstError(f"{path}: does not end as {header.format} does; it has been cut off")
        file.seek(0)
        if header.bits > 8:
            decode(contents(path), header)
        else:
            with open_pillow(file, header.format) as image:
                for frame in ImageSequence.Iterator(image):
                    frame.load()
    return header.size


def _ends_well(file: BinaryIO, header: Header) -> bool:
    """Whether the file surely has its end; False is a doubt."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if header.format == "TIFF":
        return _strips_end(file, size)
    if end := _ENDS.get(header.format):
        file.seek(max(0, size - 64))
        return file.read().rstrip(b"\0").endswith(end)  # cameras fill blocks with zeros
    if header.format in ("HEIF", "AVIF"):
        return _boxes_end(file, size)
    told: int = struct.unpack("<4xI" if header.format == "WEBP" else "<2xI2x", file.read(8))[0]
    return told > 0 and size >= told + 8 * (header.format == "WEBP")


def _strips_end(file: BinaryIO, size: int) -> bool:
    """Whether all tags, and all strips or tiles, of a TIFF are within the file."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        tiff.filehandle.seek(page.offset)
        (tags,) = struct.unpack(tiff.tiff.tagnoformat, tiff.filehandle.read(tiff.tiff.tagnosize))
        if len(page.tags) < tags:  # tifffile leaves out what it cannot read
            return False
        strips = zip(page.dataoffsets, page.databytecounts, strict=True)
        return max(offset + count for offset, count in strips) <= size


def _boxes_end(file: BinaryIO, size: int) -> bool:
    """Whether the boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) end where it does."""
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(16).ljust(16, b"\0")
        length: int = struct.unpack(">I", head[:4])[0]
        if length == 1:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:  # 0 is a box up to the end, wherever that is
            return False
        place += length
    return place == size


def _decode(path: PathLike, file: BinaryIO, header: Header) -> None:
    if header.format != "JPEG":
        decode(contents(path), header)
        return
    with open_pillow(file, "JPEG") as image:
        image.draft("RGB", (image.width // 8, image.height // 8))  # all of the file is read, less is computed
        image.load()
