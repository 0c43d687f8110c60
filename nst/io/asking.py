"""Questions to the user at the terminal. Standard library only, for worker clients."""

from __future__ import annotations

import sys


def can_ask() -> bool:
    """Whether there is a terminal for the question and the answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str) -> bool:
    """Ask a question; returns whether the answer is yes."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
