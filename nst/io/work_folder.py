"""The folder of a picture's unfinished work. Nobody's files but ours are in it, so that it can be emptied.

Beside a folder `a` are, while it is used, `.a.lock` and, while it is removed, `.a.gone`: names that no pair has.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from nst.errors import NstError
from nst.layout import CHECKPOINT, MARK, RUN

#: What the names of a folder's lock, and of the folder while it is removed, end with.
_LOCK, _GONE = ".lock", ".gone"


@contextmanager
def held(folder: Path, announced: AbstractContextManager[None], waiting: Callable[[], None]) -> Iterator[None]:
    """Make the folder, or go on with what an earlier run has left there, and keep others from it in the meantime.

    At the end nothing is left that no later run can resume from. Raises NstError as `check`.

    Args:
        announced: a context of the wait for another process. waiting: called now and then in it; what it raises ends
            the wait.
    """
    from filelock import FileLock, Timeout

    lock, had = FileLock(lock_file(folder), timeout=1), False
    with announced:
        while not had:
            try:
                lock.acquire()
                had = True
            except Timeout:
                waiting()
    try:
        _claim(folder)
        yield
    finally:
        with suppress(OSError):  # what has gone wrong before tells more
            _tidy(folder)
        lock.release()


def check(folder: Path) -> None:
    """Raise NstError for a folder that holds anything else than unfinished work."""
    try:
        names = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    if names and names.isdisjoint({MARK, CHECKPOINT}):
        raise NstError(f"{folder}: holds other files; a folder of unfinished work must be new or empty: choose another")


def lock_file(folder: Path) -> Path:
    """The file whose lock is held by who uses the folder."""
    return _beside(folder, _LOCK)


def empty(folder: Path) -> None:
    """Begin anew."""
    remove(folder)
    _claim(folder)


def remove(folder: Path) -> None:
    """Remove it at once: who comes meanwhile finds it whole or not at all."""
    aside = _beside(folder, _GONE)
    if aside.exists():  # of one who was killed
        shutil.rmtree(aside)
    folder.rename(aside)
    shutil.rmtree(aside)


def sweep(root: Path) -> None:
    """Remove what killed processes have left in the folders root/CONTENT/STYLE, of work that nobody is at."""
    from filelock import FileLock, Timeout

    found = {_folder(path) for path in root.glob("[!.]*/*/*")}
    for folder in filter(None, found):
        lock = FileLock(lock_file(folder))
        with suppress(Timeout, OSError), lock.acquire(timeout=0):
            _tidy(folder)


def finished(root: Path) -> list[str]:
    """The names CONTENT/STYLE/SETTINGS of the work folders below `root` that hold a finished result."""
    return sorted(path.parent.relative_to(root).as_posix() for path in root.glob(f"[!.]*/*/[!.]*/{RUN}"))


def release(folder: Path) -> None:
    """Remove a folder with a finished result, unless somebody is at it."""
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
    """Leave nothing behind that no later run can resume from; for who holds the lock."""
    gone = _beside(folder, _GONE)
    if gone.exists():
        shutil.rmtree(gone)
    useful = any((folder / name).exists() for name in (CHECKPOINT, RUN))
    if not useful and (folder / MARK).exists():
        remove(folder)
    # Who has opened it meanwhile sees that it has no name any more, and opens another one: so does filelock.
    lock_file(folder).unlink(missing_ok=True)


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name.lstrip('.')}{suffix}")


def _folder(path: Path) -> Path | None:
    """The work folder that a path is, or is the lock or the remains of; None for what is not ours."""
    if path.name.startswith(".") and path.suffix in (_LOCK, _GONE):
        return path.with_name(path.stem[1:])
    return path if (path / MARK).exists() else None
