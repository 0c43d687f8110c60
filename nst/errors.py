"""The errors that a user can cause: one clear message each, shown without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

from nst import limits


class NstError(Exception):
    """Something that the user can fix; the message says what is wrong and what would be right."""

    def __init__(self, message: str):
        super().__init__("\n".join(map(_shortened, printable(message).split("\n"))))


class Problems(NstError):  # noqa: N818
    """Every problem of an input at once, a line each; the message has the first PROBLEMS of them, and a count."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(_shortened(printable(problem)) for problem in problems)
        shown, more = self.problems[: limits.PROBLEMS], len(self.problems) - limits.PROBLEMS
        super().__init__("\n".join([*shown, *([f"… and {more:,} more problems"] if more > 0 else [])]))


def problems_of(error: NstError) -> tuple[str, ...]:
    """All of them, which the message may not show."""
    return error.problems if isinstance(error, Problems) else tuple(str(error).splitlines())


def printable(text: str) -> str:
    """A text with its control characters escaped: a terminal obeys those of a file's name or of a cell."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _shortened(line: str) -> str:
    """A line without its middle where it is too long to be read: what is wrong is at its end."""
    half = limits.MESSAGE // 2
    return line if len(line) <= limits.MESSAGE else f"{line[:half]} … {line[-half:]}"
