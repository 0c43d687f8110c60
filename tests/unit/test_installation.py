"""Where the software comes from: from a clone, for the name nst on the package index is another program's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("nst/**/*.py", "docs/*.md", "profiles/**/*", "workflow/**/*", "*.md", "*.yml", "Makefile")
FILES = [path for pattern in FOLDERS for path in REPOSITORY.glob(pattern) if path.is_file() and path.suffix != ".pyc"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_nothing_installs_nst_from_an_index(path):
    text = path.read_text("utf-8")
    assert not re.search(r"pip install[^\n]*[ '\"]nst\b(?!/)", text)
    assert not re.search(r"^ *- nst\b", text, re.MULTILINE)  # a list of packages


def test_the_catalog_offers_what_the_rules_have():
    rules = "".join(path.read_text("utf-8") for path in REPOSITORY.glob("workflow/**/*.smk"))
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    offered = usage["software-stack-deployment"]
    assert offered["conda"] == bool(re.search(r"^ +conda:", rules, re.MULTILINE))
    assert offered["apptainer"] == bool(re.search(r"^ *container(ized)?:", rules, re.MULTILINE))
    assert not offered["apptainer+conda"] or (offered["conda"] and offered["apptainer"])
    assert '".[workflow]"' in usage["mandatory-flags"]["desc"]
