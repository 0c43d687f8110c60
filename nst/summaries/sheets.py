"""Contact sheets: the results of a grid side by side, as in the figures of papers."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst import layout
from nst.errors import NstError
from nst.grid import names
from nst.settings import INEFFECTIVE, defaults, text
from nst.summaries.drawing import Cell, Layout, draw_sheet
from nst.summaries.records import (
    animation,
    by_value,
    content_picture,
    found_weight,
    group_title,
    setting_columns,
    sheet_groups,
    short_number,
    sorted_values,
    style_paths,
    style_picture,
    value_title,
    varying,
)

if TYPE_CHECKING:
    import pandas as pd

Rows = list[list[Cell | None]]
_MOST_IN_ROW = 6  # longer sweeps are wrapped
_MOST_IN_LINE = 36  # a longer matrix of one content or style is wrapped: its images would be too small for captions


def matrix_sheet(records: pd.DataFrame, *outs: Path) -> None:
    """Draw contents × styles of pairs with the same settings: contents at the left, styles at the top.

    If a single content or style has many others, the results are wrapped, and the others are named but not shown.
    """
    records = records.assign(best=False)  # the others of a sweep are on other sheets
    wrap = min(records["content"].nunique(), records["style"].nunique()) == 1 and len(records) > _MOST_IN_LINE
    rows, inputs = (_line(records), (0, 1)) if wrap else (_matrix(records), (1, 1))
    title = group_title(records)
    _write(Layout(title, _described(records, title), rows, inputs, footer=_legend(records)), outs)


def _matrix(records: pd.DataFrame) -> Rows:
    """The contents at the left, the styles at the top, and the results between them."""
    contents, styles = records.drop_duplicates("content"), records.drop_duplicates("style")
    pairs = {(pair.content, pair.style): pair for pair in records.itertuples()}
    varied = varying(records)  # pairs with the same settings_name may differ in settings
    rows: Rows = [[None, *map(_style, styles.itertuples())]]
    for content in contents.itertuples():
        results = [pairs.get((content.content, style)) for style in styles["style"]]
        rows.append([_content(content), *(pair and _result(pair, _values(pair, varied)) for pair in results)])
    return rows


def _line(records: pd.DataFrame) -> Rows:
    """The single content or style at the left of the results, which are named by the others."""
    first, varied = next(records.itertuples()), varying(records)
    of_content = records["content"].nunique() == 1
    titles = records["style_title" if of_content else "content_title"]
    pairs = zip(records.itertuples(), titles, strict=True)
    results = [_result(pair, _joined(title, _values(pair, varied))) for pair, title in pairs]
    return _beside([_content(first) if of_content else _style(first)], _wrapped(results))[0]


def sweep_sheet(records: pd.DataFrame, *outs: Path) -> None:
    """Draw one content and style with all settings: a row if one setting varies, a matrix if two do, else a list."""
    first = next(records.itertuples())
    inputs = [_content(first), _style(first)]
    varied = varying(records)
    crossed = _crossed(records, varied) if len(varied) == 2 else None
    if crossed:
        heads, sides, results = crossed
    else:
        heads, sides, results = [], [], _wrapped(_labeled(by_value(records), varied))
    rows, columns = _beside(inputs, results)
    title = f"{first.content_title} × {first.style_title}"
    _write(Layout(title, _described(records), rows, (0, columns), heads, sides, _legend(records)), outs)


def _content(line: Any) -> Cell:
    """The content of a pair."""
    return Cell(content_picture(line._asdict()), line.content_title)


def _style(line: Any) -> Cell:
    """The style of a pair. Of a blend or a mean the first image is shown, and named."""
    picture = style_picture(line._asdict())
    several = len(style_paths(line.style)) > 1
    return Cell(picture, line.style_title, f"shown: {names.stem(picture)}" if several else "")


def snapshot_sheet(folder: Path, *outs: Path) -> None:
    """Draw the snapshots of one pair, each with the losses of its iteration.

    A run that ended before its first snapshot has the finished image instead. Raises NstError if snapshots were off.
    """
    pictures = sorted(path for path in (folder / layout.SNAPSHOTS).glob("*.*") if path.stem.isdigit())
    try:
        run = json.loads((folder / layout.RUN).read_bytes())
        with (folder / layout.LOSSES).open(newline="") as file:
            losses = {int(row["iteration"]): row for row in csv.DictReader(file)}
        by_iteration = {int(path.stem): str(path) for path in pictures}
        if not pictures and run["iterations_run"] < run["settings"]["snapshot_interval"]:  # ended by `tolerance`
            [by_iteration[run["iterations_run"]]] = finished_image(folder)
        cells = [_snapshot_cell(picture, number, losses[number]) for number, picture in by_iteration.items()]
        inputs = [Cell(run["content"]["path"], "content"), *_style_cells(run)]
        title = _titled(run) or folder.name
    except (OSError, ValueError, LookupError, TypeError):
        raise NstError(
            f"{folder}: run.json or losses.csv is missing or damaged; give the folder of a stylized pair"
        ) from None
    if not cells:
        raise NstError(f"{folder}: has no snapshots; stylize the pair with a `snapshot_interval` above 0")
    rows, columns = _beside(inputs, _wrapped(cells))
    footer = "below each snapshot: style loss · content loss of its iteration"
    _write(Layout(title, "snapshots", rows, (0, columns), footer=footer), outs)


def _style_cells(run: dict[str, Any]) -> list[Cell]:
    """The styles of a pair; of many, the first and their number."""
    paths = [style["path"] for style in run["style"]]
    if len(paths) <= names.MOST_LISTED:
        return [Cell(path, "style") for path in paths]
    return [Cell(paths[0], f"first of {len(paths)} styles")]


def _titled(run: dict[str, Any]) -> str:
    """The title of a pair."""
    content, _, rest = str(run["id"] or "").partition("/")
    style, _, settings = rest.partition("/")
    styles = tuple((each["path"], each["weight"]) for each in run["style"])
    shown = (
        names.title(names.stem(run["content"]["path"]), content),
        names.title(names.blend_name(styles), style),
        settings,
    )
    return " × ".join(part for part in shown if part)


def _write(layout: Layout, outs: Sequence[Path]) -> None:
    for out in outs:
        draw_sheet(layout, out)


def finished_image(folder: Path) -> list[str]:
    """The finished image of a pair's folder: in it, or at the path in its record; [] without one."""
    if inside := [str(folder / name) for name in layout.IMAGES if (folder / name).exists()]:
        return inside[:1]
    try:
        return [str(json.loads((folder / layout.RUN).read_bytes())["output"]["path"])]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _snapshot_cell(picture: str, iteration: int, losses: dict[str, str]) -> Cell:
    detail = f"{short_number(float(losses['style']))}  ·  {short_number(float(losses['content']))}"
    return Cell(picture, f"iteration {iteration}", detail)


def files_of_all(records: pd.DataFrame, folder: Path) -> list[Path]:
    """The files that `all_sheets` writes: a PNG and an HTML file for each group of `sheet_groups`."""
    return [folder / f"{name}{suffix}" for name, _, _ in sheet_groups(records) for suffix in (".png", ".html")]


def all_sheets(records: pd.DataFrame, folder: Path) -> list[Path]:
    """Write a sheet for each group of `sheet_groups`, as PNG and as HTML with animations. Returns the paths."""
    paths = files_of_all(records, folder)
    for (name, _, group), *outs in zip(sheet_groups(records), paths[::2], paths[1::2], strict=True):
        draw = sweep_sheet if name.startswith("sweeps/") else matrix_sheet
        draw(group, *outs)
    return paths


def _result(pair: Any, label: str = "") -> Cell:
    if pair.status != "done":
        return Cell(label=label, note=pair.status)
    errors = [pair.style_error, pair.content_error]
    detail = "" if any(map(math.isnan, errors)) else "★ " * pair.best + "  ·  ".join(map(short_number, errors))
    return Cell(pair.image, label, detail, clip=animation(pair.image))


def _joined(*words: str) -> str:
    return "  ·  ".join(filter(None, words))


def _values(pair: Any, varied: list[str]) -> str:
    """The values of the varying settings of a pair, and the weight that `auto` found for it."""
    values = [_shown(pair, name) or "none" for name in varied]
    if "style_weight" not in varied and (found := found_weight(pair.style_weight, pair.final_style_weight)):
        values.append(f"style_weight {found}")
    return _joined(*values)


def _shown(pair: Any, name: str) -> str:
    """The value of a setting, as text; `auto (5.3)` for a style weight that was found."""
    value = str(getattr(pair, name))
    found = found_weight(value, pair.final_style_weight) if name == "style_weight" else ""
    return f"{value} ({found})" if found else value


def _legend(records: pd.DataFrame) -> str:
    references = sorted_values(records.loc[records["reference"] != "", "reference"])
    meaning = "below each result: style error · content error, lower is better"
    if records["best"].any():
        meaning += f"; ★ is the best by {records['ranked_by'].iloc[0]}"
    if len(references) > 1:
        return (
            f"{meaning}; by {' or '.join(references)}, whose errors are not comparable (the tables list the reference)"
        )
    return f"{meaning} ({references[0]})" if references else ""


def _described(records: pd.DataFrame, title: str = "") -> str:
    """The settings that all pairs share, and that differ from the defaults or vary in the rest of the grid.

    Those in the title, such as size=192 or `size 192`, are left out.
    """
    irrelevant = INEFFECTIVE - {"preset"}
    same = [name for name in setting_columns(records) if records[name].nunique() == 1 and name not in irrelevant]
    values = [(name, records[name].iloc[0]) for name in same]
    shown = {"size", "iterations", *records.attrs.get("varied", ())}
    return "  ·  ".join(
        f"{name} {value}" for name, value in values
        if value and not re.search(rf"\b{name}[= ]", title)
        and (name in shown or value != text(getattr(defaults(), name)))
    )  # fmt: skip


def _crossed(records: pd.DataFrame, varied: list[str]) -> tuple[list[str], list[str], Rows] | None:
    """Column titles, row titles and results of two settings as a matrix; None if most cells would be empty."""
    down, across = sorted(varied, key=lambda name: records[name].nunique())
    rows, columns = sorted_values(records[down]), sorted_values(records[across])
    if len(records) * 2 < len(rows) * len(columns):
        return None
    cells = {
        (getattr(pair, down), getattr(pair, across)): _result(pair, _values(pair, [])) for pair in records.itertuples()
    }
    results = [[cells.get((row, column)) for column in columns] for row in rows]
    return [value_title(across, value) for value in columns], [value_title(down, value) for value in rows], results


def _labeled(records: pd.DataFrame, varied: list[str]) -> list[Cell]:
    """The results, labeled by the setting that varies; if several vary, with names."""
    if len(varied) != 1:
        labels = [_joined(pair.settings_title, _values(pair, [])) for pair in records.itertuples()]
        return [_result(pair, label) for pair, label in zip(records.itertuples(), labels, strict=True)]
    setting = varied[0]
    return [_result(pair, value_title(setting, _shown(pair, setting))) for pair in records.itertuples()]


def _wrapped(results: list[Cell]) -> Rows:
    """One row, or several of about equal length if there are many."""
    if len(results) <= _MOST_IN_ROW:
        return [[*results]]
    most = max(_MOST_IN_ROW, round((len(results) * 1.6) ** 0.5))
    width = math.ceil(len(results) / math.ceil(len(results) / most))
    return [[*results[i : i + width]] for i in range(0, len(results), width)]


def _beside(inputs: list[Cell], results: Rows) -> tuple[Rows, int]:
    """The rows with the inputs at the left, stacked if there are several rows; and the number of input columns."""
    if len(results) == 1:
        return [[*inputs, *results[0]]], len(inputs)
    column = [*inputs, *[None] * (len(results) - len(inputs))]
    results = [*results, *[[]] * (len(inputs) - len(results))]
    return [[cell, *row] for cell, row in zip(column, results, strict=True)], 1
