"""Manifests of any bytes: refused, or a grid whose grid.csv is read back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from bounded import bounded
from mutation import damaged
from nst import limits
from nst.grid.manifest import columns
from nst.grid.pairs import print_grid_csv, read_grid
from nst.summaries.records import read_records

WHOLE = (
    "# a comment\ncontent,style,name,style_weight,style_layers,init\n"
    "a.png|b c.png,b c.png:0.7+ü.png:0.3,soft,1e3|1e4,conv1_1+conv2_1:0.5,noise\n"
    '[ab]*.png,"folder/**/*.png",,auto,,ü.png\nhttps://example.org/a.png,a.png,,,,\n'
).encode()
#: What cells are made of.
PARTS = [
    "a.png", "b c.png", "ü.png", "folder", "folder/a.png", "gone.png", "text.png", "loop/**/*.png", "*", "**", "?", "[",
    "|", "+", ":", "0.5", "1e9", "-1", "nan", "1,5", "64", "lite", "noise", "conv1_1", "draft", "yes", "auto",
    "mean(", ")", "mean(*)", "mean(a.png+folder/*)",
    "http://[::1/a.png", "https://example.org/a.png", "s3://", "ftp://x/", "..", "/", "/dev/", "~", "-x", "{x}", "<y>",
    "\r", "\n", "\t", "\0", "\x1b[2J", "\u2028", "\ufeff", '"', ",", ";", "#", " ", "x" * 300, "9" * 400, "é\u0301",
]  # fmt: skip
CELL = st.lists(
    st.builds(lambda part, times: part * times, st.sampled_from(PARTS) | st.text(max_size=4), st.sampled_from(
        [1, 1, 1, 1, 2, 40, 3000])), max_size=6,
).map("".join)  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(limits, "GLOB_ENTRIES", 20_000)
    Path("folder").mkdir()
    Path("loop").symlink_to(".")
    for name in ("a.png", "b c.png", "ü.png", "folder/a.png"):
        Image.new("RGB", (8, 6)).save(name)
    Path("text.png").write_text("no image")


def grid() -> None:
    """A manifest to grid.csv and back."""
    pairs = read_grid("manifest.csv")
    with Path("grid.csv").open("w", encoding="utf-8", newline="") as file:
        print_grid_csv(pairs, file, "results", "png")
    lines = read_records(Path("grid.csv"))
    assert list(lines["id"]) == [pair.id for pair in pairs]
    assert list(lines["content"]) == [pair.content for pair in pairs]
    assert list(lines["settings_title"]) == [pair.settings_title for pair in pairs]


def read(content: bytes) -> str:
    Path("manifest.csv").write_bytes(content)
    return bounded(grid).error


def test_what_is_whole_is_accepted():
    assert read(WHOLE) == ""


@given(content=damaged(WHOLE))
@example(content=WHOLE.decode().encode("utf-16"))
@example(content=WHOLE.replace(b",", b";").replace(b"1e3", b"1,5"))
@example(content=b'content,style\n"a\rb.png",a.png\n')
@example(content=b"content,style\n" + b'"' * 200_000)
@example(content=b"\0" * 1000)
def test_damaged_manifests(content):
    read(content)


@st.composite
def tables(draw) -> str:
    """Tables of known columns, quoted as a spreadsheet does it."""
    names = draw(st.lists(st.sampled_from(columns()) | CELL, max_size=4))
    header = draw(st.permutations(["content", "style", *names]))
    usual = st.sampled_from(["", "a.png", "a.png|folder/a.png", "*.png"])
    rows = [header, *([draw(usual | CELL) for _ in header] for _ in range(draw(st.integers(1, 4))))]
    return "\n".join(",".join(f'"{cell}"'.replace('""', '"') if "\n" in cell else cell for cell in row) for row in rows)


@given(text=tables())
@example(text="content,style\nhttp://[::1/a.jpg,a.png")
@example(text='content,style,name\na.png,a.png,"a\rb"')
@example(text="content,style\n" + "../" * 2000 + "*,a.png")
@example(text="content,style\n" + "a.png+" * 3000 + ",a.png:" + ":1" * 3000)
@example(text="content,style\na.png," + "mean(" * 3000 + "*" + ")" * 3000)
@example(text="content,style\na.png," + "|".join(f"mean(*.png):{weight}+folder/a.png" for weight in range(1, 5000)))
@example(text="content,style\n" + "loop/" * 300 + "**/*.png,/proc/**/*.jpg")
@example(text="content,style,size,seed,iterations\na.png,a.png" + ",1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17" * 3)
@example(text="content,style" + ",x" * 3_000 + "\na.png,a.png")
@example(text="content,style\n" + "gone.png,a.png\n" * 3_000)
def test_tables_of_any_cells(text):
    read(text.encode("utf-8", "surrogateescape"))
