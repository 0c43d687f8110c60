"""Signal handling: stop at a point where no work is lost. Standard library only, for worker clients."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def interrupt_on_sigterm() -> None:
    """Make the first SIGTERM raise KeyboardInterrupt, as Ctrl-C does. Later ones are ignored."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def keep_exit_status() -> None:
    """Ignore SIGTERM from here on, so that it does not change the exit status."""
    if signal.getsignal(signal.SIGTERM) is _interrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _interrupt(*_: Any) -> None:
    keep_exit_status()
    raise KeyboardInterrupt


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Defer SIGTERM and the first SIGINT within the block. Yields a function that returns whether one was received.

    A second SIGINT raises KeyboardInterrupt. A second SIGTERM does not, because clusters send it in any case. If the
    block ends normally, the deferred signal takes effect afterwards. Does nothing outside the main thread, because only
    the main thread receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    received: list[int] = []

    def handle(number: int, _: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    # Signals that are ignored, like SIGINT in a background job of a script, stay ignored.
    handled = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if signal.SIGTERM in received:
            keep_exit_status()
    if received and signal.getsignal(received[0]) is signal.SIG_IGN:
        raise KeyboardInterrupt
    if received:
        signal.raise_signal(received[0])
