"""Results damaged by hand, by disks or by a stranger: sheets, tables, plots and the gallery show what is left."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bounded import bounded
from mutation import altered, damaged
from nst.summaries.gallery import write_gallery
from nst.summaries.gallery_folders import curves
from nst.summaries.plots import _losses
from nst.summaries.records import read_records, sheet_groups
from nst.summaries.sheets import matrix_sheet, snapshot_sheet, sweep_sheet
from nst.summaries.tables import write_tables
from synthetic import run, write_results

RUN = run("cat/wave/w1", {"size": "32"}, 0.1, 0.2) | {
    "content": {"path": "c.png"},
    "style": [{"path": "s.png", "weight": 1.0}],
    "warnings": ["tiny"],
}
#: What no page may have: a link that runs a program, or text of ours that became markup.
FORBIDDEN = re.compile(r"""(href|src)=["']\s*(javascript|data|vbscript):|<script>alert|<img src=x""", re.IGNORECASE)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory) -> None:
    """What is imported here is not imported again by each case's process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("first"))
        show(whole())


def whole() -> Path:
    """The grid.csv of results that are whole."""
    settings = {"w1": {"style_weight": 1}, "w2": {"style_weight": 2}}
    return write_results(Path("results"), ["cat"], ["wave"], settings, size=(4, 3))


def show(grid: Path) -> None:
    """Everything that is made from a results folder; no page of it has what is FORBIDDEN."""
    records = read_records(grid)
    for name, _, group in sheet_groups(records):
        (sweep_sheet if name.startswith("sweeps/") else matrix_sheet)(group, Path("sheets", f"{name}.html"))
    write_tables(records, Path("tables"))
    write_gallery(records, grid, Path("gallery"), processes=1)
    for page in (path for path in Path().rglob("*") if path.suffix in (".html", ".js")):
        assert not FORBIDDEN.search(page.read_text("utf-8")), page


def record(grid: Path, text: str | bytes) -> None:
    """Put it in the place of a run.json."""
    place = next(grid.parent.rglob("run.json"))
    (place.write_bytes if isinstance(text, bytes) else place.write_text)(text)


@given(changed=altered(RUN).map(json.dumps) | damaged(json.dumps(RUN).encode()))
@example(changed=json.dumps(RUN | {"metrics": [1]}))
@example(changed=json.dumps(RUN | {"metrics": RUN["metrics"] | {"layers": ["a"], "reference": ["b"]}}))
@example(changed=json.dumps(RUN | {"metrics": RUN["metrics"] | {"layers": {"conv1_1": "x"}}}))
@example(changed=json.dumps(RUN | {"output": [1], "settings": [1], "warnings": {"a": 1}}))
@example(
    changed=json.dumps(
        RUN | {"content": {"path": "javascript:alert(1)"}, "style": [{"path": "javascript://%0aalert(1)"}]}
    )
)
@example(changed=json.dumps(RUN | {"content": {"path": "a\0b"}, "style": [{"path": "x" * 300}]}))
@example(changed=json.dumps(RUN | {"device_name": "</script><script>alert(1)</script>"}))
@example(changed=json.dumps(RUN | {"seconds": {"total": 10**400}}))
@example(changed=b"[" * 100_000)
@example(changed=b"9" * 100_000)
def test_other_records(changed):
    grid = whole()
    record(grid, changed)
    bounded(show, grid)


@given(data=st.data())
def test_damaged_losses(data):
    grid = whole()
    place = next(grid.parent.rglob("losses.csv"))
    place.write_bytes(data.draw(damaged(place.read_bytes())))
    bounded(_losses, place)
    bounded(curves, place)


VALUES = st.text(max_size=20) | st.sampled_from(
    [
        "javascript:alert(1)",
        "/etc/passwd",
        "x" * 300,
        "a\0b",
        "../..",
        "nan",
        "1e999",
        "",
        "<img src=x>",
        "http://h/a.png",
    ]
)


@given(changes=st.dictionaries(st.integers(0, 40), VALUES, min_size=1, max_size=3))
@example(changes={1: "javascript:alert(1)", 8: "javascript://%0aalert(1)"})
@example(changes={7: "a\0b", 8: "x" * 300})
@example(changes={3: "../../..", 4: "/tmp/x", 5: "a/../../b"})
@example(changes={2: "a:b:c+", 1: ""})
@example(changes={2: "x" * 300})
def test_another_grid_csv(changes):
    grid = whole()
    with grid.open(newline="") as file:
        head, first, *rest = csv.reader(file)
    for place, value in changes.items():
        first[place % len(first)] = value
    with grid.open("w", newline="", errors="replace") as file:
        csv.writer(file).writerows([head, first, *rest])
    bounded(show, grid)
    assert {path.name for path in Path().iterdir()} <= {"results", "sheets", "tables", "gallery"}


@given(data=st.data())
def test_a_damaged_grid_csv(data):
    grid = whole()
    grid.write_bytes(data.draw(damaged(grid.read_bytes())))
    bounded(show, grid)


def test_a_grid_csv_that_ends_within_a_line_or_has_too_long_ones():
    grid = whole()
    head, first, *_ = grid.read_text().splitlines()
    for more in (",a", ",a,b"):
        grid.write_text(f"{head}\n{first}{more}\n{first}{more}\n")
        assert "a line has more cells than the header" in bounded(show, grid).error
    for place in range(0, len(first), 40):
        grid.write_text(f"{head}\n{first[:place]}")
        bounded(show, grid)


@given(changed=altered(RUN), losses=damaged(b"iteration,content,style\n3,1.0,2.0\n"))
@example(changed=RUN | {"id": None}, losses=b"iteration,content,style\n3,1.0,2.0\n")
def test_snapshots_of_a_record(changed, losses):
    grid = whole()
    place = next(grid.parent.rglob("run.json")).parent
    (place / "snapshots").mkdir(exist_ok=True)
    (place / "snapshots/000003.png").write_bytes((place / "image.png").read_bytes())
    (place / "losses.csv").write_bytes(losses)
    record(grid, json.dumps(changed))
    bounded(snapshot_sheet, place, Path("sheet.html"))
