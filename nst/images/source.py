"""Image files: paths, or the bytes of a file that was read once, so that the hash is that of the decoded bytes."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from nst import limits
from nst.errors import NstError
from nst.io.files import check_name

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class ImageFile:
    """The name and the bytes of a file."""

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 in hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()


Source = PathLike | ImageFile


def read_file(path: PathLike) -> ImageFile:
    """Read a file. Raises NstError as `opened` does, and if it is too large."""
    with _open(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            data = file.read() if size <= limits.PICTURE_BYTES else b""
        except OSError as error:
            raise unreadable(path, error) from error
    if max(size, len(data)) > limits.PICTURE_BYTES:
        raise NstError(f"{path}: has {size / 1e9:.1f} GB; at most {limits.PICTURE_BYTES / 1e9:.0f} GB are supported")
    return ImageFile(str(path), data)


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open a file. Raises NstError if it is missing, not a regular file, or cannot be read."""
    with io.BytesIO(source.data) if isinstance(source, ImageFile) else _open(source) as file:
        yield file


def file_digest(path: PathLike) -> str:
    """The SHA-256 of a file in hexadecimal digits. Raises NstError as `opened` does."""
    with _open(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise unreadable(path, error) from error


def unreadable(source: Source, error: OSError | ValueError) -> NstError:
    """The error for a file that the operating system cannot read."""
    reason = getattr(error, "strerror", None) or error
    return NstError(f"{source}: cannot be read ({reason}); check the path and its permissions")


def _open(path: PathLike) -> io.BufferedReader:
    check_name(path)
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - Path.open has no opener
    except FileNotFoundError as error:
        raise NstError(f"{path}: there is no such file; check the path") from error
    except IsADirectoryError as error:
        raise NstError(f"{path}: is a folder; give an image in it") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the path
        raise unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NstError(f"{path}: is not a regular file; give an image file")
    return file


def _without_waiting(path: str, flags: int) -> int:
    """Open a file without blocking, so that a pipe can be refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
