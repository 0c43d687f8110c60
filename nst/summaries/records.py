"""The records of a grid's pairs as one table, with a row for each pair, finished or not."""

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
from nst.settings import INEFFECTIVE, fields, is_number, number_text
from nst.settings.metrics import METRICS, Ranking
from nst.summaries.ranking import ranked
from nst.summaries.ratings import usable_ratings

if TYPE_CHECKING:
    import pandas as pd

#: A name that stays within its folder.
_NAME = re.compile(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*")

#: Columns of grid.csv that are not settings.
NAMES = ("id", "content", "style", "content_name", "style_name", "settings_name", "row", "folder", "image")

#: Settings in the title of a group of pairs, at most.
_MOST_IN_TITLE = 3

#: Settings that this module, sheets, plots and the gallery use.
USED = ("network", "color", "style_weight", "tv_weight")

#: Columns of titles: names with accents and spaces. If grid.csv lacks them, the names are used.
TITLES = ("content_title", "style_title", "settings_title")

#: Columns of numbers, and their paths in run.json.
NUMBERS: dict[str, tuple[str | int, ...]] = {
    "final_content": ("losses", "content"),
    "final_style": ("losses", "style"),
    "final_tv": ("losses", "tv"),
    "final_total": ("losses", "total"),
    "final_style_weight": ("style_weight",),
    **{name: ("metrics", name) for name in METRICS},
    **{f"style_error_conv{block}_1": ("metrics", "layers", f"conv{block}_1") for block in range(1, 6)},
    "seconds": ("seconds", "total"),
    "peak_memory_mb": ("peak_memory_mb",),
    "iterations_run": ("iterations_run",),
    "best_iteration": ("best_iteration",),
    "width": ("output", "width"),
    "height": ("output", "height"),
}

#: Columns of text, and their paths in run.json.
TEXTS: dict[str, tuple[str | int, ...]] = {
    "reference": ("metrics", "reference"),
    "device": ("device_name",),
    "precision_used": ("precision",),
    "content_file": ("content", "path"),  # for a URL, the copy that the rule `fetch` made
    "style_file": ("style", 0, "path"),
}


def animation(image: str) -> str:
    """The path of a result's animation; '' if there is none."""
    if not image:
        return ""
    path = Path(image).with_name(layout.ANIMATION)
    return str(path) if path.is_file() else ""


def content_picture(line: Mapping[str, Any]) -> str:
    """The path from which a pair's content was read, or would be read."""
    return str(line["content_file"]) or local(str(line["content"]), _results(line))


def style_picture(line: Mapping[str, Any]) -> str:
    """The path of a pair's style, or of the first style of a blend; see `content_picture`."""
    if line["style_file"]:
        return str(line["style_file"])
    return local(style_paths(str(line["style"]))[0], _results(line))


def style_paths(text: str) -> list[str]:
    """The paths of a style or blend of grid.csv."""
    try:
        return [path for path, _ in parse_styles(text)]
    except NstError:  # its files are gone
        return [text]


def _results(line: Mapping[str, Any]) -> str:
    """The results folder of a pair."""
    return str(line["folder"]).removesuffix(layout.pair_folder("", line["id"]))


def pictures_of(records: pd.DataFrame) -> list[str]:
    """The paths of all images of a grid: results, contents and styles."""
    inputs = [show(line) for line in records.to_dict("records") for show in (content_picture, style_picture)]
    return [*records["image"], *dict.fromkeys(inputs)]


def read_records(grid_csv: Path, rank_by: str = "score", **names: str) -> pd.DataFrame:
    """Read grid.csv (all columns as text) and the run.json of each pair, and rank the pairs by `rank_by`.

    `names` selects pairs by content_name, style_name or settings_name, so that a sheet of a large grid reads few
    records. `attrs["varied"]` has the settings that vary in the whole grid.

    The column `status` is done, missing (no run.json) or broken (unreadable, or not written by nst); the last two have
    NaN and empty texts. `stars` is the rating of ratings.csv next to grid.csv, NaN without one; a mistake in that file
    is logged, and then no pair has one. `ranked` adds the other columns. Paths in grid.csv are relative to the working
    directory; results next to grid.csv have priority, because the folder may be a copy, or may have been moved.
    Raises NstError if grid.csv is missing or invalid, or has no pair with these names, and ValueError for a wrong
    `rank_by`.
    """
    import pandas as pd

    try:
        grid = pd.read_csv(grid_csv, dtype=str, keep_default_na=False).fillna("")  # for a truncated line
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        reason = getattr(error, "strerror", None) or error
        raise NstError(f"{grid_csv}: cannot be read ({reason}); expected the grid.csv of a results folder") from error
    if not isinstance(grid.index, pd.RangeIndex):  # pandas would use the first column as index
        raise NstError(f"{grid_csv}: a line has more cells than the header; expected the grid.csv of a results folder")
    missing = [name for name in (*NAMES, *USED) if name not in grid.columns]
    if missing:
        raise NstError(f"{grid_csv}: no column {', '.join(missing)}; expected the grid.csv of a results folder")
    for column in TITLES:
        if column not in grid.columns:
            grid[column] = grid[column.replace("title", "name")]
    varied = varying(grid)
    if names:
        grid = _selected(grid, names, grid_csv)
    grid = _relocated(grid, grid_csv.parent)
    runs = pd.DataFrame([_run(Path(folder)) for folder in grid["folder"]], columns=["status", *NUMBERS, *TEXTS])
    runs = runs.astype(dict.fromkeys(NUMBERS, float))
    grid["stars"] = grid["id"].map(usable_ratings(grid_csv.with_name(layout.RATINGS))).astype(float)
    records = ranked(pd.concat([grid, runs], axis=1), Ranking.parse(rank_by))
    records.attrs["varied"] = varied
    return records


def _relocated(grid: pd.DataFrame, results: Path) -> pd.DataFrame:
    """The grid with `folder` and `image` next to grid.csv for results that were moved or copied.

    The folder that a copy lists may have the results of a later run.
    """
    near = layout.pairs_folder(results)
    if grid.empty or not near.is_dir():
        return grid
    pair, folder = grid[["id", "folder"]].iloc[0]
    listed = Path(folder.removesuffix(f"/{pair}"))
    if str(listed) == folder or (listed.is_dir() and near.samefile(listed)):  # not a results folder, or the same one
        return grid
    folders = [layout.pair_folder(results, pair) for pair in grid["id"]]
    images = [f"{folder}/{Path(image).name}" for folder, image in zip(folders, grid["image"], strict=True)]
    return grid.assign(folder=folders, image=images)


def _selected(grid: pd.DataFrame, names: dict[str, str], grid_csv: Path) -> pd.DataFrame:
    """The pairs with these names. Raises NstError if there are none."""
    import pandas as pd

    selected = grid[(grid[list(names)] == pd.Series(names)).all(axis=1)]
    if selected.empty:
        missing = " and ".join(f"{column} {name!r}" for column, name in names.items())
        existing = sorted_values(grid[list(names)].agg(" × ".join, axis=1))
        more = " …" * (len(existing) > 8)
        raise NstError(f"{grid_csv}: no pair has {missing}; existing: {', '.join(existing[:8])}{more}")
    return selected.reset_index(drop=True)


def sheet_groups(records: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The groups of pairs for sheets and plots: (file name, title, pairs).

    One group for each settings_name, and one, `sweeps/CONTENT--STYLE`, for each content and style with several
    settings. A pair of a sweep that is the only one of its settings_name has no separate group.
    """
    names = zip(*(records[name].astype(str) for name in ("content_name", "style_name", "settings_name")), strict=True)
    matrices, sweeps = side_by_side(names)
    for name, members in matrices.items():
        group = records.iloc[members]
        yield _file_name(name), group_title(group), group
    for (content, style), members in sweeps.items():
        group = records.iloc[members]
        first = group.iloc[0]
        title = f"{first['content_title']} × {first['style_title']}"
        yield f"sweeps/{_file_name(content)}--{_file_name(style)}", title, group


def group_title(records: pd.DataFrame) -> str:
    """The title of pairs with the same settings: what is different in the rest of the grid, such as `style_weight 16`.

    The name of their settings if nothing is, or too much to list.
    """
    title = str(records["settings_title"].iloc[0])
    varied = [name for name in records.attrs.get("varied", ()) if name not in INEFFECTIVE]
    if not 0 < len(varied) <= _MOST_IN_TITLE or any(records[name].nunique() > 1 for name in varied):
        return title
    return "  ·  ".join([*names_in(title), *(f"{name} {records[name].iloc[0] or 'none'}" for name in varied)])


def names_in(title: str) -> list[str]:
    """The parts of a settings_title that are names, of the user or of a preset, and not `setting=value`."""
    return [part for part in title.split("+") if "=" not in part and part != "default"]


def _file_name(name: str) -> str:
    """A name of grid.csv; replaced by a safe one if it could lead to another folder or is too long."""
    return name if _NAME.fullmatch(name) and len(name.encode()) <= 120 else slug(name)


def setting_columns(records: pd.DataFrame) -> list[str]:
    """The settings in the columns, in the order of their declaration."""
    return [name for name in fields() if name in records.columns]


def varying(records: pd.DataFrame) -> list[str]:
    """The settings with more than one value."""
    return [name for name in setting_columns(records) if records[name].nunique() > 1]


def by_value(records: pd.DataFrame) -> pd.DataFrame:
    """The pairs ordered by the setting that varies; in the order of the grid if several do."""
    varied = varying(records)
    if len(varied) != 1:
        return records
    return records.sort_values(varied, key=lambda column: column.map(value_order), kind="stable")


def together(records: pd.DataFrame) -> pd.DataFrame:
    """The pairs with those of a content and style together, as these come in the grid, ordered by their settings."""
    import pandas as pd

    keys = {name: pd.factorize(records[name])[0] for name in ("content_name", "style_name")}
    keys |= {name: pd.factorize(records[name].map(value_order), sort=True)[0] for name in varying(records)}
    order = pd.DataFrame(keys, index=records.index).sort_values([*keys], kind="stable").index
    return records.loc[order]


def found_weight(style_weight: str, final: float) -> str:
    """The weight that `style_weight: auto` found, as text; '' if it is not auto or not known."""
    return number_text(float(f"{final:.3g}")) if style_weight == "auto" and math.isfinite(final) else ""


def value_title(setting: str, value: str) -> str:
    """A title for a value of a setting: `size = 512`, or `content_mask = none` for an empty one."""
    return f"{setting} = {value or 'none'}"


def short_number(number: float) -> str:
    """A number as text: three significant digits, or a whole number below a million as it is."""
    size = abs(number)
    if number.is_integer() and size < 1e6:
        return str(int(number))
    if not 1e-3 <= size < 1e6:
        return f"{number:.2e}"
    return f"{number:.{max(0, 2 - math.floor(math.log10(size)))}f}"


def sorted_values(values: Iterable[str]) -> list[str]:
    """The distinct values: numbers by size, then texts."""
    return sorted(set(values), key=value_order)


def value_order(value: str) -> tuple[bool, float, str]:
    """A key that sorts numbers by size and puts texts after them."""
    return (False, float(value), value) if is_number(value) else (True, 0.0, value)


def _run(folder: Path) -> dict[str, Any]:
    """One row from a pair's run.json."""
    try:
        run = json.loads((folder / layout.RUN).read_bytes())
    except FileNotFoundError:
        return {"status": "missing"} | dict.fromkeys(TEXTS, "")
    except (OSError, ValueError, RecursionError):
        run = None
    numbers = {name: number(value_at(run, path)) for name, path in NUMBERS.items()}
    if math.isnan(numbers["final_total"]):
        return {"status": "broken"} | dict.fromkeys(TEXTS, "")
    texts = {name: str(value_at(run, path) or "") for name, path in TEXTS.items()}
    return {"status": "done"} | numbers | texts


def value_at(record: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path of keys and indices; None if it does not exist."""
    for key in path:
        try:
            record = record[key]
        except (LookupError, TypeError):
            return None
    return record


def mapping(record: Any, *path: str | int) -> dict[str, Any]:
    """The mapping at a path of keys and indices; empty if there is none."""
    value = value_at(record, path)
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float:
    """A finite number, or NaN for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    return math.nan
