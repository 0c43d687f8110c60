"""Logging of commands, and reading of their logs. What is read is written by the function beside its pattern."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

#: The end of a log whose image was already made from the same files and settings.
UP_TO_DATE = "up to date, made from the same files and settings"
#: The losses that a log reports.
_LOSSES = ("total", "content", "style")
#: Before each of nst's messages.
_NST = "nst: "
#: Bytes at the end of a log that contain its last report.
_TAIL = 4000


class Report(NamedTuple):
    """A report of progress in a log: the iteration, the number of all, its losses, and the seconds until then."""

    iteration: int
    iterations: int
    losses: dict[str, float]
    seconds: float


def show() -> None:
    """Log nst's messages to stderr, and only warnings of other packages: torch logs its caches at exit."""
    logging.basicConfig(format=f"{_NST}%(message)s")
    logging.getLogger("nst").setLevel(logging.INFO)


_REPORT = re.compile(r"iteration (\d+)/(\d+)  (.*?)  (\d+) s$", re.MULTILINE)


def report_text(iteration: int, iterations: int, losses: Mapping[str, float], seconds: float) -> str:
    """The message that reports an iteration; `last_report` reads it."""
    return f"iteration {iteration}/{iterations}  {losses_text(losses)}  {seconds:.0f} s"


_LOSS = re.compile(r"(\w+) (-?\d[\d.e+-]*)")


def losses_text(losses: Mapping[str, float]) -> str:
    """The losses of an iteration as text."""
    return "  ".join(f"{name} {losses[name]:.4g}" for name in _LOSSES)


#: Messages about progress, which are no reasons of a failure.
_PROGRESS = re.compile(rf"{_NST}(iteration \d+/\d+ |resuming an interrupted run )")


def resumed_text(iteration: int) -> str:
    """The message that an interrupted run is resumed."""
    return f"resuming an interrupted run after iteration {iteration}"


#: The last line of a log whose process was interrupted; earlier messages are then no reasons of a failure.
_STOPPED = f"{_NST}stopped after iteration "


def stopped_text(iteration: int, *, resumable: bool) -> str:
    """The message that a run is interrupted."""
    return f"stopped after iteration {iteration}{'; the same command resumes' * resumable}"


def tail(path: Path, most: int = _TAIL) -> str:
    """The last `most` bytes of a file as text; '' if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - most))
            return file.read(most).decode("utf-8", "replace")
    except (OSError, ValueError):  # ValueError: not a path
        return ""


def last_report(log: Path) -> Report | None:
    """The last report of progress in a log; None if there is none, or no log. Without losses that are not finite."""
    reports = _REPORT.findall(tail(log))
    if not reports:
        return None
    iteration, iterations, losses, seconds = reports[-1]
    values = {name: float(value) for name, value in _LOSS.findall(losses)}
    return Report(int(iteration), int(iterations), values, float(seconds))


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
    own = [line.removeprefix(_NST) for line in messages if line.startswith(_NST)] or messages
    return own[-most:]
