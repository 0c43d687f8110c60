"""Links lead to files and headings that exist: in the repository as on the site, and in messages and comments."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from PIL import Image

import hooks
import links
from pages import HOMES, PAGES, text_of

ROOT = links.ROOT
FILES = [ROOT / name for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()]
MARKDOWN = [path for path in FILES if path.suffix == ".md" and path.is_file()]
#: Files whose texts may name files of docs/. The scripts there name what they write.
NAMING = [
    path
    for path in FILES
    if (path.suffix in (".py", ".md", ".yaml", ".smk", ".toml") or path.name == "Makefile")
    and path != Path(__file__)
    and path.parent != ROOT / "docs/scripts"
]

#: The badge of the tests: relative to the repository's page there.
ON_GITHUB = "../../actions/"


def problem(target: str, source: str) -> str:
    """What is wrong with a link in the file `source`; '' if it leads somewhere."""
    if links.is_foreign(target) or target.startswith(ON_GITHUB):
        return ""
    path, anchor = links.resolve(target, source)
    generated = path.removeprefix("docs/") if source.startswith("docs/") else ""
    if generated in PAGES:
        text = text_of(generated)
    elif not (ROOT / path).exists():
        return f"{target}: there is no file {path}"
    else:
        text = (ROOT / path).read_text("utf-8") if path.endswith(".md") else ""
    if anchor and anchor not in links.anchors(text):
        return f"{target}: {path} has no heading #{anchor}"
    return ""


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_links_of_a_file_lead_somewhere(path: Path) -> None:
    source = str(path.relative_to(ROOT))
    assert [p for target in links.targets(path.read_text("utf-8")) if (p := problem(target, source))] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_generated_page_lead_somewhere(page: str) -> None:
    found = [target for target in links.targets(text_of(page)) if "output_" not in target]
    assert [p for target in found if (p := problem(target, PAGES[page].source))] == []


def test_files_of_docs_that_texts_name_exist() -> None:
    missing = []
    for path in NAMING:
        for name in re.findall(r"(?<![\w./-])docs/[\w./-]+\.(?:md|ipynb|py|jpg|png)", path.read_text("utf-8")):
            if not (ROOT / name).exists() and name.removeprefix("docs/") not in PAGES:
                missing.append(f"{path.relative_to(ROOT)}: {name}")
    assert missing == []


def test_files_that_are_pages_of_the_site_exist() -> None:
    assert all((ROOT / path).exists() for path in HOMES)


@pytest.mark.parametrize(
    ("target", "source", "wrong"),
    [
        ("missing.md", "docs/index.md", "no file docs/missing.md"),
        ("docs/explanation/metrics.md#the-moon", "README.md", "no heading #the-moon"),
        ("docs/reference/cli.md", "README.md", "no file docs/reference/cli.md"),  # is on the site only
        ("reference/cli.md#nst-stylize", "docs/index.md", ""),
        ("docs/explanation/metrics.md#the-star", "README.md", ""),
        ("https://example.org/nothing", "README.md", ""),
    ],
)
def test_dead_links_are_found(target: str, source: str, wrong: str) -> None:
    assert wrong in problem(target, source)
    assert bool(wrong) == bool(problem(target, source))


def test_links_in_code_are_no_links() -> None:
    assert list(links.targets("`[a](b)` [c](d) ![e](f.jpg)\n\n```text\n[g](h)\n```\n")) == ["d", "f.jpg"]
    assert list(links.targets("```sh\nx  # `y`\n```\n\n[a](b)\n\n```sh\n[c](d)\n```\n")) == ["b"]


def test_anchors_are_those_of_the_site() -> None:
    text = "# Reruns, and `code`\n\n## A [link](x.md) — here\n\n## Same\n\n## Same\n"
    assert links.anchors(text) == {"reruns-and-code", "a-link--here", "same", "same_1"}


def test_pictures_that_are_wider_than_the_text_are_linked_to_their_files(tmp_path: Path) -> None:
    for name, width in (("wide.png", 900), ("narrow.png", 600)):
        Image.new("RGB", (width, 9)).save(tmp_path / name)
    page, *pictures = (
        File(name, str(tmp_path), "site", use_directory_urls=False) for name in ("page.md", "wide.png", "narrow.png")
    )
    wide, narrow = '<img alt="" src="wide.png">', '<img alt="" src="narrow.png">'
    html = hooks.on_page_content(wide + narrow, SimpleNamespace(file=page), MkDocsConfig(), Files(pictures))
    assert html == (
        f'<a class="picture" href="wide.png" title="Show the picture in full size, 900 × 9 px">{wide}</a>{narrow}'
    )


@pytest.mark.parametrize(
    ("html", "loads"),
    [
        ('<script src="https://cdn.example/a.js"></script>', True),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', True),
        ("<style>@font-face { src: url(https://fonts.example/a.woff2) }</style>", True),
        ('<img alt="" src="https://example.org/a.png">', True),
        ('<a href="https://example.org">a link</a><link rel="canonical" href="https://example.org/">', False),
        ('<script src="assets/a.js"></script><img src="data:image/png;base64,AA">', False),
    ],
)
def test_the_build_finds_what_pages_load_from_other_hosts(tmp_path: Path, html: str, loads: bool) -> None:
    (tmp_path / "page.html").write_text(html)
    assert bool(hooks._foreign(tmp_path / "page.html")) == loads
