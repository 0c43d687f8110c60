"""The commands of the README and the documentation work as they are written, on tiny images."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks import ROOT, RUN, Block, Reader, blocks_of

PAGES = [ROOT / "README.md", ROOT / "config/README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
WITH_COMMANDS = [
    path for path in PAGES if any(b.language in RUN and not b.reason for b in blocks_of(path.read_text("utf-8")))
]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks_of(page.read_text("utf-8")):
        if not block.reason and (problem := reader.do(block)):
            pytest.fail(f"{page.relative_to(ROOT)}:{block.line}: {problem}", pytrace=False)


def test_blocks_are_found_with_their_titles_and_reasons() -> None:
    text = (
        '<!-- not run: takes hours -->\n```sh\nmake demo\n```\n\n1. Step\n\n   ```csv title="a.csv"\n   x,y\n   ```\n'
    )
    assert blocks_of(text) == [
        Block("sh", "make demo\n", 2, reason="takes hours"),
        Block("csv", "x,y\n", 8, title="a.csv"),
    ]


def test_a_failing_command_is_reported(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    assert reader.do(Block("sh", "cd my-grid\n", 1)) == ""
    assert reader.here.name == "my-grid"
    assert "exit code 1" in reader.do(Block("sh", "false\ntrue\n", 1))
    assert "no such file" in reader.do(Block("sh", "nst stylize missing.jpg painting.jpg\n", 1))


def test_every_page_names_the_language_of_its_blocks() -> None:
    unnamed = [
        f"{p.relative_to(ROOT)}:{b.line}" for p in PAGES for b in blocks_of(p.read_text("utf-8")) if not b.language
    ]
    assert unnamed == []
