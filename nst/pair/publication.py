"""The files of a finished stylization: first complete in the work folder, then under their names.

The record is last both times: it tells that all are there. Who is interrupted in between publishes them from the work
folder; nothing is optimized again.
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

#: Files of a record beside the image, in the order in which they take their names.
_FILES = (SNAPSHOTS, ANIMATION, LOSSES)
#: Folders within the work folder: links to what is published, and the snapshots of before.
_OUTGOING, _REPLACED = "outgoing", "replaced"


def complete(job: Job, record: dict[str, Any]) -> None:
    """Note that all files are in the work folder, once the disk has them; the checkpoint is of no more use."""
    work = job.work_folder
    for path in sorted(path for name in _names(job) for path in ((work / name), *(work / name).rglob("*"))):
        sync(path)
    with replacing(work / RUN) as temporary:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        sync(temporary)
    sync(work)
    (work / CHECKPOINT).unlink(missing_ok=True)


def completed(job: Job, key: Callable[[], str]) -> dict[str, Any] | None:
    """The record of finished files in the work folder that have this key and are to be published; None without."""
    work = job.work_folder
    record = finished(job, work / job.output.name, work, key)
    if record and record["output"].get("path") == str(job.output):
        return record
    (work / RUN).unlink(missing_ok=True)
    return None


def publish(job: Job) -> None:
    """Give the files in the work folder their names; links to them stay there where the job keeps them."""
    source, folder = _linked(job), job.record
    if folder:
        (folder / RUN).unlink(missing_ok=True)
        if (folder / SNAPSHOTS).exists():  # a folder takes no other's place
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
    """A folder of hard links, which can be made again as long as the files stay where they are.

    It is the files' own folder where the file system has no links: who is interrupted then begins from scratch.
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
