"""The summary that a run of a grid prints at its end."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from nst import layout
from nst.grid.leftovers import pairs_not_in_grid
from nst.grid.pairs import Pair
from nst.io.logs import last_message, says_up_to_date
from nst.settings import counted

#: Maximum number of failures, and of warnings, that are printed.
_MOST_MESSAGES = 5


def summary(
    pairs: Collection[Pair],
    results: str,
    format: str,
    since: float,
    *,
    manifest: str,
    removed: int = 0,
    ended_early: bool = False,
    failed: bool = False,
) -> Iterator[str]:
    """The lines of the summary.

    Args:
        since: when the run began, in seconds since the epoch.
        manifest: its path.
        removed: how many sheets and plots of an earlier grid were removed.
        ended_early: whether the run ended with an error or was stopped.
        failed: whether a job failed.
    """
    times = {pair.id: _time(Path(pair.image(results, format))) for pair in pairs}
    logs = {name: layout.log_file(results, "stylize", name) for name in times}
    # A job that finds its image finished, for example after Ctrl-C, only puts it back.
    new = [name for name, time in times.items() if time >= since and not says_up_to_date(logs[name])]
    missing = [name for name, time in times.items() if not time]
    # A bundle keeps the old image of a pair that fails or is interrupted.
    kept = [name for name, time in times.items() if 0 < time < since <= _time(logs[name])]
    missing += [name for name in kept if not says_up_to_date(logs[name])]
    reasons = {name: last_message(logs[name]) for name in missing if _time(logs[name]) >= since}
    unsuccessful = [name for name, reason in reasons.items() if reason]
    interrupted = len(reasons) - len(unsuccessful)  # their logs have no error
    counts = [
        (len(new), "stylized"),
        (len(times) - len(new) - len(missing), "up to date"),
        (len(unsuccessful), "failed"),
        (interrupted, "interrupted"),
        (len(missing) - len(reasons), "not stylized yet"),
    ]
    yield f"images    {', '.join(f'{number:,} {word}' for number, word in counts if number)}"
    yield from _of_pairs("failed", [(name, reasons[name]) for name in unsuccessful], results)
    yield from _of_pairs("warning", [(name, text) for name in new for text in _warnings(results, name)], results)
    if failed and not reasons:
        yield "failed    a job that makes no image; its message is above"
    shown = list(_summary_paths(results, since, changed=bool(new or missing)))
    yield from shown
    grid, has_gallery = Path(results, layout.GRID), any(line.startswith("gallery") for line in shown)
    if ended_early and grid.exists() and len(missing) < len(times) and not has_gallery:
        yield f"so far    `{shlex.join(['nst', 'gallery', str(grid)])}` makes a gallery of the finished images"
    if removed:
        yield f"removed   {counted(removed, 'sheet and plot file')} of rows that are no longer in the manifest"
    if others := len(pairs_not_in_grid(results, times)):
        command = ["nst", "grid", manifest, *(["--results", results] if results != "results" else []), "--prune"]
        images = f"{counted(others, 'image')} that no row of the manifest asks for"
        yield f"kept      {images}; `{shlex.join(command)}` lists and removes them"
    if missing or ended_early:
        yield "next      run the same command again to make what is missing; finished images are kept"


def _of_pairs(word: str, messages: Sequence[tuple[str, str]], results: str) -> Iterator[str]:
    """The first messages of pairs, and how many there are more."""
    for name, message in messages[:_MOST_MESSAGES]:
        yield f"{word:<9} {name}: {message}"
    if len(messages) > _MOST_MESSAGES:
        yield f"          … and {len(messages) - _MOST_MESSAGES:,} more: {results}/{layout.LOGS}/stylize"


def _warnings(results: str, name: str) -> list[str]:
    """The warnings in the record of a pair."""
    try:
        return list(map(str, json.loads(Path(layout.pair_folder(results, name), layout.RUN).read_bytes())["warnings"]))
    except (OSError, ValueError, LookupError, TypeError):  # not written, or damaged: the tables say so
        return []


def _summary_paths(results: str, since: float, *, changed: bool) -> Iterator[str]:
    """The paths of sheets, plots, tables and gallery, except those that are older than the images."""
    sheets, plots = (list(Path(results, name).rglob("*.png")) for name in (layout.SHEETS, layout.PLOTS))
    tables, gallery = Path(results, layout.TABLE), Path(results, layout.GALLERY)
    for shown, files in (
        (f"sheets    {results}/{layout.SHEETS}", sheets),
        (f"plots     {results}/{layout.PLOTS}", plots),
        (f"tables    {tables}", [tables]),
        (f"gallery   {gallery.absolute().as_uri()}", [gallery]),
    ):
        newest = max(map(_time, files), default=0.0)
        if newest and (newest >= since or not changed):
            yield shown


def _time(path: Path) -> float:
    """The modification time of a file; 0 if it does not exist."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
