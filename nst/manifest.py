"""The manifest's table: CSV to rows of cells, each with its line in the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nst.errors import NstError, Problems
from nst.settings import did_you_mean, fields

REQUIRED = ("content", "style")

_COLUMNS_TEXT = "the columns are content, style, name and the settings, which `nst settings` lists"


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

    Raises NstError where there is no table at all: no such file, not UTF-8, empty, no rows, no commas.
    """
    complaints: list[Complaint] = []
    records = list(_records(_text(path), complaints))
    if not records:
        if complaints:
            raise Manifest(str(path), ()).problems(complaints)
        raise NstError(f"{path}: is empty; its first line names the columns: content,style")
    (header_line, header), body = records[0], records[1:]
    _check_separator(path, header_line, header)
    known = _known(header_line, header, complaints)
    rows = []
    for line, cells in body:
        if len(cells) != len(header):
            complaints.append(Complaint(line, "", _ragged(len(cells), len(header))))
            continue
        row = Row(line, {name: cells[index] for name, index in known.items() if cells[index]})
        complaints += [_empty(line, name) for name in REQUIRED if name in known and name not in row.cells]
        rows.append(row)
    if not body and not complaints:
        raise NstError(f"{path}: has no rows; add one, like data/content/lake.jpg,data/style/wave.jpg")
    return Manifest(str(path), tuple(rows), tuple(complaints))


def _text(path: str | Path) -> str:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise NstError(f"{path}: there is no such manifest; check the path") from error
    except OSError as error:
        raise NstError(f"{path}: cannot be read ({error.strerror}); name a CSV file") from error
    try:
        return content.decode("utf-8-sig")
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


def _records(text: str, complaints: list[Complaint]) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record that is neither blank nor a comment."""
    lines = _Lines(text)
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    while True:
        lines.between_records = True
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            advice = 'write a cell with quotes or commas as "…", and a quote inside it as ""'
            complaints.append(Complaint(lines.first, "", f"the quotes do not match ({error}); {advice}"))
            return  # what follows could be read in more than one way
        # Spreadsheets put quotes around a comment that has a comma.
        if any(cells) and not cells[0].startswith("#"):
            yield lines.first, cells


def _check_separator(path: str | Path, line: int, header: list[str]) -> None:
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise NstError(f"{path}:{line}: the cells are separated by {word}; save the table with commas")


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
            near = did_you_mean(name, columns()) or f"; {_COLUMNS_TEXT}"
            complaints.append(Complaint(line, name, f"no such column{near}"))
    missing = [name for name in REQUIRED if name not in known]
    complaints += [Complaint(line, name, "this column is missing; every manifest has it") for name in missing]
    return known


def _ragged(cells: int, header: int) -> str:
    more = "put quotes around a cell that holds a comma"
    advice = more if cells > header else "write a comma for each empty cell"
    return f"{cells} cells for {header} columns; {advice}"


def _empty(line: int, column: str) -> Complaint:
    right = "name a picture, a list a.jpg|b.jpg or a glob like pictures/*.jpg"
    return Complaint(line, column, f"the cell is empty; {right}")
