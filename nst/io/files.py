"""File operations: atomic replacement, bounded reading, checks of paths."""

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

#: Prefix of the names of temporary files.
_TEMPORARY = ".nst-"


@contextmanager
def replacing(path: Path, *, suffix: str | None = None, folders: bool = True) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which replaces `path` if the block succeeds.

    After an exception `path` is unchanged. Raises NstError if `path` cannot be written.

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
        raise NstError(f"{path}: cannot be written ({reason}); choose a writable folder") from error
    finally:
        with suppress(OSError, ValueError):  # if the folder does not exist
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, *, seconds: float = 600) -> None:
    """Delete temporary files of killed processes in a folder tree: those older than `seconds`."""
    for path in folder.rglob(f"{_TEMPORARY}*"):
        with suppress(OSError):  # another process deleted it
            if time.time() - path.stat().st_mtime > seconds:
                path.unlink()


def is_file(path: str | Path) -> bool:
    """Whether a path is a file. False for an impossible name, and without permission."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for a name that is too long


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise NstError for a name that is not UTF-8: no record could contain it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise NstError(f"{str(path)!a}: the name is not valid UTF-8; use another name") from None


def is_folder(path: str | Path) -> bool:
    """Whether a path is a folder. False as for `is_file`."""
    return os.path.isdir(path)  # noqa: PTH112


def exists(path: str | Path) -> bool:
    """Whether a path exists. False as for `is_file`."""
    return os.path.exists(path)  # noqa: PTH110


def read_bounded(path: str | Path, most: int) -> bytes:
    """The bytes of a file or pipe. Raises OSError if there are more than `most`, or if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    except ValueError as error:  # NUL in the name
        raise OSError(errno.EINVAL, str(error)) from error
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
    return content


def refuse_inputs(outputs: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Raise NstError if an output is one of the inputs, or a folder that contains one.

    Compares the files themselves, so links and different spellings are recognized. Also raises NstError for an
    impossible name.
    """
    by_identity: dict[tuple[int, int], str | Path] | None = None
    for output in outputs:
        try:
            identity = _identity(output)
        except (FileNotFoundError, NotADirectoryError, ValueError):  # nothing to replace
            continue
        except OSError as error:
            raise NstError(f"{output}: cannot be written ({error.strerror}); choose another output") from error
        if by_identity is None:  # once for all outputs, of which a folder of photographs has thousands
            by_identity = _with_their_folders(inputs)
        if identity in by_identity:
            path = by_identity[identity]
            also = "" if str(output) == str(path) else f", the same file as {path}"
            raise NstError(f"{output}: is an input of this command{also}; choose another output")


def _with_their_folders(paths: Iterable[str | Path]) -> dict[tuple[int, int], str | Path]:
    """The paths by the identities of their files, and of all folders above them."""
    found: dict[tuple[int, int], str | Path] = {}
    for path in paths:
        with suppress(OSError, ValueError, RuntimeError):  # it does not exist or is not a path
            for each in (Path(path), *Path(path).resolve().parents):
                found.setdefault(_identity(each), path)
    return found


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def is_regular(path: str | Path) -> bool:
    """Whether a path is a non-empty regular file: not a folder, device or pipe, and not in /proc.

    False also for an impossible name.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk, so that they survive a crash of the machine."""
    folder = path.is_dir()
    if folder and os.name == "nt":  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (folder and error.errno in (errno.EINVAL, errno.ENOTSUP)):  # some file systems cannot sync folders
            raise
    finally:
        os.close(descriptor)


def move(source: Path, destination: Path) -> None:
    """Move a file or folder atomically, also to another file system."""
    try:
        source.replace(destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        temporary = destination.with_name(f".{destination.name}.part")  # possibly left by a killed process
        if temporary.is_dir():
            shutil.rmtree(temporary)
        shutil.move(source, temporary)
        temporary.replace(destination)
