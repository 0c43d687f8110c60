"""The gallery: what is written, for whom, and what is not made twice. How it looks is tested in tests/browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nst.errors import NstError
from nst.images import picture_size
from nst.settings.metrics import RANKED, SCORE
from nst.summaries.gallery import write_gallery
from nst.summaries.gallery_folders import script
from nst.summaries.ranking import KEEPS_COLORS
from nst.summaries.records import read_records
from synthetic import write_results

HOSTILE = "<img src=x onerror=alert(1)>"
SETTINGS = {f"w{w}": {"style_weight": w, "size": 256} for w in (1, 10)}


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results", ["cat", HOSTILE], ["wave", "</script>"], SETTINGS, size=(2000, 500))


def gallery(grid: Path, folder: Path, work: Path | None = None) -> dict:
    """The data of the gallery that is written."""
    assert write_gallery(read_records(grid), grid, folder, work=work) == folder / "index.html"
    return data_of(folder)


def data_of(folder: Path) -> dict:
    text = (folder / "data.js").read_text()
    return json.loads(text.removeprefix("gallery.data(").removesuffix(");\n"))


def files_and_times(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*.webp")}


def test_every_pair_is_there_with_its_pictures_in_two_sizes(grid, tmp_path):
    data = gallery(grid, tmp_path / "gallery")
    assert len(data["pairs"]) == 8
    assert data["settings"] == ["style_weight"]
    assert data["options"] == [["1", "10"]]
    assert {pair["status"] for pair in data["pairs"]} == {"done"}
    for pair in data["pairs"]:
        folder = tmp_path / "gallery/pairs" / pair["key"]
        assert picture_size(folder / "small.webp") == (320, 80) == (pair["width"], pair["height"])
        assert picture_size(folder / "large.webp") == (1600, 400)
        assert pair["whole"] == "image.png"  # which is larger
        assert (folder / "image.png").samefile(grid.parent / "pairs" / next_image(grid, pair["id"]))
        known = (folder / "pair.js").read_text()
        assert known.startswith(f'gallery.pair("{pair["key"]}", {{')
        shown = json.loads(known.partition(", ")[2].removesuffix(");\n"))
        assert shown["losses"]["iteration"][0] == 0
        assert shown["losses"]["iteration"][-1] == 199
        assert len({len(column) for column in shown["losses"].values()}) == 1
    assert [edge["width"] for edge in data["contents"] + data["styles"]] == [48, 48, 30, 30]


def test_what_is_the_preset_said_otherwise_is_no_choice(tmp_path):
    values = {"draft": ("lite", 60), "tutorial": ("vgg19", 300), "artistyle": ("vgg19", 100)}
    presets = {
        f"{preset}{size}": {"preset": preset, "network": network, "iterations": iterations, "size": size, "tile": size}
        for preset, (network, iterations) in values.items()
        for size in (64, 96)
    }
    grid = write_results(tmp_path / "results", ["cat"], ["wave"], presets)
    data = gallery(grid, tmp_path / "gallery")
    assert data["settings"] == ["preset", "network", "size"]  # three iterations for three presets; tiles are not seen
    assert data["options"] == [["artistyle", "draft", "tutorial"], ["lite", "vgg19"], ["64", "96"]]
    assert data["pairs"][0]["values"] == ["draft", "lite", "64"]
    assert all("whole" not in pair for pair in data["pairs"])


def next_image(grid: Path, pair: str) -> str:
    image = read_records(grid).set_index("id").loc[pair, "image"]
    return str(Path(image).relative_to(grid.parent / "pairs"))


def test_the_best_and_the_front_are_among_rivals(grid, tmp_path):
    write_gallery(read_records(grid, "style_error"), grid, tmp_path / "gallery")
    pairs = data_of(tmp_path / "gallery")["pairs"]
    for content in ("cat", HOSTILE):
        mine = [pair for pair in pairs if pair["content"] == content and pair["style"] == "wave"]
        assert [pair["best"] for pair in mine] == [False, True]  # the first is hardly stylized
        assert all(pair["front"] for pair in mine)  # more style for less content
    alone = write_results(tmp_path / "alone", ["cat"], ["wave"], {"one": {}})
    [pair] = gallery(alone, tmp_path / "other")["pairs"]
    assert not pair["best"]
    assert not pair["front"]


@pytest.mark.parametrize(
    ("folder", "title"),
    [
        ("paintings/results", "paintings"),
        ("paintings/second", "second"),
        (f"{'0a' * 8}/results", "a, b … × wave, glass"),
    ],
)
def test_the_title_is_that_of_the_folder_or_of_the_images(tmp_path, folder, title):
    grid = write_results(tmp_path / folder, ["a", "b", "c"], ["wave", "glass"], {"plain": {}})
    page = write_gallery(read_records(grid), grid, tmp_path / "gallery").read_text()
    assert f"<h1>{title}</h1>" in page
    assert f"<title>{title} · gallery</title>" in page


def test_it_links_to_the_tables_beside_it(grid, tmp_path):
    folder, results = grid.parent / "gallery", grid.parent
    assert gallery(grid, folder, tmp_path / "work")["tables"] == {}
    (results / "tables").mkdir()
    for name in ("a #1.html", "comparison.html", "a.csv"):
        (results / "tables" / name).touch()
    data = gallery(grid, folder, tmp_path / "work")  # links start from the folder that is opened
    links = [["comparison", "../tables/comparison.html"], ["a #1", "../tables/a%20%231.html"]]
    assert data["tables"] == {"links": links, "count": 2}
    assert data["near"] == "../pairs/0/0/0/image.png"
    for number in range(14):
        (results / f"tables/{number:02}.html").touch()
    tables = gallery(grid, folder, tmp_path / "work")["tables"]
    assert (len(tables["links"]), tables["count"]) == (12, 16)
    elsewhere = gallery(grid, tmp_path / "elsewhere")  # to be published, without paths of this machine
    assert (elsewhere["tables"], elsewhere["near"]) == ({}, "")


def test_a_sweep_of_weights_has_no_ranks(tmp_path):
    weights = {f"w{weight}": {"style_weight": weight} for weight in (1, 10)}
    data = gallery(write_results(tmp_path, ["cat"], ["wave"], weights), tmp_path / "gallery")
    assert [pair["rank"] for pair in data["pairs"]] == [None, None]


def test_what_keeps_the_contents_colors_has_no_star_and_says_why(tmp_path):
    settings = {"plain": {}, "kept": {"color": "luminance"}, "strong": {"style_weight": 60, "pooling": "average"}}
    data = gallery(write_results(tmp_path, ["cat"], ["wave"], settings), tmp_path / "gallery")
    assert data["best"] == f"lowest {SCORE}"
    assert [pair["best"] for pair in data["pairs"]] == [False, False, True]
    assert [pair["rank"] for pair in data["pairs"]] == [2, None, 1]
    assert [pair.get("unranked", "") for pair in data["pairs"]] == ["", KEEPS_COLORS, ""]


def test_the_star_is_for_the_best_by_what_was_asked(grid, tmp_path):
    write_gallery(read_records(grid, "content_error"), grid, tmp_path / "gallery")
    data = data_of(tmp_path / "gallery")
    assert data["ranked_by"] == "content_error"
    assert data["best"] == "lowest content error"
    assert [pair["best"] for pair in data["pairs"][:2]] == [True, False]  # the first is hardly stylized


def test_the_page_offers_the_metrics_that_some_pair_has(grid, tmp_path):
    for record in read_records(grid)["folder"]:
        file = Path(record, "run.json")
        run = json.loads(file.read_text())
        del run["metrics"]["portilla_simoncelli"]
        file.write_text(json.dumps(run))
    data = gallery(grid, tmp_path / "gallery")
    assert data["ranked_by"] == ""
    expected = [name for name in RANKED if name != "portilla_simoncelli"]
    assert [metric["name"] for metric in data["metrics"]] == expected
    assert [metric["name"] for metric in data["metrics"] if metric["higher"]] == ["ssim", "e_statistic"]
    assert data["pairs"][0]["portilla_simoncelli"] is None


def test_what_has_not_changed_is_not_made_again(grid, tmp_path):
    folder = tmp_path / "gallery"
    gallery(grid, folder)
    before = files_and_times(folder)
    records = read_records(grid)
    changed = Path(records["image"][0])
    changed.write_bytes(Path(records["image"][1]).read_bytes())
    (Path(records["folder"][2]) / "animation.mp4").write_bytes(b"made later")
    data = gallery(grid, folder)
    after = files_and_times(folder)
    again = {name.split("/")[1] for name in after if after[name] != before[name]}
    assert again == {data["pairs"][row]["key"] for row in (0, 2)}
    assert (folder / "pairs" / data["pairs"][2]["key"] / "animation.mp4").read_bytes() == b"made later"


def test_what_the_grid_no_longer_has_goes(grid, tmp_path):
    folder = tmp_path / "gallery"
    gallery(grid, folder)
    lines = grid.read_text().splitlines(keepends=True)
    grid.write_text("".join(lines[:2]))
    data = gallery(grid, folder)
    assert [path.name for path in (folder / "pairs").iterdir()] == [data["pairs"][0]["key"]]
    assert len(list((folder / "inputs").iterdir())) == 2


def test_a_pair_without_a_picture_says_why(grid, tmp_path):
    records = read_records(grid)
    for row in (0, 1, 2):
        (Path(records["folder"][row]) / "run.json").unlink()
    (Path(records["folder"][3]) / "run.json").write_text("{")
    Path(records["image"][4]).write_bytes(b"no image")
    log = grid.parent / "logs/stylize" / f"{records['id'][0]}.log"
    log.parent.mkdir(parents=True)
    log.write_text("nst: iteration 3/9  total 1\nnst: cat.png: is no image; give a PNG\n\n")
    stopped = grid.parent / "logs/stylize" / f"{records['id'][2]}.log"
    stopped.parent.mkdir(parents=True, exist_ok=True)
    stopped.write_text("nst: iteration 3/9  total 1\n")
    pairs = gallery(grid, tmp_path / "gallery")["pairs"]
    told = [(pair["status"], pair["error"]) for pair in pairs[:5]]
    assert told == [
        ("missing", "cat.png: is no image; give a PNG"),
        ("missing", "not stylized yet"),
        ("missing", "stopped before its end"),
        ("broken", "its run.json cannot be read"),
        ("broken", "its image cannot be read"),
    ]
    assert all(pair["given"]["size"] == "256" for pair in pairs[:5])
    assert "given" not in pairs[5]
    assert {pair["status"] for pair in pairs[5:]} == {"done"}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "gallery/pairs").glob("*/made.json")}
    assert gallery(grid, tmp_path / "gallery")["pairs"] == pairs
    assert {path: path.stat().st_mtime_ns for path in before} == before  # what cannot be read is not tried again


def test_a_picture_that_was_there_once_is_no_reason(grid, tmp_path):
    records = read_records(grid)
    (Path(records["folder"][0]) / "run.json").unlink()
    log = grid.parent / "logs/stylize" / f"{records['id'][0]}.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"{records['image'][0]}: 48×36 px, 9 iterations in 2 s on cpu (bf16)\n")
    assert gallery(grid, tmp_path / "gallery")["pairs"][0]["error"] == "stylized, but its files are gone"


def test_a_work_folder_keeps_what_the_next_time_needs(grid, tmp_path):
    folder, work = tmp_path / "gallery", tmp_path / "work"
    data = gallery(grid, folder, work)
    kept = files_and_times(work)
    assert kept == files_and_times(folder)
    assert not list(folder.rglob("made.json"))
    (folder / "index.html").unlink()
    assert gallery(grid, folder, work) == data
    assert files_and_times(work) == kept


@pytest.mark.parametrize("options", [{}, {"work": "work"}])
def test_somebody_elses_folder_is_left_alone(grid, tmp_path, options):
    (tmp_path / "mine/pairs/0123456789abcdef").mkdir(parents=True)
    kept = tmp_path / "mine/pairs/0123456789abcdef/picture.png"
    kept.write_bytes(b"stylized")
    how = {name: tmp_path / value for name, value in options.items()}
    with pytest.raises(NstError, match="is no gallery"):
        write_gallery(read_records(grid), grid, tmp_path / "mine", **how)
    with pytest.raises(NstError, match="is no gallery"):
        write_gallery(read_records(grid), grid, grid.parent)
    assert kept.read_bytes() == b"stylized"


def test_losses_that_were_not_finite_are_gaps(grid, tmp_path):
    losses = Path(read_records(grid)["folder"][0]) / "losses.csv"
    lines = losses.read_text().splitlines()
    lines[3] = lines[3].replace(lines[3].split(",")[4], "inf")
    losses.write_text("\n".join(lines) + "\n")
    key = gallery(grid, tmp_path / "gallery")["pairs"][0]["key"]
    shown = (tmp_path / "gallery/pairs" / key / "pair.js").read_text()
    assert json.loads(shown.partition(", ")[2].removesuffix(");\n"))["losses"]["total"][2] is None


def test_an_empty_grid_has_a_page(grid, tmp_path):
    grid.write_text(grid.read_text().splitlines(keepends=True)[0])
    assert gallery(grid, tmp_path / "gallery")["pairs"] == []


def test_no_text_leaves_its_script():
    text = "</script><!--\u2028\u2029\"'"
    made = script({"name": text})
    assert json.loads(made) == {"name": text}
    assert not {"<", "\u2028", "\u2029"} & set(made)
    with pytest.raises(ValueError, match="JSON"):
        script(float("nan"))


def test_the_page_allows_nothing_but_itself(grid, tmp_path):
    gallery(grid, tmp_path / "gallery")
    page = (tmp_path / "gallery/index.html").read_text()
    assert "default-src 'none'" in page
    assert "unsafe" not in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "").replace(
        "http://www.w3.org/2000/svg", ""
    )


def test_a_folder_that_cannot_be_written(grid, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NstError, match="cannot be written"):
        write_gallery(read_records(grid), grid, tmp_path / "file/gallery")


def test_the_weight_that_auto_has_found_is_told(tmp_path):
    grid = write_results(tmp_path / "results", ["cat"], ["wave"], {"a": {"style_weight": "auto"}, "b": {}})
    record = next((grid.parent / "pairs").glob("0/0/0")) / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"style_weight": 5.30712}))
    data = gallery(grid, tmp_path / "gallery")
    assert [pair["weight"] for pair in data["pairs"]] == ["5.31", ""]
    assert data["options"] == [["16", "auto"]]  # a filter finds all that are auto
    assert data["same"] == {"network": "vgg19"}
