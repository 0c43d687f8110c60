"""What a run prints at its end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridfiles import picture, table
from nst.grid.ending import summary
from nst.grid.leftovers import remove_stale_summaries
from nst.grid.pairs import read_grid
from nst.io.logs import UP_TO_DATE

BEGAN = 1_000_000_000.0
EARLIER, LATER = BEGAN - 60, BEGAN + 60


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "s.jpg"):
        picture(name)


def write(path: str, when: float, text: str = "") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    os.utime(path, (when, when))


def lines(pairs: int, **more: object) -> list[str]:
    rows = "content,style,seed\na.jpg,s.jpg," + "|".join(map(str, range(1, pairs + 1))) + "\n"
    return list(summary(read_grid(table(rows)), "out", "png", BEGAN, manifest="m.csv", **more))  # type: ignore[arg-type]


def image(seed: int, when: float) -> None:
    write(f"out/pairs/a/s/seed={seed}/image.png", when)


def test_pictures_are_counted_by_what_became_of_them() -> None:
    image(1, EARLIER)
    image(2, LATER)
    image(3, LATER)
    image(12, LATER)  # put back after an interruption
    write("out/logs/stylize/a/s/seed=12.log", LATER, f"nst: resuming\nout/image.png: {UP_TO_DATE}\n")
    for seed in range(4, 11):
        write(f"out/logs/stylize/a/s/seed={seed}.log", LATER, f"working\nnst: reason {seed}\n")
    write("out/logs/stylize/a/s/seed=11.log", EARLIER)
    told = lines(12, failed=True)
    assert told[0] == "images    2 stylized, 2 up to date, 7 failed, 1 not stylized yet"
    assert told[1:6] == [f"failed    a/s/seed={seed}: reason {seed}" for seed in range(4, 9)]
    assert told[6] == "          … and 2 more: out/logs/stylize"
    assert told[7] == "next      run the same command again to make what is missing; finished images are kept"
    assert len(told) == 8


def test_warnings_of_new_images_are_printed() -> None:
    for seed, when in ((1, EARLIER), (2, LATER), (3, LATER), (4, LATER)):
        image(seed, when)
        record = '{"warnings": ["no face was found"]}' if seed < 4 else "damaged"
        write(f"out/pairs/a/s/seed={seed}/run.json", when, record)
    told = lines(4)
    assert told[0] == "images    3 stylized, 1 up to date"
    assert told[1:] == [f"warning   a/s/seed={seed}: no face was found" for seed in (2, 3)]


def test_an_image_whose_new_version_failed_or_stopped_is_not_up_to_date() -> None:
    """A bundle keeps the old image, where a job of one pair deletes it."""
    for seed in (1, 2, 3, 4):
        image(seed, EARLIER)
    write("out/logs/stylize/a/s/seed=4.log", LATER)
    write("out/logs/stylize/a/s/seed=1.log", LATER, "nst: a.jpg: is not an image\n")
    write("out/logs/stylize/a/s/seed=2.log", LATER, f"out/image.png: {UP_TO_DATE}\n")
    write("out/logs/stylize/a/s/seed=3.log", EARLIER, "nst: an old reason\n")
    assert lines(4, failed=True)[:2] == [
        "images    2 up to date, 1 failed, 1 interrupted",
        "failed    a/s/seed=1: a.jpg: is not an image",
    ]


def test_places_that_show_an_earlier_state_are_not_named() -> None:
    page, sheet = "out/gallery/index.html", "out/sheets/sweeps/a--s.png"
    image(1, EARLIER)
    write(page, EARLIER)
    write(sheet, EARLIER)
    here = f"gallery   {Path(page).absolute().as_uri()}"
    assert lines(1) == ["images    1 up to date", "sheets    out/sheets", here]
    assert lines(2) == [
        "images    1 up to date, 1 not stylized yet",
        "next      run the same command again to make what is missing; finished images are kept",
    ]
    image(1, LATER)
    assert lines(1) == ["images    1 stylized"]
    write(page, LATER)
    write("out/tables/comparison.html", LATER)
    assert lines(1) == ["images    1 stylized", "tables    out/tables/comparison.html", here]


def test_what_removes_the_images_of_no_row_is_told_as_to_be_typed() -> None:
    image(1, EARLIER)
    image(7, EARLIER)
    write("out/pairs/a/s/seed=7/run.json", EARLIER, '{"id": "a/s/seed=7", "algorithm": 1}')
    images, command = "1 image that no row of the manifest asks for", "nst grid m.csv --results out --prune"
    assert f"kept      {images}; `{command}` lists and removes them" in lines(1)


def test_a_failure_that_is_no_picture_is_told() -> None:
    image(1, LATER)
    failed = "failed    a job that makes no image; its message is above"
    assert lines(1, failed=True)[:2] == ["images    1 stylized", failed]


def test_a_picture_that_was_stopped_is_told_as_that() -> None:
    log, progress = "out/logs/stylize/a/s/seed=1.log", "nst: iteration 5/10  total 1.0  content 0.6  style 0.02  7 s\n"
    write(log, LATER, progress)
    assert lines(2, ended_early=True)[0] == "images    1 interrupted, 1 not stylized yet"
    write(log, LATER, f"nst: resuming an interrupted run after iteration 4 (batch)\n{progress}")
    assert lines(2, failed=True)[0] == "images    1 interrupted, 1 not stylized yet"
    write(log, LATER, f"nst: a.jpg: enlarged\n{progress}nst: stopped after iteration 5; the same command resumes\n")
    assert lines(2, failed=True)[0] == "images    1 interrupted, 1 not stylized yet"
    assert lines(1, ended_early=True)[1].startswith("next      run the same command again")


def test_how_to_see_the_images_of_a_run_that_was_stopped_is_told() -> None:
    advice = "so far    `nst gallery out/grid.csv` makes a gallery of the finished images"
    write("out/logs/stylize/a/s/seed=1.log", LATER)
    assert advice not in lines(2, ended_early=True)
    image(2, LATER)
    assert advice not in lines(2, ended_early=True)  # Snakemake has not written the table
    write("out/grid.csv", LATER)
    assert advice in lines(2, ended_early=True)
    write("out/gallery/index.html", LATER)
    assert advice not in lines(2, ended_early=True)  # it was made after a failure


def test_only_what_a_job_has_made_is_forgotten() -> None:
    made = ["sheets/{}.png", "sheets/{}.html", "logs/sheets/{}.log", "benchmarks/sheets/{}.tsv"]
    plots = ["plots/losses/{}.png", "logs/plots/{}.log", "benchmarks/plots/{}.tsv"]
    for name in ("now", "old", "sweeps/a--s", "sweeps/b--s", "snapshots/a/s/now", "snapshots/a/s/old"):
        for place in (*made, *plots * ("snapshots" not in name)):
            write(f"out/{place.format(name)}", EARLIER)
    for name in ("sheets/mine.png", "sheets/sweeps/mine.html", "plots/losses/mine.png", "plots/errors.png"):
        write(f"out/{name}", EARLIER)
    before = {path.as_posix() for path in Path("out").rglob("*")}
    removed = remove_stale_summaries("out", ["now", "sweeps/a--s", "new"], ["a/s/now"])
    gone = before - {path.as_posix() for path in Path("out").rglob("*")}
    names = ("old", "sweeps/b--s", "snapshots/a/s/old")
    expected = {f"out/{place.format(name)}" for name in names for place in (*made, *plots * ("snapshots" not in name))}
    assert gone == expected
    assert sorted(removed) == sorted(
        name.removeprefix("out/") for name in expected if name.startswith(("out/sheets", "out/plots"))
    )
    assert remove_stale_summaries("out", [], []) != []
    assert Path("out/sheets/mine.png").exists()
    assert not Path("out/sheets/snapshots").exists()
    assert remove_stale_summaries("nowhere", [], []) == []
