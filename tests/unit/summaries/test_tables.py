"""nst.summaries.tables: the CSV is exact, and the page shows names as they are and keeps them harmless."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

from nst.settings.metrics import SCORE
from nst.summaries.ratings import write_rating
from nst.summaries.records import read_records
from nst.summaries.tables import comparison, relative_link, sweep, swept, write_tables
from synthetic import errors, write_results

HOSTILE = '"><img src=x onerror=alert(1)>'
SETTINGS = {f"w{w}": {"style_weight": w, "size": size} for w in (1, 10) for size in (256,)}


class Page(HTMLParser):
    """The tags, their attributes, and the text outside of scripts and styles."""

    def __init__(self, source: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def records(tmp_path: Path) -> pd.DataFrame:
    return read_records(write_results(tmp_path, ["cat", HOSTILE], ["wave", "scream"], SETTINGS))


def test_a_table_for_the_comparison_and_each_swept_setting(records: pd.DataFrame, tmp_path: Path) -> None:
    names = [path.name for path in write_tables(records, tmp_path / "tables")]
    assert names == ["comparison.csv", "comparison.html", "style_weight.csv", "style_weight.html"]


def test_a_setting_that_no_longer_varies_has_no_table(records: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "mine.html").touch()
    write_tables(records, tmp_path)
    write_tables(records[records["style_weight"] == "1"].reset_index(drop=True), tmp_path)
    assert {path.name for path in tmp_path.glob("*.*")} >= {"comparison.csv", "comparison.html", "mine.html"}
    assert not list(tmp_path.glob("style_weight.*"))


def test_csv_reads_back_exactly(records: pd.DataFrame, tmp_path: Path) -> None:
    write_tables(records, tmp_path)
    table = comparison(records)
    again = pd.read_csv(tmp_path / "comparison.csv", keep_default_na=False, dtype=str)
    assert list(again.columns) == list(table.columns)
    assert list(map(float, again["style_error"])) == [
        errors(i, j, k)[0] for i in range(2) for j in range(2) for k in range(2)
    ]
    assert list(again["content_name"]) == list(records["content_name"])
    assert list(map(float, again["rank"])) == list(records["rank"])
    columns = list(table.columns)  # of the settings, only those that vary come before the results
    assert columns[5:7] == ["style_weight", "style_error"]
    assert columns.index("image") < columns.index("preset")


def test_the_page_says_why_a_picture_has_no_rank(tmp_path: Path) -> None:
    settings = {f"{c}{n}": {"iterations": n, "color": c} for c in ("style", "luminance") for n in (100, 300)}
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], settings))
    write_tables(records, tmp_path)
    table = pd.read_csv(tmp_path / "comparison.csv")
    table = table.set_index("settings_name")
    assert table["rank"].fillna(0).to_dict() == {"style100": 2, "style300": 1, "luminance100": 0, "luminance300": 0}
    assert list(table.index[table["best"]]) == ["style300"]
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "<p>2 not ranked: keeps the content" in page
    assert page.count("1 ★") == 1
    assert html.escape(SCORE) in page.replace("&#39;", "&#x27;")
    write_tables(records[records["color"] == "style"].reset_index(drop=True), tmp_path)
    assert "not ranked" not in (tmp_path / "comparison.html").read_text(encoding="utf-8")


def test_a_sweep_of_weights_has_no_ranks_and_losses_are_only_in_the_csv(tmp_path: Path) -> None:
    write_tables(read_records(write_results(tmp_path, ["cat"], ["wave"], SETTINGS)), tmp_path)
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert 'aria-label="Filter rank"' not in page
    assert 'aria-label="Filter style error"' in page
    assert 'aria-label="Filter final content"' not in page
    assert "final_content" in pd.read_csv(tmp_path / "comparison.csv")


def test_a_sweep_is_together_and_in_order(tmp_path: Path) -> None:
    settings = {name: {"style_weight": weight} for name, weight in (("a", 16), ("b", 2), ("c", 100))}
    records = read_records(write_results(tmp_path, ["dog", "cat"], ["wave"], settings))
    mixed = records.sort_values(["settings_name", "content_name"], ascending=[True, False])  # dog, cat, dog, …
    table = comparison(mixed)
    assert list(table["content_name"]) == ["dog"] * 3 + ["cat"] * 3
    assert list(table["style_weight"].astype(int)) == [2, 16, 100] * 2


def test_the_rank_is_named_after_what_it_is_by(tmp_path: Path) -> None:
    grid = write_results(tmp_path, ["cat"], ["wave"], SETTINGS)
    write_tables(read_records(grid, "content_error"), tmp_path)
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert list(table["rank"]) == [1, 2]
    assert set(table["ranked_by"]) == {"content_error"}
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert 'title="lowest content error"' in page
    assert "rank by content_error among the pairs" in page


def test_a_metric_that_no_image_has_is_not_on_the_page(records: pd.DataFrame, tmp_path: Path) -> None:
    write_tables(records.assign(portilla_simoncelli=float("nan")), tmp_path)
    for name in ("comparison", "style_weight"):
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert ">relaxed emd<" in page
        assert "portilla" not in page
        assert "portilla_simoncelli" in (tmp_path / f"{name}.csv").read_text().splitlines()[0]


def test_means_over_all_are_of_what_has_every_value(tmp_path: Path) -> None:
    settings = {"a": {}, "b": {"style_weight": 2}}
    grid = write_results(tmp_path, ["cat", "cow", "dog"], ["wave"], settings)
    records = read_records(grid)
    lone = records[~((records["content_name"] == "dog") & (records["settings_name"] == "b"))].reset_index(drop=True)
    table = sweep(lone, "style_weight")
    total = table[table["content_name"] == "(all)"].set_index("style_weight")
    both = records[records["content_name"] != "dog"]
    assert list(total.index) == ["2", "16"]
    assert list(total["pairs"]) == [2, 2]
    assert total.loc["16", "style_error"] == pytest.approx(both.loc[both["style_weight"] == "16", "style_error"].mean())
    one = lone[lone["content_name"] != "cow"].reset_index(drop=True)
    assert "(all)" not in set(sweep(one, "style_weight")["content_name"])  # the means of one would repeat its rows


def test_means_are_of_pairs_that_differ_only_in_the_setting(tmp_path: Path) -> None:
    weights, counts = {"a": 1, "b": 10, "c": 100}, (100, 200, 300)
    settings = {f"{w}{n}": {"style_weight": weights[w], "iterations": n} for w in weights for n in counts}
    del settings["c100"], settings["a300"], settings["b300"]
    settings["a200"]["tile"] = 512  # without effect on the image
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], settings))
    errors = records.set_index("settings_name")["style_error"]
    table = sweep(records, "style_weight")
    assert list(table["style_weight"]) == ["1", "10", "100"]
    assert list(table["style_error"]) == [errors[name] for name in ("a200", "b200", "c200")]  # not of 100 or 300
    assert swept(records) == ["style_weight"]  # no weight has every number of iterations
    table = sweep(records[records["settings_name"] != "c300"].reset_index(drop=True), "iterations")
    assert list(table["iterations"]) == ["100", "200"]
    assert list(table["pairs"]) == [2, 2]


def test_what_follows_from_a_preset_may_differ(tmp_path: Path) -> None:
    presets = {"draft": {"size": 256, "iterations": 100}, "large": {"size": 512, "iterations": 300}}
    settings = {f"{p}{seed}": {"preset": p, "seed": seed} | presets[p] for p in presets for seed in (0, 1)}
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], settings))
    table = sweep(records, "preset")
    assert list(table["preset"]) == ["draft", "large"]
    assert list(table["pairs"]) == [2, 2]


def test_a_setting_that_no_content_and_style_compares_has_no_table(tmp_path: Path) -> None:
    settings = {"a": {}, "b": {"style_weight": 2, "seed": 1}, "c": {"seed": 1}}
    records = read_records(write_results(tmp_path, ["cat", "dog"], ["wave"], settings))
    apart = records[(records["content_name"] == "cat") == (records["style_weight"] == "2")].reset_index(drop=True)
    names = {path.name for path in write_tables(apart, tmp_path / "tables")}
    assert names == {"comparison.csv", "comparison.html", "seed.csv", "seed.html"}


def test_sweep_means_are_those_of_a_plain_sum(records: pd.DataFrame) -> None:
    table = sweep(records, "style_weight")
    assert len(table) == 2 + 2 * 2 * 2
    for k, line in table.head(2).iterrows():
        expected = [errors(i, j, k)[0] for i in range(2) for j in range(2)]
        assert line["style_error"] == pytest.approx(sum(expected) / 4)
        assert line["pairs"] == 4
    assert list(table["style_weight"][:2]) == ["1", "10"]


def test_a_content_and_style_with_one_value_is_in_no_sweep(tmp_path: Path) -> None:
    records = read_records(write_results(tmp_path, ["cat", "dog"], ["wave"], {"a": {}, "b": {"style_weight": 2}}))
    lone = records[(records["content_name"] == "cat") | (records["style_weight"] == "2")].reset_index(drop=True)
    assert list(sweep(lone, "style_weight")["content_name"]) == ["cat", "cat"]
    write_tables(lone, tmp_path)
    page = (tmp_path / "style_weight.html").read_text()
    assert "Filter style weight" in page
    assert "Filter style error" in page
    for constant in ("pairs", "ssim"):
        assert f'"Filter {constant}"' not in page


def test_a_single_image_is_on_no_front(tmp_path: Path) -> None:
    grid = write_results(tmp_path, ["cat", "dog"], ["wave"], SETTINGS)
    (tmp_path / "pairs/1/0/1/run.json").unlink()
    write_tables(read_records(grid), tmp_path)
    page = (tmp_path / "comparison.html").read_text()
    assert page.count('data-front="1"') == page.count(">◆<") == 2  # not the dog
    assert 'data-mark="front"' in page
    (tmp_path / "pairs/0/0/1/run.json").unlink()
    write_tables(read_records(grid), tmp_path)
    page = (tmp_path / "comparison.html").read_text()
    assert 'data-mark="front"' not in page
    assert "◆" not in page


def test_a_filter_has_an_example_of_its_own_column(tmp_path: Path) -> None:
    settings = {f"w{w}": {"style_weight": w} for w in (1, 10, 100)}
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], settings))
    write_tables(records.assign(seconds=[100.0, 1234.5, 9000.0]), tmp_path)
    page = (tmp_path / "comparison.html").read_text()
    assert 'aria-label="Filter seconds" placeholder="&lt; 1200"' in page
    assert 'aria-label="Filter style error" placeholder="&lt; 0.15"' in page
    assert 'aria-label="Filter ssim" placeholder=""' in page  # all are 0.7


def test_hostile_names_are_only_names(records: pd.DataFrame, tmp_path: Path) -> None:
    write_tables(records, tmp_path)
    for name in ("comparison", "style_weight"):
        page = Page((tmp_path / f"{name}.html").read_text(encoding="utf-8"))
        assert not [attrs for _, attrs in page.tags if any(key.startswith("on") for key in attrs)]
        assert HOSTILE in page.texts


def test_pages_are_named_for_what_they_compare(records: pd.DataFrame, tmp_path: Path) -> None:
    write_tables(records, tmp_path)
    for name, title in (("comparison", "Comparison of all pairs"), ("style_weight", "Effect of style_weight")):
        assert f"<h1>{title}</h1>" in (tmp_path / f"{name}.html").read_text(encoding="utf-8")


def test_page_needs_nothing_else(records: pd.DataFrame, tmp_path: Path) -> None:
    write_tables(records, tmp_path / "tables")
    source = (tmp_path / "tables/comparison.html").read_text(encoding="utf-8")
    assert "http://" not in source
    assert "https://" not in source
    policy = next(attrs["content"] or "" for tag, attrs in Page(source).tags if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")
    for tag in ("script", "style"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        assert body
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    pictures = [attrs for tag, attrs in Page(source).tags if tag == "img"]
    assert len(pictures) == len(records)
    assert all(attrs["loading"] == "lazy" for attrs in pictures)
    links = [(tmp_path / "tables" / unquote(attrs["src"] or "")).resolve() for attrs in pictures]
    assert links == [Path(image).resolve() for image in records["image"]]


def test_an_image_that_browsers_cannot_show_is_a_link(records: pd.DataFrame, tmp_path: Path) -> None:
    records.loc[0, "image"] = str(Path(records["image"][0]).with_suffix(".tif"))
    records.loc[1, "status"] = "broken"
    write_tables(records, tmp_path)
    cells = re.findall(r'<td class="picture">(.*?)</td>', (tmp_path / "comparison.html").read_text())
    assert cells[0] == '<a class="none" href="pairs/0/0/0/image.tif">open</a>'
    assert cells[1] == '<span class="none">no image</span>'


def test_a_filter_has_its_value_with_all_spaces(tmp_path: Path) -> None:
    """A browser collapses those in the text of an option."""
    records = read_records(write_results(tmp_path, ["a  cat", "dog"], ["wave"], SETTINGS))
    write_tables(records, tmp_path)
    assert '<option value="a  cat">' in (tmp_path / "comparison.html").read_text()


def test_links_survive_any_name(tmp_path: Path) -> None:
    name = "a b#c%20?ü='\".png"
    link = relative_link(str(tmp_path / "pairs" / name), tmp_path / "tables")
    assert not set(link) & set(" #?'\"")
    assert unquote(link) == f"../pairs/{name}"


def test_the_comparison_has_the_weight_that_auto_has_found(tmp_path: Path) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {"a": {"style_weight": "auto"}, "b": {}}))
    records["final_style_weight"] = [5.30712, 16.0]
    write_tables(records, tmp_path / "tables")
    page = (tmp_path / "tables/comparison.html").read_text()
    assert ">5.31<" in page
    assert "with auto, the one that was found" in page


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "javascript://%0aalert(1)", "JavaScript://", "data:text/html,x"]
)
def test_a_link_is_a_file_or_of_the_web(tmp_path, path):
    """A forged run.json or grid.csv names any."""
    assert ":" not in relative_link(path, tmp_path)
    assert ":" not in relative_link(path, Path())
    assert relative_link("https://h/a?b=c", tmp_path) == "https://h/a?b=c"


def test_stars_are_a_column_if_any_pair_is_rated(tmp_path: Path) -> None:
    grid = write_results(tmp_path, ["cat"], ["wave"], SETTINGS)
    records = read_records(grid)
    assert "stars" not in comparison(records)
    write_tables(records, tmp_path / "tables")
    assert "rating in ratings.csv" not in (tmp_path / "tables/comparison.html").read_text()
    write_rating(tmp_path, "cat/wave/w10", 4)
    write_tables(read_records(grid), tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables/comparison.csv")
    assert list(table["stars"].fillna(0)) == [0, 4]
    page = (tmp_path / "tables/comparison.html").read_text()
    assert 'class="number"><button type="button" title="rating in ratings.csv, from 1 to 5">stars<' in page
    assert page.count('<td class="number">4</td>') == 1


def test_names_that_repeat_the_settings_are_no_column(tmp_path: Path) -> None:
    """The folder's names are; names of the user are not. Without a best image there is no ★ to filter by."""

    def page(folder: str, names: list[str]) -> str:
        settings = {name: {"style_weight": 2 * k + 1} for k, name in enumerate(names)}
        records = read_records(write_results(tmp_path / folder, ["cat"], ["wave"], settings))
        write_tables(records.drop(columns="preset"), tmp_path / folder)  # a grid.csv may lack it
        return (tmp_path / folder / "comparison.html").read_text("utf-8")

    derived, own = page("derived", ["style_weight=1", "style_weight=3"]), page("own", ["weak", "strong"])
    assert "Filter style weight" in derived
    assert "Filter settings" not in derived
    assert "Filter settings" in own
    assert 'data-mark="best"' not in derived
    assert "★" not in "".join(Page(derived).texts)


def test_a_table_of_the_users_is_kept(records: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "size.csv").write_text("name,size\nshoes,42\n")
    (tmp_path / "color.html").write_text("<p>mine")
    write_tables(records, tmp_path)
    assert (tmp_path / "size.csv").read_text().endswith("shoes,42\n")
    assert (tmp_path / "color.html").exists()


def test_a_setting_whose_other_values_failed_has_no_table(tmp_path: Path) -> None:
    records = read_records(write_results(tmp_path, ["cat"], ["wave"], {"a": {}, "b": {"style_weight": 2}}))
    assert swept(records) == ["style_weight"]
    records.loc[1, "style_error"] = float("nan")
    assert swept(records) == []
