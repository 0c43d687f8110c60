"""Links by which others see a run: unguessable, with an end, revocable."""

from __future__ import annotations

import datetime
import secrets
import time
from dataclasses import dataclass

from nst.errors import NstError
from nst.studio.database import Database
from nst.studio.errors import NotFound
from nst.studio.runs import Runs, StudioRun

#: Maximum days of a link, and links of a run.
DAYS, LINKS = 365, 100


@dataclass(frozen=True)
class Share:
    """A link to a run."""

    id: str
    run: str
    created: float
    expires: float
    downloads: bool
    settings: bool

    @property
    def expires_text(self) -> str:
        """The end in UTC, as ISO 8601."""
        return datetime.datetime.fromtimestamp(self.expires, datetime.UTC).isoformat(timespec="seconds")


class Shares:
    """All links of a studio."""

    def __init__(self, database: Database, runs: Runs):
        self._database, self._runs = database, runs

    def create(self, session: str, run_id: str, *, days: int, downloads: bool, settings: bool) -> Share:
        """A new link to a run of the session."""
        self._runs.get(session, run_id)
        if not 1 <= days <= DAYS:
            raise NstError(f"days: {days} is not allowed; give a whole number from 1 to {DAYS}")
        now = time.time()
        share = Share(secrets.token_urlsafe(24), run_id, now, now + days * 86400, downloads, settings)
        with self._database.connect() as connection:
            connection.execute("DELETE FROM shares WHERE expires < ?", (now,))
            [links] = connection.execute("SELECT count(*) FROM shares WHERE run = ?", (run_id,)).fetchone()
            if links >= LINKS:
                raise NstError(f"this run has {LINKS} links already; revoke one")
            values = (share.id, run_id, share.created, share.expires, downloads, settings)
            connection.execute("INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?)", values)
        return share

    def of(self, run_id: str) -> list[Share]:
        """The valid links of a run, newest first."""
        query = "SELECT * FROM shares WHERE run = ? AND expires > ? ORDER BY created DESC"
        with self._database.connect() as connection:
            return [_share(row) for row in connection.execute(query, (run_id, time.time()))]

    def open(self, id: str) -> tuple[Share, StudioRun]:
        """The link and its run. Raises NotFound for a link that is unknown, revoked or past its end."""
        with self._database.connect() as connection:
            row = connection.execute("SELECT * FROM shares WHERE id = ? AND expires > ?", (id, time.time())).fetchone()
        if row is None:
            raise NotFound("this link has ended or was revoked; ask for a new one")
        share = _share(row)
        return share, self._runs.get(None, share.run)

    def revoke(self, session: str, id: str) -> None:
        """End a link now."""
        share, _ = self.open(id)
        self._runs.get(session, share.run)
        with self._database.connect() as connection:
            connection.execute("DELETE FROM shares WHERE id = ?", (id,))


def _share(row: object) -> Share:
    values = dict(row)  # type: ignore[call-overload]
    return Share(**values | {name: bool(values[name]) for name in ("downloads", "settings")})
