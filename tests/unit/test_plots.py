"""nst.summaries.plots: every plot is a readable picture, whatever is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from nst.errors import NstError
from nst.summaries import plots
from nst.summaries.plots import all_plots, loss_curves
from nst.summaries.records import read_records
from PIL import Image
from synthetic import write_results


def test_all_plots_even_where_losses_are_missing(tmp_path: Path) -> None:
    grid = write_results(tmp_path, ["cat"], ["$wave"], {f"w{w}": {"style_weight": w} for w in (1, 10)})
    (tmp_path / "pairs/0/0/0/losses.csv").unlink()
    paths = all_plots(read_records(grid), tmp_path / "plots")
    assert [path.name for path in paths] == ["cat--$wave.png", "errors.png"]
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 300
            assert image.convert("L").getextrema()[0] < 60  # something is drawn


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


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {"plain": {}}))
    with pytest.raises(NstError, match=r"\.svg"):
        loss_curves(records, "one", tmp_path / "a.bmp")


def test_many_pairs_share_three_panels(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(5)], [f"s{j}" for j in range(5)]
    grid = write_results(tmp_path, *names, {"plain": {}})
    (tmp_path / "pairs/0/0/0/losses.csv").unlink()
    loss_curves(read_records(grid), "plain", tmp_path / "all.png")
    with Image.open(tmp_path / "all.png") as image:
        assert image.width < 2000 > image.height
        assert image.convert("L").getextrema()[0] < 60
