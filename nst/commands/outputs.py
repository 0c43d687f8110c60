"""Checks of output paths: inputs are never overwritten, and other programs' images only with permission."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from nst.commands.options import option
from nst.errors import NstError
from nst.io import asking
from nst.io.files import refuse_inputs

force_option = option(
    "--force", group="output", is_flag=True, help="Overwrite existing images that nst did not make, without asking."
)


def check_outputs(outputs: Sequence[Path], inputs: Iterable[str | Path], *, force: bool) -> None:
    """Ask before overwriting images that nst did not make.

    Raises NstError if an output is an input, if the answer is no, or if there is no terminal to ask.
    """
    refuse_inputs(outputs, inputs)
    from nst.images import is_foreign

    foreign = [] if force else [str(output) for output in outputs if is_foreign(output)]
    if not foreign:
        return
    exist = "exists and was" if len(foreign) == 1 else "exist and were"
    what = f"{_short(foreign)}: {exist} not made by nst"
    answer = _answer(f"{what}. Overwrite?")
    if answer is None:
        raise NstError(f"{what}; choose another output, or add --force to overwrite")
    if not answer:
        raise NstError(f"{_short(foreign)}: not overwritten; choose another output")


def _answer(question: str) -> bool | None:
    """The user's answer; None if there is no terminal to ask."""
    runner = click.get_current_context().obj
    if runner is not None:  # a worker, whose client asks
        answer: bool | None = runner.ask(question)
        return answer
    return asking.confirmed(question) if asking.can_ask() else None


def _short(names: list[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
