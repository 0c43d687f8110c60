"""Logging of commands, and reading of their logs."""

from __future__ import annotations

import logging
import re
from pathlib import Path

_PROGRESS = re.compile(r"nst: (iteration \d+/\d+ |resuming an interrupted run )")
#: The last line of a log whose process was interrupted; earlier messages are then no reasons of a failure.
_STOPPED = "nst: stopped after iteration "
#: A report of progress in a log: iteration, iterations, losses, seconds.
ITERATION = re.compile(r"iteration (\d+)/(\d+)  (.*?)  (\d+) s$", re.MULTILINE)
#: The end of a log whose image was already made from the same files and settings.
UP_TO_DATE = "up to date, made from the same files and settings"
#: Bytes at the end of a log that contain its last report.
_TAIL = 4000


def show() -> None:
    """Log nst's messages to stderr, and only warnings of other packages: torch logs its caches at exit."""
    logging.basicConfig(format="nst: %(message)s")
    logging.getLogger("nst").setLevel(logging.INFO)


def last_iteration(log: Path) -> tuple[int, int, float]:
    """The last iteration that a log reports, the number of all, and the seconds until then; zeros if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            reports = ITERATION.findall(file.read().decode("utf-8", "replace"))
    except (OSError, ValueError):
        return 0, 0, 0.0
    return (int(reports[-1][0]), int(reports[-1][1]), float(reports[-1][3])) if reports else (0, 0, 0.0)


def says_up_to_date(log: Path) -> bool:
    """Whether a log ends with UP_TO_DATE."""
    try:
        return log.read_text("utf-8", "replace").rstrip().endswith(UP_TO_DATE)
    except OSError:
        return False


def last_message(log: Path) -> str:
    """The last message of a log that is not about progress; '' if there is none, or no log."""
    return next(reversed(own_messages(log, 1)), "")


def own_messages(log: Path, most: int) -> list[str]:
    """The last messages of a log that are not about progress: nst's, or all if it has none.

    Empty if the log ends with an interruption.
    """
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except (OSError, ValueError):  # ValueError: not a path
        return []
    messages = [line for line in lines if line.strip() and not _PROGRESS.match(line)]
    if messages and messages[-1].startswith(_STOPPED):
        return []
    own = [line.removeprefix("nst: ") for line in messages if line.startswith("nst: ")] or messages
    return own[-most:]
