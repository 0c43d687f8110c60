"""Logging of commands, and reading of their logs."""

from __future__ import annotations

import logging
import re
from pathlib import Path

_PROGRESS = re.compile(r"nst: iteration \d+/\d+ ")


def show() -> None:
    """Log nst's messages to stderr, and only warnings of other packages: torch logs its caches at exit."""
    logging.basicConfig(format="nst: %(message)s")
    logging.getLogger("nst").setLevel(logging.INFO)


def last_message(log: Path) -> str:
    """The last message of a log that is not about progress; '' if there is none, or no log."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except (OSError, ValueError):  # ValueError: not a path
        return ""
    messages = [line for line in lines if line.strip() and not _PROGRESS.match(line)]
    own = [line.removeprefix("nst: ") for line in messages if line.startswith("nst: ")] or messages
    return own[-1] if own else ""
