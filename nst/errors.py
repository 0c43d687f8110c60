"""Errors that a user can fix. They are printed without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

from nst import limits


class NstError(Exception):
    """An error that the user can fix. The message says what is wrong and what would be right."""

    def __init__(self, message: str):
        super().__init__("\n".join(map(_shortened, printable(message).split("\n"))))


class Problems(NstError):  # noqa: N818
    """All problems of an input, one line each. The message has the first `limits.PROBLEMS` of them."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(_shortened(printable(problem)) for problem in problems)
        shown, more = self.problems[: limits.PROBLEMS], len(self.problems) - limits.PROBLEMS
        super().__init__("\n".join([*shown, *([f"… and {more:,} more problems"] if more > 0 else [])]))


def problems_of(error: NstError) -> tuple[str, ...]:
    """The lines of an error; of Problems also those that its message leaves out."""
    return error.problems if isinstance(error, Problems) else tuple(str(error).splitlines())


def reason_of(error: BaseException) -> str:
    """The first line of an error's message, or the name of its type."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def printable(text: str) -> str:
    """The text with its control characters escaped: in a file name or a cell they could control the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _shortened(line: str) -> str:
    """The line; a long one without its middle, because the end says what is wrong."""
    half = limits.MESSAGE // 2
    return line if len(line) <= limits.MESSAGE else f"{line[:half]} … {line[-half:]}"
