"""Files that are whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nst.errors import NstError

#: How the names of temporary files begin.
_TEMPORARY = ".nst-"


@contextmanager
def replacing(path: Path, *, suffix: str | None = None, folders: bool = True) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    After any failure `path` is what it was before. Raises NstError where it cannot be written.

    Args:
        suffix: of the temporary path; by default that of `path`.
        folders: make missing folders.
    """
    temporary = path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex[:12]}{path.suffix if suffix is None else suffix}")
    try:
        if folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise NstError(f"{path}: cannot be written ({reason}); choose a folder that you may write to") from error
    finally:
        with suppress(OSError, ValueError):  # where not even the folder is one
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, *, seconds: float = 600) -> None:
    """Remove temporary files of processes that were killed, also those in folders below: files older than that."""
    for path in folder.rglob(f"{_TEMPORARY}*"):
        with suppress(OSError):  # another process is faster
            if time.time() - path.stat().st_mtime > seconds:
                path.unlink()


def is_file(path: str | Path) -> bool:
    """Whether there is a file; no for a name that no file can have, and where it may not be looked at."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for a name that is too long


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder; as `is_file`, no where nothing can be."""
    return os.path.isdir(path)  # noqa: PTH112


def exists(path: str | Path) -> bool:
    """Whether there is something of this name; as `is_file`, no where nothing can be."""
    return os.path.exists(path)  # noqa: PTH110


def read_bounded(path: str | Path, most: int) -> bytes:
    """All of a file, or of a pipe; OSError where it has more bytes, or cannot be read."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error)) from error
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
    return content


def refuse_inputs(output: Path, inputs: Iterable[str | Path]) -> None:
    """Raise NstError where an output is one of the inputs, or a folder with one in it, however both are spelled.

    Links and names that differ only in case on a disk that ignores it are followed. NstError too for a name that no
    file can have.
    """
    try:
        if not output.exists():
            return
    except OSError as error:
        raise NstError(f"{output}: cannot be written ({error.strerror}); choose another output") from error
    for path in inputs:
        if _is_or_holds(output, Path(path)):
            also = "" if str(output) == str(path) else f", the same file as {path}"
            raise NstError(f"{output}: is an input of this command{also}; choose another output")


def _is_or_holds(output: Path, path: Path) -> bool:
    try:
        return any(output.samefile(place) for place in (path, *path.resolve().parents))
    except (OSError, ValueError, RuntimeError):  # one of them is not there, or no path at all
        return False


def is_regular(path: str | Path) -> bool:
    """Whether there is a file with bytes of its own: no folder, device or pipe, and nothing of /proc.

    False also for what the system takes for no path.
    """
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def sha256(path: Path) -> str:
    """The sha256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, written to the disk: they outlast the machine's failure."""
    folder = path.is_dir()
    if folder and os.name == "nt":  # which opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (folder and error.errno in (errno.EINVAL, errno.ENOTSUP)):  # some file systems sync no folders
            raise
    finally:
        os.close(descriptor)


def move(source: Path, destination: Path) -> None:
    """Give a file or folder its name at once, also where that is on another file system."""
    try:
        source.replace(destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        temporary = destination.with_name(f".{destination.name}.part")  # of one who was killed: it is made anew
        if temporary.is_dir():
            shutil.rmtree(temporary)
        shutil.move(source, temporary)
        temporary.replace(destination)
