"""Writing of files in a background thread, while the optimization runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

#: Maximum number of files in the queue.
UNWRITTEN = 4


class Background:
    """A thread that runs write functions in order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._writing: deque[Future[None]] = deque()

    def write(self, write: Callable[[], None]) -> None:
        """Queue a call of `write`. Blocks while the queue is full; raises the error of an earlier call."""
        self._writing.append(self._pool.submit(write))
        while len(self._writing) > UNWRITTEN:
            self._writing.popleft().result()

    def settle(self) -> None:
        """Wait until everything is written. Raises the first error."""
        while self._writing:
            self._writing.popleft().result()

    def close(self) -> None:
        """Cancel the queued calls and wait for the running one. Nothing is written afterwards."""
        self._pool.shutdown(cancel_futures=True)
        self._writing.clear()
