"""What a grid's pairs left behind, as one table: a line a pair, whatever became of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst import layout
from nst.errors import NstError
from nst.grid.cells import parse_styles
from nst.grid.groups import side_by_side
from nst.grid.inputs import local
from nst.grid.names import slug
from nst.settings import fields, number_text

if TYPE_CHECKING:
    import pandas as pd

#: A name that is one of a file in its folder.
_NAME = re.compile(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*")

#: Columns of grid.csv that are no settings.
NAMES = ("id", "content", "style", "content_name", "style_name", "settings_name", "row", "folder", "image")

#: Columns of settings that are looked at here and in sheets, plots and the gallery.
USED = ("network", "color", "style_weight", "tv_weight")

#: Columns of the names as people read them; where grid.csv lacks them, the names.
TITLES = ("content_title", "style_title", "settings_title")

#: Columns of numbers from run.json, and where each stands in it.
NUMBERS: dict[str, tuple[str | int, ...]] = {
    "final_content": ("losses", "content"),
    "final_style": ("losses", "style"),
    "final_tv": ("losses", "tv"),
    "final_total": ("losses", "total"),
    "final_style_weight": ("style_weight",),
    "style_error": ("metrics", "style_error"),
    "content_error": ("metrics", "content_error"),
    "ssim": ("metrics", "ssim"),
    **{f"style_error_conv{block}_1": ("metrics", "layers", f"conv{block}_1") for block in range(1, 6)},
    "seconds": ("seconds", "total"),
    "peak_memory_mb": ("peak_memory_mb",),
    "iterations_run": ("iterations_run",),
    "best_iteration": ("best_iteration",),
    "width": ("output", "width"),
    "height": ("output", "height"),
}

#: Columns of text from run.json.
TEXTS: dict[str, tuple[str | int, ...]] = {
    "reference": ("metrics", "reference"),
    "device": ("device_name",),
    "precision_used": ("precision",),
    "content_file": ("content", "path"),  # where it was read: of a URL, the copy that the rule `fetch` made
    "style_file": ("style", 0, "path"),
}

#: How much a style error weighs against a content error: found by looking at pictures (docs/metrics.md).
STYLE_FACTOR = 16

#: What `score` is, for pages that show it.
SCORE = f"content error + {STYLE_FACTOR} × style error"

#: Why a picture that was measured is not ranked.
KEEPS_COLORS = "keeps the content's colors, which the style error counts as missing style"

#: A pair of pictures whose results compete: they share the content, the style and the reference.
GROUP = ["content", "style", "reference"]


def animation(image: str) -> str:
    """The animation beside a result; '' where there is none."""
    if not image:
        return ""
    path = Path(image).with_name(layout.ANIMATION)
    return str(path) if path.is_file() else ""


def content_picture(line: Mapping[str, Any]) -> str:
    """Where a pair's content was read, or else where it is to be read."""
    return str(line["content_file"]) or local(str(line["content"]), _results(line))


def style_picture(line: Mapping[str, Any]) -> str:
    """The picture that stands for a style, of a blend `a.jpg:0.7+b.jpg:0.3` the first: as `content_picture` has it."""
    return str(line["style_file"]) or local(parse_styles(str(line["style"]))[0][0], _results(line))


def _results(line: Mapping[str, Any]) -> str:
    return str(line["folder"]).removesuffix(layout.pair_folder("", line["id"]))


def pictures_of(records: pd.DataFrame) -> list[str]:
    """The pictures of a grid: results, contents and styles."""
    inputs = [show(line) for line in records.to_dict("records") for show in (content_picture, style_picture)]
    return [*records["image"], *dict.fromkeys(inputs)]


def read_records(grid_csv: Path, **names: str) -> pd.DataFrame:
    """grid.csv (all of it as text) and, of each pair, what run.json tells and how the pair ranks.

    `names` picks the pairs by content_name, style_name or settings_name: one sheet of a large grid reads only the
    records that it shows.

    `status` is done, missing (no run.json) or broken (unreadable, or not what nst writes): such a line has
    NaN and empty texts. `score`, `rank`, `best`, `pareto` and `unranked` are those of `ranked`. Paths in grid.csv are
    relative to the working directory; of results that are not there, as they have been moved since, beside grid.csv.
    Raises NstError where grid.csv is missing or no grid, or has no pair of these names.
    """
    import pandas as pd

    try:
        grid = pd.read_csv(grid_csv, dtype=str, keep_default_na=False).fillna("")  # of a line that was cut
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        reason = getattr(error, "strerror", None) or error
        raise NstError(f"{grid_csv}: cannot be read ({reason}); expected the grid.csv of a results folder") from error
    if not isinstance(grid.index, pd.RangeIndex):  # pandas takes the first ones for names of the lines
        raise NstError(f"{grid_csv}: a line has more cells than the header; expected the grid.csv of a results folder")
    missing = [name for name in (*NAMES, *USED) if name not in grid.columns]
    if missing:
        raise NstError(f"{grid_csv}: no column {', '.join(missing)}; expected the grid.csv of a results folder")
    for column in TITLES:
        if column not in grid.columns:
            grid[column] = grid[column.replace("title", "name")]
    if names:
        grid = _of_these_names(grid, names, grid_csv)
    columns = ["status", *NUMBERS, *TEXTS]
    grid = _where_it_is(grid, grid_csv.parent)
    runs = pd.DataFrame([_run(Path(folder)) for folder in grid["folder"]], columns=columns)
    runs = runs.astype(dict.fromkeys(NUMBERS, float))
    return ranked(pd.concat([grid, runs], axis=1))


def _where_it_is(grid: pd.DataFrame, results: Path) -> pd.DataFrame:
    """The grid with `folder` and `image` beside grid.csv where they are not where it says."""
    moved = [
        not Path(folder).exists() and Path(layout.pair_folder(results, pair)).exists()
        for folder, pair in zip(grid["folder"], grid["id"], strict=True)
    ]
    if not any(moved):
        return grid
    grid, names = grid.copy(), [Path(image).name for image in grid.loc[moved, "image"]]
    grid.loc[moved, "folder"] = [layout.pair_folder(results, pair) for pair in grid.loc[moved, "id"]]
    grid.loc[moved, "image"] = [
        f"{folder}/{name}" for folder, name in zip(grid.loc[moved, "folder"], names, strict=True)
    ]
    return grid


def _of_these_names(grid: pd.DataFrame, names: dict[str, str], grid_csv: Path) -> pd.DataFrame:
    chosen = grid
    for column, name in names.items():
        chosen = chosen[chosen[column] == name]
    if chosen.empty:
        asked = " and ".join(f"{column} {name!r}" for column, name in names.items())
        known = sorted_values(grid[list(names)].agg(" × ".join, axis=1))
        raise NstError(f"{grid_csv}: no pair has {asked}; known: {', '.join(known[:8])}{' …' * (len(known) > 8)}")
    return chosen.reset_index(drop=True)


def sheet_groups(records: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """What belongs side by side: (file name, title, pairs).

    The pairs of each settings-name; and, as `sweeps/CONTENT--STYLE`, those of each content and style stylized with
    several settings. A single pair that is in a sweep is not shown alone once more.
    """
    names = zip(*(records[name].astype(str) for name in ("content_name", "style_name", "settings_name")), strict=True)
    matrices, sweeps = side_by_side(names)
    for name, members in matrices.items():
        group = records.iloc[members]
        yield _file_name(name), str(group["settings_title"].iloc[0]), group
    for (content, style), members in sweeps.items():
        group = records.iloc[members]
        first = group.iloc[0]
        title = f"{first['content_title']} × {first['style_title']}"
        yield f"sweeps/{_file_name(content)}--{_file_name(style)}", title, group


def _file_name(name: str) -> str:
    """A name of grid.csv as nst writes it; of any other, which may lead to another folder, a safe one."""
    return name if _NAME.fullmatch(name) and len(name.encode()) <= 120 else slug(name)


def setting_columns(records: pd.DataFrame) -> list[str]:
    """The settings that the grid has, in the order of their declaration."""
    return [name for name in fields() if name in records.columns]


def varying(records: pd.DataFrame) -> list[str]:
    """The settings that take more than one value."""
    return [name for name in setting_columns(records) if records[name].nunique() > 1]


def found_weight(style_weight: str, final: float) -> str:
    """The weight that `style_weight: auto` came to, as people read it; '' where it is no auto, or not known."""
    return number_text(float(f"{final:.3g}")) if style_weight == "auto" and math.isfinite(final) else ""


def sorted_values(values: Iterable[str]) -> list[str]:
    """Distinct values as a person orders them: numbers by size, then texts."""
    return sorted(set(values), key=value_order)


def value_order(value: str) -> tuple[bool, float, str]:
    """A key that sorts numbers by size and puts texts after them."""
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value


def pareto_front(first: Iterable[float], second: Iterable[float]) -> list[bool]:
    """Which points no other one beats: as good in both numbers and better in one, where less is better.

    Equal points stand or fall together; a point with a NaN is never on the front.
    """
    points = list(zip(first, second, strict=True))
    front = [False] * len(points)
    best = (math.inf, math.inf)
    # From left to right a point is beaten unless it is lower than all before it.
    for point, i in sorted((point, i) for i, point in enumerate(points) if not any(map(math.isnan, point))):
        if point[1] < best[1]:
            best = point
        front[i] = point == best
    return front


def ranked(records: pd.DataFrame) -> pd.DataFrame:
    """The records with `score`, `rank`, `best`, `pareto` and `unranked`.

    `score` is content_error + STYLE_FACTOR · style_error. `rank` (by score), `best` (the first of several) and `pareto`
    compare the pairs of one content, style and reference. Pictures that keep the content's colors have none of these,
    `unranked` gives the reason.
    """
    kept = records["style_error"].notna() & (records["color"] != "style")
    records["unranked"] = kept.map({True: KEEPS_COLORS, False: ""})
    records["score"] = (records["content_error"] + STYLE_FACTOR * records["style_error"]).mask(kept)
    rivals = records[records["score"].notna()]
    places = rivals.groupby(GROUP)["score"]
    records["rank"] = places.rank(method="min")
    records["best"] = (records["rank"] == 1) & (places.transform("size") > 1)  # one alone is not the best of anything
    records["pareto"] = False
    for _, group in rivals.groupby(GROUP):
        records.loc[group.index, "pareto"] = pareto_front(group["style_error"], group["content_error"])
    return records


def _run(folder: Path) -> dict[str, Any]:
    """One line from a pair's run.json."""
    try:
        run = json.loads((folder / layout.RUN).read_bytes())
    except FileNotFoundError:
        return {"status": "missing"} | dict.fromkeys(TEXTS, "")
    except (OSError, ValueError, RecursionError):
        run = None
    numbers = {name: number(at(run, path)) for name, path in NUMBERS.items()}
    if math.isnan(numbers["final_total"]):
        return {"status": "broken"} | dict.fromkeys(TEXTS, "")
    texts = {name: str(at(run, path) or "") for name, path in TEXTS.items()}
    return {"status": "done"} | numbers | texts


def at(record: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path of keys and places; None where the record has none there."""
    for key in path:
        try:
            record = record[key]
        except (LookupError, TypeError):
            return None
    return record


def mapping(record: Any, *path: str | int) -> dict[str, Any]:
    """The mapping at a path of keys; an empty one where the record has something else there."""
    found = at(record, path)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> float:
    """A finite number, or NaN for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    return math.nan
