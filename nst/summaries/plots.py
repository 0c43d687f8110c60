"""Plots of losses, and of style error against content error."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nst import layout
from nst.errors import NstError
from nst.images.metadata import mark
from nst.io.files import replacing
from nst.settings import INEFFECTIVE
from nst.summaries.ranking import GROUP
from nst.summaries.records import TITLES, by_value, sheet_groups, sorted_values, together, value_title, varying

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

#: Colors by Okabe & Ito, which are distinguishable with color blindness.
PARTS = {"total": "#1b1d1f", "content": "#0072B2", "style": "#D55E00", "tv": "#009E73", "photo": "#CC79A7"}
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1b1d1f")
_MARKERS = "osD^vP<"

#: First digits that are labeled on a log scale between powers of ten, if the last value is below this many first ones.
_LABELED = ((4, "123456789"), (10, "23457"), (30, "235"), (500, "25"))

#: Maximum number of pairs with a panel each.
MOST_PANELS = 24
#: Maximum number of styles with a column each.
_MOST_COLUMNS = 6
#: Maximum number of fronts that have names.
_MOST_NAMED = 6

_INK, _MUTED = "#1b1d1f", "#6a6e73"
_RC = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": "#c9c9c6", "axes.labelcolor": _MUTED, "xtick.color": _MUTED, "ytick.color": _MUTED,
    "axes.grid": True, "grid.color": "#ececea", "grid.linewidth": 0.8, "axes.axisbelow": True,
    "legend.frameon": False,
}  # fmt: skip


def loss_curves(records: pd.DataFrame, title: str, out: Path) -> None:
    """Plot the losses of these pairs, a panel for each, with thin lines for the layers.

    More than MOST_PANELS pairs share three panels (total, content, style) with a line for each, and the median.
    """
    count = len(records)
    if count > MOST_PANELS:
        _overlaid(records, title, out)
        return
    records, across = _arranged(records)
    down = math.ceil(count / across)
    size = (7.4, 4.6) if count == 1 else (max(6.8, 3.2 * across), 2.4 * down + 1.0)
    figure, panels = _figure(down, across, size, title)
    for panel, (_, pair) in zip(panels, records.iterrows(), strict=False):
        parts = [part for part in PARTS if part != "tv" or float(pair["tv_weight"]) > 0]
        _curves(panel, Path(pair["folder"], layout.LOSSES), parts, detailed=count == 1)
        if count > 1:
            _title(panel, _distinct_title(records, pair), _INK)
    for position, panel in enumerate(panels):
        panel.set_visible(position < count)
        if position % across == 0:
            panel.set_ylabel("loss")
        if position + across >= count:
            panel.set_xlabel("iteration")
            panel.tick_params(labelbottom=True)
    _legend(figure, panels[:count])
    _save(figure, out)


def _arranged(records: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The pairs in the order of their panels, and the number of columns.

    Contents × styles are arranged as on a contact sheet; others are ordered by a swept value, in even rows.
    """
    contents, styles = records["content_name"].nunique(), records["style_name"].nunique()
    if contents > 1 and 1 < styles <= _MOST_COLUMNS and contents * styles == len(records):
        return together(records), styles
    return by_value(records), math.ceil(len(records) / math.ceil(len(records) / 4))


def errors(records: pd.DataFrame, out: Path) -> None:
    """Plot style error against content error of all pairs, a panel for each reference network.

    Pairs on the Pareto front of their content and style are filled and joined by a line. A content and style without a
    front, such as one with a single pair, is filled too.
    """
    measured = records[records["style_error"].notna()]
    has_front = measured.groupby(GROUP)["pareto"].transform("any")
    measured = measured.assign(beaten=has_front & ~measured["pareto"])
    column = _coloring(records)
    values = sorted_values(measured[column])
    references = sorted_values(measured["reference"])
    figure, panels = _figure(
        1, max(1, len(references)), (6.4 * max(1, len(references)) + 0.8, 5.2), "Style against content"
    )
    for panel, reference in zip(panels, references or [""], strict=True):
        chosen = measured[measured["reference"] == reference]
        _fronts(panel, chosen)
        _points(panel, chosen, column, values)
        if chosen["beaten"].any():
            panel.scatter([], [], s=34, facecolors="white", edgecolors=_MUTED, linewidths=1.2, label="not on a front")
        panel.set(xlabel="content error (lower is better)", ylabel="style error (lower is better)")
        _title(panel, f"reference network: {reference}" if reference else "no pair has metrics", _MUTED)
        if len(chosen):
            _scale(panel.set_xscale, panel.xaxis, chosen["content_error"])
            _scale(panel.set_yscale, panel.yaxis, chosen["style_error"])
    _legend(figure, panels)
    _save(figure, out)


def files_of_all(records: pd.DataFrame, folder: Path) -> list[Path]:
    """The files that `all_plots` writes: `losses/GROUP.png` for each group of `sheet_groups`, then `errors.png`."""
    return [*(folder / "losses" / f"{name}.png" for name, _, _ in sheet_groups(records)), folder / "errors.png"]


def all_plots(records: pd.DataFrame, folder: Path) -> list[Path]:
    """Write the losses of each group of `sheet_groups`, and the errors. Returns the paths, see `files_of_all`."""
    paths = files_of_all(records, folder)
    for (_, title, group), path in zip(sheet_groups(records), paths[:-1], strict=True):
        loss_curves(group, title, path)
    errors(records, paths[-1])
    return paths


def _figure(down: int, across: int, size: tuple[float, float], title: str) -> tuple[Figure, list[Axes]]:
    """A figure, and its panels in row order."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_RC):
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.02, hspace=0.04)
    figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold", color=_INK, parse_math=False)
    return figure, [panel for row in panels for panel in row]


def _save(figure: Figure, out: Path) -> None:
    import matplotlib as mpl

    if out.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise NstError(f"{out}: a plot is written as .png, .svg or .pdf; choose one of these suffixes")
    metadata = {"nst": mark("plot")} if out.suffix.lower() == ".png" else None
    with mpl.rc_context(_RC), replacing(out) as temporary:
        figure.savefig(temporary, dpi=144, metadata=metadata)


def _legend(figure: Figure, panels: list[Axes]) -> None:
    """Add one legend for all panels below them."""
    handles = {label: line for panel in panels for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    if 1 < len(handles) <= 24:
        inches = 0.6 + 0.075 * max(map(len, handles))  # width of the widest entry
        fitting = max(1, int(figure.get_figwidth() / inches))
        legend = figure.legend(
            handles.values(), handles.keys(), loc="outside lower left", ncols=min(6, len(handles), fitting),
            frameon=False, labelcolor=_MUTED, fontsize=9,
        )  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)


def _title(panel: Axes, words: str, color: str) -> None:
    """Set the title of a panel, without parsing `$` as a formula."""
    panel.set_title(words, loc="left", fontsize=9.5, color=color, parse_math=False)


def _scale(choose: Callable[..., None], axis: Axis, errors: pd.Series) -> None:
    """Use a log scale. If an error is 0, as for an unchanged content, it is linear below the smallest other error."""
    above = errors[errors > 0]
    if len(above) == len(errors):
        choose("log")
    else:
        choose("symlog", linthresh=above.min() if len(above) else 1.0)
    _plain_numbers(axis)


def _plain_numbers(axis: Axis) -> None:
    """Label a log scale with 0.01 instead of 10⁻², and also between powers of ten, the more the fewer there are."""

    def between(value: float, _: int | None) -> str:
        low, high = axis.get_view_interval()
        digits = next((digits for most, digits in _LABELED if high < most * low), "")
        return f"{value:g}" if f"{value:e}"[0] in digits else ""

    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(between)


def _distinct_title(records: pd.DataFrame, pair: pd.Series) -> str:
    """A short title that distinguishes this pair from the others."""
    words = " × ".join(pair[name] for name in TITLES[:2] if records[name].nunique() > 1)
    if records["settings_title"].nunique() > 1:
        varied = [name for name in varying(records) if name not in INEFFECTIVE]
        values = "  ·  ".join(value_title(name, pair[name]) for name in varied)
        words = " × ".join(filter(None, (words, values if 0 < len(varied) < 3 else pair["settings_title"])))
    words = words or pair["settings_title"]
    return words if len(words) <= 38 else words[:37] + "…"


def _overlaid(records: pd.DataFrame, title: str, out: Path) -> None:
    """Panels for total, content and style loss: a thin line for each pair, and the median."""
    import pandas as pd

    measured = [losses for folder in records["folder"] if (losses := _losses(Path(folder, layout.LOSSES))) is not None]
    figure, panels = _figure(1, 3, (11.5, 4.2), f"{title}: {len(measured):,} pairs")
    for panel, part in zip(panels, ("total", "content", "style"), strict=True):
        _title(panel, part, _INK)
        lines = pd.DataFrame(dict(enumerate(losses[part] for losses in measured if part in losses)))
        if lines.notna().any(axis=None):
            panel.set_yscale("log")
            _plain_numbers(panel.yaxis)
            panel.plot(lines, color=PARTS[part], linewidth=0.6, alpha=max(0.03, min(0.4, 12 / len(records))))
            panel.plot(lines.median(axis=1), color=PARTS[part], linewidth=2.2)
        panel.set_xlabel("iteration")
    panels[0].set_ylabel("loss")
    _save(figure, out)


def _losses(path: Path) -> pd.DataFrame | None:
    """The losses of a pair by iteration; None if the file is missing, damaged or without a row."""
    import pandas as pd

    try:
        losses = pd.read_csv(path).astype(float).set_index("iteration")
    except (OSError, ValueError, LookupError):
        return None
    return None if losses.empty else losses.where(losses > 0)  # a log scale has no 0 (a loss with weight 0)


def _curves(panel: Axes, path: Path, parts: list[str], *, detailed: bool) -> None:
    """Plot losses of one pair; `detailed` adds the names of the layers."""
    losses = _losses(path)
    if losses is None:
        panel.text(0.5, 0.5, "no losses", transform=panel.transAxes, ha="center", va="center", color=_MUTED)
        return
    panel.set_yscale("log")
    _plain_numbers(panel.yaxis)
    layers = [name for name in losses if name.partition(":")[0] in PARTS and ":" in name]
    for name in layers:
        part = name.partition(":")[0]
        several = sum(other.startswith(f"{part}:") for other in layers) > 1  # one has the line of its part
        label = f"{part} of each layer" if several else None
        panel.plot(losses[name], color=PARTS[part], linewidth=0.7, alpha=0.45, label=label)
    for part in parts:
        if part in losses and losses[part].notna().any():
            panel.plot(losses[part], color=PARTS[part], linewidth=1.8, label=part)
    if detailed:
        _name_ends(panel, losses[layers])


def _name_ends(panel: Axes, layers: pd.DataFrame) -> None:
    """Write the name of each layer at the right end of its line, without overlaps."""
    ends = layers.ffill().iloc[-1].dropna().sort_values()
    low, high = (math.log10(limit) for limit in panel.get_ylim())
    heights, least = [], -1.0
    for value in ends:
        least = max((math.log10(value) - low) / (high - low), least + 0.045)
        heights.append(least)
    for name, height in zip(ends.index, heights, strict=True):
        part, _, layer = str(name).partition(":")
        panel.text(1.01, height, layer, transform=panel.transAxes, color=PARTS[part], fontsize=7.5, va="center")


def _coloring(records: pd.DataFrame) -> str:
    """The column that determines the colors: the first with several values, but not too many for a legend.

    Where several settings vary, the names of their choices come first.
    """
    varied = [name for name in varying(records) if name not in INEFFECTIVE]
    candidates = [*varied, *reversed(TITLES)] if len(varied) < 2 else [*reversed(TITLES), *varied]
    return next((name for name in candidates if 1 < records[name].nunique() <= len(_PALETTE)), "status")


def _points(panel: Axes, measured: pd.DataFrame, column: str, values: list[str]) -> None:
    """Draw the pairs of a panel, in a color for each of the values, which are those of all panels."""
    for i, value in enumerate(values):
        points = measured[measured[column] == value]
        color = _PALETTE[i % len(_PALETTE)]
        style = {"marker": _MARKERS[i % len(_MARKERS)], "s": 34, "edgecolors": color, "linewidths": 1.2, "zorder": 3}
        beaten, front = points[points["beaten"]], points[~points["beaten"]]
        name = value if column in TITLES else value_title(column, value)
        if column == "status":  # of one value
            name = "on a front" + ", or alone" * (not front["pareto"].all())
        panel.scatter(beaten["content_error"], beaten["style_error"], facecolors="white", alpha=0.8, **style)
        panel.scatter(front["content_error"], front["style_error"], facecolors=color, label=name, **style)


def _fronts(panel: Axes, measured: pd.DataFrame) -> None:
    """Join the pairs of each front, and name the contents and styles if there are few."""
    fronts = [group.sort_values("content_error") for _, group in measured[~measured["beaten"]].groupby(GROUP)]
    for line in fronts:
        if line["pareto"].sum() > 1:
            look = {"color": "#b9bcc0", "linewidth": 0.8, "zorder": 1}
            panel.plot(line["content_error"], line["style_error"], label="Pareto front of a content and style", **look)
        if 1 < len(fronts) <= _MOST_NAMED:
            first = line.iloc[0]
            name = " × ".join(first[title] for title in TITLES[:2] if measured[title].nunique() > 1)
            panel.annotate(
                name, (first["content_error"], first["style_error"]), (6, 4), textcoords="offset points",
                fontsize=8, color=_MUTED, parse_math=False,
            )  # fmt: skip
