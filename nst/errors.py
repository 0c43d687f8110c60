"""The errors that a user can cause: one clear sentence each, shown without a traceback."""

from __future__ import annotations

from collections.abc import Iterable


class NstError(Exception):
    """Something that the user can mend; the message says what is wrong and what would be right."""


class Problems(NstError):  # noqa: N818
    """Every problem of an input at once, a line each."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
