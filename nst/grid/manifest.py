"""Reading of the manifest: CSV to rows of cells with line numbers."""

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
from nst.settings import fields, nearest

csv.field_size_limit(limits.CELL)

REQUIRED = ("content", "style")

_COLUMNS_TEXT = "the columns are content, style, name and the settings, which `nst settings` lists"

#: Separators and their names. In locales with a decimal comma, Excel saves only semicolons or tabs.
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}

#: Other names of the columns, for suggestions; plurals are recognized too.
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
    """All valid columns of a manifest."""
    return (*REQUIRED, "name", *fields())


class Problem(NamedTuple):
    """A problem in the manifest: its line and column, what is wrong and what would be right."""

    line: int
    column: str  # '' for the whole line
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """The non-empty cells of a row, by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest, and the problems found while reading. Rows with problems are left out or incomplete."""

    path: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()

    def error(self, problems: list[Problem]) -> Problems:
        """An exception with a line `manifest.csv:ROW: COLUMN: …` for each problem, in the order of the file."""
        ordered = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
        return Problems(
            f"{self.path}:{line}: {column}: {message}" if column else f"{self.path}:{line}: {message}"
            for line, column, message in ordered
        )


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest. Mistakes in its lines become `problems`, to be reported with all others.

    Cells are separated as in the header: by commas, semicolons or tabs. Raises NstError if the file is missing, not
    UTF-8 or empty, or has no rows or too many.
    """
    problems: list[Problem] = []
    content = _text(path)
    separator = _separator(content)
    records = list(islice(_records(content, separator, problems), limits.PAIRS + 2))
    if len(records) > limits.PAIRS + 1:
        raise NstError(f"{path}: has more than {limits.PAIRS:,} rows; split the manifest")
    if not records:
        if problems:
            raise Manifest(str(path), ()).error(problems)
        raise NstError(f"{path}: is empty; the first line must name the columns, for example content,style")
    (header_line, header), body = records[0], records[1:]
    if len(header) > limits.COLUMNS:
        raise NstError(f"{path}:{header_line}: {len(header):,} columns; {_COLUMNS_TEXT}")
    indices = _column_indices(header_line, header, problems)
    rows = []
    for line, cells in body:
        if len(cells) != len(header):
            problems.append(Problem(line, "", _ragged(cells, len(header), separator)))
            continue
        row = Row(line, {name: cells[index] for name, index in indices.items() if cells[index]})
        empty = "the cell is empty; give an image, a list a.jpg|b.jpg or a glob like pictures/*"
        problems += [Problem(line, name, empty) for name in REQUIRED if name in indices and name not in row.cells]
        rows.append(row)
    if not body and not problems:
        raise NstError(f"{path}: has no rows; add one, for example data/content/lake.jpg,data/style/wave.jpg")
    return Manifest(str(path), tuple(rows), tuple(problems))


def _text(path: str | Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 ("Unicode Text" of Excel)."""
    try:
        content = read_bounded(path, limits.MANIFEST_BYTES)
    except FileNotFoundError as error:
        raise NstError(
            f"{path}: there is no such manifest; check the path, or begin a grid with `nst init FOLDER`"
        ) from error
    except OSError as error:
        raise NstError(f"{path}: cannot be read ({error.strerror}); give the path of a CSV file") from error
    try:
        return content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NstError(f"{path}:{line}: is not UTF-8; save the table as CSV UTF-8") from error


class _Lines:
    """The lines of a file without comments, for csv.reader. `first` is the line where the current record begins."""

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
    """The separator of the header. Column names contain none of the separators."""
    lines = (line.lstrip(' "') for line in text.splitlines())
    header = next((line for line in lines if line.strip(',;\t" ') and not line.startswith("#")), "")
    return max(SEPARATORS, key=header.count)  # a comma if there is none


def _records(text: str, separator: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
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
            message = f"the quotes do not match ({error}); {advice}"
            if "field limit" in str(error):
                message = f"a cell has more than {limits.CELL:,} characters, or its last quote is missing; use a glob"
            problems.append(Problem(lines.first, "", message))
            return  # the rest is ambiguous
        # Spreadsheets quote a comment that contains a comma.
        if any(cells) and not cells[0].startswith("#"):
            yield lines.first, cells


def _column_indices(line: int, header: list[str], problems: list[Problem]) -> dict[str, int]:
    """The index of each valid column; adds a problem for each other column, and for each that is missing."""
    indices: dict[str, int] = {}
    meant = set()
    for index, text in enumerate(header):
        name = _column_name(text)
        if not name:
            message = f"column {index + 1} has no name; name or delete it"
            problems.append(Problem(line, "", message))
        elif name in indices:
            problems.append(Problem(line, name, "this column appears twice; keep one of them"))
        elif name in columns():
            indices[name] = index
        else:
            suggestion = _suggestion(name)
            meant.add(suggestion)
            advice = f"did you mean {suggestion}?" if suggestion else _COLUMNS_TEXT
            problems.append(Problem(line, text, f"no such column; {advice}"))
    missing = [name for name in REQUIRED if name not in indices and name not in meant]
    problems += [Problem(line, name, "this column is missing; it is required") for name in missing]
    return indices


def _column_name(text: str) -> str:
    """The column that a header names: `Style weight` is style_weight."""
    return re.sub(r"[\s-]+", "_", text.strip().casefold())


def _suggestion(name: str) -> str:
    """The column that is probably meant, '' if none is like it."""
    meant = next((column for column, words in _SYNONYMS.items() if {name, name.removesuffix("s")} & {*words}), "")
    return meant or nearest(name, columns())


def _ragged(cells: list[str], header: int, separator: str) -> str:
    word = SEPARATORS[separator]
    advice = f"write a {word} for each empty cell too"
    if len(cells) > header:
        advice = f"put quotes around a cell that contains a {word}"
    if len(cells) > header and separator == "," and any(a.isdigit() and b.isdigit() for a, b in pairwise(cells)):
        advice += ", and write decimals with a point: 1.5"
    return f"{len(cells)} cells for {header} columns; {advice}"
