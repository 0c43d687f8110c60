"""The results gallery: a static page that shows every pair of a grid, whatever became of it.

It needs no server and no network: `index.html` opens from the disk, and the folder can be put on any web server as it
is. What all views need is in one data file; what one pair needs is in a file of its own, loaded when it is looked at.
Pictures are there as WebP in two sizes, and as they are. What has not changed since the last time is not made again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shlex
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst.errors import NstError
from nst.files import replacing
from nst.pages import write_page
from nst.records import GROUP, setting_columns, sorted_values, varying

if TYPE_CHECKING:
    import pandas as pd

#: Long sides in px of a picture's two sizes, and their quality.
SIZES = {"small": (320, 78), "large": (1600, 86)}
#: Points that a loss curve is drawn from.
POINTS = 240
#: Numbers of a pair that the page sorts by and shows.
METRICS = ("style_error", "content_error", "ssim", "score", "rank", "seconds", "peak_memory_mb", "evaluations")
#: Columns of losses.csv that are no losses.
_NOT_LOSSES = ("evaluation", "seconds")


@dataclass(frozen=True)
class _Work:
    """One picture, or one pair, whose files are made: where from, where to, and what shows whether they are right."""

    source: Path
    folder: Path
    record: Path | None = None  # the folder of a pair

    @property
    def stamp(self) -> str:
        found = self.source.stat()
        return f"{found.st_mtime_ns} {found.st_size}"

    def is_done(self) -> bool:
        """Whether the files were made of the source as it is now."""
        try:
            return (self.folder / "stamp").read_text() == self.stamp
        except OSError:
            return False


def write_gallery(records: pd.DataFrame, grid_csv: Path, folder: Path, work: Path | None = None) -> Path:
    """Write the gallery of a grid into a folder; the path of its page.

    Args:
        work: where what was made is kept for the next time, if that is not to be the folder itself.
    Raises NstError where the folder cannot be written.
    """
    if work is not None:
        write_gallery(records, grid_csv, work)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(work, folder, copy_function=_link, ignore=shutil.ignore_patterns("stamp", "*.size"))
        return folder / "index.html"
    records = records.assign(rivals=records.groupby(GROUP)["id"].transform("size") > 1)
    pairs = [_entry(line, grid_csv.parent) for line in records.to_dict("records")]
    inputs = _inputs(records)
    works = [_Work(Path(path), folder / "inputs" / key) for path, key in inputs.items() if Path(path).is_file()]
    works += [
        _Work(Path(line["image"]), folder / "pairs" / pair["key"], Path(line["folder"]))
        for line, pair in zip(records.to_dict("records"), pairs, strict=True)
        if pair["status"] == "done"
    ]
    try:
        failed = _make([work for work in works if not work.is_done()])
        _forget(folder, {work.folder for work in works})
        for pair in pairs:
            pair |= _sides(folder / "pairs" / pair["key"], pair, failed)
        _write_data(folder / "data.js", records, pairs, inputs, folder)
        write_page(folder / "index.html", "gallery.html", title=_title(grid_csv))
    except OSError as error:
        raise NstError(
            f"{folder}: cannot be written ({error.strerror}); choose a folder that you may write to"
        ) from None
    return folder / "index.html"


def _title(grid_csv: Path) -> str:
    name = grid_csv.resolve().parent.name
    return "nst" if name == "results" else name


def _key(text: str) -> str:
    """A file name for any name."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _inputs(records: pd.DataFrame) -> dict[str, str]:
    """The pictures on the edges, each with its key: where they were read, or where the manifest has them."""
    from nst.sheets import content_picture, style_picture

    found: dict[str, str] = {}
    for pair in records.itertuples():
        for path in (content_picture(pair), style_picture(pair)):
            found.setdefault(path, _key(path))
    return found


def _entry(line: dict[str, Any], results: Path) -> dict[str, Any]:
    """A pair as the page knows it; its picture's size follows."""
    numbers = {name: _rounded(line[name]) for name in METRICS}
    status = line["status"]
    return {
        "key": _key(line["id"]),
        "status": status,
        "error": "" if status == "done" else _reason(line, results),
        "best": bool(line["best"]),
        "front": bool(line["pareto"] and line["rivals"]),  # one alone is not ahead of anything
        "judge": line["judge"],
        **numbers,
    }


def _rounded(number: float) -> float | None:
    """Five significant digits, which is more than anybody reads; None for what is not there."""
    return None if math.isnan(number) else float(f"{number:.5g}")


def _reason(line: dict[str, Any], results: Path) -> str:
    """Why there is no picture, in one line: the last of its log."""
    log = results / "logs" / "stylize" / f"{line['id']}.log"
    try:
        said = [text for text in log.read_text(errors="replace").splitlines() if text.strip()]
    except OSError:
        said = []
    if said:
        return said[-1].removeprefix("nst: ")[:300]
    return "not painted yet" if line["status"] == "missing" else "its run.json cannot be read"


def _make(works: Sequence[_Work]) -> set[Path]:
    """Make the files of pictures and pairs on all cores; the folders of those whose picture cannot be read."""
    if len(works) < 4:  # not worth the processes
        return {work.folder for work in works if not _made(work)}
    with ProcessPoolExecutor() as pool:
        made = pool.map(_made, works, chunksize=4)
        return {work.folder for work, whole in zip(works, made, strict=True) if not whole}


def _made(work: _Work) -> bool:
    """Make the files of one picture or pair; whether its picture could be read."""
    work.folder.mkdir(parents=True, exist_ok=True)
    (work.folder / "stamp").unlink(missing_ok=True)
    try:
        for name, size in _write_sizes(work.source, work.folder).items():
            (work.folder / f"{name}.size").write_text("{} {}".format(*size))
    except NstError:
        return False
    if work.record is not None:
        _write_pair(work.record, work.source, work.folder)
    (work.folder / "stamp").write_text(work.stamp)
    return True


def _write_sizes(source: Path, folder: Path) -> dict[str, tuple[int, int]]:
    from nst.images import read_picture, resize, write_picture

    picture = read_picture(source)
    sizes = {}
    for name, (side, quality) in SIZES.items():
        pixels = picture.pixels
        if max(pixels.shape[:2]) > side:
            pixels = resize(pixels, long_side=side)
        write_picture(folder / f"{name}.webp", pixels, quality=quality)
        sizes[name] = (pixels.shape[1], pixels.shape[0])
    return sizes


def _write_pair(record: Path, image: Path, folder: Path) -> None:
    """The pair's own files beside its pictures, and what its page shows."""
    originals = [image, record / "animation.gif", record / "animation.mp4", record / "losses.csv", record / "run.json"]
    files = [_linked(path, folder) for path in originals if path.is_file()]
    snapshots = [
        (int(path.stem), _linked(path, folder, f"snapshot-{path.name}"))
        for path in sorted((record / "snapshots").glob("*.*"))
        if path.stem.isdigit() and path.suffix in (".png", ".jpg")
    ]
    run = json.loads((record / "run.json").read_bytes())
    shown = {
        "files": files,
        "snapshots": snapshots,
        "losses": _curves(record / "losses.csv"),
        "settings": run.get("settings", {}),
        "size": [run.get("output", {}).get("width"), run.get("output", {}).get("height")],
        "device": run.get("device_name", ""),
        "precision": run.get("precision", ""),
        "warnings": run.get("warnings", []),
        "again": f"nst again {shlex.quote(str(image))} -o again{image.suffix}",
    }
    with replacing(folder / "pair.js") as file:
        file.write_text(f"gallery.pair({script(folder.name)}, {script(shown)});\n", encoding="utf-8")


def _linked(path: Path, folder: Path, name: str = "") -> str:
    """A file's name in a folder, where it takes no room of its own if both are on one file system."""
    target = folder / (name or path.name)
    with replacing(target) as file:
        _link(path, file)
    return target.name


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _curves(path: Path) -> dict[str, list[float]]:
    """The columns of losses.csv, thinned out."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        step = max(1, math.ceil(len(rows) / POINTS))
        kept = [*rows[:-1:step], *rows[-1:]]
        return {name: [_rounded(float(row[name])) or 0.0 for row in kept] for name in kept[0] if name != "seconds"}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _forget(folder: Path, known: Iterable[Path]) -> None:
    """Remove what belongs to pairs and inputs that the grid no longer has."""
    names = {path.name for path in known}
    for kind in ("pairs", "inputs"):
        for path in (folder / kind).glob("*"):
            if path.name not in names:
                shutil.rmtree(path)


def _sides(folder: Path, pair: dict[str, Any], failed: set[Path]) -> dict[str, Any]:
    """Width and height of a pair's small picture, and whether it moves."""
    if folder in failed:
        return {"status": "broken", "error": "its picture cannot be read"}
    if pair["status"] != "done":
        return {}
    width, height = map(int, (folder / "small.size").read_text().split())
    return {"width": width, "height": height, "moves": (folder / "animation.gif").is_file()}


def _write_data(
    path: Path, records: pd.DataFrame, pairs: list[dict[str, Any]], inputs: dict[str, str], folder: Path
) -> None:
    from nst.sheets import content_picture, style_picture

    lines = list(records.itertuples())
    varied = varying(records)
    for pair, line in zip(pairs, lines, strict=True):
        pair |= {
            "id": line.id,
            "content": line.content_name,
            "style": line.style_name,
            "settings": line.settings_name,
            "values": [getattr(line, name) for name in varied],
        }
    same = [name for name in setting_columns(records) if name not in varied]

    def edges(names: str, picture: Any) -> list[dict[str, Any]]:
        keys = {getattr(line, names): inputs[picture(line)] for line in lines}
        return [{"name": name, "key": key} | _size(folder / "inputs" / key) for name, key in keys.items()]

    data = {
        "settings": varied,
        "options": [sorted_values(records[name]) for name in varied],
        "constant": [[name, records[name].iloc[0]] for name in same if records[name].iloc[0] != ""],
        "judges": sorted_values(records.loc[records["judge"] != "", "judge"]),
        "contents": edges("content_name", content_picture),
        "styles": edges("style_name", style_picture),
        "pairs": pairs,
    }
    with replacing(path) as file:
        file.write_text(f"gallery.data({script(data)});\n", encoding="utf-8")


def _size(folder: Path) -> dict[str, int]:
    """Width and height of an input's small picture; nothing where it cannot be read."""
    try:
        width, height = map(int, (folder / "small.size").read_text().split())
    except (OSError, ValueError):
        return {}
    return {"width": width, "height": height}


def script(value: Any) -> str:
    """A value as JavaScript that no text in it can leave."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
