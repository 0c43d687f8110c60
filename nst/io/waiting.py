"""A wait that takes longer says what it is for. Standard library only: a worker's client waits too."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

#: Seconds of a wait in silence.
SILENCE = 2.0


@contextmanager
def announced(what: str, say: Callable[[str], object] = log.info) -> Iterator[None]:
    """Report `waiting for …` once where the block takes longer than two seconds."""
    here = contextvars.copy_context()  # in a worker it says whose client hears it
    timer = threading.Timer(SILENCE, here.run, [say, f"waiting for {what}"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
