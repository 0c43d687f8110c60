"""The manifest's table: CSV to rows of cells, each with its line in the file."""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from nst import limits
from nst.errors import NstError, Problems
from nst.io.files import read_bounded
from nst.settings import did_you_mean, fields

csv.field_size_limit(limits.CELL)

REQUIRED = ("content", "style")

_COLUMNS_TEXT = "the columns are content, style, name and the settings, which `nst settings` lists"

#: What separates the cells, and its name: where a comma is the decimal point, Excel can save only semicolons or tabs.
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}

#: What people, and other programs, call a column of ours; plurals are found too.
_SYNONYMS = {
    "content": ("photo", "picture", "image", "img", "content_image", "source", "input", "file", "filename", "path"),
    "style": ("painting", "artwork", "art", "artist", "style_image", "reference"),
    "name": ("title", "label"),
    "iterations": ("steps", "epochs", "evaluations", "num_iterations", "max_iterations", "iters"),
    "content_weight": ("alpha",),
    "style_weight": ("beta", "strength", "style_strength"),
    "size": ("resolution", "width", "image_size", "max_size"),
    "color": ("colour", "colours", "colors", "preserve_colors", "original_colors"),
    "network": ("model", "net"),
    "learning_rate": ("lr",),
}


def columns() -> tuple[str, ...]:
    """Every column that a manifest may have."""
    return (*REQUIRED, "name", *fields())


class Complaint(NamedTuple):
    """What is wrong at a place of the manifest and what would be right."""

    line: int
    column: str  # '' where it is the whole line
    sentence: str


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row that are not empty, by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Manifest:
    """A table whose rows can be used as far as `complaints` does not name them."""

    path: str
    rows: tuple[Row, ...]
    complaints: tuple[Complaint, ...] = ()

    def problems(self, complaints: list[Complaint]) -> Problems:
        """The complaints as lines `manifest.csv:ROW: COLUMN: …`, in the order of the file, each once."""
        ordered = sorted(dict.fromkeys(complaints), key=lambda complaint: complaint.line)
        return Problems(
            f"{self.path}:{line}: {column}: {sentence}" if column else f"{self.path}:{line}: {sentence}"
            for line, column, sentence in ordered
        )


def read_manifest(path: str | Path) -> Manifest:
    """Read the table; mistakes in lines are kept as complaints, so that they can be told with all others.

    Cells are separated as in the header: by commas, semicolons or tabs. Raises NstError where there is no table at all:
    no such file, not UTF-8, empty, no rows, or too many of them.
    """
    complaints: list[Complaint] = []
    content = _text(path)
    separator = _separator(content)
    records = list(islice(_records(content, separator, complaints), limits.PAIRS + 2))
    if len(records) > limits.PAIRS + 1:
        raise NstError(f"{path}: has more than {limits.PAIRS:,} rows; split it")
    if not records:
        if complaints:
            raise Manifest(str(path), ()).problems(complaints)
        raise NstError(f"{path}: is empty; its first line names the columns: content,style")
    (header_line, header), body = records[0], records[1:]
    if len(header) > limits.COLUMNS:
        raise NstError(f"{path}:{header_line}: {len(header):,} columns; {_COLUMNS_TEXT}")
    known = _known(header_line, header, complaints)
    rows = []
    for line, cells in body:
        if len(cells) != len(header):
            complaints.append(Complaint(line, "", _ragged(cells, len(header), separator)))
            continue
        row = Row(line, {name: cells[index] for name, index in known.items() if cells[index]})
        complaints += [_empty(line, name) for name in REQUIRED if name in known and name not in row.cells]
        rows.append(row)
    if not body and not complaints:
        raise NstError(f"{path}: has no rows; add one, like data/content/lake.jpg,data/style/wave.jpg")
    return Manifest(str(path), tuple(rows), tuple(complaints))


def _text(path: str | Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 as Excel's "Unicode Text" has it."""
    try:
        content = read_bounded(path, limits.MANIFEST_BYTES)
    except FileNotFoundError as error:
        raise NstError(f"{path}: there is no such manifest; check the path") from error
    except OSError as error:
        raise NstError(f"{path}: cannot be read ({error.strerror}); name a CSV file") from error
    try:
        return content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NstError(f"{path}:{line}: is not UTF-8; save the table as CSV UTF-8") from error


class _Lines:
    """The lines of a file for csv.reader without its comments; knows where the present record began."""

    def __init__(self, text: str):
        self._lines = enumerate(io.StringIO(text, newline=""), 1)
        self.first = 0
        self.between_records = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for number, line in self._lines:
            if self.between_records:
                if line.lstrip().startswith("#"):
                    continue
                self.first, self.between_records = number, False
            return line
        raise StopIteration


def _separator(text: str) -> str:
    """What separates the names of the header: they hold none of these themselves."""
    lines = (line.lstrip(' "') for line in text.splitlines())
    header = next((line for line in lines if line.strip(',;\t" ') and not line.startswith("#")), "")
    return max(SEPARATORS, key=header.count)  # the first of equals: a comma


def _records(text: str, separator: str, complaints: list[Complaint]) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record that is neither blank nor a comment."""
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    while True:
        lines.between_records = True
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            advice = f'write a cell with quotes or {SEPARATORS[separator]}s as "…", and a quote inside it as ""'
            sentence = f"the quotes do not match ({error}); {advice}"
            if "field limit" in str(error):
                sentence = f"a cell has more than {limits.CELL:,} characters, or its last quote is missing; use a glob"
            complaints.append(Complaint(lines.first, "", sentence))
            return  # what follows could be read in more than one way
        # Spreadsheets put quotes around a comment that has a comma.
        if any(cells) and not cells[0].startswith("#"):
            yield lines.first, cells


def _known(line: int, header: list[str], complaints: list[Complaint]) -> dict[str, int]:
    """Where each known column stands; complains of all others."""
    known: dict[str, int] = {}
    for index, name in enumerate(header):
        if not name:
            sentence = f"column {index + 1} has no name; name it or delete it"
            complaints.append(Complaint(line, "", sentence))
        elif name in known:
            complaints.append(Complaint(line, name, "this column stands twice; keep one of them"))
        elif name in columns():
            known[name] = index
        else:
            complaints.append(Complaint(line, name, f"no such column{_suggestion(name)}"))
    missing = [name for name in REQUIRED if name not in known]
    complaints += [Complaint(line, name, "this column is missing; every manifest has it") for name in missing]
    return known


def _suggestion(header: str) -> str:
    """Which column is meant, or else which there are."""
    word = re.sub(r"[\s-]+", "_", header.strip().casefold())
    meant = next((name for name, words in _SYNONYMS.items() if {word, word.removesuffix("s")} & {*words}), "")
    return f"; did you mean {meant}?" if meant else did_you_mean(word, columns()) or f"; {_COLUMNS_TEXT}"


def _ragged(cells: list[str], header: int, separator: str) -> str:
    word = SEPARATORS[separator]
    advice = f"write a {word} for each empty cell"
    if len(cells) > header:
        advice = f"put quotes around a cell that holds a {word}"
    if len(cells) > header and separator == "," and any(a.isdigit() and b.isdigit() for a, b in pairwise(cells)):
        advice += ", and write decimals with a point: 1.5"
    return f"{len(cells)} cells for {header} columns; {advice}"


def _empty(line: int, column: str) -> Complaint:
    right = "name a picture, a list a.jpg|b.jpg or a glob like pictures/*"
    return Complaint(line, column, f"the cell is empty; {right}")
