"""The studio's state in SQLite: uploads, runs, shares, and codes that link another device."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from nst.errors import NstError

#: Version of the tables, in SQLite's user_version.
VERSION = 3
#: Seconds that a statement waits for another connection's transaction.
WAIT = 10.0

_TABLES = """
CREATE TABLE uploads (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, suffix TEXT NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL, created REAL NOT NULL,
  content TEXT                      -- of a mask: the upload that it masks
) STRICT;
CREATE INDEX uploads_of_session ON uploads (session, created);

CREATE TABLE runs (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, title TEXT NOT NULL, images INTEGER NOT NULL, seconds REAL NOT NULL,
  created REAL NOT NULL,
  state TEXT NOT NULL,              -- queued, running, done, failed, canceled
  queued REAL NOT NULL,             -- when it was put into the queue, for the order
  started REAL, ended REAL,
  done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,  -- images, when it ended
  keys TEXT NOT NULL,               -- of the first pairs, for thumbnails
  message TEXT NOT NULL DEFAULT '', -- why it failed
  published TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX runs_of_session ON runs (session, created);
CREATE INDEX runs_by_state ON runs (state, queued);

CREATE TABLE shares (
  id TEXT PRIMARY KEY,              -- the unguessable part of the link
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  created REAL NOT NULL, expires REAL NOT NULL, downloads INTEGER NOT NULL, settings INTEGER NOT NULL
) STRICT;
CREATE INDEX shares_of_run ON shares (run);

CREATE TABLE tasks (               -- what the supervisor does besides runs: gallery, publish
  run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, kind TEXT NOT NULL,
  asked REAL NOT NULL DEFAULT 0,    -- when it was last asked for
  PRIMARY KEY (run, kind)
) STRICT;

CREATE TABLE codes (code TEXT PRIMARY KEY, session TEXT NOT NULL, expires REAL NOT NULL) STRICT;
"""
#: What turns the tables of an earlier version into those of the next one.
_UPGRADES = {
    1: "ALTER TABLE uploads ADD COLUMN content TEXT;",
    2: "ALTER TABLE tasks ADD COLUMN asked REAL NOT NULL DEFAULT 0;",
}
#: Makes the file and its write-ahead log 1 MB larger than needed: on a full disk the end of a run is still noted.
_RESERVE = """
CREATE TABLE IF NOT EXISTS reserve (bytes BLOB); INSERT INTO reserve VALUES (zeroblob(1000000)); DROP TABLE reserve;
"""
#: Pages in the log, of 4 kB, after which it is written from its start again; fewer than are reserved.
_CHECKPOINT = 100


class Database:
    """The file `studio.sqlite`. Each use opens a connection of its own, so threads share nothing.

    One more stays open: when the last one closes, SQLite deletes the log, which a full disk has no room for again.
    """

    def __init__(self, path: Path):
        """Open a database, or create it. Raises NstError for a file that is none, or of another version."""
        self.path = path
        try:
            self._kept = self._open()
            self._kept.execute("PRAGMA journal_mode = WAL")
            [version] = self._kept.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._kept.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
            while version in _UPGRADES:
                self._kept.executescript(f"BEGIN; {_UPGRADES[version]} PRAGMA user_version = {version + 1}; COMMIT;")
                version += 1
            self._kept.executescript(_RESERVE)
        except sqlite3.Error as error:
            raise NstError(f"{path}: cannot be used ({error}); choose another folder with --results") from error
        if version not in (0, VERSION):
            raise NstError(f"{path}: was made by another version of nst; choose another folder with --results")
        path.chmod(0o600)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end of the block, rolled back after an exception."""
        with closing(self._open()) as connection, connection:
            yield connection

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=WAIT)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
        return connection
