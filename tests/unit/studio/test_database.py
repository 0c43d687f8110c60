"""The studio's database: what an earlier version wrote is kept, what a later one wrote is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nst.errors import NstError
from nst.studio.database import _TABLES, VERSION, Database


def columns(path: Path) -> list[list[str]]:
    with sqlite3.connect(path) as connection:
        tables = [connection.execute(f"PRAGMA table_info({table})") for table in ("uploads", "tasks")]
        return [sorted(row[1] for row in table) for table in tables]


def test_an_upgrade_keeps_rows(tmp_path: Path) -> None:
    path = tmp_path / "studio.sqlite"
    first = _TABLES.replace("created REAL NOT NULL,\n  content TEXT", "created REAL NOT NULL --")
    first = first.replace("  asked REAL NOT NULL DEFAULT 0,    -- when it was last asked for\n", "")
    assert ("content TEXT" in first, "asked" in first) == (False, False)
    with sqlite3.connect(path) as connection:
        connection.executescript(f"{first} PRAGMA user_version = 1;")
        connection.execute("INSERT INTO uploads VALUES ('a', 's', 'content', 'lake.jpg', '.jpg', 4, 3, 9, 0)")
    database = Database(path)
    with database.connect() as connection:
        assert [*connection.execute("SELECT id, content FROM uploads").fetchone()] == ["a", None]
    Database(tmp_path / "new.sqlite")
    assert columns(path) == columns(tmp_path / "new.sqlite")
    Database(path)  # an upgraded file opens again


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "studio.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(NstError, match="was made by another version of nst; choose another folder with --results"):
        Database(tmp_path / "studio.sqlite")
