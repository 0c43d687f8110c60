"""Results of rows that are no longer in the manifest, and remains of killed jobs.

Each run removes stale sheets and plots, because they look like current ones. Images, which took long to make, are kept
until the user prunes them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from nst import layout
from nst.io import work_folder
from nst.io.files import sweep

#: Kinds of logs of sheets and plots, and the files that such a job writes.
_SUMMARIES = {
    "sheets": (f"{layout.SHEETS}/{{}}.png", f"{layout.SHEETS}/{{}}.html"),
    "plots": (f"{layout.LOSS_PLOTS}/{{}}.png",),
}
#: Kinds of logs of a pair.
_LOGS = ("stylize", "video", f"sheets/{layout.SNAPSHOTS}")
#: Files of a pair's folder. The record is removed last, so that an interrupted removal can be repeated.
_FILES = (*layout.IMAGES, layout.LOSSES, layout.ANIMATION, layout.VIDEO, layout.RUN)


def remove_stale_summaries(results: str, sheets: Iterable[str], snapshots: Iterable[str]) -> list[str]:
    """Remove the sheets and plots that belong to no group of the grid. Returns the removed files.

    Args:
        sheets: names of the groups, `SETTINGS` or `sweeps/CONTENT--STYLE`.
        snapshots: ids of the pairs with a sheet of their snapshots.

    Only files for which there is a job's log are removed; any other file belongs to the user.
    """
    current = {*sheets, *(f"{layout.SNAPSHOTS}/{name}" for name in snapshots)}
    removed = []
    for kind, made in _SUMMARIES.items():
        logs = Path(results, layout.LOGS, kind)
        for log in sorted(logs.rglob("*.log")):
            name = log.relative_to(logs).as_posix().removesuffix(".log")
            if name not in current:
                files = (file.format(name) for file in made)
                removed += [file for file in files if _remove(results, Path(results, file))]
                _remove_log(results, kind, name)
    return removed


def pairs_not_in_grid(results: str, ids: Collection[str]) -> list[str]:
    """The ids of finished pairs in the results folder that are not among `ids`, sorted."""
    pairs = layout.pairs_folder(results)
    names = (path.relative_to(pairs).as_posix() for path in pairs.glob("*/*/*"))
    return sorted(name for name in names if name not in ids and _is_ours(pairs / name, name))


def size(results: str, ids: Iterable[str]) -> int:
    """The size of the pairs' folders in bytes."""
    folders = (Path(layout.pair_folder(results, name)) for name in ids)
    return sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if not path.is_dir())


def prune(results: str, ids: Iterable[str]) -> list[str]:
    """Remove pairs with their logs and unfinished work. Returns the folders that remain, with other files in them."""
    remaining = []
    for name in ids:
        folder = Path(layout.pair_folder(results, name))
        shutil.rmtree(folder / layout.SNAPSHOTS, ignore_errors=True)
        for file in _FILES:
            (folder / file).unlink(missing_ok=True)
        if not _remove_empty(folder, layout.pairs_folder(results)):
            remaining.append(str(folder))
        for kind in _LOGS:
            _remove_log(results, kind, name)
        work = layout.work_folder(results, name)
        if any((work / mark).exists() for mark in (layout.MARK, layout.CHECKPOINT)):
            work_folder.remove(work)
    return remaining


def finished_work(results: str) -> list[str]:
    """The ids of pairs whose work folder has a finished result."""
    return work_folder.finished(Path(results, layout.WORK))


def tidy_work(results: str, is_complete: Callable[[str], bool]) -> None:
    """Remove the remains of killed jobs, and the links to results of jobs that Snakemake recorded as complete.

    The links of other jobs are kept, because `nst stylize` restores results from them: if Snakemake was killed, it
    deletes the outputs of all jobs that were running then, even of those that finished later.

    Args:
        is_complete: whether Snakemake recorded the job of a pair, given by its id, as complete.
    """
    for name in finished_work(results):
        if Path(layout.pair_folder(results, name), layout.RUN).exists() and is_complete(name):
            work_folder.release(layout.work_folder(results, name))
    work_folder.sweep(Path(results, layout.WORK))
    for folder in (layout.SHEETS, layout.PLOTS, layout.TABLES):
        sweep(Path(results, folder))


def _is_ours(folder: Path, name: str) -> bool:
    """Whether a run has finished this pair, according to its record."""
    try:
        return bool(json.loads((folder / layout.RUN).read_bytes())["id"] == name)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _remove_log(results: str, kind: str, name: str) -> None:
    _remove(results, layout.log_file(results, kind, name))
    _remove(results, layout.benchmark_file(results, kind, name))


def _remove(results: str, path: Path) -> bool:
    """Remove a file, and its parent folders if they are empty then. Returns whether the file existed."""
    existed = path.is_file()
    path.unlink(missing_ok=True)
    _remove_empty(path.parent, Path(results))
    return existed


def _remove_empty(folder: Path, root: Path) -> bool:
    """Remove a folder and its parents below `root` while they are empty. Returns whether the folder is gone."""
    for path in (folder, *folder.parents):
        if path == root:
            break
        try:
            path.rmdir()
        except OSError:  # not empty, or missing
            break
    return not folder.exists()
