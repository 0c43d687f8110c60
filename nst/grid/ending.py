"""The summary that a run of a grid prints at its end."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

from nst import layout
from nst.grid.leftovers import pairs_not_in_grid
from nst.grid.pairs import Pair
from nst.io.logs import last_message, says_up_to_date
from nst.settings import counted

#: Maximum number of failed pairs that are printed with their reason.
_MOST_REASONS = 5


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
    new = sum(time >= since and not says_up_to_date(logs[name]) for name, time in times.items())
    missing = [name for name, time in times.items() if not time]
    # A bundle keeps the old image of a pair that fails or is interrupted.
    kept = [name for name, time in times.items() if 0 < time < since <= _time(logs[name])]
    missing += [name for name in kept if not says_up_to_date(logs[name])]
    reasons = {name: last_message(logs[name]) for name in missing if _time(logs[name]) >= since}
    unsuccessful = [name for name, reason in reasons.items() if reason]
    interrupted = len(reasons) - len(unsuccessful)  # their logs have no error
    counts = [
        (new, "stylized"),
        (len(times) - new - len(missing), "up to date"),
        (len(unsuccessful), "failed"),
        (interrupted, "interrupted"),
        (len(missing) - len(reasons), "not stylized yet"),
    ]
    yield f"images    {', '.join(f'{number:,} {word}' for number, word in counts if number)}"
    for name in unsuccessful[:_MOST_REASONS]:
        yield f"failed    {name}: {reasons[name]}"
    if len(unsuccessful) > _MOST_REASONS:
        yield f"          … and {len(unsuccessful) - _MOST_REASONS:,} more: {results}/logs/stylize"
    if failed and not reasons:
        yield "failed    a job that makes no image; its message is above"
    yield from _summary_paths(results, since, changed=bool(new or missing))
    if removed:
        yield f"removed   {counted(removed, 'sheet and plot file')} of rows that are no longer in the manifest"
    if others := len(pairs_not_in_grid(results, times)):
        command = ["nst", "grid", manifest, *(["--results", results] if results != "results" else []), "--prune"]
        yield f"kept      {counted(others, 'image')} of no row; `{shlex.join(command)}` lists and removes them"
    if missing or ended_early:
        yield "next      run the same command again to make what is missing; finished images are kept"


def _summary_paths(results: str, since: float, *, changed: bool) -> Iterator[str]:
    """The paths of sheets, plots, tables and gallery, except those that are older than the images."""
    sheets, plots = (list(Path(results, name).rglob("*.png")) for name in ("sheets", "plots"))
    tables, gallery = Path(results, layout.TABLE), Path(results, layout.GALLERY)
    for shown, files in (
        (f"sheets    {results}/sheets", sheets),
        (f"plots     {results}/plots", plots),
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
