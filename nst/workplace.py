"""The folder of a picture's unfinished work. Nobody's files but ours are in it, so that it can be emptied."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from nst.errors import NstError

#: The file of the last checkpoint.
CHECKPOINT = "checkpoint.pt"
#: The file that tells that all files of a finished run are there: its record.
FINISHED = "run.json"
#: Marks a folder that we have made.
MARK = ".nst-work"


def check(folder: Path) -> None:
    """Raise NstError for a folder that holds anything else than unfinished work."""
    try:
        names = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    if names and names.isdisjoint({MARK, CHECKPOINT}):
        raise NstError(f"{folder}: holds other files; a folder of unfinished work must be new or empty: choose another")


def claim(folder: Path) -> None:
    """Make the folder, or go on with what an earlier run has left there; NstError as `check`."""
    check(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def is_of_use(folder: Path) -> bool:
    """Whether a later run can resume from what is there."""
    return (folder / CHECKPOINT).exists() or (folder / FINISHED).exists()


def empty(folder: Path) -> None:
    """Begin anew."""
    remove(folder)
    claim(folder)


def remove(folder: Path) -> None:
    """Remove it at once: who comes meanwhile finds it whole or not at all."""
    aside = folder.with_name(f".{uuid.uuid4().hex[:12]}")
    folder.rename(aside)
    shutil.rmtree(aside)
