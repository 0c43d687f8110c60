"""A studio's uploads in a folder, on a database of their own."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from nst.studio.quotas import Quotas
from nst.studio.uploads import Uploads
from PIL import Image

_TABLE = """
CREATE TABLE uploads (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, suffix TEXT NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL, created REAL NOT NULL
) STRICT;
"""


class Database:
    """The table that uploads need."""

    def __init__(self, path: Path):
        self._path = path
        with self.connect() as connection:
            connection.executescript(_TABLE)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            connection.row_factory = sqlite3.Row
            yield connection


def studio(folder: Path, **quotas: int) -> Uploads:
    """The uploads of a new studio; `files` has what they store."""
    return Uploads(folder / "uploads", Database(folder / "studio.sqlite"), Quotas(**quotas))


def files(folder: Path) -> list[str]:
    """The names of all files of a studio and around it, but for the database's."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith("studio.sqlite"))


def image_bytes(kind: str = "JPEG", *, width: int = 40, height: int = 24, mode: str = "RGB", **options) -> bytes:
    """A file of noise."""
    levels = np.random.default_rng(7).integers(0, 256, (height, width, 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).convert("RGBA").convert(mode).save(file, kind, **options)
    return file.getvalue()
