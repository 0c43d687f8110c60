"""The studio's pages keep to what their content security policy and their look need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nst

PACKAGE = Path(nst.__file__).parent
STATIC, TEMPLATES = PACKAGE / "studio/static", PACKAGE / "studio/templates"
MODULES = sorted(STATIC.glob("*.js"))


def palette(css: Path) -> dict[str, str]:
    return dict(re.findall(r"(--[\w-]+): (light-dark\(.*?\));", css.read_text()))


def test_the_palette_is_the_gallery_s():
    gallery = palette(PACKAGE / "summaries/templates/base.css")
    assert gallery
    assert gallery.items() <= palette(STATIC / "studio.css").items()


@pytest.mark.parametrize("page", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_a_template_has_no_inline_code_or_style(page):
    text = page.read_text()
    assert not re.search(r"\s(style|on\w+)=|<style|javascript:|\|\s*safe", text)
    scripts = re.findall(r"<script([^>]*)>", text)
    assert all("src=" in script or 'type="application/json"' in script for script in scripts)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_makes_no_markup_from_text_and_imports_what_is_there(module):
    text = module.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert all((STATIC / name).is_file() for name in re.findall(r'(?:from|import) "\./([^"]+)"', text))


def test_templates_name_files_that_are_there():
    named = [name for page in TEMPLATES.glob("*.html") for name in re.findall(r"filename='([^']+)'", page.read_text())]
    assert named
    assert all((STATIC / name).is_file() for name in named)


def test_the_first_page_is_small():
    assert sum(path.stat().st_size for path in [*MODULES, STATIC / "studio.css", STATIC / "icons.svg"]) < 110_000
