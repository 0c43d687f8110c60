"""Checks of what a job would write, before any work."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nst import layout
from nst.errors import NstError
from nst.images import WRITTEN
from nst.io.files import exists
from nst.pair.job import Job


def check_suffix(output: Path) -> None:
    """Raise NstError for an image format that cannot be written."""
    if output.suffix.lower() not in WRITTEN:
        raise NstError(
            f"{output}: cannot write {output.suffix or 'a file without suffix'}; use one of {', '.join(WRITTEN)}"
        )


def check_records(jobs: Iterable[Job], *, force: bool) -> None:
    """Raise NstError if the folder of a record has files that would be replaced and that nst did not write."""
    for job in jobs:
        if force or job.record is None or exists(job.record / layout.RUN) or exists(job.work_folder):
            continue  # written by an earlier run, possibly stopped while it moved its files
        if existing := [path.name for path in job.outputs if path != job.output and exists(path)]:
            advice = "choose another folder for the record, or add --force (in Python force=True) to overwrite"
            raise NstError(f"{job.record}: has {', '.join(existing)}, which nst did not make; {advice}")
