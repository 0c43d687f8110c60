"""The drawing in docs/explanation/architecture.md is that of the tree and of what import-linter checks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")


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
