"""What a command's log says."""

from __future__ import annotations

import re
from pathlib import Path

_PROGRESS = re.compile(r"nst: evaluation \d+/\d+ ")


def last_sentence(log: Path) -> str:
    """The last thing that a log says beside how far the painting was; '' where it says nothing or is not there."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line for line in lines if line.strip() and not _PROGRESS.match(line)]
    told = [line.removeprefix("nst: ") for line in said if line.startswith("nst: ")] or said
    return told[-1] if told else ""
