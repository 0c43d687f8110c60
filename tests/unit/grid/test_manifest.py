"""CSV to rows of cells, with true line numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridfiles import table
from nst import limits
from nst.errors import NstError
from nst.grid import manifest
from nst.grid.manifest import Manifest, read_manifest


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def messages(text: str) -> list[str]:
    found = read_manifest(table(text))
    return list(found.error(list(found.problems)).problems)


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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_are_separated_as_in_the_header(separator: str) -> None:
    cells = (['"# four, five; six"', "", ""], ["content", "style", "name"], ["a.jpg", '"x,;\t"', ""], ["", "", ""])
    lines = [separator.join(line) for line in (*cells, ["b.jpg", "c.jpg", '"a ""b"""'])]
    text = "\ufeff# one; two, three\t;;,,\n\n" + "\n".join(lines)
    assert rows(read_manifest(table(text))) == [
        (5, {"content": "a.jpg", "style": "x,;"}),
        (7, {"content": "b.jpg", "style": "c.jpg", "name": 'a "b"'}),
    ]


def test_names_of_columns_may_have_capital_letters_and_spaces() -> None:
    found = read_manifest(table("Content,STYLE,Style weight,TV-Weight\na,b,1,2\n"))
    assert rows(found) == [(2, {"content": "a", "style": "b", "style_weight": "1", "tv_weight": "2"})]
    assert messages("Size,size,content,style\n1,2,a,b\n") == [
        "manifest.csv:1: size: this column appears twice; keep one of them"
    ]


def test_the_table_that_a_german_excel_saves() -> None:
    """As "CSV UTF-8" and as "Unicode Text"."""
    text = "content;style;style_weight\r\nBäume.jpg;Wälle.jpg;0,5\r\n;;\r\n"
    for content in (b"\xef\xbb\xbf" + text.encode(), text.replace(";", "\t").encode("utf-16")):
        Path("manifest.csv").write_bytes(content)
        expected = {"content": "Bäume.jpg", "style": "Wälle.jpg", "style_weight": "0,5"}
        assert rows(read_manifest("manifest.csv")) == [(2, expected)]


WRONG = [
    ("content,style\na,b,c\n", "2: 3 cells for 2 columns; put quotes around a cell that contains a comma"),
    ("content,style,size\na,b\n", "2: 2 cells for 3 columns; write a comma for each empty cell too"),
    ("content,style,\na,b,\n", "1: column 3 has no name; name or delete it"),
    ("content,style,size,size\na,b,1,2\n", "1: size: this column appears twice; keep one of them"),
    ("content,style,style_wieght\na,b,1\n", "1: style_wieght: no such column; did you mean style_weight?"),
    (
        "content,style,zzz\na,b,1\n",
        "1: zzz: no such column; the columns are content, style, name and the settings, which `nst settings` lists",
    ),
    (
        "content,style,style_weight\na,b,1,5\n",
        "2: 4 cells for 3 columns; put quotes around a cell that contains a comma, "
        "and write decimals with a point: 1.5",
    ),
    ("content;style\na;b;c\n", "2: 3 cells for 2 columns; put quotes around a cell that contains a semicolon"),
    ("content\tstyle\tsize\na\tb\n", "2: 2 cells for 3 columns; write a tab for each empty cell too"),
    ("photo,style\na,b\n", "1: photo: no such column; did you mean content?"),
    ("# c\n\ncontent\na\n", "3: style: this column is missing; it is required"),
    (
        "content,style\na,\n",
        "2: style: the cell is empty; give an image, a list a.jpg|b.jpg or a glob like pictures/*",
    ),
    (
        'content,style\na,b\n"a,b\nc,d\n',
        "3: the quotes do not match (unexpected end of data); "
        'write a cell with quotes or commas as "…", and a quote inside it as ""',
    ),
]


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_wrong_lines(text: str, line: str) -> None:
    assert messages(text) == [f"manifest.csv:{line}"]


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("painting", "style"),
        ("Style Image", "style"),
        ("photos", "content"),
        ("picture", "content"),
        ("Steps", "iterations"),
        ("colour", "color"),
        ("Style-Weigth", "style_weight"),
    ],
)
def test_what_others_call_a_column_is_understood(header: str, meant: str) -> None:
    assert messages(f"content,style,{header}\na,b,c\n") == [
        f"manifest.csv:1: {header}: no such column; did you mean {meant}?"
    ]


def test_all_wrong_lines_at_once_in_order() -> None:
    found = messages("content,style,sise\na,,1\na,b\n,b,2\n")
    assert [line.split(":")[1] for line in found] == ["1", "2", "3", "4"]


HOPELESS = [
    (b"", "manifest.csv: is empty; the first line must name the columns, for example content,style"),
    (b"# only\n\n", "manifest.csv: is empty; the first line must name the columns, for example content,style"),
    (
        b"content,style\n",
        "manifest.csv: has no rows; add one, for example data/content/lake.jpg,data/style/wave.jpg",
    ),
    (b"content,style\na,\xff\n", "manifest.csv:2: is not UTF-8; save the table as CSV UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), HOPELESS)
def test_no_table_at_all(content: bytes, message: str) -> None:
    Path("manifest.csv").write_bytes(content)
    with pytest.raises(NstError) as caught:
        read_manifest("manifest.csv")
    assert str(caught.value) == message


def test_missing_file_and_folder() -> None:
    with pytest.raises(
        NstError,
        match=r"^config/m.csv: there is no such manifest; check the path, or begin a grid with `nst init FOLDER`$",
    ):
        read_manifest("config/m.csv")
    with pytest.raises(NstError, match=r"^\.: cannot be read \(Is a directory\); give the path of a CSV file$"):
        read_manifest(".")


def test_as_many_rows_as_are_allowed_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PAIRS", 3)
    row = "a.jpg,b.jpg\n"
    assert len(read_manifest(table("content,style\n" + 3 * row)).rows) == 3
    with pytest.raises(NstError, match=r"^manifest\.csv: has more than 3 rows; split the manifest$"):
        read_manifest(table("content,style\n" + 4 * row))


def test_every_synonym_leads_to_its_column() -> None:
    """Written in any case, with spaces or hyphens, in the singular or the plural."""
    for column, words in manifest._SYNONYMS.items():
        assert column in manifest.columns()
        for word in words:
            for header in (word, word.upper(), word.replace("_", " "), f"{word.replace('_', '-')}s"):
                assert manifest._suggestion(manifest._column_name(header)) == column
