"""Stop when it is asked for, at a moment at which nothing is lost. Standard library only, for clients of a worker."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def interrupt_on_sigterm() -> None:
    """Let the first SIGTERM end this process as Ctrl-C does; later ones change nothing, for it is at its end then."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def keep_exit_status() -> None:
    """From here on no SIGTERM changes how this process ends."""
    if signal.getsignal(signal.SIGTERM) is _interrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _interrupt(*_: Any) -> None:
    keep_exit_status()
    raise KeyboardInterrupt


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Within it SIGTERM and the first SIGINT stop nothing: the function that it yields tells of them from then on.

    The second SIGINT raises KeyboardInterrupt; a second SIGTERM, which a cluster sends to the impatient and the patient
    alike, does not. Where the block ends well nevertheless, the signal has its effect afterwards. Outside of the main
    thread, which signals go to, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked: list[int] = []

    def note(number: int, _: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    # Where they are ignored, as Ctrl-C is by what a script runs with `&`, they stay so.
    heard = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if signal.SIGTERM in asked:
            keep_exit_status()
    if asked and signal.getsignal(asked[0]) is signal.SIG_IGN:
        raise KeyboardInterrupt
    if asked:
        signal.raise_signal(asked[0])
