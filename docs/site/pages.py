"""Pages that are not files below docs/: made from the code, or from other files of the repository."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cli_page
import notebook
import settings_page

ROOT = Path(__file__).parents[2]
CONFIG = "config/README.md"


class Page(NamedTuple):
    """A generated page."""

    text: Callable[[], str]
    source: str
    """The file of the repository that its links are relative to."""


def _file(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def _sections(title: str, *headings: str) -> str:
    """A page with some sections of config/README.md. One section's heading is the page's."""
    sections = re.split(r"^(?=## )", _file(CONFIG), flags=re.MULTILINE)
    chosen = [next(text for text in sections if text.startswith(f"## {heading}\n")) for heading in headings]
    text = "".join(chosen)
    if len(chosen) == 1:
        text = re.sub(r"^#(?=#)", "", text.partition("\n")[2], flags=re.MULTILINE)
    return f"# {title}\n\n{text}"


PAGES: dict[str, Page] = {
    "reference/manifest.md": Page(functools.partial(_sections, "The manifest", "The manifest"), CONFIG),
    "reference/config.md": Page(
        functools.partial(_sections, "Configuration", "config.yaml", "Completion in the shell", "Presets", "Bounds"),
        CONFIG,
    ),
    "reference/cli.md": Page(cli_page.markdown, "docs/reference/cli.md"),
    "reference/settings.md": Page(settings_page.markdown, "docs/reference/settings.md"),
    "explanation/contributing.md": Page(functools.partial(_file, "CONTRIBUTING.md"), "CONTRIBUTING.md"),
    "reference/changes.md": Page(functools.partial(_file, "CHANGELOG.md"), "CHANGELOG.md"),
    "explanation/security.md": Page(functools.partial(_file, "SECURITY.md"), "SECURITY.md"),
    "tutorials/notebook.md": Page(notebook.markdown, notebook.PATH),
}

#: Pages of the site for files of the repository; of several, the first that has the link's anchor.
HOMES: dict[str, tuple[str, ...]] = {
    CONFIG: ("reference/config.md", "reference/manifest.md", "reference/settings.md"),
    "README.md": ("index.md",),
    "CONTRIBUTING.md": ("explanation/contributing.md",),
    "CHANGELOG.md": ("reference/changes.md",),
    "SECURITY.md": ("explanation/security.md",),
    notebook.PATH: ("tutorials/notebook.md",),
}


@functools.cache
def text_of(page: str) -> str:
    """The Markdown of a page of the site."""
    return PAGES[page].text() if page in PAGES else _file(f"docs/{page}")
