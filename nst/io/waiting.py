"""Messages about long waits. Standard library only, for worker clients."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

#: Seconds of waiting without a message.
SILENCE = 2.0


@contextmanager
def announced(what: str, say: Callable[[str], object] = log.info) -> Iterator[None]:
    """Log `waiting for …` once if the block takes longer than SILENCE seconds."""
    context = contextvars.copy_context()  # in a worker it identifies the client that gets the message
    timer = threading.Timer(SILENCE, context.run, [say, f"waiting for {what}"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
