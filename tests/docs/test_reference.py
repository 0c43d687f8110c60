"""What the reference lists is what the code has: files and their columns, variables, commands and their options."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import click
import pytest

import nst
from blocks import ROOT
from nst.cli import COMMANDS, EXIT_CODES, group
from nst.grid.pairs import print_grid_csv, read_grid
from nst.settings import fields
from nst.summaries.ratings import write_rating
from nst.summaries.records import read_records
from nst.summaries.tables import comparison
from pages import text_of
from synthetic import write_results

RECORDS = (ROOT / "docs/reference/records.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
#: Variables that only nst itself sets.
INTERNAL = {"NST_WORKER_OWNER", "NST_"}


def rows(text: str, heading: str = "") -> dict[str, str]:
    """The rows of the tables below a heading, the second cell by each name in the first."""
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0] if heading else text
    found = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE)
    return {name: meaning for names, meaning in found for name in re.findall(r"`([^`]+)`", names)}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a record, with every kind of loss."""
    folder = tmp_path_factory.mktemp("record")
    pair = (ROOT / "data/content/lake.jpg", ROOT / "data/style/wave.jpg")
    small = {"network": "lite", "size": 32, "iterations": 1, "photo_weight": 1.0}
    nst.stylize_files(*pair, folder / "out.png", record=folder / "out", device="cpu", **small)
    return folder / "out"


def test_each_key_of_run_json_is_described(record: Path) -> None:
    run, described = json.loads((record / "run.json").read_text()), rows(RECORDS, "run.json")
    assert set(described) == set(run)
    parts = {name: value[0] if isinstance(value, list) and value else value for name, value in run.items()}
    parts["style"] = {"weight": 1}  # the other keys are those of the content
    for name in set(run) - {"settings", "pictures"}:
        inner = parts[name] if isinstance(parts[name], dict) else {}
        assert [key for key in inner if f"`{key}`" not in described[name]] == [], name


def test_each_column_of_losses_csv_is_described(record: Path) -> None:
    header = (record / "losses.csv").read_text().splitlines()[0].split(",")
    text = RECORDS.partition("## losses.csv")[2].partition("\n## ")[0]
    assert [name for name in header if f"`{re.sub(':.*', ':LAYER', name)}`" not in text] == []


def test_each_column_of_grid_csv_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    file = io.StringIO()
    pairs = read_grid("config/manifest.csv")
    print_grid_csv(pairs, file, "results", "png", {pair.id: "a bundle" for pair in pairs})
    header = next(csv.reader([file.getvalue().splitlines()[0]]))
    assert set(rows(RECORDS, "grid.csv")) == set(header) - set(fields())


def test_each_column_of_comparison_csv_is_described(tmp_path: Path) -> None:
    grid = write_results(tmp_path, ["a"], ["b"], {"w1": {}, "w2": {"style_weight": 2}})
    write_rating(tmp_path, "a/b/w1", 4)
    described = set(rows(RECORDS, "comparison.csv")) | {f"style_error_conv{block}_1" for block in (2, 3, 4)}
    assert described == set(comparison(read_records(grid)).columns) - set(fields())


def test_each_variable_is_described() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "nst").rglob("*.py"))
    described = rows((ROOT / "docs/reference/environment.md").read_text("utf-8"))
    assert {name for name in described if name.startswith("NST_")} == set(re.findall(r"\bNST_[A-Z_]*", code)) - INTERNAL


def test_each_exit_code_is_described() -> None:
    text = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    assert set(re.findall(r"^\| (\d+) \|", text, re.MULTILINE)) == {str(code) for code in EXIT_CODES}


def test_each_command_and_setting_has_a_heading() -> None:
    commands, settings = text_of("reference/cli.md"), text_of("reference/settings.md")
    assert [name for name in COMMANDS if f"\n## nst {name}\n" not in commands] == []
    assert [name for name in fields() if f"\n### `{name}`\n" not in settings] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_a_text_have_the_options_that_it_names(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    wrong = []
    for code in re.findall(r"`(nst [^`]+)`", text):
        words = code.partition(" -- ")[0].split()
        name = words[1]
        if name in COMMANDS:
            unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options(name)]
        else:
            unknown = [] if name.startswith("-") or name.isupper() else [name]
        wrong += [f"{code}: {each}" for each in unknown]
    assert wrong == []


def options(name: str) -> set[str]:
    """The options of a command."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return {"--help", *(option for parameter in command.params for option in parameter.opts)}
