"""Progress: what the files of a run say about its images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst.studio import progress
from nst.studio.runs import LOG, StudioRun
from nst.studio.studio import Studio
from studios import browser, jpeg, open_studio


@pytest.fixture
def running(tmp_path: Path) -> tuple[Studio, StudioRun]:
    """A run that counts as running, of two images, without any file of the workflow."""
    studio = open_studio(tmp_path)
    run = browser(studio).start(contents=2, iterations=["300"])
    studio.runs.change(run, ("queued",), "running", started=1.0)
    return studio, studio.runs.get(None, run)


def log(run: StudioRun, text: str) -> None:
    first = next(iter(run.pairs.values()))
    path = run.results / "logs/stylize" / f"{first.id}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_nothing_has_begun(running: tuple[Studio, StudioRun]) -> None:
    assert [pair.state for pair in progress.read(running[1])] == ["waiting", "waiting"]


def test_an_image_in_progress_has_its_newest_frame_losses_and_time_left(running: tuple[Studio, StudioRun]) -> None:
    run = running[1]
    reports = "nst: iteration 60/300  total 2.1  content 0.5  style 0.1  20 s\n"
    log(run, f"{reports}nst: iteration 120/300  total 1.5e-03  content 0.4  style 0.07  40 s\n")
    frames = run.results / ".work" / next(iter(run.pairs.values())).id / "snapshots/frames"
    frames.mkdir(parents=True)
    for number in (0, 90, 130):
        (frames / f"{number:06d}.jpg").write_bytes(jpeg())
    (frames / ".nst-half.jpg").write_bytes(b"half")
    first, second = progress.read(run)
    assert (first.state, first.iteration, first.frame) == ("running", 130, frames / "000130.jpg")
    assert first.losses == {"total": 1.5e-3, "content": 0.4, "style": 0.07}
    assert first.seconds_left == pytest.approx(60)
    assert progress.pair_summary(first) == "130 of 300, about 1 min left"
    assert (second.state, progress.pair_summary(second)) == ("waiting", "")


def test_an_image_fails_when_its_last_try_has(running: tuple[Studio, StudioRun]) -> None:
    run = running[1]
    log(run, "nst: images/lake0.jpg: the image is truncated; export it again\n")
    name = next(iter(run.pairs.values())).id
    failed = f"error     {name}: images/lake0.jpg: the image is truncated; export it again\n"
    (run.folder / LOG).write_text(failed)
    assert progress.read(run)[0].state == "running"  # Snakemake retries it
    (run.folder / LOG).write_text(2 * failed)
    first, second = progress.read(run)
    assert (first.state, second.state) == ("failed", "waiting")
    assert first.error == "images/lake0.jpg: the image is truncated; export it again"
    assert progress.failure(run, [first, second]) == f"2 of 2 images could not be made: {first.error}"


def test_the_time_left_follows_the_measured_speed(
    running: tuple[Studio, StudioRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = running[1]
    known = progress.read(run)
    half = [progress.PairProgress(one.key, one.pair, "done") for one in known[:1]] + known[1:]
    monkeypatch.setattr("nst.studio.progress.time.time", lambda: 101.0)
    assert progress.seconds_left(run, half) == pytest.approx(100)
    assert progress.summary(run, 1, left=100) == "1 of 2 images, about 2 min left"


def test_the_time_left_of_a_run_that_was_started_again(
    running: tuple[Studio, StudioRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was finished before says nothing about the speed."""
    studio, run = running
    finished, resumed = run.pairs.values()
    record = run.folder / finished.folder("results") / "run.json"
    record.parent.mkdir(parents=True)
    for path in (record, progress.image_of(run, finished)):
        path.touch()
        os.utime(path, (50, 50))
    studio.runs.update(run.id, started=100.0)
    run = studio.runs.get(None, run.id)
    path = run.results / "logs/stylize" / f"{resumed.id}.log"
    path.parent.mkdir(parents=True)
    path.write_text("nst: resuming an interrupted run after iteration 150\nnst: iteration 200/300  total 2.1  20 s\n")
    monkeypatch.setattr("nst.studio.progress.time.time", lambda: 130.0)
    first, second = progress.read(run)
    assert (first.state, second.state) == ("done", "running")
    assert second.seconds_left == pytest.approx(40)
    assert progress.seconds_left(run, [first, second]) == pytest.approx(60)  # 50 iterations took 30 s, 100 remain
    path.write_text("nst: resuming an interrupted run after iteration 150\n")
    assert progress.seconds_left(run, progress.read(run)) == pytest.approx(max(run.seconds / 4 - 30, run.seconds / 40))
    assert progress.seconds_left(run, [first]) is None  # only the gallery is not


def test_an_image_whose_log_is_older_than_the_start_waits(running: tuple[Studio, StudioRun]) -> None:
    """A retried run tries it again later."""
    studio, run = running
    log(run, "nst: iteration 60/300  total 2.1  20 s\n")
    assert progress.read(run)[0].state == "running"
    os.utime(next((run.results / "logs/stylize").rglob("*.log")), (50, 50))
    studio.runs.update(run.id, started=100.0)
    run = studio.runs.get(None, run.id)
    first, _ = progress.read(run)
    assert (first.state, first.iteration, progress.pair_summary(first)) == ("waiting", 60, "")
