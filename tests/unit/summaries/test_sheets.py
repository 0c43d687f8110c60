"""nst.summaries.sheets: each image stands where it should, at every size of grid."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from nst.cli import main
from nst.errors import NstError
from nst.summaries.drawing import (
    LARGEST,
    MAX_PIXELS,
    MAX_SIDE,
    SMALLEST,
    Cell,
    Layout,
    _Sheet,
    picture_side,
    shortened,
)
from nst.summaries.records import read_records, sheet_groups
from nst.summaries.sheets import all_sheets, matrix_sheet, snapshot_sheet, sweep_sheet
from synthetic import color, write_results

#: The gray of a box where an image is missing.
EMPTY = (0xF1, 0xF1, 0xEF)
SWEEP = {f"w{w}": {"style_weight": w} for w in (100, 1, 10)}


def grid(root: Path, contents: int, styles: int, settings: dict[str, dict[str, object]]) -> pd.DataFrame:
    names = [f"content-{i}" for i in range(contents)], [f"style-{j}" for j in range(styles)]
    return read_records(write_results(root, *names, settings))


def boxes(path: Path, colors: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """The center of the area of each flat color, which must be a filled rectangle."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    centers = []
    for wanted in colors:
        y, x = np.nonzero((pixels == wanted).all(axis=2))
        assert len(y), f"nothing of {wanted}"
        assert len(y) == (np.ptp(y) + 1) * (np.ptp(x) + 1)
        centers.append((int(x.mean()), int(y.mean())))
    return centers


def test_matrix_has_contents_down_and_styles_across(tmp_path: Path) -> None:
    matrix_sheet(grid(tmp_path, 2, 3, {"plain": {}}), tmp_path / "sheet.png")
    inputs = [(0, 0, 15), (0, 0, 55), (0, 15, 0), (0, 55, 0), (0, 95, 0)]
    c0, c1, s0, s1, s2 = boxes(tmp_path / "sheet.png", inputs)
    results = boxes(tmp_path / "sheet.png", [color(i, j, 0) for i in range(2) for j in range(3)])
    for place, (i, j) in zip(results, [(i, j) for i in range(2) for j in range(3)], strict=True):
        assert place[0] == pytest.approx((s0, s1, s2)[j][0], abs=1)
        assert place[1] == pytest.approx((c0, c1)[i][1], abs=1)


def test_pairs_of_one_name_say_what_they_have_of_their_own(tmp_path: Path) -> None:
    records = grid(tmp_path, 1, 2, {"table": {}})
    matrix_sheet(records, tmp_path / "same.png")
    records.loc[1, "style_weight"] = "1e7"
    matrix_sheet(records, tmp_path / "own.png")
    with Image.open(tmp_path / "same.png") as same, Image.open(tmp_path / "own.png") as own:
        changed = np.asarray(own) != np.asarray(same)
    assert changed[-200:].any()  # a line beneath each image


def test_sweep_is_a_row_by_value(tmp_path: Path) -> None:
    sweep_sheet(grid(tmp_path, 1, 1, SWEEP), tmp_path / "sheet.png")
    at100, at1, at10 = boxes(tmp_path / "sheet.png", [color(0, 0, k) for k in range(3)])
    assert at1[0] < at10[0] < at100[0]
    assert at1[1] == at10[1] == at100[1]


@pytest.mark.parametrize(("contents", "styles"), [(1, 40), (40, 1)])
def test_a_long_row_or_column_is_wrapped(tmp_path: Path, contents: int, styles: int) -> None:
    """With the name of its style or content below each result."""
    records = grid(tmp_path, contents, styles, {"plain": {}})
    matrix_sheet(records, tmp_path / "sheet.png", tmp_path / "sheet.html")
    with Image.open(tmp_path / "sheet.png") as image:
        assert max(image.size) < 2 * min(image.size)
        assert image.width * image.height <= MAX_PIXELS
    page = (tmp_path / "sheet.html").read_text()
    linked = [(tmp_path / unquote(src)).resolve() for src in re.findall(r'src="([^"]*)"', page)]
    inputs = [Path(records["content" if contents == 1 else "style"][0]), *map(Path, records["image"])]
    assert sorted(linked) == sorted(path.resolve() for path in inputs)
    named = "style" if contents == 1 else "content"
    assert set(re.findall(r'class="label">([a-z]+-\d+)<', page)) >= {f"{named}-{number}" for number in range(40)}


def test_the_title_of_a_huge_sheet_has_a_limit() -> None:
    row = [Cell("", "x")] * 500
    sheet = _Sheet(Layout("title", "", [row, row], inputs=(1, 1)))
    assert sheet.title_size == 72
    assert sheet.image.height < 400


def test_two_settings_make_a_matrix(tmp_path: Path) -> None:
    settings = {f"{s}-{w}": {"size": s, "style_weight": w} for s in (256, 512) for w in (1, 10, 100)}
    sweep_sheet(grid(tmp_path, 1, 1, settings), tmp_path / "sheet.png")
    places = boxes(tmp_path / "sheet.png", [color(0, 0, k) for k in range(6)])
    assert len({y for _, y in places[:3]}) == len({y for _, y in places[3:]}) == 1
    assert places[0][1] < places[3][1]
    assert [x for x, _ in places[:3]] == [x for x, _ in places[3:]]


def test_missing_and_broken_pictures_leave_a_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As large as an image, where that would be, with what is wrong; the image that is there is drawn."""
    written: list[str] = []
    draw_text = ImageDraw.ImageDraw.text

    def recorded(pen: ImageDraw.ImageDraw, at: tuple[int, int], words: str, *more: object, **how: object) -> None:
        written.append(words)
        draw_text(pen, at, words, *more, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", recorded)
    grid(tmp_path, 1, 3, {"plain": {}})
    (tmp_path / "pairs/0/0/0/run.json").unlink()
    (tmp_path / "pairs/0/1/0/image.png").write_bytes(b"no image")
    records = read_records(tmp_path / "grid.csv")
    matrix_sheet(records, tmp_path / "sheet.png")
    assert {"missing", "unreadable"} <= set(written)
    left, middle, right = boxes(tmp_path / "sheet.png", [(0, 15, 0), (0, 55, 0), (0, 95, 0)])
    [shown] = boxes(tmp_path / "sheet.png", [color(0, 2, 0)])
    assert shown[0] == pytest.approx(right[0], abs=1)
    with Image.open(tmp_path / "sheet.png") as image:
        pixels = np.asarray(image)
        assert image.format == "PNG"
    empty = (pixels == EMPTY).all(axis=2)
    drawn = (pixels == color(0, 2, 0)).all(axis=2)
    for x, _ in (left, middle):
        box = empty[:, x - 40 : x + 40]
        assert box.sum() > 0.5 * drawn[:, shown[0] - 40 : shown[0] + 40].sum()  # but for the note in it
        assert np.nonzero(box.any(axis=1))[0].mean() == pytest.approx(shown[1], abs=2)
    assert not empty[:, right[0] - 40 : right[0] + 40].any()
    matrix_sheet(records, tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as image:
        assert (image.format, image.size) == ("JPEG", pixels.shape[1::-1])


def test_all_sheets(tmp_path: Path) -> None:
    records = grid(tmp_path, 1, 2, SWEEP)
    records = records[(records["style_name"] == "style-0") | (records["settings_name"] == "w10")]
    paths = all_sheets(records, tmp_path / "sheets")
    names = [path.relative_to(tmp_path / "sheets").as_posix() for path in paths]
    assert names == [f"{n}.{kind}" for n in ("w10", "sweeps/content-0--style-0") for kind in ("png", "html")]
    assert all(path.exists() for path in paths)


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NstError, match=r"\.png, \.jpg or \.html"):
        matrix_sheet(grid(tmp_path, 1, 1, {"plain": {}}), tmp_path / "a.gif")


def test_a_snapshot_sheet_shows_every_input(tmp_path: Path) -> None:
    records = grid(tmp_path, 1, 3, {"plain": {}})
    folder = Path(records["folder"][0])
    run = json.loads((folder / "run.json").read_text())
    contents, styles = records["content"][0], list(records["style"])
    run |= {"content": {"path": contents}, "style": [{"path": path, "weight": 0.5} for path in styles]}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "snapshots").mkdir()
    for n in range(1, 9):
        Image.new("RGB", (48, 36)).save(folder / "snapshots" / f"{n:06d}.png")
    snapshot_sheet(folder, tmp_path / "sheet.png")
    assert len(boxes(tmp_path / "sheet.png", [(0, 0, 15), (0, 15, 0), (0, 55, 0), (0, 95, 0)])) == 4
    run["style"] = [{"path": styles[number % 3], "weight": 1 / 60} for number in range(60)]
    (folder / "run.json").write_text(json.dumps(run))
    snapshot_sheet(folder, tmp_path / "sheet.png", tmp_path / "sheet.html")
    assert len(boxes(tmp_path / "sheet.png", [(0, 0, 15), (0, 15, 0)])) == 2
    assert "first of 60 styles" in (tmp_path / "sheet.html").read_text()


def test_pages_show_the_last_frame_of_what_browsers_cannot(tmp_path: Path) -> None:
    records = grid(tmp_path, 1, 1, {"plain": {}})
    image = Path(records["image"][0])
    frames = image.parent / "snapshots" / "frames"
    frames.mkdir(parents=True)
    for n in (0, 10):
        Image.new("RGB", (8, 6)).save(frames / f"{n:06d}.jpg")
    image.rename(image.with_suffix(".tif"))
    records["image"] = str(image.with_suffix(".tif"))
    matrix_sheet(records, tmp_path / "sheet.html")
    source = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert re.search(r'href="[^"]*image\.tif"><img [^>]*src="[^"]*frames/000010\.jpg"', source)


def test_page_has_each_result_with_its_animation(tmp_path: Path) -> None:
    records = grid(tmp_path, 2, 3, {"<b>plain": {}})
    animated = Path(records["image"][4]).with_name("animation.gif")
    Image.new("RGB", (8, 6)).save(animated)
    Path(records["image"][5]).with_name("run.json").unlink()
    records = read_records(tmp_path / "grid.csv")
    matrix_sheet(records, tmp_path / "sheets" / "a page.html")
    source = (tmp_path / "sheets" / "a page.html").read_text(encoding="utf-8")
    linked = [(tmp_path / "sheets" / unquote(src)).resolve() for src in re.findall(r'src="([^"]*)"', source)]
    contents, styles = (list(dict.fromkeys(records[name])) for name in ("content", "style"))
    results = list(records["image"])
    wanted = [*styles, contents[0], *results[:3], contents[1], results[3], results[4], animated]
    assert linked == [Path(path).resolve() for path in wanted]
    assert source.count("missing") == 1
    assert "<b>" not in source


@pytest.mark.parametrize("count", [1, 2, 5, 13, 21, 40])
def test_sheets_stay_in_bounds(count: int) -> None:
    side = picture_side(count, count)
    assert SMALLEST <= side <= LARGEST
    assert count * side * 1.2 <= MAX_SIDE
    assert (count * side) ** 2 <= MAX_PIXELS


def test_labels_are_cut_to_fit() -> None:
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert shortened("short", font, 500) == "short"
    cut = shortened("a very long name\nindeed", font, 100)
    assert cut.startswith("a v")
    assert "…" in cut
    assert cut.endswith("eed")
    assert font.getlength(cut) <= 100


def test_a_sheet_names_what_varies_in_the_rest_of_the_grid(tmp_path: Path) -> None:
    path = write_results(tmp_path, ["lake"], ["wave"], {"default": {}, "w2": {"style_weight": 2}})
    matrix_sheet(read_records(path, settings_name="default"), tmp_path / "sheet.html")
    assert "style_weight 16" in (tmp_path / "sheet.html").read_text()


def test_an_empty_value_is_called_none(tmp_path: Path) -> None:
    sweep_sheet(grid(tmp_path, 1, 1, {"all": {}, "sky": {"content_mask": "sky.png"}}), tmp_path / "sweep.html")
    labels = re.findall(r'class="label">(content_mask[^<]*)</div>', (tmp_path / "sweep.html").read_text())
    assert sorted(labels) == ["content_mask = none", "content_mask = sky.png"]


def test_a_sweep_marks_the_best(tmp_path: Path) -> None:
    records = grid(tmp_path, 1, 1, {f"i{count}": {"iterations": count} for count in (100, 300)})
    sweep_sheet(records, tmp_path / "sweep.html")
    marked = re.findall(r'class="label">([^<]*)</div>\s*<div class="detail">★', (tmp_path / "sweep.html").read_text())
    assert marked == [f"iterations = {records.loc[records['best'], 'iterations'].item()}"]
    matrix_sheet(records[records["best"]], tmp_path / "matrix.html")  # without the others, as the rule `sheet` draws it
    assert "★" not in (tmp_path / "matrix.html").read_text()


def test_a_sheet_is_titled_by_what_differs_in_the_rest_of_the_grid(tmp_path: Path) -> None:
    weights = {"size=160": 16, "style_weight=2+size=160": 2}
    settings = {name: {"style_weight": weight, "size": 160} for name, weight in weights.items()}
    records = grid(tmp_path, 2, 1, settings)
    assert [title for _, title, _ in sheet_groups(records)][:2] == ["style_weight 16", "style_weight 2"]
    all_sheets(records, tmp_path / "sheets")
    page = (tmp_path / "sheets/size=160.html").read_text()
    assert "<title>style_weight 16" in page
    assert page.count("size 160") == 1  # below the title
    [(_, title, _)] = sheet_groups(grid(tmp_path / "one", 2, 1, {"size=160": {"size": 160}}))
    assert title == "size=160"


def test_sheets_name_the_weights_but_not_what_does_not_change_the_image(tmp_path: Path) -> None:
    names = {"original": "oxford", "other": "torchvision"}
    settings = {name: {"weights": weights, "tile": 256 * len(weights)} for name, weights in names.items()}
    records = grid(tmp_path, 2, 1, settings)
    assert [title for _, title, _ in sheet_groups(records)][:2] == [
        "original  ·  weights oxford",
        "other  ·  weights torchvision",
    ]
    matrix_sheet(records[records["settings_name"] == "other"], tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text()
    assert "weights torchvision" in page
    assert not re.search(r"\btile\b", page)


def test_the_best_is_by_the_chosen_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid_csv = write_results(tmp_path, ["lake"], ["wave"], SWEEP)
    for metric in ("style_error", "content_error"):
        options = ["--content", "lake", "--style", "wave", "--rank-by", metric, "-o", str(tmp_path / f"{metric}.html")]
        assert main(["sheet", str(grid_csv), *options]) == 0
        best = read_records(grid_csv).set_index("style_weight")[metric].idxmin()
        page = (tmp_path / f"{metric}.html").read_text()
        assert re.findall(r'class="label">style_weight = (\d+)</div>\s*<div class="detail">★', page) == [best]
        assert f"★ is the best by {metric}" in page


def test_sheets_tell_the_weight_that_auto_has_found(tmp_path: Path) -> None:
    records = grid(tmp_path, 1, 1, {"auto": {"style_weight": "auto"}, "w2": {"style_weight": 2}})
    records.loc[0, "final_style_weight"] = 5.30712
    sweep_sheet(records, tmp_path / "sweep.html")
    text = (tmp_path / "sweep.html").read_text()
    assert "style_weight = auto (5.31)" in text
    assert "style_weight = 2<" in text
    matrix_sheet(records[:1], tmp_path / "matrix.html")
    assert "style_weight 5.31" in (tmp_path / "matrix.html").read_text()
    sizes = {f"{size}": {"style_weight": "auto", "size": size} for size in (256, 512)}
    crossed = grid(tmp_path / "crossed", 1, 1, sizes | {f"{size}-2": {"size": size} for size in (256, 512)})
    crossed["final_style_weight"] = [1.5, 2.5, 16, 16]
    sweep_sheet(crossed, tmp_path / "crossed.html")
    text = (tmp_path / "crossed.html").read_text()
    assert "style_weight 1.5" in text
    assert "style_weight 16<" not in text


@pytest.mark.parametrize("style", ["a.png:0.5+b.png:0.5", "black+white.png", "a.png"])
def test_a_style_of_several_images_names_the_one_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("black+white.png")
    records = grid(tmp_path, 1, 1, {"plain": {}})
    records["style"] = style
    matrix_sheet(records, tmp_path / "sheet.html")
    assert ("shown: " in (tmp_path / "sheet.html").read_text()) == (":" in style)


def test_a_run_that_ended_before_its_first_snapshot_shows_its_image(tmp_path: Path) -> None:
    records = grid(tmp_path, 1, 1, {"plain": {}})
    folder = Path(records["folder"][0])
    run = json.loads((folder / "run.json").read_text())
    run |= {"content": {"path": records["content"][0]}, "style": [{"path": records["style"][0], "weight": 1.0}]}
    run["settings"]["snapshot_interval"] = 0
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "losses.csv").write_text(f"iteration,content,style\n{run['iterations_run']},1,2\n")
    with pytest.raises(NstError, match="has no snapshots"):
        snapshot_sheet(folder, tmp_path / "sheet.html")
    run["settings"]["snapshot_interval"] = run["iterations_run"] + 1
    (folder / "run.json").write_text(json.dumps(run))
    snapshot_sheet(folder, tmp_path / "sheet.html")
    assert f"iteration {run['iterations_run']}" in (tmp_path / "sheet.html").read_text()
