"""A question to who sits at the terminal. Standard library only: a worker's client asks too."""

from __future__ import annotations

import sys


def can_ask() -> bool:
    """Whether somebody sees the question and can answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str) -> bool:
    """Whether the answer is yes; anything else is no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
