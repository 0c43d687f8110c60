"""Where the software comes from: a clone or the distribution nst-grid, for `nst` on the package index is not ours."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from nst.images import write_picture

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("nst/**/*.py", "docs/**/*.md", "profiles/**/*", "workflow/**/*", "*.md", "*.yml", "Makefile")
FILES = [path for pattern in FOLDERS for path in REPOSITORY.glob(pattern) if path.is_file() and path.suffix != ".pyc"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_nothing_installs_nst_from_an_index(path):
    text = path.read_text("utf-8")
    assert not re.search(r"pip install[^\n]*[ '\"]nst\b(?!/|-grid)", text)
    assert not re.search(r"^ *- nst\b(?!-grid)", text, re.MULTILINE)  # a list of packages


def test_the_catalog_offers_what_the_rules_have():
    rules = "".join(path.read_text("utf-8") for path in REPOSITORY.glob("workflow/**/*.smk"))
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    offered = usage["software-stack-deployment"]
    assert offered["conda"] == bool(re.search(r"^ +conda:", rules, re.MULTILINE))
    assert offered["apptainer"] == bool(re.search(r"^ *container(ized)?:", rules, re.MULTILINE))
    assert not offered["apptainer+conda"] or (offered["conda"] and offered["apptainer"])
    assert offered["report"] == ("report(" in rules)
    assert usage["mandatory-flags"]["flags"] == ""
    assert 'pip install -e ".[workflow]"' in usage["mandatory-flags"]["desc"]
    assert (REPOSITORY / "environment.yml").is_file()  # which it names


def test_the_conda_environment_installs_what_make_installs():
    content = yaml.safe_load((REPOSITORY / "environment.yml").read_text("utf-8"))
    [pip] = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    assert shlex.split(" ".join(pip)) == ["--constraint", "requirements.lock", "--editable", ".[workflow]"]
    made = (REPOSITORY / "Makefile").read_text("utf-8")
    assert '-c requirements.lock -e ".[workflow]"' in made


def test_torchvision_is_not_needed(tmp_path, scene, stripes):
    write_picture(tmp_path / "scene.png", scene)
    write_picture(tmp_path / "stripes.png", stripes)
    stylize = ["stylize", "scene.png", "stripes.png", "-o", "out.png", "--record", "out", "--device", "cpu"]
    stylize += ["--network", "lite", "--iterations", "1"]
    code = f"import sys; sys.modules['torchvision'] = None; from nst.cli import main; sys.exit(main({stylize}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "torch" in json.loads((tmp_path / "out/run.json").read_text())["versions"]


def test_every_dependency_has_a_lower_bound():  # which tests/bounds.sh tries
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    needed = chain(project["dependencies"], *project["optional-dependencies"].values())
    assert [text for text in needed if not re.search(r"[=>]=", text) and not text.startswith("nst-grid[")] == []


def test_the_workflow_asks_for_the_snakemake_that_is_installed():
    bound = re.search(r"snakemake\[reports\]>=([\d.]+)", (REPOSITORY / "pyproject.toml").read_text("utf-8"))
    least = re.search(r'min_version\("([\d.]+)"\)', (REPOSITORY / "workflow/Snakefile").read_text("utf-8"))
    assert bound[1] == least[1]
