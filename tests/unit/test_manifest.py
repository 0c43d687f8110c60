"""CSV to rows of cells, with true line numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from gridfiles import table
from nst.errors import NstError
from nst.manifest import Manifest, read_manifest


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def complaints(text: str) -> list[str]:
    found = read_manifest(table(text))
    return list(found.problems(list(found.complaints)).problems)


def rows(found: Manifest) -> list[tuple[int, dict[str, str]]]:
    return [(row.line, row.cells) for row in found.rows]


def test_comments_blank_lines_bom_crlf_and_quotes_keep_line_numbers() -> None:
    text = (
        "\ufeff# a comment, with 'quotes\"\r\n\r\ncontent,style,size\r\n# another\r\n"
        'a.jpg,"b.jpg|\r\n# not a comment",\r\n\r\n,,\r\n"# quoted, by a spreadsheet",,\r\n'
        '"with, comma.jpg", "b ""c"".jpg" ,64\r\n'
    )
    assert rows(read_manifest(table(text.replace('.jpg" ,', '.jpg",')))) == [
        (5, {"content": "a.jpg", "style": "b.jpg|\r\n# not a comment"}),
        (10, {"content": "with, comma.jpg", "style": 'b "c".jpg', "size": "64"}),
    ]


WRONG = [
    ("content,style\na,b,c\n", "2: 3 cells for 2 columns; put quotes around a cell that holds a comma"),
    ("content,style,size\na,b\n", "2: 2 cells for 3 columns; write a comma for each empty cell"),
    ("content,style,\na,b,\n", "1: column 3 has no name; name it or delete it"),
    ("content,style,size,size\na,b,1,2\n", "1: size: this column stands twice; keep one of them"),
    ("content,style,style_wieght\na,b,1\n", "1: style_wieght: no such column; did you mean style_weight?"),
    (
        "content,style,zzz\na,b,1\n",
        "1: zzz: no such column; the columns are content, style, name and the settings, which `nst settings` lists",
    ),
    ("# c\n\ncontent\na\n", "3: style: this column is missing; every manifest has it"),
    (
        "content,style\na,\n",
        "2: style: the cell is empty; name a picture, a list a.jpg|b.jpg or a glob like pictures/*.jpg",
    ),
    (
        'content,style\na,b\n"a,b\nc,d\n',
        "3: the quotes do not match (unexpected end of data); "
        'write a cell with quotes or commas as "…", and a quote inside it as ""',
    ),
]


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_wrong_lines(text: str, line: str) -> None:
    assert complaints(text) == [f"manifest.csv:{line}"]


def test_all_wrong_lines_at_once_in_order() -> None:
    found = complaints("content,style,sise\na,,1\na,b\n,b,2\n")
    assert [line.split(":")[1] for line in found] == ["1", "2", "3", "4"]


HOPELESS = [
    (b"", "manifest.csv: is empty; its first line names the columns: content,style"),
    (b"# only\n\n", "manifest.csv: is empty; its first line names the columns: content,style"),
    (
        b"content,style\n",
        "manifest.csv: has no rows; add one, like data/content/lake.jpg,data/style/wave.jpg",
    ),
    (b"content,style\na,\xff\n", "manifest.csv:2: is not UTF-8; save the table as CSV UTF-8"),
    (
        b"content;style\na;b\n",
        "manifest.csv:1: the cells are separated by semicolons; save the table with commas",
    ),
    (b"content\tstyle\n", "manifest.csv:1: the cells are separated by tabs; save the table with commas"),
]


@pytest.mark.parametrize(("content", "sentence"), HOPELESS)
def test_no_table_at_all(content: bytes, sentence: str) -> None:
    Path("manifest.csv").write_bytes(content)
    with pytest.raises(NstError) as caught:
        read_manifest("manifest.csv")
    assert str(caught.value) == sentence


def test_missing_file_and_folder() -> None:
    with pytest.raises(NstError, match=r"^config/m.csv: there is no such manifest; check the path$"):
        read_manifest("config/m.csv")
    with pytest.raises(NstError, match=r"^\.: cannot be read \(Is a directory\); name a CSV file$"):
        read_manifest(".")
