"""A picture's file: on disk, or read once, so that what is hashed is what is decoded."""

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

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Content:
    """All that is in a file, whatever becomes of the file."""

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name

    @cached_property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()


Source = PathLike | Content


def contents(path: PathLike) -> Content:
    """A file read at once; NstError as `opened`, and for one that is too large."""
    with _open(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            data = file.read() if size <= limits.PICTURE_BYTES else b""
        except OSError as error:
            raise unreadable(path, error) from error
    if max(size, len(data)) > limits.PICTURE_BYTES:
        raise NstError(f"{path}: has {size / 1e9:.1f} GB; at most {limits.PICTURE_BYTES / 1e9:.0f} GB are read")
    return Content(str(path), data)


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """The file, open; NstError where it is missing, no regular file, or cannot be read."""
    with io.BytesIO(source.data) if isinstance(source, Content) else _open(source) as file:
        yield file


def file_digest(path: PathLike) -> str:
    """The SHA-256 of a file in hexadecimal digits; NstError as `opened`."""
    with _open(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise unreadable(path, error) from error


def unreadable(source: Source, error: OSError | ValueError) -> NstError:
    """What the operating system says of a file that is there."""
    reason = getattr(error, "strerror", None) or error
    return NstError(f"{source}: cannot be read ({reason}); check the path and its permissions")


def _open(path: PathLike) -> io.BufferedReader:
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - Path.open has no opener
    except FileNotFoundError as error:
        raise NstError(f"{path}: there is no such file; check the path") from error
    except IsADirectoryError as error:
        raise NstError(f"{path}: is a folder; name a picture in it") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL inside the path
        raise unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NstError(f"{path}: is not a regular file; name a picture")
    return file


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe too, at once, to be refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
