"""What a results folder holds of rows that the manifest no longer has.

Sheets and plots are removed by each run, for an old one looks as current as a new one. Pictures took long to make: they
stay until somebody asks for their removal.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from nst import layout
from nst.io import work_folder

#: Where the logs of sheets and plots are, and what each of them tells of.
_SUMMARIES = {"sheets": "sheets/{}.png sheets/{}.html", "plots": "plots/losses/{}.png"}
#: What belongs to a pair beside its folder.
_LOGS = ("stylize", "video", "sheets/snapshots")
#: What is in a pair's folder. The record goes last: a removal that was interrupted can be repeated.
_FILES = (*layout.IMAGES, layout.LOSSES, layout.ANIMATION, layout.VIDEO, layout.RUN)


def forget(results: str, sheets: Iterable[str], snapshots: Iterable[str]) -> list[str]:
    """Remove the sheets and plots that belong to no group of the grid; the files removed.

    Args:
        sheets: names of the groups, `SETTINGS` or `sweeps/CONTENT--STYLE`.
        snapshots: ids of the pairs with a sheet of their snapshots.

    Only what a job has made, which left a log there, is removed: other files are somebody's.
    """
    current = {*sheets, *(f"snapshots/{name}" for name in snapshots)}
    removed = []
    for kind, made in _SUMMARIES.items():
        logs = Path(results, "logs", kind)
        for log in sorted(logs.rglob("*.log")):
            name = log.relative_to(logs).as_posix().removesuffix(".log")
            if name not in current:
                removed += [path for path in made.format(name, name).split() if _remove(results, path)]
                _remove_log(results, kind, name)
    return removed


def unasked(results: str, ids: Collection[str]) -> list[str]:
    """The ids of the pairs that have been made and that are none of these, sorted."""
    pairs = layout.pairs_folder(results)
    found = (path.relative_to(pairs).as_posix() for path in pairs.glob("*/*/*"))
    return sorted(name for name in found if name not in ids and _is_ours(pairs / name, name))


def size(results: str, ids: Iterable[str]) -> int:
    """Bytes of pairs' folders."""
    folders = (Path(layout.pair_folder(results, name)) for name in ids)
    return sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if not path.is_dir())


def prune(results: str, ids: Iterable[str]) -> list[str]:
    """Remove pairs, their logs and their unfinished work; the folders that stay, for they hold files of others."""
    kept = []
    for name in ids:
        folder = Path(layout.pair_folder(results, name))
        shutil.rmtree(folder / layout.SNAPSHOTS, ignore_errors=True)
        for file in _FILES:
            (folder / file).unlink(missing_ok=True)
        if not _remove_empty(folder, layout.pairs_folder(results)):
            kept.append(str(folder))
        for kind in _LOGS:
            _remove_log(results, kind, name)
        work = layout.work_folder(results, name)
        if any((work / mark).exists() for mark in (layout.MARK, layout.CHECKPOINT)):
            work_folder.remove(work)
    return kept


def _is_ours(folder: Path, name: str) -> bool:
    """Whether a run has finished this pair: its record says so."""
    try:
        return bool(json.loads((folder / layout.RUN).read_bytes())["id"] == name)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _remove_log(results: str, kind: str, name: str) -> None:
    _remove(results, f"logs/{kind}/{name}.log")
    _remove(results, f"benchmarks/{kind}/{name}.tsv")


def _remove(results: str, name: str) -> bool:
    """Remove a file, and its folders as far as they are empty then; whether there was one."""
    path = Path(results, name)
    there = path.is_file()
    path.unlink(missing_ok=True)
    _remove_empty(path.parent, Path(results))
    return there


def _remove_empty(folder: Path, root: Path) -> bool:
    """Remove a folder, and those above it below `root`, as far as they are empty; whether the first one is gone."""
    for place in (folder, *folder.parents):
        if place == root:
            break
        try:
            place.rmdir()
        except OSError:  # not empty, or not there
            break
    return not folder.exists()
