"""The results gallery: a static page that shows every pair of a grid, whatever became of it.

It needs no server and no network: `index.html` opens from the disk, and the folder can be put on any web server as it
is. What all views need is in one data file; what one pair needs is in a file of its own, loaded when it is looked at.
Pictures are there as WebP in two sizes, and as they are.

    index.html  data.js  inputs/KEY/{small,large}.webp  pairs/KEY/{small,large}.webp, pair.js, image.png, …

A KEY's folder is made whole or not at all, and not again while nothing that it is made from has changed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst import layout
from nst.errors import NstError
from nst.io.files import replacing
from nst.io.logs import last_sentence
from nst.settings import UNNAMED
from nst.summaries.pages import viewable, write_page
from nst.summaries.records import (
    GROUP,
    SCORE,
    at,
    content_picture,
    found_weight,
    mapping,
    number,
    setting_columns,
    sorted_values,
    style_picture,
    varying,
)

if TYPE_CHECKING:
    import pandas as pd

#: Changes with what is made of a pair or an input, which is then made again.
FORMAT = 2
#: Long sides in px of a picture's two sizes, and their quality.
LARGE, SMALL = (1600, 86), (320, 78)
#: Points that a loss curve is drawn from.
POINTS = 240
#: Numbers of a pair that the page shows, and sorts by.
METRICS = ("style_error", "content_error", "ssim", "score", "rank", "seconds", "peak_memory_mb", "iterations_run")
#: Settings that make no other picture.
UNSEEN = UNNAMED - {"preset", "weights"}
#: Settings that a picture is named by even where all pictures have the same.
ALWAYS_NAMED = ("network", "style_weight")
#: The file that says what a key's folder was made from.
MADE = "made.json"
_KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class _Work:
    """What a key's folder is made from: a picture, and of a pair the folder of its record."""

    picture: Path
    folder: Path
    record: Path | None = None

    @property
    def originals(self) -> list[Path]:
        """The files that the folder holds as they are."""
        if self.record is None:
            return []
        names = (layout.ANIMATION, layout.VIDEO, layout.LOSSES, layout.RUN)
        return [path for path in (self.picture, *(self.record / name for name in names)) if path.is_file()]

    @property
    def snapshots(self) -> list[Path]:
        """Those of a pair that a browser can show; its frames where there are none."""
        if self.record is None:
            return []
        whole = [path for path in (self.record / layout.SNAPSHOTS).glob("*.*") if path.suffix in (".png", ".jpg")]
        found = whole or list((self.record / layout.FRAMES).glob("*.jpg"))
        return sorted(path for path in found if path.stem.isdigit())

    @property
    def stamp(self) -> list[Any]:
        """Changes with anything that the folder is made from."""
        files = [self.picture, *self.originals, *self.snapshots]
        times = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
        return [FORMAT, str(self.picture), *map(list, times)]

    def made(self) -> dict[str, Any] | None:
        """What is known of the folder; None where it has to be made."""
        try:
            known: dict[str, Any] = json.loads((self.folder / MADE).read_text())
        except (OSError, ValueError):
            return None
        return known if known["stamp"] == self.stamp else None


def write_gallery(
    records: pd.DataFrame, grid_csv: Path, folder: Path, *, work: Path | None = None, processes: int = 0
) -> Path:
    """Write the gallery of a grid into a folder; the path of its page.

    Args:
        work: where what was made is kept for the next time, if that is not to be the folder itself.
        processes: at most; 0 is one a core.
    Raises NstError where the folder holds anything but a gallery, or cannot be written.
    """
    for place in (folder, work or folder):
        _check_place(place)
    try:
        _build(records, grid_csv, work or folder, processes)
        if work is not None:
            _publish(work, folder)
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise NstError(f"{folder}: cannot be written ({reason}); choose a folder that you may write to") from None
    return folder / "index.html"


def _check_place(folder: Path) -> None:
    """Raise NstError for a folder that is somebody's: what a gallery no longer needs is removed."""
    if folder.exists() and not (folder.is_dir() and ((folder / "data.js").exists() or not any(folder.iterdir()))):
        raise NstError(f"{folder}: is no gallery; choose a new folder, an empty one, or that of an earlier gallery")


def _build(records: pd.DataFrame, grid_csv: Path, folder: Path, processes: int) -> None:
    (folder / "pairs").mkdir(parents=True, exist_ok=True)
    (folder / "data.js").touch()  # from here on the folder is a gallery
    lines = records.assign(rivals=records.groupby(GROUP)["id"].transform("size") > 1).to_dict("records")
    inputs = {path: _Work(Path(path), folder / "inputs" / _key(path)) for path in _inputs(lines)}
    done = {line["id"]: _pair_work(line, folder) for line in lines if line["status"] == "done"}
    works = [work for work in inputs.values() if work.picture.is_file()]
    works += [work for work in done.values() if work.picture.is_file()]
    known = _make(works, processes)
    _forget(folder, known)
    varied, every = _choices(records), setting_columns(records)
    pairs = []
    for line in lines:
        work = done.get(line["id"])
        made = known.get(work.folder, {}) if work else None
        pairs.append(_entry(line, grid_csv.parent, made, varied, every))
    edges = [
        _edges(lines, name, picture, {path: known.get(work.folder, {}) for path, work in inputs.items()})
        for name, picture in (("content_title", content_picture), ("style_title", style_picture))
    ]
    _write_data(folder / "data.js", records, varied, pairs, edges)
    write_page(folder / "index.html", "gallery.html", title=_title(grid_csv))


def _publish(work: Path, folder: Path) -> None:
    """A copy that takes no room of its own where both folders are on one file system."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(work, fresh, copy_function=_link, ignore=shutil.ignore_patterns(MADE, ".*"))
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _title(grid_csv: Path) -> str:
    name = grid_csv.resolve().parent.name
    return "nst" if name == "results" else name


def _key(text: str) -> str:
    """A file name for any name."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _pair_work(line: dict[str, Any], folder: Path) -> _Work:
    return _Work(Path(line["image"]), folder / "pairs" / _key(line["id"]), Path(line["folder"]))


def _inputs(lines: list[dict[str, Any]]) -> set[str]:
    """The pictures on the edges: where they were read, or where the manifest has them."""
    return {picture(line) for line in lines for picture in (content_picture, style_picture)}


def _entry(
    line: dict[str, Any], results: Path, made: dict[str, Any] | None, varied: list[str], every: list[str]
) -> dict[str, Any]:
    """A pair as the page knows it; made: of its folder, empty where the picture cannot be read, None without one.

    varied: the settings that are choices. every: all settings, which the page of a pair without a record shows.
    """
    status, more = line["status"], {}
    if made is None or "width" not in made:
        error = _reason(line, results) if made is None else "its picture cannot be read"
        status = status if made is None else "broken"
        more = {"error": error, "given": {name: line[name] for name in every if line[name] != ""}}
    return {
        "key": _key(line["id"]),
        "id": line["id"],
        "content": line["content_title"],
        "style": line["style_title"],
        "settings": line["settings_title"],
        "values": [line[name] for name in varied],
        "weight": found_weight(line["style_weight"], line["final_style_weight"]),
        "status": status,
        "best": bool(line["best"]),
        "front": bool(line["pareto"] and line["rivals"]),  # one alone is not ahead of anything
        "reference": line["reference"],
        **_only(("unranked",), line if line["unranked"] else {}),
        **{name: _rounded(line[name]) for name in METRICS},
        **more,
        **_only(("width", "height", "moves", "whole"), made or {}),
    }


def _rounded(number: float) -> float | None:
    """Five significant digits, which is more than anybody reads; None for what is not there or not finite."""
    return float(f"{number:.5g}") if math.isfinite(number) else None


def _reason(line: dict[str, Any], results: Path) -> str:
    """Why there is no picture, in one line: the last of its log, unless that tells of a picture."""
    if line["status"] != "missing":
        return "its run.json cannot be read"
    log = results / "logs" / "stylize" / f"{line['id']}.log"
    said = last_sentence(log)
    if said.startswith(f"{line['image']}: "):
        return "stylized, but its files are gone"
    return said[:300] or ("stopped before its end" if log.exists() else "not stylized yet")


def _make(works: Sequence[_Work], processes: int) -> dict[Path, dict[str, Any]]:
    """Make the folders that have to be made; what is known of each."""
    known = {work.folder: work.made() for work in works}
    missing = [work for work in works if known[work.folder] is None]
    count = min(processes or os.cpu_count() or 1, len(missing) // 4)  # fewer are not worth a process
    if count > 1:
        with ProcessPoolExecutor(count) as pool:
            made = list(pool.map(_made, missing, chunksize=4))
    else:
        made = list(map(_made, missing))
    known |= {work.folder: found for work, found in zip(missing, made, strict=True)}
    return {folder: found for folder, found in known.items() if found is not None}


def _made(work: _Work) -> dict[str, Any]:
    """Make a folder; what is known of it: the small picture's width and height, where the picture can be read.

    And `whole`, the picture itself, where that has more to show than its large size.
    """
    from nst.images import picture_size

    fresh = work.folder.with_name(f".{work.folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    known: dict[str, Any] = {"stamp": work.stamp} | _write_sizes(work.picture, fresh)
    if work.record is not None and "width" in known:
        _write_pair(work, fresh)
        known["moves"] = (fresh / layout.ANIMATION).exists()
        if viewable(str(work.picture)) == str(work.picture) and max(picture_size(work.picture)) > LARGE[0]:
            known["whole"] = work.picture.name
    (fresh / MADE).write_text(json.dumps(known))
    if work.folder.exists():
        shutil.rmtree(work.folder)
    fresh.rename(work.folder)
    return known


def _write_sizes(source: Path, folder: Path) -> dict[str, int]:
    """Write a picture in two sizes; width and height of the small one, or nothing where it cannot be read."""
    from nst.images import picture_size, read_picture, write_picture
    from nst.images.resizing import resize_with_alpha, target_shape

    try:
        side = max(picture_size(source))
        large = read_picture(source, long_side=min(side, LARGE[0]))
    except NstError:
        return {}
    height, width = target_shape(large.pixels.shape[:2], min(side, SMALL[0]))
    small = resize_with_alpha(large.pixels, large.alpha, (height, width))
    for name, (pixels, alpha), quality in (
        ("large", (large.pixels, large.alpha), LARGE[1]),
        ("small", small, SMALL[1]),
    ):
        write_picture(folder / f"{name}.webp", pixels, alpha=alpha, quality=quality)
    return {"width": width, "height": height}


def _write_pair(work: _Work, folder: Path) -> None:
    """The pair's own files beside its pictures, and what its page shows."""
    for path in work.originals:
        _link(path, folder / path.name)
    for path in work.snapshots:
        _link(path, folder / f"snapshot-{path.name}")
    assert work.record is not None
    run = json.loads((work.record / layout.RUN).read_bytes())
    warnings = at(run, ("warnings",))
    shown = {
        "files": [path.name for path in work.originals],
        "snapshots": [(int(path.stem), f"snapshot-{path.name}") for path in work.snapshots],
        "losses": _curves(work.record / layout.LOSSES),
        "layers": {name: _rounded(number(value)) for name, value in mapping(run, "metrics", "layers").items()},
        "settings": {
            name: value if _is_plain(value) else str(value) for name, value in mapping(run, "settings").items()
        },
        "size": [_rounded(number(at(run, ("output", name)))) for name in ("width", "height")],
        "device": str(at(run, ("device_name",)) or ""),
        "precision": str(at(run, ("precision",)) or ""),
        "warnings": [str(warning) for warning in warnings] if isinstance(warnings, list) else [],
        "reproduce": f"nst reproduce {shlex.quote(str(work.picture))} -o again{work.picture.suffix}",
    }
    text = f"gallery.pair({script(work.folder.name)}, {script(shown)});\n"
    (folder / "pair.js").write_text(text, encoding="utf-8")


def _is_plain(value: Any) -> bool:
    return isinstance(value, (int, str)) or (isinstance(value, float) and math.isfinite(value))


def _link(source: str | Path, target: str | Path) -> None:
    """A file at another place too, where it takes no room of its own if both are on one file system."""
    try:
        os.link(Path(source).resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _curves(path: Path) -> dict[str, list[float | None]]:
    """The columns of losses.csv, thinned out."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        step = max(1, math.ceil(len(rows) / POINTS))
        kept = [*rows[:-1:step], *rows[-1:]]
        return {name: [_rounded(float(row[name])) for row in kept] for name in kept[0] if name != "seconds"}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _forget(folder: Path, known: dict[Path, Any]) -> None:
    """Remove what belongs to pairs and inputs that the grid no longer has."""
    for kind in ("pairs", "inputs"):
        for path in (folder / kind).glob("*"):
            if _KEY.fullmatch(path.name) and path not in known:
                shutil.rmtree(path)


def _choices(records: pd.DataFrame) -> list[str]:
    """The settings that vary and tell pictures apart, less those that are the preset said otherwise."""
    varied = [name for name in varying(records) if name not in UNSEEN]
    if "preset" not in varied:
        return varied
    return [name for name in varied if name == "preset" or not _same_parts(records, "preset", name)]


def _same_parts(records: pd.DataFrame, one: str, other: str) -> bool:
    """Whether two columns divide the pairs alike: each value of one goes with one of the other."""
    return bool(records[one].nunique() == records[other].nunique() == len(records[[one, other]].drop_duplicates()))


def _edges(
    lines: list[dict[str, Any]], names: str, picture: Callable[[Any], str], known: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The contents or styles in the grid's order, each with a picture of it that can be shown, where there is one."""
    found: dict[str, str] = {}
    for line in lines:
        path = picture(line)
        if line[names] not in found or "width" not in known.get(found[line[names]], {}):
            found[line[names]] = path
    size = partial(_only, ("width", "height"))
    return [{"name": name, "key": _key(path)} | size(known.get(path, {})) for name, path in found.items()]


def _only(names: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _write_data(
    path: Path,
    records: pd.DataFrame,
    varied: list[str],
    pairs: list[dict[str, Any]],
    edges: list[list[dict[str, Any]]],
) -> None:
    data = {
        "settings": varied,
        "same": {name: records[name].iloc[0] for name in ALWAYS_NAMED if name not in varied and len(records)},
        "options": [sorted_values(records[name]) for name in varied],
        "score": SCORE,
        "references": [*records.loc[records["reference"] != "", "reference"].value_counts().index],
        "contents": edges[0],
        "styles": edges[1],
        "pairs": pairs,
    }
    with replacing(path) as file:
        file.write_text(f"gallery.data({script(data)});\n", encoding="utf-8")


def script(value: Any) -> str:
    """A value as JavaScript that no text in it can leave."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.encode("utf-8", "replace").decode()  # half a letter, which no file can have
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
