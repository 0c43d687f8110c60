"""What a command logs, and what its log says."""

from __future__ import annotations

import logging
import re
from pathlib import Path

_PROGRESS = re.compile(r"nst: iteration \d+/\d+ ")


def show() -> None:
    """Show what nst reports, and of other packages warnings only: torch reports its caches when it ends."""
    logging.basicConfig(format="nst: %(message)s")
    logging.getLogger("nst").setLevel(logging.INFO)


def last_sentence(log: Path) -> str:
    """The last thing that a log says beside how far the stylization was; '' where it says nothing or is not there."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except (OSError, ValueError):  # ValueError: no path
        return ""
    said = [line for line in lines if line.strip() and not _PROGRESS.match(line)]
    told = [line.removeprefix("nst: ") for line in said if line.startswith("nst: ")] or said
    return told[-1] if told else ""
