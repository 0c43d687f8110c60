"""What a command may write to: never to a file that it reads, and to a picture of somebody else only if told so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nst import layout
from nst.commands.options import option
from nst.errors import NstError
from nst.io import asking
from nst.io.files import exists, refuse_inputs

if TYPE_CHECKING:
    from nst.pair.job import Job

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
        raise NstError(f"{_short(foreign)}: kept; choose another output")


def check_records(jobs: Iterable[Job], *, force: bool) -> None:
    """Raise NstError for a folder of records with files of our names, such as snapshots/, that are not ours."""
    for job in jobs:
        if force or job.record is None or exists(job.record / layout.RUN) or exists(job.work_folder):
            continue  # of an earlier run, which may have been stopped while it moved its files
        if there := [path.name for path in job.outputs if path != job.output and exists(path)]:
            advice = "choose another folder for --record, or add --force to overwrite"
            raise NstError(f"{job.record}: has {', '.join(there)}, which nst did not make; {advice}")


def _answer(question: str) -> bool | None:
    """Of who sits at the terminal; None where nobody does."""
    runner = click.get_current_context().obj
    if runner is not None:  # a worker, whose client asks
        answer: bool | None = runner.ask(question)
        return answer
    return asking.confirmed(question) if asking.can_ask() else None


def _short(names: list[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
