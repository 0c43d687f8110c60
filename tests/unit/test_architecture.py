"""The drawing in docs/explanation/architecture.md is that of the tree and of what import-linter checks.

Also what import-linter cannot check: what the workflow imports, and names that only nst.layout contains.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from nst import layout

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")
#: All of nst that the workflow may import. What else it needs, `nst.grid.plan` should offer.
FOR_THE_WORKFLOW = {
    "nst.errors",
    "nst.grid.bundles",
    "nst.grid.command_line",
    "nst.grid.config",
    "nst.grid.ending",
    "nst.grid.estimate",
    "nst.grid.groups",
    "nst.grid.inputs",
    "nst.grid.leftovers",
    "nst.grid.pairs",
    "nst.grid.plan",
    "nst.io.urls",  # redacted, for error messages
    "nst.layout",
    "nst.machine.gpus",
    "nst.machine.workers",
    "nst.version",
}
#: Names in a results folder, without those that are also the names of commands, settings or columns.
FILES = (layout.RUN, layout.LOSSES, layout.ANIMATION, layout.VIDEO, layout.GRID, layout.RATINGS, layout.MARK)
FOLDERS = (layout.SHEETS, layout.PLOTS, layout.BUNDLES, layout.LOGS, layout.BENCHMARKS, layout.SNAPSHOTS, layout.WORK)


def drawn() -> list[set[str]]:
    """The names of each line of the drawing, from the top."""
    drawing = re.search(r"```text\n(.*?)```", TEXT, re.S)
    assert drawing
    return [set(line[:38].split()) for line in drawing[1].splitlines()]


def test_every_package_and_module_is_drawn_and_nothing_else() -> None:
    here = {path.stem for path in (ROOT / "nst").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert set().union(*drawn()) == here - {"__init__"}


def test_the_levels_are_those_that_lint_checks() -> None:
    [layers] = [
        contract["layers"]
        for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    assert drawn() == [set(layer.split(" | ")) for layer in layers]


def test_what_it_names_is_there() -> None:
    for path in re.findall(r"`((?:nst|workflow)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`nst((?:\.\w+)+)`", TEXT):
        parts = name.strip(".").split(".")
        places = [ROOT / "nst" / "/".join(parts[:n]) for n in (len(parts), len(parts) - 1)]
        assert any(place.is_dir() or place.with_suffix(".py").is_file() for place in places), name


def imported_by_the_workflow() -> Iterator[str]:
    """The modules of nst that the Snakefiles and rules import."""
    for path in (ROOT / "Snakefile", *(ROOT / "workflow").rglob("Snakefile"), *(ROOT / "workflow").rglob("*.smk")):
        text = path.read_text("utf-8")
        yield from re.findall(r"(?m)^\s*import (nst[\w.]*)", text)
        for package, one, several in re.findall(r"(?m)^\s*from (nst[\w.]*) import (?:\(([^)]*)\)|(.+))", text):
            for name in re.findall(r"\w+", one or several):
                module = ROOT / package.replace(".", "/") / name
                yield f"{package}.{name}" if module.is_dir() or module.with_suffix(".py").is_file() else package


def test_the_workflow_imports_only_what_is_listed() -> None:
    assert set(imported_by_the_workflow()) == FOR_THE_WORKFLOW


def spelled(path: Path) -> Iterator[str]:
    """The strings of a module, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_names_in_a_results_folder_come_from_layout() -> None:
    names = re.compile(rf"(?:^|/)({'|'.join(map(re.escape, FILES))})$|/({'|'.join(map(re.escape, FOLDERS))})(?:/|$)")
    for path in (ROOT / "nst").rglob("*.py"):
        if path != ROOT / "nst/layout.py":
            found = [text for text in spelled(path) if names.search(text)]
            assert found == [], path
