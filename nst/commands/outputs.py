"""What a command may write to: never to a file that it reads, and to a picture of somebody else only if told so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from nst import asking
from nst.commands.options import option
from nst.errors import NstError
from nst.files import refuse_inputs

force_option = option(
    "--force", group="output", is_flag=True, help="overwrite existing pictures that nst did not make, without asking"
)


def check_outputs(outputs: Sequence[Path], inputs: Iterable[str | Path], *, force: bool) -> None:
    """Refuse outputs that are among the inputs; ask before pictures that nst did not make are overwritten.

    Raises NstError where an output is an input, and where the answer is no or there is no terminal to ask at.
    """
    inputs = list(inputs)
    for output in outputs:
        refuse_inputs(output, inputs)
    foreign = [] if force else [str(output) for output in outputs if _is_foreign(output)]
    if not foreign:
        return
    what = f"{_short(foreign)}: {'exists' if len(foreign) == 1 else 'exist'} and {_was(foreign)} not made by nst"
    answer = _answer(f"{what}. Overwrite?")
    if answer is None:
        raise NstError(f"{what}; choose another output, or add --force to overwrite")
    if not answer:
        raise NstError(f"{_short(foreign)}: kept; choose another output")


def _is_foreign(output: Path) -> bool:
    """Whether a picture is there that carries nothing of ours."""
    if not output.is_file():
        return False
    from nst.images import picture_size, read_metadata

    try:
        picture_size(output)
    except NstError:  # no picture: a file that another program has left half written
        return False
    try:
        read_metadata(output)
    except NstError:
        return True
    return False


def _answer(question: str) -> bool | None:
    """Of who sits at the terminal; None where nobody does."""
    painter = click.get_current_context().obj
    if painter is not None:  # a worker, whose client asks
        answer: bool | None = painter.ask(question)
        return answer
    return asking.confirmed(question) if asking.can_ask() else None


def _short(names: list[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")


def _was(names: list[str]) -> str:
    return "was" if len(names) == 1 else "were"
