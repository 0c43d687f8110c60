"""Ratings: one to five stars that a person gives to images of a grid, in ratings.csv in the results folder."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

from nst import layout, limits
from nst.errors import NstError
from nst.io.files import read_bounded, replacing

log = logging.getLogger(__name__)

COLUMNS = ("id", "stars")
#: Stars of the best rating.
MAX_STARS = 5
_RIGHT = f"give a whole number from 1 to {MAX_STARS}, or nothing for no rating"


def read_ratings(path: Path) -> dict[str, int]:
    """The stars of each rated pair, by id; empty if there is no such file.

    Cells may be separated by semicolons or tabs, as spreadsheets do in some countries. Raises NstError for the first
    mistake, with row and column.
    """
    try:
        text = read_bounded(path, limits.MANIFEST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise NstError(f"{path}: is not UTF-8; save the table as CSV UTF-8") from None
    except OSError as error:
        raise NstError(f"{path}: cannot be read ({error.strerror}); expected a CSV file") from None
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    ratings: dict[str, int] = {}
    try:
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise NstError(f"{path}:1: {missing[0]}: this column is missing; the columns are id and stars")
        for row in reader:
            _add(ratings, row, f"{path}:{reader.line_num}")
    except csv.Error as error:
        raise NstError(
            f"{path}:{reader.reader.line_num}: cannot be read ({error}); the columns are id and stars"
        ) from None
    return ratings


def usable_ratings(path: Path) -> dict[str, int]:
    """As `read_ratings`, but a mistake is a warning and gives no ratings: the caller also shows other data."""
    try:
        return read_ratings(path)
    except NstError as error:
        log.warning("%s (no ratings are shown)", error)
        return {}


def write_rating(results: Path, pair: str, stars: int) -> None:
    """Rate a pair of a results folder; 0 stars remove its rating.

    Raises NstError if the existing file has a mistake, because its content would be lost.
    """
    from filelock import FileLock

    if stars not in range(MAX_STARS + 1):
        raise NstError(f"{pair}: {stars} stars; a rating has 1 to {MAX_STARS}, and 0 removes it")
    path = results / layout.RATINGS
    with FileLock(path.with_name(f".{path.name}.lock")):  # another rating may be written at the same time
        ratings = read_ratings(path)
        if ratings.get(pair, 0) == stars:
            return
        ratings[pair] = stars
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS, *((name, given) for name, given in ratings.items() if given)])


def _add(ratings: dict[str, int], row: dict[str, str | None], place: str) -> None:
    """Add one row of the file. Rows without stars, or entirely empty, are no ratings."""
    pair, stars = ((row[name] or "").strip() for name in COLUMNS)
    if not stars:
        return
    if not pair:
        raise NstError(f"{place}: id: the cell is empty; give the id of a pair, as in grid.csv")
    if pair in ratings:
        raise NstError(f"{place}: id: {pair} is rated twice; delete one of the rows")
    if stars not in map(str, range(1, MAX_STARS + 1)):
        raise NstError(f"{place}: stars: {stars!r} is no rating; {_RIGHT}")
    ratings[pair] = int(stars)
