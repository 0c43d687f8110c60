"""nst.summaries.records: every pair has a line, and ranks agree with a plain computation."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree, rmtree

import pandas as pd
import pytest

from nst.errors import NstError
from nst.settings.metrics import METRICS
from nst.summaries.records import (
    content_picture,
    read_records,
    sheet_groups,
    short_number,
    sorted_values,
    style_picture,
    varying,
)
from synthetic import errors, run, write_results

SETTINGS = {f"w{w}": {"style_weight": w} for w in (1, 10, 100)}


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    return write_results(tmp_path, ["cat", "dog"], ["wave"], SETTINGS)


def test_numbers_come_from_run_json(grid: Path) -> None:
    records = read_records(grid)
    assert list(records["status"]) == ["done"] * 6
    assert tuple(records.loc[4, ["style_error", "content_error"]]) == errors(1, 0, 1)
    assert records.loc[0, "seconds"] == 2.25
    assert records.loc[0, "relaxed_emd"] == run("", {}, *errors(0, 0, 0))["metrics"]["relaxed_emd"]
    assert records.loc[0, "precision"] == "auto"
    assert records.loc[0, "precision_used"] == "fp32"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (None, "missing"), (b"", "broken"), (b"{", "broken"), (b"\xff\xfe", "broken"), (b"[1]", "broken"),
        (b"null", "broken"), (b'{"losses": 3}', "broken"), (b'{"losses": {"total": "many"}}', "broken"),
        (b'{"losses": {"total": NaN}}', "broken"), (b"[" * 100_000, "broken"),
        (b'{"losses": {"total": 1}, "metrics": null}', "done"),
        (b'{"losses": {"total": 1}, "metrics": {"style_error": true, "reference": 7}}', "done"),
    ],
)  # fmt: skip
def test_damaged_records_are_lines_too(grid: Path, content: bytes | None, status: str) -> None:
    file = grid.parent / "pairs/0/0/1/run.json"
    file.unlink() if content is None else file.write_bytes(content)
    records = read_records(grid)
    assert list(records["status"]) == ["done", status, *["done"] * 4]
    assert records["rank"].isna()[1]
    assert records["unranked"][1] == ""
    assert not records["best"][1]
    assert not records["pareto"][1]


@pytest.mark.parametrize("content", [None, "", "id,content\n1,2\n"])
def test_what_is_no_grid_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "grid.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NstError, match=r"grid\.csv"):
        read_records(path)


def test_a_grid_without_pairs_is_empty(grid: Path) -> None:
    grid.write_text(grid.read_text().splitlines()[0] + "\n")
    assert read_records(grid).empty


def test_records_of_an_earlier_version_lack_only_what_it_did_not_measure(grid: Path) -> None:
    file = grid.parent / "pairs/0/0/1/run.json"
    record = json.loads(file.read_text())
    for name in METRICS.keys() - {"style_error", "content_error", "ssim"}:
        record["metrics"].pop(name, None)
    file.write_text(json.dumps(record))
    records = read_records(grid)
    assert records["status"].eq("done").all()
    assert records["rank"].tolist() == [3, 2, 1, 3, 2, 1]
    assert records["relaxed_emd"].isna().tolist() == [False, True, *[False] * 4]
    assert read_records(grid, "relaxed_emd")["rank"].fillna(0).tolist() == [2, 0, 1, 3, 2, 1]


def test_ranks_never_mix_judges(grid: Path) -> None:
    file = grid.parent / "pairs/0/0/1/run.json"
    run = json.loads(file.read_text())
    run["metrics"]["reference"] = "lite:1234"
    file.write_text(json.dumps(run))
    records = read_records(grid)
    assert list(records["rank"]) == [2, 1, 1, 3, 2, 1]
    assert not records["best"].any()  # where only weights vary, the score would mark the default
    assert list(read_records(grid, "style_error")["best"]) == [False, False, True, False, False, True]


def test_pairs_are_chosen_by_name(grid: Path) -> None:
    (grid.parent / "pairs/1/0/0/run.json").write_bytes(b"not read where another content is asked for")
    records = read_records(grid, content_name="cat", style_name="wave")
    assert list(records["settings_name"]) == list(SETTINGS)
    assert list(records["status"]) == ["done"] * 3
    with pytest.raises(NstError, match="existing: cat × wave, dog × wave"):
        read_records(grid, content_name="cow", style_name="wave")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0041, "0.00410"), (0.0036, "0.00360"), (0.12345, "0.123"), (9.9996, "10.00"), (12.345, "12.3"), (3.0, "3"),
        (0.0, "0"), (1234.5, "1234"), (2e6, "2.00e+06"), (1.5e-5, "1.50e-05"), (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(number: float, text: str) -> None:
    assert short_number(number) == text


def test_values_sort_as_people_do(grid: Path) -> None:
    assert sorted_values(["1e4", "auto", "30", "2", "2"]) == ["2", "30", "1e4", "auto"]
    assert varying(read_records(grid)) == ["style_weight"]


def test_results_may_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = "cat/wave/plain"
    (tmp_path / "results/pairs" / pair).mkdir(parents=True)
    source = write_results(tmp_path / "made", ["cat"], ["wave"], {"plain": {}})
    grid = pd.read_csv(source, dtype=str, keep_default_na=False)
    for path in Path(grid["folder"][0]).iterdir():
        path.rename(tmp_path / "results/pairs" / pair / path.name)
    grid["folder"], grid["image"] = f"results/pairs/{pair}", f"results/pairs/{pair}/image.png"
    grid.to_csv(tmp_path / "results/grid.csv", index=False)
    monkeypatch.chdir(tmp_path)
    there = read_records(Path("results/grid.csv"))
    assert list(there["status"]) == ["done"]
    assert list(there["image"]) == list(grid["image"])
    (tmp_path / "results").rename(tmp_path / "moved")
    for here, where in ((tmp_path, "moved"), (tmp_path / "moved", ".")):
        monkeypatch.chdir(here)
        found = read_records(Path(where, "grid.csv"))
        assert list(found["status"]) == ["done"]
        assert Path(found["image"][0]).is_file()


def test_a_copied_folder_keeps_its_own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["cat"], ["wave"], {"plain": {}}
    grid = pd.read_csv(write_results(Path("made"), *names), dtype=str, keep_default_na=False)
    for results in ("results", "results-old"):
        copytree(grid["folder"][0], f"{results}/pairs/cat/wave/plain")
        listed = {"folder": "results/pairs/cat/wave/plain", "image": "results/pairs/cat/wave/plain/image.png"}
        grid.assign(**listed).to_csv(f"{results}/grid.csv", index=False)
    assert list(read_records(Path("results-old/grid.csv"))["image"]) == ["results-old/pairs/cat/wave/plain/image.png"]
    assert list(read_records(tmp_path / "results/grid.csv")["image"]) == [listed["image"]]  # the same folder
    rmtree("results-old/pairs/cat")  # not stylized when it was copied
    assert list(read_records(Path("results-old/grid.csv"))["status"]) == ["missing"]


def test_what_stands_for_an_input_is_there_before_it_is_stylized() -> None:
    line = {"id": "a/b/c", "folder": "out/pairs/a/b/c", "content_file": "", "style_file": ""}
    assert content_picture(line | {"content": "c/a.png"}) == "c/a.png"
    copy = content_picture(line | {"content": "https://host/a.png"})
    assert copy.startswith("out/inputs/a-")
    assert content_picture(line | {"content": "https://host/a.png", "content_file": "read.png"}) == "read.png"
    for style in ("s/x.png:0.25+s/y.png:0.75", "s/x.png"):
        assert style_picture(line | {"style": style}) == "s/x.png"
    assert style_picture(line | {"style": "https://host/a.png"}) == copy


def test_no_name_of_a_grid_csv_leads_to_another_folder(tmp_path):
    """A forged one had sheets and plots written anywhere."""
    grid_csv = write_results(tmp_path / "results", ["cat", "dog"], ["../../wave"], {"/a": {}, "../b": {"size": 64}})
    names = [name for name, _, _ in sheet_groups(read_records(grid_csv))]
    assert names == ["a", "b", "sweeps/cat--wave", "sweeps/dog--wave"]
