"""The work folder of a pair, with checkpoint and unpublished results. It contains only nst's files and can be removed.

Next to a folder `a` there is `.a.lock` while it is used, and `.a.gone` while it is removed. No pair has such a name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from nst.errors import NstError
from nst.layout import CHECKPOINT, MARK, RUN

#: Suffixes of a folder's lock, and of a folder that is being removed.
_LOCK, _GONE = ".lock", ".gone"


@contextmanager
def held(folder: Path, announced: AbstractContextManager[None], waiting: Callable[[], None]) -> Iterator[None]:
    """Create and lock the folder; an existing one is kept, to resume from.

    At the end the folder is removed if a later run could not resume from it. Raises NstError as `check` does.

    Args:
        announced: a context for the wait for another process.
        waiting: called repeatedly during the wait; an exception from it ends the wait.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file(folder), timeout=1)
    with announced:
        while not lock.is_locked:
            try:
                lock.acquire()
            except Timeout:
                waiting()
    try:
        _claim(folder)
        yield
    finally:
        with suppress(OSError):  # do not hide an earlier exception
            _tidy(folder)
        lock.release()


def check(folder: Path) -> None:
    """Raise NstError for a folder that contains anything other than unfinished work."""
    try:
        names = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    if names and names.isdisjoint({MARK, CHECKPOINT}):
        raise NstError(
            f"{folder}: contains other files; a folder for unfinished work must be new or empty: choose another one"
        )


def lock_file(folder: Path) -> Path:
    """The lock file of a work folder."""
    return _beside(folder, _LOCK)


def empty(folder: Path) -> None:
    """Remove the contents of the folder."""
    remove(folder)
    _claim(folder)


def remove(folder: Path) -> None:
    """Remove the folder atomically: other processes see all of it or nothing."""
    aside = _beside(folder, _GONE)
    if aside.exists():  # left by a killed process
        shutil.rmtree(aside)
    folder.rename(aside)
    shutil.rmtree(aside)


def sweep(root: Path) -> None:
    """Remove the remains of killed processes in the folders root/CONTENT/STYLE, except those in use."""
    from filelock import FileLock, Timeout

    for folder in filter(None, {_folder(path) for path in root.glob("[!.]*/*/*")}):
        lock = FileLock(lock_file(folder))
        with suppress(Timeout, OSError), lock.acquire(timeout=0):
            _tidy(folder)


def finished(root: Path) -> list[str]:
    """The names CONTENT/STYLE/SETTINGS of the work folders below `root` that have a finished result."""
    return sorted(path.parent.relative_to(root).as_posix() for path in root.glob(f"[!.]*/*/[!.]*/{RUN}"))


def release(folder: Path) -> None:
    """Remove a folder with a finished result, unless it is in use."""
    from filelock import FileLock, Timeout

    with suppress(Timeout, OSError), FileLock(lock_file(folder)).acquire(timeout=0):
        if (folder / RUN).exists():
            remove(folder)
        _tidy(folder)


def _claim(folder: Path) -> None:
    check(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def _tidy(folder: Path) -> None:
    """Remove the folder unless a later run can resume from it, and the lock file. The caller holds the lock."""
    gone = _beside(folder, _GONE)
    if gone.exists():
        shutil.rmtree(gone)
    useful = any((folder / name).exists() for name in (CHECKPOINT, RUN))
    if not useful and (folder / MARK).exists():
        remove(folder)
    # Safe: filelock notices if the file that it has opened was deleted, and opens a new one.
    lock_file(folder).unlink(missing_ok=True)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name.lstrip('.')}{suffix}")


def _folder(path: Path) -> Path | None:
    """The work folder to which a path belongs (the folder itself, its lock or its remains); None for other files."""
    if path.name.startswith(".") and path.suffix in (_LOCK, _GONE):
        return path.with_name(path.stem[1:])
    return path if (path / MARK).exists() else None
