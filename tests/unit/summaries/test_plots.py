"""nst.summaries.plots: every plot is a readable image of its data, whatever is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from nst.errors import NstError
from nst.summaries import plots
from nst.summaries.plots import PARTS, all_plots, loss_curves
from nst.summaries.records import read_records
from synthetic import errors, write_results


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures that are saved, by their files' names."""
    figures: dict[str, Figure] = {}
    save = plots._save

    def keep(figure: Figure, out: Path) -> None:
        figures[out.name] = figure
        save(figure, out)

    monkeypatch.setattr(plots, "_save", keep)
    return figures


def curve(panel: Axes, label: str) -> np.ndarray:
    """The points of a panel's line, (points, 2)."""
    [line] = [line for line in panel.get_lines() if line.get_label() == label]
    return np.asarray(line.get_xydata())


def legend(figure: Figure) -> list[str]:
    """The texts of a figure's legend."""
    return [text.get_text() for box in figure.legends for text in box.get_texts()]


def ink(path: Path, wanted: str) -> int:
    """Pixels of a color in a picture."""
    with Image.open(path) as image:
        return int((np.asarray(image.convert("RGB")) == ImageColor.getrgb(wanted)).all(axis=2).sum())


def test_all_plots_even_where_losses_are_missing(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    grid = write_results(tmp_path, ["cat"], ["$wave"], {f"w{w}": {"style_weight": w} for w in (1, 10)})
    (tmp_path / "pairs/0/0/0/losses.csv").unlink()
    paths = all_plots(read_records(grid), tmp_path / "plots")
    assert [path.name for path in paths] == list(drawn) == ["cat--$wave.png", "errors.png"]
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 300

    without, curves = drawn["cat--$wave.png"].axes
    assert [text.get_text() for text in without.texts] == ["no losses"]
    assert not without.get_lines()
    losses = pd.read_csv(tmp_path / "pairs/0/0/1/losses.csv")
    for part in ("total", "content", "style"):
        np.testing.assert_allclose(curve(curves, part), losses[["iteration", part]])
        assert ink(paths[0], PARTS[part]) > 100
    assert {line.get_label() for line in curves.get_lines()}.isdisjoint({"tv"})  # which has no weight
    layers = [name for name in losses if ":" in name]
    assert len(curves.get_lines()) == 3 + len(layers)
    assert curves.get_yscale() == "log"

    [panel] = drawn["errors.png"].axes
    places = [place for group in panel.collections for place in np.asarray(group.get_offsets()).tolist()]
    assert sorted(places) == sorted([content, style] for style, content in (errors(0, 0, k) for k in range(2)))
    assert sum(ink(paths[1], color) for color in plots._PALETTE) > 50


def test_one_pair_has_its_layers_named(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    grid = write_results(tmp_path, ["cat"], ["wave"], {"plain": {"tv_weight": 1}})
    path = tmp_path / "pairs/0/0/0/losses.csv"
    losses = pd.read_csv(path)
    losses.assign(tv=0.5 + losses["iteration"], photo=2.0).to_csv(path, index=False)
    loss_curves(read_records(grid), "one", tmp_path / "one.png")
    [panel] = drawn["one.png"].axes
    layers = ["conv4_2", *(f"conv{block}_1" for block in range(1, 6))]
    assert sorted(text.get_text() for text in panel.texts) == sorted(layers)
    assert curve(panel, "tv")[:2].tolist() == [[0, 0.5], [1, 1.5]]
    assert curve(panel, "photo")[:2].tolist() == [[0, 2], [1, 2]]  # a column only with a photo_weight


def test_the_front_is_joined_and_the_beaten_are_hollow(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {f"w{w}": {"style_weight": w} for w in range(3)}))
    records.loc[1, ["content_error", "style_error"]] = 0.9, 0.9
    records["pareto"] = [True, False, True]
    plots.errors(records, tmp_path / "errors.png")
    [panel] = drawn["errors.png"].axes
    [front] = panel.get_lines()
    pairs = records.loc[[0, 2], ["content_error", "style_error"]].to_numpy()
    np.testing.assert_allclose(front.get_xydata(), pairs[pairs[:, 0].argsort()])
    hollow = [
        group.get_offsets().tolist() for group in panel.collections
        if len(group.get_offsets()) and (group.get_facecolors()[:, :3] == 1).all()
    ]  # fmt: skip
    assert hollow == [[[0.9, 0.9]]]


def test_fronts_have_names_if_there_are_several(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    records = read_records(write_results(tmp_path, ["cat", "dog"], ["wave"], {"a": {"size": 8}, "b": {"size": 9}}))
    records["pareto"] = True
    plots.errors(records, tmp_path / "errors.png")
    [panel] = drawn["errors.png"].axes
    assert {text.get_text() for text in panel.texts} == {"cat", "dog"}


def test_single_images_have_names_and_no_line(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    plots.errors(
        read_records(write_results(tmp_path, ["cat", "dog"], ["wave"], {"a": {}})), tmp_path / "errors.png"
    )  # fmt: skip
    [panel] = drawn["errors.png"].axes
    assert {text.get_text() for text in panel.texts} == {"cat", "dog"}
    assert not panel.lines
    assert "not on a front" not in legend(drawn["errors.png"])


@pytest.mark.parametrize("zero", [1, 2, 5])
def test_errors_of_0_and_long_legends_are_in_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder, zero: int
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda figure, out: drawn.append(figure))
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {f"w{w}": {"style_weight": w} for w in range(5)}))
    records.loc[: zero - 1, "content_error"] = 0.0
    records["pareto"], records["style_weight"] = True, [f"{w}.00000000000000000001" for w in range(5)]
    plots.errors(records, tmp_path / "errors.png")
    [figure] = drawn
    figure.draw_without_rendering()
    [legend], [panel] = figure.legends, figure.axes
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    points = [group.get_offset_transform().transform(group.get_offsets()) for group in panel.collections]
    places = [place for group in points for place in group]
    assert len(places) == len(records)
    assert all(panel.bbox.contains(*place) for place in places)
    assert not recwarn.list


def test_panels_of_a_sweep_are_ordered_by_value(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    grid = write_results(tmp_path, ["cat"], ["wave"], {f"w{w}": {"style_weight": w} for w in (8, 100, 20)})
    loss_curves(read_records(grid), "sweep", tmp_path / "sweep.png")
    titles = [panel.get_title(loc="left") for panel in drawn["sweep.png"].axes]
    assert titles == [f"style_weight = {w}" for w in (8, 20, 100)]


@pytest.mark.parametrize(
    ("contents", "styles", "pairs", "columns", "rows"),
    [(5, 3, 15, 3, 5), (3, 5, 15, 5, 3), (2, 7, 14, 4, 4), (1, 5, 5, 3, 2), (5, 1, 5, 3, 2), (3, 3, 8, 4, 2)],
)
def test_panels_are_arranged_as_on_a_sheet_or_in_even_rows(
    tmp_path: Path, drawn: dict[str, Figure], contents: int, styles: int, pairs: int, columns: int, rows: int
) -> None:
    names = [[f"{kind}{i}" for i in range(count)] for kind, count in (("c", contents), ("s", styles))]
    records = read_records(write_results(tmp_path, *names, {"plain": {}}))
    records = records.sort_values("style_name", kind="stable").head(pairs)  # a manifest may have any order
    loss_curves(records, "grid", tmp_path / "grid.png")
    panels = drawn["grid.png"].axes
    grid = panels[0].get_subplotspec().get_gridspec()
    assert (grid.ncols, grid.nrows) == (columns, rows)
    if (columns, rows) == (styles, contents):
        titles = [panel.get_title(loc="left") for panel in panels]
        assert titles == [f"{content} × {style}" for content in names[0] for style in names[1]]


def test_plots_tell_weights_apart_but_not_what_does_not_change_the_image(
    tmp_path: Path, drawn: dict[str, Figure]
) -> None:
    settings = {name: {"weights": name, "tile": 256 * len(name)} for name in ("oxford", "torchvision")}
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], settings))
    loss_curves(records, "sweep", tmp_path / "sweep.png")
    titles = [panel.get_title(loc="left") for panel in drawn["sweep.png"].axes]
    assert titles == ["weights = oxford", "weights = torchvision"]
    plots.errors(records, tmp_path / "errors.png")
    assert set(titles) < set(legend(drawn["errors.png"]))


def test_without_colors_the_legend_is_of_the_front(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {f"w{w}": {"style_weight": w} for w in range(9)}))
    records["pareto"] = [True] * 8 + [False]
    plots.errors(records, tmp_path / "errors.png")
    assert legend(drawn["errors.png"]) == ["Pareto front of a content and style", "on a front", "not on a front"]


def test_a_value_has_one_color_in_all_panels(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {f"w{w}": {"style_weight": w} for w in (1, 2)}))
    records["reference"], records["pareto"] = ["lite", "vgg19"], True
    plots.errors(records, tmp_path / "errors.png")
    panels = drawn["errors.png"].axes
    assert [panel.get_title(loc="left") for panel in panels] == ["reference network: lite", "reference network: vgg19"]
    shown = [[group for group in panel.collections if len(group.get_offsets())] for panel in panels]
    assert [group.get_label() for [group] in shown] == ["style_weight = 1", "style_weight = 2"]
    assert shown[0][0].get_facecolors().tolist() != shown[1][0].get_facecolors().tolist()


def test_an_empty_table_has_no_losses(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {"plain": {}}))
    path = tmp_path / "pairs/0/0/0/losses.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    loss_curves(records, "one", tmp_path / "one.png")
    [panel] = drawn["one.png"].axes
    assert [text.get_text() for text in panel.texts] == ["no losses"]


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {"plain": {}}))
    with pytest.raises(NstError, match=r"\.svg"):
        loss_curves(records, "one", tmp_path / "a.bmp")


def test_many_pairs_share_three_panels(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    names = [f"c{i}" for i in range(5)], [f"s{j}" for j in range(5)]
    grid = write_results(tmp_path, *names, {"plain": {}})
    (tmp_path / "pairs/0/0/0/losses.csv").unlink()
    loss_curves(read_records(grid), "plain", tmp_path / "all.png")
    with Image.open(tmp_path / "all.png") as image:
        assert image.width < 2000 > image.height
    paths = sorted(tmp_path.glob("pairs/*/*/0/losses.csv"))
    losses = [pd.read_csv(path).set_index("iteration") for path in paths]
    assert len(losses) == 24
    panels = drawn["all.png"].axes
    assert [panel.get_title(loc="left") for panel in panels] == ["total", "content", "style"]
    for panel, part in zip(panels, ("total", "content", "style"), strict=True):
        of_pairs = np.stack([each[part] for each in losses], 1)
        *thin, median = [np.asarray(line.get_ydata()) for line in panel.get_lines()]
        np.testing.assert_allclose(np.stack(thin, 1), of_pairs)
        np.testing.assert_allclose(median, np.median(of_pairs, 1))
        assert ink(tmp_path / "all.png", PARTS[part]) > 100
