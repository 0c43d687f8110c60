"""Publishing of results: all files are completed in the work folder first, and then moved to their paths.

In both steps the record is written last, as a sign that the other files are complete. An interrupted publication is
finished from the work folder, without optimizing again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nst.io.files import move, replacing, sync
from nst.io.work_folder import remove
from nst.layout import ANIMATION, CHECKPOINT, LOSSES, RUN, SNAPSHOTS
from nst.pair.completeness import finished
from nst.pair.job import Job

#: Files of a record besides the image, in the order in which they are moved.
_FILES = (SNAPSHOTS, ANIMATION, LOSSES)
#: Subfolders of the work folder: links to the files being published, and the previous snapshots.
_OUTGOING, _REPLACED = "outgoing", "replaced"


def complete(job: Job, record: dict[str, Any]) -> None:
    """Flush all files to disk, write the record into the work folder, and remove the checkpoint."""
    work = job.work_folder
    for path in sorted(path for name in _names(job) for path in ((work / name), *(work / name).rglob("*"))):
        sync(path)
    with replacing(work / RUN) as temporary:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        sync(temporary)
    sync(work)
    (work / CHECKPOINT).unlink(missing_ok=True)


def completed(job: Job, key: Callable[[], str]) -> dict[str, Any] | None:
    """The record of a complete but unpublished result with this key in the work folder; None if there is none."""
    work = job.work_folder
    record = finished(job, work / job.output.name, work, key)
    if record and record["output"].get("path") == str(job.output):
        return record
    (work / RUN).unlink(missing_ok=True)
    return None


def publish(job: Job) -> None:
    """Move the files from the work folder to their paths. With `keep_work`, links to them stay in the work folder."""
    source, folder = _linked(job), job.record
    if folder:
        (folder / RUN).unlink(missing_ok=True)
        if (folder / SNAPSHOTS).exists():  # a folder cannot replace another one
            _remove(job.work_folder / _REPLACED)
            move(folder / SNAPSHOTS, job.work_folder / _REPLACED)
        for name in _FILES:
            move(source / name, folder / name)
    move(source / job.output.name, job.output)
    sync(job.output.parent)
    if folder:
        sync(folder)
        move(source / RUN, folder / RUN)
        sync(folder)
    if job.keep_work and source != job.work_folder:
        _remove(source)
        _remove(job.work_folder / _REPLACED)
    else:
        remove(job.work_folder)


def _names(job: Job) -> list[str]:
    return [*(_FILES if job.record else ()), job.output.name]


def _linked(job: Job) -> Path:
    """Create a folder of hard links to the files, so that an interrupted publication can be repeated.

    Returns the work folder itself if the file system has no hard links; an interrupted run then starts from scratch.
    """
    work, outgoing = job.work_folder, job.work_folder / _OUTGOING
    _remove(outgoing)
    try:
        outgoing.mkdir()
        for name in (*_names(job), RUN):
            if (work / name).is_dir():
                shutil.copytree(work / name, outgoing / name, copy_function=os.link)
            else:
                os.link(work / name, outgoing / name)
    except OSError:
        _remove(outgoing)
        return work
    return outgoing


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
