"""Checks that a result is complete: its image and all files of its record exist and can be decoded."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nst import layout
from nst.errors import NstError
from nst.images import decoded_size, intact_picture_size, read_metadata
from nst.pair.frames import files_until, frame_file
from nst.pair.job import Job


def finished(job: Job, image: Path, folder: Path | None, key: Callable[[], str]) -> dict[str, Any] | None:
    """The record of a finished result if it is complete and has this key; otherwise None.

    Args:
        image: the path of the image, which may differ from the job's output.
        folder: the folder of its record; None to use the metadata of the image.
        key: returns the hash of inputs, settings and code (`nst.pair.stylize`); called only if there is a record.
    """
    try:
        record: dict[str, Any] = json.loads((folder / layout.RUN).read_bytes()) if folder else read_metadata(image)
        if "iteration" in record or record["key"] != key():  # a snapshot is not a result
            return None
        size = decoded_size(image)
        if folder:
            if size != (record["output"]["width"], record["output"]["height"]):
                return None
            if job.record:
                _check_record(job, folder, record["iterations_run"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError, NstError):
        return None
    return record


def check_frames(job: Job, folder: Path, iteration: int) -> None:
    """Raise NstError unless all frames and snapshots up to an iteration are complete."""
    for name in files_until(iteration, job.settings, job.output.suffix):
        intact_picture_size(folder / name)


def _check_record(job: Job, folder: Path, iterations: int) -> None:
    """Raise NstError, OSError or ValueError unless all files of a record are complete; iterations: those that ran."""
    text = (folder / layout.LOSSES).read_text("utf-8")
    rows = [row["iteration"] for row in csv.DictReader(text.splitlines()) if None not in row.values()]
    if not text.endswith("\n") or rows != [str(n) for n in range(1, iterations + 1)]:
        raise NstError(f"{folder / layout.LOSSES}: does not have a row for each of {iterations} iterations")
    decoded_size(folder / layout.ANIMATION)
    check_frames(job, folder, iterations)
    intact_picture_size(folder / frame_file(iterations))
    if job.settings.parameters == "network":
        from nst.pair.network_file import load

        load(folder / layout.NETWORK)
