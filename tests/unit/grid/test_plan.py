"""What the workflow asks the plan for: downloads, hashes of input files, and the remains of killed jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridfiles import picture, table
from nst import layout
from nst.grid import leftovers, plan
from nst.grid.config import Config
from nst.grid.inputs import Files, local
from nst.grid.pairs import Pair, read_grid

URL = "https://user:secret@example.org/wave.jpg"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pairs(row: str, columns: str = "content,style") -> list[Pair]:
    picture("lake.jpg")
    picture("wave.jpg")
    table(f"{columns}\n{row}\n")
    return read_grid("manifest.csv", Config(), Files())


def test_a_url_is_fetched_until_its_copy_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    one = pairs(f"lake.jpg,{URL}")
    copy = Path(local(URL, "results"))
    assert plan.urls_to_fetch(one, "results") == {copy.name: "https://***@example.org/wave.jpg"}
    assert URL in os.environ.values()  # for the command that fetches it
    copy.parent.mkdir(parents=True)
    copy.touch()
    assert plan.urls_to_fetch(one, "results") == {}


def test_the_hash_of_files_depends_on_their_contents_and_on_weights() -> None:
    Path("own.pth").write_bytes(b"weights")
    columns, row = "content,style,weights", "lake.jpg,wave.jpg,own.pth"
    hashes = [plan.hash_of_files(pairs(row, columns), Files()), plan.hash_of_files(pairs("lake.jpg,wave.jpg"), Files())]
    Path("own.pth").write_bytes(b"others")
    hashes += [plan.hash_of_files(pairs(row, columns), Files())]
    assert len(set(hashes)) == 3
    assert hashes[2] == plan.hash_of_files(pairs(row, columns), Files())


def test_weights_that_are_missing_or_to_be_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    both = pairs("lake.jpg,wave.jpg,vgg16|vgg19", "content,style,network")
    monkeypatch.delenv("NST_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    assert plan.weights_to_download(both) == [("vgg16", "auto")]
    assert plan.has_weights("lite", "auto")
    assert not plan.has_weights("vgg16", "auto")
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))  # it has none: an error, if they were used
    assert not plan.has_weights("vgg16", "auto")


def test_the_work_of_complete_jobs_is_removed() -> None:
    names = ["a/s/complete", "a/s/incomplete", "a/s/lost"]
    for name in names:
        work = layout.work_folder("results", name)
        work.mkdir(parents=True)
        (work / layout.MARK).touch()
        (work / layout.RUN).touch()
        if name != "a/s/lost":  # Snakemake has deleted its outputs
            record = Path(layout.pair_folder("results", name), layout.RUN)
            record.parent.mkdir(parents=True)
            record.touch()
    assert leftovers.finished_work("results") == names
    leftovers.tidy_work("results", lambda name: name != "a/s/incomplete")
    assert leftovers.finished_work("results") == names[1:]
