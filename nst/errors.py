"""The errors that a user can cause: one clear message each, shown without a traceback."""

from __future__ import annotations

from collections.abc import Iterable


class NstError(Exception):
    """Something that the user can fix; the message says what is wrong and what would be right."""

    def __init__(self, message: str):
        super().__init__(printable(message))


class Problems(NstError):  # noqa: N818
    """Every problem of an input at once, a line each."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(printable(problem) for problem in problems)
        super().__init__("\n".join(self.problems))


def printable(text: str) -> str:
    """A text with its control characters escaped: a terminal obeys those of a file's name or of a cell."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
