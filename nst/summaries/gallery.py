"""The gallery of a grid: a static page that shows every pair, including failed and missing ones.

It needs no server and no internet: a browser opens `index.html` from the disk. `data.js` has the data of all views;
`pair.js`, the data of one pair's page, is loaded when that page is opened.

    index.html  data.js  inputs/KEY/{small,large}.webp  pairs/KEY/{small,large}.webp, pair.js, image.png, …

`nst.summaries.gallery_folders` writes the KEY folders.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst import layout
from nst.errors import NstError
from nst.io.files import replacing
from nst.io.logs import last_message
from nst.settings import INEFFECTIVE, defaults, text
from nst.settings.metrics import RANKED, Ranking
from nst.summaries.gallery_folders import MADE, GalleryFolder, key_of, link, rounded, script, update_folders
from nst.summaries.pages import relative_link, viewable, write_page
from nst.summaries.ranking import GROUP
from nst.summaries.records import (
    content_picture,
    found_weight,
    setting_columns,
    sorted_values,
    style_picture,
    varying,
)

if TYPE_CHECKING:
    import pandas as pd

#: Numbers that the page shows and sorts by, besides the metrics.
OTHERS = ("rank", "seconds", "peak_memory_mb", "iterations_run", "stars")
#: Settings that captions contain even if all images have the same value.
ALWAYS_NAMED = ("network", "style_weight")
_KEY = re.compile(r"[0-9a-f]{16}")
#: Maximum number of tables that the gallery links to; the page then says how many there are.
_MOST_LINKS = 12


def write_gallery(
    records: pd.DataFrame, grid_csv: Path, folder: Path, *, work: Path | None = None, processes: int = 0
) -> Path:
    """Write the gallery of a grid into a folder; returns the path of its page.

    Args:
        work: a folder with files that the next call reuses; None for the gallery's folder.
        processes: maximum number of processes; 0 is one per core.
    Raises NstError if a folder contains other files than a gallery, or cannot be written.
    """
    for each in (folder, work or folder):
        _check_is_gallery(each)
    try:
        _build(records, grid_csv, work or folder, folder, processes)
        if work is not None:
            _publish(work, folder)
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise NstError(f"{folder}: cannot be written ({reason}); choose a folder that you may write to") from None
    return folder / "index.html"


def _check_is_gallery(folder: Path) -> None:
    """Raise NstError for a folder with other files, because outdated files of a gallery are deleted."""
    if folder.exists() and not (folder.is_dir() and ((folder / "data.js").exists() or not any(folder.iterdir()))):
        raise NstError(f"{folder}: is no gallery; choose a new folder, an empty one, or that of an earlier gallery")


def _build(records: pd.DataFrame, grid_csv: Path, folder: Path, shown_in: Path, processes: int) -> None:
    """Write the gallery into `folder`. shown_in: the folder in which it is opened, which its links start from."""
    (folder / "pairs").mkdir(parents=True, exist_ok=True)
    (folder / "data.js").touch()  # from here on the folder is a gallery
    has_best = records.groupby(GROUP)["best"].transform("any")  # no best: single images, or known before
    lines = records.assign(rank=records["rank"].where(has_best)).to_dict("records")
    # The content and style images: the paths from which they were read, or those of the manifest.
    paths = {picture(line) for line in lines for picture in (content_picture, style_picture)}
    inputs = {path: GalleryFolder(Path(path), folder / "inputs" / key_of(path)) for path in paths}
    done = {
        line["id"]: GalleryFolder(Path(line["image"]), folder / "pairs" / key_of(line["id"]), Path(line["folder"]))
        for line in lines
        if line["status"] == "done"
    }
    folders = [each for each in (*inputs.values(), *done.values()) if each.picture.is_file()]
    made = update_folders(folders, processes)
    _remove_others(folder, made)
    pictures = {path: made.get(each.path, {}) for path, each in inputs.items()}
    pairs = {pair: made.get(each.path, {}) for pair, each in done.items()}
    varied, every = _choices(records), setting_columns(records)
    contents = _edges(lines, "content_title", content_picture, pictures)
    styles = _edges(lines, "style_title", style_picture, pictures)
    tables = _tables(grid_csv.parent, shown_in)
    ranking = Ranking.parse(records["ranked_by"].iloc[0]) if len(records) else Ranking()
    data = {
        "settings": varied,
        "same": {name: records[name].iloc[0] for name in ALWAYS_NAMED if name not in varied and len(records)},
        "options": [sorted_values(records[name]) for name in varied],
        "defaults": {name: text(value) for name, value in defaults()},
        "metrics": _metrics(records),
        "ranked_by": "" if ranking == Ranking() else str(ranking),
        "best": ranking.best,
        "references": [*records.loc[records["reference"] != "", "reference"].value_counts().index],
        "contents": contents,
        "styles": styles,
        "pairs": [_entry(line, grid_csv.parent, pairs.get(line["id"]), varied, every) for line in lines],
        "tables": tables,
        "near": next((relative_link(shown, shown_in) for line in lines if tables and (shown := _shown(line))), ""),
    }
    with replacing(folder / "data.js") as file:
        file.write_text(f"gallery.data({script(data)});\n", encoding="utf-8")
    write_page(folder / "index.html", "gallery.html", title=_title(grid_csv, contents, styles))


def _title(grid_csv: Path, contents: list[dict[str, Any]], styles: list[dict[str, Any]]) -> str:
    """The name of the results folder, or of the folder that contains `results`.

    The folder of a run of the studio is named by an id: then its images, as in 'lake, street × wave'.
    """
    folder = grid_csv.resolve().parent
    name = folder.parent.name if folder.name == "results" else folder.name
    if name and not _KEY.fullmatch(name):
        return name
    sides = [[edge["name"] for edge in edges] for edges in (contents, styles)]
    return " × ".join(", ".join(names[:2]) + " …" * (len(names) > 2) for names in sides)


def _tables(results: Path, folder: Path) -> dict[str, Any]:
    """[name, link] of the tables that exist, and their number, for a page in `folder`; {} if it is elsewhere.

    Sheets and plots may be made, or removed, after the gallery.
    """
    if not folder.resolve().is_relative_to(results.resolve()):
        return {}
    paths = sorted((results / layout.TABLES).glob("*.html"), key=lambda path: (path != results / layout.TABLE, path))
    links = [(path.stem, relative_link(str(path), folder)) for path in paths]
    return {"links": links[:_MOST_LINKS], "count": len(links)} if links else {}


def _shown(line: dict[str, Any]) -> str:
    """The path of a finished image that browsers can show; '' if there is none."""
    return viewable(line["image"]) if line["status"] == "done" else ""


def _publish(work: Path, folder: Path) -> None:
    """Replace `folder` by a copy of `work`, with hard links if both are on one file system."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(work, fresh, copy_function=link, ignore=shutil.ignore_patterns(MADE, ".*"))
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _entry(
    line: dict[str, Any], results: Path, made: dict[str, Any] | None, varied: list[str], every: list[str]
) -> dict[str, Any]:
    """A pair's entry in data.js. made: data of its folder; empty if the image cannot be read, None without an image.

    varied: the settings that are choices. every: all settings, which the page of a pair without a record shows.
    """
    status, more = line["status"], {}
    if made is None or "width" not in made:
        error = _reason(line, results) if made is None else "its image cannot be read"
        status = status if made is None else "broken"
        more = {"error": error, "given": {name: line[name] for name in every if line[name] != ""}}
    return {
        "key": key_of(line["id"]),
        "id": line["id"],
        "content": line["content_title"],
        "style": line["style_title"],
        "settings": line["settings_title"],
        "values": [line[name] for name in varied],
        "weight": found_weight(line["style_weight"], line["final_style_weight"]),
        "status": status,
        "best": bool(line["best"]),
        "front": bool(line["pareto"]),
        "reference": line["reference"],
        **_only(("unranked",), line if line["unranked"] else {}),
        **{name: rounded(line[name]) for name in (*RANKED, *OTHERS)},
        **more,
        **_only(("width", "height", "moves", "whole"), made or {}),
    }


def _metrics(records: pd.DataFrame) -> list[dict[str, Any]]:
    """Name, label and direction of the metrics that any pair has."""
    return [
        {"name": name, "label": "score" if name == "score" else metric.label, "higher": metric.higher_is_better}
        for name, metric in RANKED.items()
        if records[name].notna().any()
    ]


def _reason(line: dict[str, Any], results: Path) -> str:
    """Why there is no image, in one line: the last message of its log, unless that reports an image."""
    if line["status"] != "missing":
        return "its run.json cannot be read"
    log = layout.log_file(results, "stylize", line["id"])
    message = last_message(log)
    if message.startswith(f"{line['image']}: "):
        return "stylized, but its files are gone"
    return message[:300] or ("stopped before its end" if log.exists() else "not stylized yet")


def _remove_others(folder: Path, made: dict[Path, Any]) -> None:
    """Remove the folders of pairs and inputs that are no longer in the grid."""
    for kind in ("pairs", "inputs"):
        for path in (folder / kind).glob("*"):
            if _KEY.fullmatch(path.name) and path not in made:
                shutil.rmtree(path)


def _choices(records: pd.DataFrame) -> list[str]:
    """The settings that vary, without those that only follow from the preset."""
    varied = [name for name in varying(records) if name not in INEFFECTIVE - {"preset"}]
    if "preset" not in varied:
        return varied
    return [name for name in varied if name == "preset" or not _same_parts(records, "preset", name)]


def _same_parts(records: pd.DataFrame, one: str, other: str) -> bool:
    """Whether two columns group the pairs in the same way: one value of one for each value of the other."""
    return bool(records[one].nunique() == records[other].nunique() == len(records[[one, other]].drop_duplicates()))


def _edges(
    lines: list[dict[str, Any]], names: str, picture: Callable[[Any], str], made: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The contents or styles in the order of the grid, each with the key and size of a readable image, if any."""
    paths: dict[str, str] = {}
    for line in lines:
        path = picture(line)
        if line[names] not in paths or "width" not in made.get(paths[line[names]], {}):
            paths[line[names]] = path
    size = partial(_only, ("width", "height"))
    return [{"name": name, "key": key_of(path)} | size(made.get(path, {})) for name, path in paths.items()]


def _only(names: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
