"""Each picture of the documentation is made by a step of `make docs-pictures`, and shown on a page."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import nbformat
import pytest

import links
from pages import text_of

ROOT = links.ROOT
PICTURES = ROOT / "docs/pictures"
STEPS = runpy.run_path(str(ROOT / "docs/scripts/all.py"))["STEPS"]
RECIPES = runpy.run_path(str(ROOT / "docs/scripts/recipes.py"))
NOTEBOOK = runpy.run_path(str(ROOT / "docs/scripts/notebook.py"))
FILES = sorted(path for path in PICTURES.rglob("*") if path.is_file() and path.suffix != ".json")
READ = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]


def test_each_picture_is_made_by_one_step() -> None:
    made = [path.resolve() for step in STEPS.values() for pattern in step.pictures for path in PICTURES.glob(pattern)]
    assert sorted(path for path in made if path.is_relative_to(PICTURES)) == FILES


def test_the_pictures_show_the_presets_of_today() -> None:
    """Otherwise: delete build/pictures/STEP*, and run docs/scripts/all.py STEP; if they do not change, with --mark."""
    made = json.loads((PICTURES / "presets.json").read_text())
    assert made == {name: step.fingerprint() for name, step in STEPS.items() if step.presets}


def test_the_outputs_of_the_notebook_are_those_of_its_code() -> None:
    """Otherwise: run docs/scripts/notebook.py."""
    notebook = nbformat.read(NOTEBOOK["NOTEBOOK"], as_version=4)
    assert notebook.metadata[NOTEBOOK["HASH"]] == NOTEBOOK["code_hash"](notebook)


def test_the_pictures_of_the_notebook_are_described_by_their_section() -> None:
    described = re.findall(r"!\[(.+?)\]\(notebook/", text_of("tutorials/notebook.md"))
    assert "Style: the Gram matrix, images of the cell above" in described


def test_the_commands_of_the_steps_are_there() -> None:
    commands = [shlex.split(command) for step in STEPS.values() for command in step.commands]
    assert [words[1] for words in commands if words[0] == "python" and not (ROOT / words[1]).is_file()] == []


def test_each_picture_is_shown() -> None:
    shown = {
        links.resolve(target, str(path.relative_to(ROOT)))[0]
        for path in READ
        for target in links.targets(path.read_text("utf-8"))
    }
    assert [name for path in FILES if (name := str(path.relative_to(ROOT))) not in shown] == []


def test_each_recipe_has_a_command_and_inputs() -> None:
    page = text_of("recipes.md")
    assert sorted(RECIPES["recipes"]()) == sorted(re.findall(r"pictures/recipes/([\w-]+)\.jpg", page))
    for arguments in RECIPES["recipes"]().values():
        assert all(path.is_file() for path in RECIPES["inputs"](arguments))


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_picture_has_a_description(path: Path) -> None:
    assert re.findall(r"!\[\s*\]", path.read_text("utf-8")) == []
