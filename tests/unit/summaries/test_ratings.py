"""nst.summaries.ratings: what a person wrote is read, or its first mistake named; nothing of it is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nst.cli import main
from nst.errors import NstError
from nst.summaries.ratings import read_ratings, write_rating
from nst.summaries.records import read_records
from synthetic import write_results

GOOD = "id,stars\ncat/wave/a,4\n"


def test_without_a_file_there_are_no_ratings(tmp_path: Path) -> None:
    assert read_ratings(tmp_path / "ratings.csv") == {}


@pytest.mark.parametrize(
    "text",
    [
        "id,stars\na,5\nb,1\n",
        "\ufeffid;stars\r\na; 5 \r\nb;1\r\n",
        "stars\tnote\tid\n5\tmy favorite\ta\n\n1\t\tb",
        'id,stars\n"a",5\nc,\n,\nb,1\n',
    ],
)
def test_a_file_as_people_and_spreadsheets_write_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(text.encode())
    assert read_ratings(path) == {"a": 5, "b": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ratings.csv:1: id: this column is missing; the columns are id and stars"),
        (b"id,rating\na,5\n", "ratings.csv:1: stars: this column is missing"),
        (b"id,stars\na,6\n", "ratings.csv:2: stars: '6' is no rating; give a whole number from 1 to 5"),
        (b"id,stars\na,0\n", "ratings.csv:2: stars: '0' is no rating"),
        (b"id,stars\na,5\nb,4.5\nc,x\n", "ratings.csv:3: stars: '4.5' is no rating"),
        (b"id,stars\n\n,3\n", "ratings.csv:3: id: the cell is empty"),
        (b"id,stars\na,3\na,4\n", "ratings.csv:3: id: a is rated twice"),
        (b'id,stars\n"a,3\n', "ratings.csv:2: cannot be read (unexpected end of data)"),
        (b"id,stars\n\xff,3\n", "ratings.csv: is not UTF-8"),
        (b"\x00", "ratings.csv:1: "),
    ],
)
def test_a_mistake_is_one_message_with_its_row_and_column(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    with pytest.raises(NstError) as caught:
        read_ratings(path)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(NstError):
        write_rating(tmp_path, "a", 3)
    assert path.read_bytes() == content


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").mkdir()
    with pytest.raises(NstError, match=r"ratings\.csv: cannot be read"):
        read_ratings(tmp_path / "ratings.csv")


def test_ratings_are_written_changed_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    write_rating(tmp_path, "a", 0)
    assert not path.exists()
    for pair, stars in (('a,"b"', 3), ("c", 5), ('a,"b"', 1), ("d", 2), ("c", 0), ("e", 0)):
        write_rating(tmp_path, pair, stars)
    assert path.read_text() == 'id,stars\n"a,""b""",1\nd,2\n'
    assert read_ratings(path) == {'a,"b"': 1, "d": 2}
    assert {found.name for found in tmp_path.iterdir()} <= {"ratings.csv", ".ratings.csv.lock"}


def test_the_same_rating_leaves_the_file_alone(tmp_path: Path) -> None:
    """So that the workflow does not make the tables again."""
    write_rating(tmp_path, "a", 3)
    before = (tmp_path / "ratings.csv").stat()
    write_rating(tmp_path, "a", 3)
    write_rating(tmp_path, "b", 0)
    assert (tmp_path / "ratings.csv").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("stars", [-1, 6])
def test_there_are_no_other_ratings(tmp_path: Path, stars: int) -> None:
    with pytest.raises(NstError, match="a rating has 1 to 5, and 0 removes it"):
        write_rating(tmp_path, "a", stars)


def test_no_rating_is_lost_if_several_are_written_at_once(tmp_path: Path) -> None:
    names = [f"pair{n}" for n in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: write_rating(tmp_path, name, 4), names))
    assert read_ratings(tmp_path / "ratings.csv") == dict.fromkeys(names, 4)


def test_records_have_them(tmp_path: Path) -> None:
    grid = write_results(tmp_path, ["cat"], ["wave"], {"a": {}, "b": {"size": 64}})
    assert read_records(grid)["stars"].isna().all()
    for pair, stars in (("cat/wave/b", 2), ("dog/wave/a", 5)):  # no row asks for the dog any more
        write_rating(tmp_path, pair, stars)
    assert list(read_records(grid)["stars"].fillna(0)) == [0, 2]


def test_tables_and_gallery_are_made_in_spite_of_a_mistake(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    grid = write_results(tmp_path, ["cat"], ["wave"], {"a": {}})
    (tmp_path / "ratings.csv").write_text(GOOD + "cat/wave/b,many\n")
    for command in (["tables", str(grid), "-o", str(tmp_path / "tables")], ["gallery", str(grid)]):
        caplog.clear()
        assert main(command) == 0
        [warning] = caplog.records
        assert warning.levelname == "WARNING"
        expected = f"{tmp_path}/ratings.csv:3: stars: 'many' is no rating; give a whole number from 1 to 5"
        assert warning.getMessage().startswith(expected)
    assert (tmp_path / "gallery/index.html").exists()
