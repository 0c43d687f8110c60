"""Tables that compare the pairs of a grid: CSV with full precision, HTML with sorting and filters.

The comparison has a row for each pair. The table of a setting has, for each of its values, the means over all contents
and styles, and those of each. Means, ranks and Pareto fronts never mix reference networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst.io.files import replacing
from nst.settings import INEFFECTIVE, fields
from nst.settings.metrics import METRICS, RANKED, Ranking
from nst.summaries.pages import relative_link, viewable, write_page
from nst.summaries.records import (
    TITLES,
    animation,
    names_in,
    setting_columns,
    short_number,
    sorted_values,
    together,
    value_order,
    varying,
)

if TYPE_CHECKING:
    import pandas as pd

MEANS = [*RANKED, "seconds"]
_RESULTS = [
    *METRICS, "seconds", "peak_memory_mb", "iterations_run", "final_style_weight", "final_content", "final_style",
    "final_tv", "final_total",
]  # fmt: skip
#: Only in CSV files: pages have the metrics instead, which are comparable between settings.
_LOSSES = ("final_content", "final_style", "final_tv", "final_total")
_LAYERS = [f"style_error_conv{block}_1" for block in range(1, 6)]
_TEXTS = ("content_name", "style_name", "settings_name", "status", "pareto", "reference", "unranked")
_NAMES = ["content_name", "style_name"]
_GROUP = [*_NAMES, "reference"]
_ALL = "(all)"

#: Headings that differ from the column's name, and explanations of columns.
_HEADINGS = {
    "content_name": "content",
    "style_name": "style",
    "settings_name": "settings",
    "peak_memory_mb": "memory, MB",
    "pareto": "front",
}
_HELP = {
    **{name: metric.help for name, metric in RANKED.items()},
    "final_style_weight": "style weight used; with auto, the one that was found",
    "stars": "rating in ratings.csv, from 1 to 5",
    "rank": "rank by {} among the pairs of the same content and style",
    "unranked": "reason why an image is not ranked",
    "pareto": "◆: no image of the same content and style is better in one error and as good in the other",
    "reference": "network that computed the errors, and the hash of its weights",
    "pairs": "number of pairs with metrics",
}
_MOST_CHOICES = 40
_NONE = "none"


@dataclass(frozen=True)
class Column:
    """A column of an HTML table."""

    name: str
    heading: str
    help: str
    number: bool
    choices: tuple[str, ...]  # offered instead of a free-text filter, if there are few
    example: str  # of a filter


def write_tables(records: pd.DataFrame, folder: Path) -> list[Path]:
    """Write `comparison` and a table for each setting that is swept, as .csv and .html. Returns the paths.

    Tables of settings that are no longer swept are removed.
    """
    paths = _write(comparison(records), folder / "comparison", records, "Comparison of all pairs")
    settings = swept(records)
    for setting in settings:
        paths += _write(sweep(records, setting), folder / setting, records, f"Effect of {setting}")
    for setting in set(fields()) - {*settings}:
        _remove_earlier(folder / f"{setting}.csv", setting)
    return paths


def _remove_earlier(path: Path, setting: str) -> None:
    """Remove the table of a setting that an earlier grid swept. A file of the user's may have the same name."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.readline(1000)
    except OSError:  # there is none
        return
    if head.startswith(",".join([*_NAMES, setting, "pairs,"])):
        path.unlink()
        path.with_suffix(".html").unlink(missing_ok=True)


def comparison(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each pair: names, settings that vary, results, ranks, the other settings.

    Pairs of the same content and style are together, ordered by the values of their settings.
    """
    records, varied = together(records), varying(records)
    constant = [name for name in setting_columns(records) if name not in varied]
    names = ["id", "content_name", "style_name", "settings_name", "status"]
    rating = ["stars"] if records["stars"].notna().any() else []
    marks = ["score", "rank", "ranked_by", "best", "unranked", "pareto", "reference"]
    rest = ["device", "precision_used", "best_iteration", "width", "height", "content", "style", "image"]
    return records[[*names, *varied, *rating, *_RESULTS, *marks, *_LAYERS, *rest, *constant]]


def swept(records: pd.DataFrame) -> list[str]:
    """The settings of which a content and style has images with several values, all else equal; see `_compared`."""
    return [setting for setting in varying(records) if len(_compared(records, setting))]


def _compared(records: pd.DataFrame, setting: str) -> pd.DataFrame:
    """The measured pairs that show the effect of a setting, because all other settings are equal.

    A combination of the others counts only if it has every value of its content and style: otherwise the means would
    also differ by the others. Settings without effect may differ, and so may those that follow from a preset.
    """
    measured = records[records["style_error"].notna()]
    others = [name for name in varying(measured) if name not in INEFFECTIVE | {setting}]
    if setting == "preset":
        others = [name for name in others if (measured.groupby(setting)[name].nunique() > 1).any()]
    values = measured.groupby([*_GROUP, *others])[setting].transform("nunique")
    several = measured[values > 1]
    return several[values[values > 1] == several.groupby(_GROUP)[setting].transform("nunique")]


def sweep(records: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Means for each value of a setting: over the contents and styles that have every value, then for each of all.

    The former are named `(all)`, and left out if only one content and style has every value. Means over different
    contents and styles, or other settings, would not be comparable: see `_compared`.
    """
    import pandas as pd

    compared = _compared(records, setting)
    compared = compared.assign(pictures=compared.groupby(_NAMES).ngroup())
    each = _means(compared, [*_GROUP, setting])
    values = compared.groupby(_GROUP)[setting].transform("nunique")
    complete = compared[values == compared.groupby("reference")[setting].transform("nunique")]
    complete = complete[complete.groupby("reference")["pictures"].transform("nunique") > 1]
    total = _means(complete, ["reference", setting]).assign(content_name=_ALL, style_name=_ALL)
    total = total.sort_values(["reference", setting], key=_by_value)
    each = each.sort_values([*_GROUP, setting], key=_by_value)
    return pd.concat([total, each])[[*_NAMES, setting, "pairs", *MEANS, "reference"]].reset_index(drop=True)


def _by_value(column: pd.Series) -> pd.Series:
    return column.map({value: position for position, value in enumerate(sorted_values(column))})


def _means(measured: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    groups = measured.groupby(by, sort=False)
    return groups[MEANS].mean().assign(pairs=groups.size()).reset_index()


def _write(table: pd.DataFrame, stem: Path, records: pd.DataFrame, title: str) -> list[Path]:
    paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".csv", ".html")]
    with replacing(paths[0]) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    _write_page(table, records, title, paths[1])
    return paths


def _write_page(table: pd.DataFrame, records: pd.DataFrame, title: str, path: Path) -> None:
    """Write the table as an HTML page, with titles instead of names."""
    for column in TITLES:
        name = column.replace("title", "name")
        if name in table:
            titles = {_ALL: _ALL} | dict(zip(records[name], records[column], strict=True))
            table = table.assign(**{name: table[name].map(titles)})
    columns = _columns(table, records)
    same = [name for name in setting_columns(records) if records[name].nunique() == 1]
    lines = table.astype(object).where(table.notna(), None).to_dict("records")
    write_page(
        path,
        "table.html",
        title=title,
        columns=columns,
        constant=[(name, records[name].iloc[0]) for name in same],
        references=sorted_values(records.loc[records["reference"] != "", "reference"]),
        statuses=records["status"].value_counts().to_dict(),
        rows=[_row(line, columns, path.parent) for line in lines],
        thumbnails="image" in table,
        best=_ranking(records).best if records["best"].any() else "",
        front="pareto" in {column.name for column in columns},
        unranked=records.loc[records["unranked"] != "", "unranked"].value_counts().to_dict(),
        help=[(column.heading, column.help) for column in columns if column.help],
    )


def _ranking(records: pd.DataFrame) -> Ranking:
    """What the records are ranked by."""
    return Ranking.parse(records["ranked_by"].iloc[0]) if len(records) else Ranking()


def _columns(table: pd.DataFrame, records: pd.DataFrame) -> list[Column]:
    """The columns of the page, without those that are constant or redundant."""
    names = ["content_name", "style_name", "settings_name", "status", *setting_columns(table)]
    names += ["pairs", "stars", "rank", "pareto", "score", *_RESULTS, "reference", "unranked"]
    return [_column(name, table) for name in names if name in table and not _is_redundant(name, table, records)]


def _is_redundant(name: str, table: pd.DataFrame, records: pd.DataFrame) -> bool:
    if "pairs" in table and name not in _NAMES and len(table) > 1 and table[name].nunique(dropna=False) == 1:
        return True
    if name in setting_columns(table):
        return records[name].nunique() == 1
    if name == "settings_name":
        return bool(varying(records)) and not _has_own_names(records)
    if name == "status":
        return bool((table[name] == "done").all())
    if name in _LOSSES:
        return True
    if name == "final_style_weight":
        return bool((records["style_weight"] != "auto").all())
    if name == "reference":
        return table[name][table[name] != ""].nunique() < 2
    if name == "unranked":
        return bool((table[name] == "").all())
    if name == "iterations_run" and table[name].nunique(dropna=False) == 1:
        return True
    if name == "pareto":
        return not table[name].any()
    if name == "rank":
        return not table["best"].any()  # of one image each, or of weights, whose best value is known before
    return name in MEANS + _RESULTS and bool(table[name].isna().all())


def _has_own_names(records: pd.DataFrame) -> bool:
    """Whether settings have names of the user: the others repeat what the columns of the settings say."""
    names = {name for title in records["settings_title"].unique() for name in names_in(title)}
    return bool(names - {*records.get("preset", ())})


def _column(name: str, table: pd.DataFrame) -> Column:
    values = {_human(value) or _NONE for value in table[name] if not _is_missing(value)}
    number = name not in _TEXTS and all(not value_order(text)[0] for text in map(str, table[name]))
    few = 1 < len(values) <= _MOST_CHOICES and (not number or name in setting_columns(table))
    choices = tuple(sorted_values(values)) if few and name != "pareto" else ()
    help = _HELP.get(name, "")
    if name == "rank":
        help = help.format(next(iter(table["ranked_by"]), Ranking())) + "; ★ is the best" * bool(table["best"].any())
    heading = _HEADINGS.get(name, name.replace("_", " "))
    return Column(name, heading, help, number, choices, _example(table[name], number))


def _example(values: pd.Series, number: bool) -> str:
    """A filter that about half of the values pass; '' if there is none."""
    if not number:
        return "contains"
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    limit = float(f"{numbers.median():.2g}")
    return f"< {limit:g}" if numbers.min() < limit else ""


def _row(line: dict[str, Any], columns: list[Column], folder: Path) -> dict[str, Any]:
    image = line.get("image", "") if line.get("status") == "done" else ""
    clip = animation(image)
    return {
        "best": bool(line.get("best")),
        "front": bool(line.get("pareto")),
        "total": line["content_name"] == _ALL and "pairs" in line,
        "name": line.get("id", ""),
        "image": relative_link(image, folder) if image else "",
        "shown": relative_link(shown, folder) if (shown := viewable(image)) else "",
        "clip": relative_link(clip, folder) if clip else "",
        "cells": [_cell(column, line) for column in columns],
    }


def _cell(column: Column, line: dict[str, Any]) -> tuple[str, str, bool]:
    """(text, exact value if it differs, whether it is a number) of a cell."""
    value = line[column.name]
    if column.name == "pareto":
        return ("◆" if value else ""), "", False
    shown = _human(value) or (_NONE if value == "" and column.choices else "")
    rounded = isinstance(value, float) and shown != "" and float(shown) != value
    exact = str(value) if rounded or not column.number else ""  # a long text is truncated
    star = " ★" if column.name == "rank" and line["best"] else ""
    return shown + star, exact, column.number


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _human(value: Any) -> str:
    """A value as text; '' for a missing one."""
    if _is_missing(value):
        return ""
    return short_number(value) if isinstance(value, float) else str(value)
