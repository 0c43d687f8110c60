"""Limits of a studio: bytes, counts and rates. They keep one person from taking all of the machine."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from nst.errors import NstError


class QuotaError(NstError):
    """A limit of the studio is reached."""


@dataclass(frozen=True)
class Quotas:
    """The limits of a studio. Each check raises QuotaError."""

    file_bytes: int = 50_000_000  # of an uploaded image
    pixels: int = 100_000_000  # of an uploaded image
    uploads: int = 200  # per session
    session_bytes: int = 2_000_000_000  # of a session's uploads
    all_bytes: int = 20_000_000_000  # of everyone's uploads
    free_bytes: int = 1_000_000_000  # that must remain free on the disk
    images: int = 200  # per run
    queued: int = 20  # queued runs per session
    runs: int = 1000  # of everyone
    body_bytes: int = 64_000_000  # of a request

    def check_file(self, size: int) -> None:
        """Check the bytes of an image."""
        if size > self.file_bytes:
            raise QuotaError(f"an image may have at most {_bytes(self.file_bytes)}; reduce it")

    def check_uploads(self, count: int, session_bytes: int, all_bytes: int) -> None:
        """Check what the uploads of a session, and of everyone, would be with one more."""
        if count > self.uploads:
            raise QuotaError(f"at most {self.uploads:,} images can be stored; remove some that you do not need")
        if session_bytes > self.session_bytes:
            most = _bytes(self.session_bytes)
            raise QuotaError(f"your images may have at most {most} together; remove some that you do not need")
        if all_bytes > self.all_bytes:
            raise QuotaError(
                "the studio has no space for more images; remove some that you do not need, or ask whoever runs it"
            )

    def check_disk(self, folder: Path, size: int = 0) -> None:
        """Check that enough of a folder's disk remains free after `size` more bytes."""
        if shutil.disk_usage(folder).free - size < self.free_bytes:
            raise QuotaError("the studio's disk is nearly full; ask whoever runs it to make room")

    def check_runs(self, queued: int, runs: int) -> None:
        """Check the number of a session's queued runs, and of everyone's runs, with one more."""
        if queued > self.queued:
            raise QuotaError(f"at most {self.queued:,} of your runs can be queued; try again when one has started")
        if runs > self.runs:
            raise QuotaError(f"the studio stores at most {self.runs:,} runs; delete some that you do not need")


#: Requests a minute: of any kind, and of those that cost more. `login` and `session` (the first request of a browser)
#: count per address, the others per session.
PER_MINUTE = {"request": 3000, "upload": 60, "run": 20, "login": 10, "session": 60}


class Rates:
    """Counts requests by kind and by who sends them, within the last minute."""

    #: Senders to remember. Those who have been silent for a minute are forgotten when there are more.
    SENDERS = 10_000

    def __init__(self, per_minute: dict[str, int] = PER_MINUTE):
        self._items: dict[str, RateLimitItem] = {
            kind: RateLimitItemPerMinute(most, namespace=kind) for kind, most in per_minute.items()
        }
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def wait(self, kind: str, who: str) -> float:
        """Count a request: 0 if it is allowed, otherwise the seconds until one is. A refused request does not count.

        who: the session or the address that sends it.
        """
        self._forget()
        item = self._items[kind]
        if self._limiter.hit(item, who):
            return 0.0
        return max(1.0, self._limiter.get_window_stats(item, who).reset_time - time.time())

    def _forget(self) -> None:
        """Remove silent senders: the storage expires their requests, but keeps an empty list for each."""
        events = self._storage.events
        if len(events) > self.SENDERS:
            for sender in [sender for sender, requests in list(events.items()) if not requests]:
                self._storage.clear(sender)


def _bytes(count: int) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
