"""What a run of a grid made, and where to look at it: the last lines that it prints."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from nst.grid import Pair
from nst.leftovers import unasked
from nst.logs import last_sentence

#: Failed pairs of which the reason is told.
_MOST_REASONS = 5


def summary(pairs: Collection[Pair], results: str, format: str, since: float, removed: int = 0) -> Iterator[str]:
    """The lines of a run that began at a time (seconds since the epoch).

    Args:
        removed: how many sheets and plots of an earlier grid it removed.
    """
    times = {pair.id: _time(Path(pair.image(results, format))) for pair in pairs}
    new = sum(time >= since for time in times.values())
    missing = [name for name, time in times.items() if not time]
    logs = {name: Path(results, "logs/stylize", f"{name}.log") for name in missing}
    failed = [name for name, log in logs.items() if _time(log) >= since]
    told = [
        (new, "stylized"),
        (len(times) - new - len(missing), "there already"),
        (len(failed), "failed"),
        (len(missing) - len(failed), "not stylized yet"),
    ]
    yield f"pictures  {', '.join(f'{number:,} {word}' for number, word in told if number)}"
    yield from (f"failed    {name}: {last_sentence(logs[name])}" for name in failed[:_MOST_REASONS])
    if len(failed) > _MOST_REASONS:
        yield f"          … and {len(failed) - _MOST_REASONS:,} more: {results}/logs/stylize"
    yield from _places(results, since, new, bool(missing))
    if removed:
        yield f"removed   {_count(removed, 'sheet and plot file')} of groups that the manifest no longer has"
    if kept := len(unasked(results, times)):
        yield f"kept      {_count(kept, 'picture')} that no row asks for; `nst grid --prune` removes them"
    if missing:
        yield "next      the same command again makes what is missing; nothing that is done is done again"


def _places(results: str, since: float, new: int, wanting: bool) -> Iterator[str]:
    """What there is to look at, unless it shows an earlier state."""
    for name, place in (("sheets", "sheets"), ("tables", "tables/comparison.html"), ("gallery", "gallery/index.html")):
        path = Path(results, place)
        if path.is_dir() and not wanting:
            yield f"{name:<9} {path}"
        elif path.is_file() and (_time(path) >= since or not new + wanting):
            yield f"{name:<9} {path.absolute().as_uri() if name == 'gallery' else path}"


def _time(path: Path) -> float:
    """When a file was written; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
