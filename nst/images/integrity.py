"""Detection of truncated image files. Only the end of a file is checked, because decoding is slow.

A file with the proper end of its format is complete. Any other file is decoded, because phones append videos to images.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from PIL import ImageSequence

from nst.errors import NstError
from nst.images.needs import check_scans
from nst.images.opening import Header, check_decodable, decoding, open_pillow, read_header
from nst.images.source import PathLike, opened, read_file
from nst.images.strips import decode

#: Last bytes of a JPEG, PNG and GIF.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82", "GIF": b";"}


def intact_picture_size(path: PathLike) -> tuple[int, int]:
    """As `nst.images.picture_size`; also raises NstError for a truncated file, and for one too large to decode."""
    header = read_header(path)
    check_decodable(path, header)
    with opened(path) as file, decoding(path):
        if not _ends_well(file, header):
            file.seek(0)
            _decode(path, file, header)
    return header.size


def decoded_size(path: PathLike) -> tuple[int, int]:
    """As `nst.images.picture_size`, for a file written by nst, after decoding all pixels and frames.

    Also raises NstError for a file without the proper end of its format.
    """
    header = read_header(path)
    with opened(path) as file, decoding(path):
        if not _ends_well(file, header):
            raise NstError(f"{path}: is truncated: it lacks the end of a {header.format} file")
        file.seek(0)
        if header.bits > 8:
            decode(read_file(path), header)
        else:
            with open_pillow(file, header.format) as image:
                for frame in ImageSequence.Iterator(image):
                    frame.load()
    return header.size


def _ends_well(file: BinaryIO, header: Header) -> bool:
    """Whether the file has the proper end of its format; False if in doubt."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if header.format == "TIFF":
        return _strips_end(file, size)
    if end := _ENDS.get(header.format):
        file.seek(max(0, size - 64))
        return file.read().rstrip(b"\0").endswith(end)  # cameras pad with zeros
    if header.format in ("HEIF", "AVIF"):
        return _boxes_end(file, size)
    length: int = struct.unpack("<4xI" if header.format == "WEBP" else "<2xI2x", file.read(8))[0]
    return length > 0 and size >= length + 8 * (header.format == "WEBP")


def _strips_end(file: BinaryIO, size: int) -> bool:
    """Whether all tags, strips and tiles of a TIFF are within the file."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        tiff.filehandle.seek(page.offset)
        (tags,) = struct.unpack(tiff.tiff.tagnoformat, tiff.filehandle.read(tiff.tiff.tagnosize))
        if len(page.tags) < tags:  # tifffile drops unreadable tags
            return False
        strips = zip(page.dataoffsets, page.databytecounts, strict=True)
        return max(offset + count for offset, count in strips) <= size


def _boxes_end(file: BinaryIO, size: int) -> bool:
    """Whether the boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) end at the end of the file."""
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(16).ljust(16, b"\0")
        length: int = struct.unpack(">I", head[:4])[0]
        if length == 1:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:  # 0: the box extends to the end of the file, which is no check
            return False
        position += length
    return position == size


def _decode(path: PathLike, file: BinaryIO, header: Header) -> None:
    if header.format != "JPEG":
        decode(read_file(path), header)
        return
    check_scans(path, header)
    with open_pillow(file, "JPEG") as image:
        image.draft("RGB", (image.width // 8, image.height // 8))  # reads the whole file, but computes fewer pixels
        image.load()
