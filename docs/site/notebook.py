"""The notebook as a page: its cells and outputs as Markdown, its formulas as MathML, which browsers draw themselves."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

from latex2mathml.converter import convert
from nbconvert import MarkdownExporter

import links

ROOT = Path(__file__).parents[2]
PATH = "docs/tutorials/notebook.ipynb"
#: The folder of its pictures below docs/, which has no other files.
PICTURES = "tutorials/notebook"

_FORMULA = re.compile(r"\$([^$\n]+)\$")


@functools.cache
def _exported() -> tuple[str, dict[str, Any]]:
    text, resources = MarkdownExporter().from_filename(str(ROOT / PATH))
    return text, resources["outputs"]


def pictures() -> dict[str, bytes]:
    """The pictures in the notebook's outputs, by their paths below docs/."""
    return {f"{PICTURES}/{name}": data for name, data in _exported()[1].items()}


def markdown() -> str:
    """The page."""
    text = "".join(map(_described, re.split(r"(?m)^(?=## )", _exported()[0])))
    return links.outside_code(text, lambda part: _FORMULA.sub(lambda formula: convert(formula[1]), _output(part)))


def _described(section: str) -> str:
    """A section whose pictures have its heading as their description."""
    heading = section.partition("\n")[0].lstrip("# ")
    link = rf"![{heading}, images of the cell above]({Path(PICTURES).name}/\1)"
    return re.sub(r"!\[[a-z]+\]\((output_\w+\.\w+)\)", link, section)


def _output(part: str) -> str:
    """What cells printed, which nbconvert indents, as blocks."""
    return re.sub(r"(?m)(?:^ {4,}\S.*\n)+", lambda lines: f"```text\n{dedent(lines[0]).strip()}\n```\n", part)
