"""Whether a stylization is all there: its image and each file that its record promises, decoded to the end."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nst import layout
from nst.errors import NstError
from nst.images import decoded_size, read_metadata, whole_picture_size
from nst.pair.frames import files_until, frame_file
from nst.pair.job import Job


def finished(job: Job, image: Path, folder: Path | None, key: Callable[[], str]) -> dict[str, Any] | None:
    """The record of a finished stylization, where it has this key and is whole; None for any other.

    Args:
        image: where it is, which need not be the job's output. folder: that of its record; where None, the record is
            what the image carries.
        key: of the inputs, settings and code (`nst.pair.stylize`); called only where there is a record.
    """
    try:
        record: dict[str, Any] = json.loads((folder / layout.RUN).read_bytes()) if folder else read_metadata(image)
        if "iteration" in record or record["key"] != key():  # a snapshot is no result
            return None
        size = decoded_size(image)
        if folder:
            if size != (record["output"]["width"], record["output"]["height"]):
                return None
            if job.record:
                _check_record(job, folder)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, NstError):
        return None
    return record


def check_frames(job: Job, folder: Path, iteration: int) -> None:
    """Raise NstError unless all frames and snapshots up to an iteration are whole."""
    for name in files_until(iteration, job.settings, job.output.suffix):
        whole_picture_size(folder / name)


def _check_record(job: Job, folder: Path) -> None:
    """Raise NstError, OSError or ValueError unless all files of a record are whole."""
    s = job.settings
    text = (folder / layout.LOSSES).read_text("utf-8")
    rows = [row["iteration"] for row in csv.DictReader(text.splitlines()) if None not in row.values()]
    if not text.endswith("\n") or rows != [str(n) for n in range(1, s.iterations + 1)]:
        raise NstError(f"{folder / 'losses.csv'}: has not a row for each of {s.iterations} iterations")
    decoded_size(folder / layout.ANIMATION)
    check_frames(job, folder, s.iterations)
    whole_picture_size(folder / frame_file(s.iterations))
    if s.method == "network":
        from nst.pair.network_file import load

        load(folder / layout.NETWORK)
