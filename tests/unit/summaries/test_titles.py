"""Names keep their umlauts and spaces wherever people read them; paths have none."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from gridfiles import picture, table, write_grid
from nst.grid.names import slug, title
from nst.grid.pairs import read_grid
from nst.settings import text
from nst.summaries.gallery import write_gallery
from nst.summaries.records import read_records, sheet_groups
from nst.summaries.sheets import all_sheets, snapshot_sheet
from nst.summaries.tables import write_tables
from synthetic import run, write_losses

ROWS = """content;style;name;size
Bäume am Fluß.jpg;Große Welle.jpg;Über;64|128
Bäume am Fluß.jpg;Große Welle.jpg:1+Øl.jpg:3;Über;64
"""


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The grid.csv of pairs that look as if they had been made."""
    monkeypatch.chdir(tmp_path)
    for name in ("Bäume am Fluß", "Große Welle", "Øl"):
        picture(f"{name}.jpg")
    pairs = read_grid(table(ROWS))
    for pair in pairs:
        assert pair.id.isascii()
        folder = Path(pair.folder("out"))
        picture(f"{folder}/image.png")
        picture(f"{folder}/snapshots/000010.png")
        record = run(pair.id, {name: text(value) for name, value in pair.settings}, 0.1, 0.2)
        style = [{"path": path, "weight": share} for path, share in pair.styles]
        (folder / "run.json").write_text(json.dumps(record | {"content": {"path": pair.content}, "style": style}))
        write_losses(folder / "losses.csv", 0.1, 20)
    write_grid(pairs, "out/grid.csv", "out", "png")
    return Path("out/grid.csv")


def test_a_title_is_the_wish_and_what_made_it_unique() -> None:
    wish = "Bäume am Fluß"
    assert title(wish, slug(wish)) == wish
    assert title(wish, f"{slug(wish)}-1a2b3c") == f"{wish}-1a2b3c"
    assert title("", "style_weight=5") == "style_weight=5"
    assert title("x" * 200, slug("x" * 200)) == "x" * 200
    assert title("木", slug("木")) == "木"
    decomposed = unicodedata.normalize("NFD", wish)  # as in the file names of macOS
    assert decomposed != title(decomposed, slug(decomposed)) == wish


def test_titles_reach_whatever_people_read(grid: Path) -> None:
    records = read_records(grid)
    names = {name: shown for name, shown, _ in sheet_groups(records)}
    assert names["sweeps/Baume-am-Fluss--Grosse-Welle"] == "Bäume am Fluß × Große Welle"
    all_sheets(records, Path("sheets"))
    write_tables(records, Path("tables"))
    write_gallery(records, grid, Path("gallery"), processes=1)
    for page in ("sheets/sweeps/Baume-am-Fluss--Grosse-Welle.html", "tables/comparison.html", "gallery/data.js"):
        shown = Path(page).read_text("utf-8")
        assert "Bäume am Fluß" in shown
        assert "Große Welle" in shown
    assert "Øl-0.75" in Path("sheets/Uber.html").read_text("utf-8")
    for page in ("sheets/Uber.html", "tables/comparison.html", "gallery/data.js"):
        assert "Über" in Path(page).read_text("utf-8")
    assert "Baume-am-Fluss" in Path("tables/comparison.csv").read_text("utf-8")  # data, as grid.csv has it
    gallery = json.loads(Path("gallery/data.js").read_text("utf-8").removeprefix("gallery.data(").removesuffix(");\n"))
    assert [edge["name"] for edge in gallery["contents"]] == ["Bäume am Fluß"] == [gallery["pairs"][0]["content"]]


def test_a_snapshot_sheet_is_titled_too(grid: Path) -> None:
    snapshot_sheet(Path(read_records(grid)["folder"][1]), Path("snapshots.html"))
    assert "Bäume am Fluß × Große Welle × Uber+size=128" in Path("snapshots.html").read_text("utf-8")


def test_a_grid_of_an_earlier_version_has_its_names_for_titles(grid: Path) -> None:
    import pandas as pd

    old = pd.read_csv(grid, dtype=str, keep_default_na=False)
    old.drop(columns=["content_title", "style_title", "settings_title"]).to_csv(grid, index=False)
    assert list(read_records(grid)["content_title"].unique()) == ["Baume-am-Fluss"]
