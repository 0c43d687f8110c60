"""Files that are written in a thread of their own while the optimization runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

#: Files that wait to be written at most.
UNWRITTEN = 4


class Background:
    """One thread that writes what it is given, in order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._writing: deque[Future[None]] = deque()

    def write(self, write: Callable[[], None]) -> None:
        """Call `write` later; waits while too many files are unwritten, and raises what an earlier one raised."""
        self._writing.append(self._pool.submit(write))
        while len(self._writing) > UNWRITTEN:
            self._writing.popleft().result()

    def settle(self) -> None:
        """Wait until all is written; raises the first error."""
        while self._writing:
            self._writing.popleft().result()

    def close(self) -> None:
        """Cancel what has not begun and wait for what has: from here on nothing is written any more."""
        self._pool.shutdown(cancel_futures=True)
        self._writing.clear()
