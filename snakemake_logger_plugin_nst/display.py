"""Printing: on a terminal a line of progress below the messages, elsewhere plain lines now and then."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from snakemake_logger_plugin_nst.tally import Tally

#: Seconds between two lines where there is no terminal, between two looks for images of cluster jobs, between two
#: updates on a terminal, and at least between two that events cause: the text of a large grid takes milliseconds.
PLAIN, LOOK, TERMINAL, EVENT = 30.0, 10.0, 1.0, 0.2
_ERASE = "\r\x1b[K"


class Printer:
    """Prints messages, and the state of a tally from `begin` to `end`.

    A thread of its own reads the tally; whoever changes it holds `lock`.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.lock, self._ended = threading.RLock(), threading.Event()
        self._tally: Tally | None = None
        self._shown, self._shown_at, self._looked_at = "", 0.0, 0.0

    def begin(self, tally: Tally) -> None:
        """Show the tally from here on."""
        self._tally = tally
        threading.Thread(target=self._refresh, daemon=True).start()
        self.update()

    def print(self, text: str) -> None:
        """Print a message above the line of progress."""
        with self.lock:
            shown = self._shown if self._is_terminal else ""
            self._write(f"{_ERASE * bool(shown)}{text}\n{shown}")

    def update(self) -> None:
        """Show the state, if it has changed."""
        with self.lock:
            now = time.monotonic()
            soon = bool(self._shown) and now - self._shown_at < (EVENT if self._is_terminal else PLAIN)
            if self._tally is None or self._ended.is_set() or soon:
                return
            text = self._tally.text()
            if self._is_terminal:
                text = text[: shutil.get_terminal_size().columns - 1]
            if text and text != self._shown:
                self._write(f"{_ERASE}{text}" if self._is_terminal else f"{text}\n")
            self._shown, self._shown_at = text, now

    def end(self) -> None:
        """Remove the line of progress."""
        with self.lock:
            self._ended.set()
            if self._is_terminal and self._shown:
                self._shown = ""
                self._write(_ERASE)

    def _refresh(self) -> None:
        while not self._ended.wait(TERMINAL):
            try:
                with self.lock:
                    if self._tally and time.monotonic() - self._looked_at >= LOOK:
                        self._looked_at = time.monotonic()
                        self._tally.look()
                    self.update()
            except (OSError, ValueError):  # a closed stream
                return

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
