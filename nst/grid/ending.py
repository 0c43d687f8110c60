"""What a run of a grid made, and where to look at it: the last lines that it prints."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from nst import layout
from nst.grid.leftovers import unasked
from nst.grid.pairs import Pair
from nst.io.logs import last_sentence

#: Failed pairs of which the reason is told.
_MOST_REASONS = 5


def summary(
    pairs: Collection[Pair], results: str, format: str, since: float, *, removed: int = 0, failed: bool = False
) -> Iterator[str]:
    """The lines of a run that began at a time (seconds since the epoch).

    Args:
        removed: how many sheets and plots of an earlier grid it removed.
        failed: whether a job failed.
    """
    times = {pair.id: _time(Path(pair.image(results, format))) for pair in pairs}
    new = sum(time >= since for time in times.values())
    missing = [name for name, time in times.items() if not time]
    logs = {name: layout.log_file(results, "stylize", name) for name in missing}
    spoiled = [name for name, log in logs.items() if _time(log) >= since]
    told = [
        (new, "stylized"),
        (len(times) - new - len(missing), "there already"),
        (len(spoiled), "failed"),
        (len(missing) - len(spoiled), "not stylized yet"),
    ]
    yield f"pictures  {', '.join(f'{number:,} {word}' for number, word in told if number)}"
    for name in spoiled[:_MOST_REASONS]:  # a log that gives no reason is that of a run that was stopped
        yield f"failed    {name}: {last_sentence(logs[name]) or 'stopped before its end'}"
    if len(spoiled) > _MOST_REASONS:
        yield f"          … and {len(spoiled) - _MOST_REASONS:,} more: {results}/logs/stylize"
    if failed and not spoiled:
        yield "failed    no picture, but a job that is named above"
    yield from _places(results, since, changed=bool(new or missing))
    if removed:
        yield f"removed   {_count(removed, 'sheet and plot file')} of groups that the manifest no longer has"
    if kept := len(unasked(results, times)):
        yield f"kept      {_count(kept, 'picture')} that no row asks for; `nst grid --prune` removes them"
    if missing or failed:
        yield "next      the same command again makes what is missing; nothing that is done is done again"


def _places(results: str, since: float, *, changed: bool) -> Iterator[str]:
    """What there is to look at, but for what shows an earlier state than that of the pictures."""
    sheets = list(Path(results, "sheets").rglob("*.png"))
    tables, gallery = Path(results, layout.TABLE), Path(results, layout.GALLERY)
    for shown, files in (
        (f"sheets    {results}/sheets", sheets),
        (f"tables    {tables}", [tables]),
        (f"gallery   {gallery.absolute().as_uri()}", [gallery]),
    ):
        newest = max(map(_time, files), default=0.0)
        if newest and (newest >= since or not changed):
            yield shown


def _time(path: Path) -> float:
    """When a file was written; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
