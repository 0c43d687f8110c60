"""The supervisor: order, ends, cancellation, and what is found again after a restart."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nst.errors import NstError
from nst.studio.runs import _pairs
from nst.studio.studio import Studio
from studios import FAIL, FINISH, WAIT, FakeLaunch, browser, open_studio, until


@pytest.fixture
def started() -> Iterator[list[Studio]]:
    """Studios to be stopped at the end."""
    studios: list[Studio] = []
    yield studios
    for studio in studios:
        studio.supervisor.stop()


def start(started: list[Studio], folder: Path, program: str, **options: int) -> Studio:
    studio = open_studio(folder, program, **options)
    studio.supervisor.start()
    started.append(studio)
    return studio


def fail_once(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exception]:
    """Let the next update of a run fail, as on a full disk. Returns the failures that are left."""
    update, failures = studio.runs.update, iter([sqlite3.OperationalError("database or disk is full")])

    def update_or_fail(run_id: str, **columns: float | str | None) -> None:
        for error in failures:
            raise error
        update(run_id, **columns)

    monkeypatch.setattr(studio.runs, "update", update_or_fail)
    return failures


def test_a_run_is_made(tmp_path: Path, started: list[Studio]) -> None:
    studio = start(started, tmp_path, FINISH)
    person = browser(studio)
    run = person.start(contents=2)
    until(lambda: person.watch(run)["state"] == "done")
    known = person.watch(run)
    assert (known["done"], known["failed"], known["message"]) == (2, 0, "")
    assert known["text"].startswith("2 images in ")
    [line] = person.get("/api/runs").json["runs"]
    assert (line["done"], len(line["thumbnails"])) == (2, 2)
    assert person.get(line["thumbnails"][0]).mimetype == "image/jpeg"


def test_a_failure_is_told_and_can_be_retried(tmp_path: Path, started: list[Studio]) -> None:
    studio = start(started, tmp_path, f"import pathlib\nif pathlib.Path('tried').exists():\n exec({FINISH!r})\n"
                   f"else:\n pathlib.Path('tried').touch()\n exec({FAIL!r})")  # fmt: skip
    person = browser(studio)
    run = person.start()
    until(lambda: person.watch(run)["state"] == "failed")
    assert person.watch(run)["message"] == "1 of 1 images could not be made: the disk is full"
    assert person.post(f"/api/runs/{run}/retry").status_code == 204
    until(lambda: person.watch(run)["state"] == "done")
    assert person.watch(run)["message"] == ""


_NO_JOB = r"""
print('WorkflowError in file "/workflow/rules/grid.smk", line 27:')
print('manifest.csv:2: content: images/lake.jpg: the image is truncated')
print('  File "/workflow/rules/grid.smk", line 61, in <module>')
raise SystemExit(1)
"""


def test_an_error_before_any_job_is_told_without_places_on_the_server(tmp_path: Path, started: list[Studio]) -> None:
    person = browser(start(started, tmp_path, _NO_JOB))
    run = person.start()
    until(lambda: person.watch(run)["state"] == "failed")
    reason = "manifest.csv:2: content: images/lake.jpg: the image is truncated"
    assert person.watch(run)["message"] == f"1 of 1 images could not be made: {reason}"


_IN_A_BUNDLE = """
import pathlib
from nst import layout
from nst.studio.runs import _pairs
[pair] = _pairs(pathlib.Path.cwd()).values()
log = layout.log_file("results", "stylize", pair.id)
log.parent.mkdir(parents=True)
log.write_text(f"nst: {log.parent.absolute()}/lake.jpg: the image is truncated")
raise SystemExit(1)
"""


def test_an_image_that_failed_in_a_bundle(tmp_path: Path, started: list[Studio]) -> None:
    """Snakemake's log names the bundle alone."""
    person = browser(start(started, tmp_path, _IN_A_BUNDLE))
    run = person.start()
    until(lambda: person.watch(run)["state"] == "failed")
    [pair] = person.watch(run)["pairs"]
    assert (pair["state"], pair["error"]) == (
        "failed",
        "results/logs/stylize/lake0/wave0/lake.jpg: the image is truncated",
    )


def test_an_end_that_cannot_be_noted_is_noted_later(
    tmp_path: Path, started: list[Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk."""
    studio = open_studio(tmp_path, FAIL)
    fail_once(studio, monkeypatch)
    studio.supervisor.start()
    started.append(studio)
    person = browser(studio)
    run = person.start()
    until(lambda: person.watch(run)["state"] == "failed")
    assert person.watch(run)["message"] == "1 of 1 images could not be made: the disk is full"


_UNTIL_ITS_FILE_IS_GONE = """
import pathlib, time
if not pathlib.Path("stay").exists():
    raise SystemExit(0)
pathlib.Path("waiting").touch()
while pathlib.Path("stay").exists():
    time.sleep(0.05)
raise SystemExit(1)
"""


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_run_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, started: list[Studio], is_removed: bool
) -> None:
    """One of another version, or one whose folder was removed by hand."""
    studio = open_studio(tmp_path, _UNTIL_ITS_FILE_IS_GONE)
    person = browser(studio)
    first, second = person.start(), person.start()
    folder = studio.runs.folder / first
    (folder / "stay").touch()
    studio.supervisor.start()
    started.append(studio)
    until((folder / "waiting").exists)
    if is_removed:
        shutil.rmtree(folder)
        message = "the folder of this run was removed; delete the run"
    else:
        (folder / "manifest.csv").write_text("content,style,dropped\na,b,c\n")
        _pairs.cache_clear()
        (folder / "stay").unlink()
        message = "manifest.csv:1: dropped: "
    until(lambda: person.watch(second)["state"] == "done")
    known = person.watch(first)
    assert known["state"] == "failed"
    assert known["message"].startswith(message)
    assert person.delete(f"/api/runs/{first}").status_code == 204


def test_the_end_of_a_task_that_cannot_be_noted_is_noted_later(
    tmp_path: Path, started: list[Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk."""
    monkeypatch.setattr(FakeLaunch, "task", lambda *_: [sys.executable, "-c", "print('nst: s3://bucket/run')"])
    studio = start(started, tmp_path, FINISH)
    person = browser(studio)
    run = person.start()
    until(lambda: person.watch(run)["state"] == "done")
    failures = fail_once(studio, monkeypatch)
    studio.runs.ask(run, "publish")
    assert until(lambda: person.watch(run)["published"]) == "s3://bucket/run"
    assert not list(failures)


def test_a_canceled_run_is_interrupted_and_the_next_one_starts(tmp_path: Path, started: list[Studio]) -> None:
    studio = start(started, tmp_path, WAIT)
    person = browser(studio)
    first, second = person.start(), person.start()
    folder = studio.runs.folder
    until((folder / first / "waiting").exists)
    assert person.watch(second)["text"] == "waiting for 1 other run"
    assert person.get("/api/runs").json["runs"][0]["text"] == "waiting for 1 other run"
    time.sleep(0.5)
    assert not (folder / second / "waiting").exists()  # one at once
    person.post(f"/api/runs/{first}/cancel")
    until((folder / first / "interrupted").exists)
    until((folder / second / "waiting").exists)
    assert person.watch(first)["state"] == "canceled"


def test_a_canceled_run_waits_for_its_old_process(tmp_path: Path, started: list[Studio]) -> None:
    """Retried at once, it must not have two processes in one folder."""
    slow = WAIT.replace('pathlib.Path("interrupted").touch()', 'time.sleep(1); pathlib.Path("ended").touch()')
    studio = start(
        started,
        tmp_path,
        f"import pathlib\nassert not pathlib.Path('waiting').exists() or pathlib.Path('ended').exists()\n{slow}",
        at_once=2,
    )
    person = browser(studio)
    run = person.start()
    waiting = studio.runs.folder / run / "waiting"
    until(waiting.exists)
    began = waiting.stat().st_mtime_ns
    person.post(f"/api/runs/{run}/cancel")
    person.post(f"/api/runs/{run}/retry")
    until(lambda: waiting.stat().st_mtime_ns > began)  # the second process has started
    assert person.watch(run)["state"] == "running"


def test_a_deleted_run_ends_its_process(tmp_path: Path, started: list[Studio]) -> None:
    studio = start(started, tmp_path, WAIT)
    person = browser(studio)
    run = person.start()
    until((studio.runs.folder / run / "waiting").exists)
    person.post(f"/api/runs/{run}/cancel")
    person.delete(f"/api/runs/{run}")
    until(lambda: not studio.supervisor._processes)
    assert not (studio.runs.folder / run).exists()


def test_what_a_deleted_run_still_writes_is_removed(tmp_path: Path, started: list[Studio]) -> None:
    late = """
import pathlib, time
folder = pathlib.Path.cwd()
(folder / "waiting").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    folder.with_name(f".{folder.name}").mkdir()
"""
    studio = start(started, tmp_path, late)
    person = browser(studio)
    run = person.start()
    until((studio.runs.folder / run / "waiting").exists)
    person.post(f"/api/runs/{run}/cancel")
    person.delete(f"/api/runs/{run}")
    until(lambda: not studio.supervisor._processes)
    until(lambda: not list(studio.runs.folder.iterdir()))


def test_a_task_may_print_much(tmp_path: Path, started: list[Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    prints = "for n in range(20_000): print('line', n)\nprint('nst: s3://bucket/run')"
    monkeypatch.setattr(FakeLaunch, "task", lambda *_: [sys.executable, "-c", prints])
    studio = start(started, tmp_path, FINISH)
    person = browser(studio)
    run = person.start()
    studio.runs.ask(run, "publish")
    assert until(lambda: person.watch(run)["published"]) == "s3://bucket/run"


def test_a_task_that_was_stopped_is_done_at_the_next_start(
    tmp_path: Path, started: list[Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeLaunch, "task", lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    studio = open_studio(tmp_path, FINISH)
    studio.supervisor.start()
    person = browser(studio)
    run = person.start()
    until(lambda: person.watch(run)["state"] == "done")
    studio.runs.ask(run, "publish")
    _, child, _ = until(lambda: studio.supervisor._task)
    studio.supervisor.stop()
    assert child.wait(60) == -signal.SIGTERM
    assert studio.runs.next_task(busy=[run]) is None  # Snakemake writes its gallery
    monkeypatch.setattr(FakeLaunch, "task", lambda *_: [sys.executable, "-c", "print('nst: s3://bucket/run')"])
    start(started, tmp_path, FINISH)
    assert until(lambda: person.watch(run)["published"]) == "s3://bucket/run"


def test_a_task_that_cannot_start_on_a_full_disk_starts_later(
    tmp_path: Path, started: list[Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError(28, "No space left on device")])

    def task(*_: object) -> list[str]:
        for error in failures:
            raise error
        return [sys.executable, "-c", "print('nst: s3://bucket/run')"]

    monkeypatch.setattr(FakeLaunch, "task", task)
    person = browser(studio := start(started, tmp_path, FINISH))
    run = person.start()
    studio.runs.ask(run, "publish")
    assert until(lambda: person.watch(run)["published"]) == "s3://bucket/run"
    until(lambda: not person.watch(run)["publishing"])


def test_a_task_that_cannot_start_at_all_is_given_up(
    tmp_path: Path, started: list[Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a profile that cannot be read: others must start."""

    def task(*_: object) -> list[str]:
        raise NstError("nst.yaml: cannot be read")

    monkeypatch.setattr(FakeLaunch, "task", task)
    studio = start(started, tmp_path, FINISH)
    studio.runs.ask(run := browser(studio).start(), "gallery")
    until(lambda: not studio.runs.is_asked(run, "gallery"))


def test_a_stopped_studio_interrupts_and_continues_at_the_next_start(tmp_path: Path, started: list[Studio]) -> None:
    studio = open_studio(tmp_path, WAIT)
    studio.supervisor.start()
    person = browser(studio)
    run = person.start()
    until((studio.runs.folder / run / "waiting").exists)
    studio.supervisor.stop()
    assert (studio.runs.folder / run / "interrupted").exists()
    assert person.watch(run)["state"] == "queued"
    start(started, tmp_path, FINISH)
    until(lambda: person.watch(run)["state"] == "done")


_SERVER = """
import pathlib, sys, time
from studios import WAIT, browser, open_studio, until
studio = open_studio(pathlib.Path(sys.argv[1]), sys.argv[2])
studio.supervisor.start()
run = browser(studio).start()
until((studio.runs.folder / run / "waiting").exists)
print(run, flush=True)
time.sleep(60)
"""
_UNTIL_TOLD = """
import pathlib, time
pathlib.Path("waiting").touch()
while not pathlib.Path("finish").exists():
    time.sleep(0.05)
pathlib.Path("adopted").touch()
"""


def test_a_killed_studio_leaves_a_process_that_the_next_one_adopts(tmp_path: Path, started: list[Studio]) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, tmp_path, _UNTIL_TOLD], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert server.stdout
    with server.stdout as output:
        run = output.readline().strip()
    server.send_signal(signal.SIGKILL)
    server.wait()
    studio = start(started, tmp_path, FINISH)
    folder = studio.runs.folder / run
    time.sleep(0.5)
    assert studio.runs.get(None, run).state == "running"
    assert [p.process.pid for p in studio.supervisor._processes.values()]
    (folder / "finish").touch()
    until(lambda: studio.runs.get(None, run).state == "done")  # Snakemake was started again
    assert (folder / "adopted").exists()


def test_a_run_whose_process_died_with_the_studio_is_started_again(tmp_path: Path, started: list[Studio]) -> None:
    studio = open_studio(tmp_path)
    run = browser(studio).start()
    assert studio.runs.change(run, ("queued",), "running", started=1.0)
    again = start(started, tmp_path, FINISH)
    until(lambda: again.runs.get(None, run).state == "done")


def test_no_process_is_left(tmp_path: Path) -> None:
    """What ignores an interrupt is ended more strongly."""
    stubborn = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + WAIT
    studio = open_studio(tmp_path, stubborn)
    studio.supervisor.start()
    run = browser(studio).start()
    until((studio.runs.folder / run / "waiting").exists)
    [process] = studio.supervisor._processes.values()
    process.interrupted = time.monotonic() - 30  # as if it had been interrupted long ago
    studio.supervisor.stop()
    assert not psutil.pid_exists(process.process.pid)


def test_publishing_does_not_hide_why_a_run_failed(
    tmp_path: Path, started: list[Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails, works = "raise SystemExit('nst: no access')", "print('s3://b/run')"
    outcomes = iter([fails, fails, works, fails])
    monkeypatch.setattr(FakeLaunch, "task", lambda *_: [sys.executable, "-c", next(outcomes)])
    studio = start(started, tmp_path, FAIL)
    object.__setattr__(studio.options.launch, "publish", "s3://b")
    person = browser(studio)
    run = person.start()
    until(lambda: person.watch(run)["state"] == "failed")
    reason = person.watch(run)["message"]
    gallery = studio.runs.folder / run / "results/gallery/index.html"
    gallery.parent.mkdir(parents=True)
    gallery.touch()
    for _ in range(2):
        assert person.post(f"/api/runs/{run}/publish", {}).status_code == 202
        assert person.watch(run)["message"].startswith(reason)
        until(lambda: person.watch(run)["message"] == f"{reason}\nno access")
    person.post(f"/api/runs/{run}/publish", {})
    assert person.watch(run)["publishing"]
    until(lambda: person.watch(run)["published"] == "s3://b/run")
    assert person.watch(run)["message"] == reason
    until(lambda: not person.watch(run)["publishing"])
    person.post(f"/api/runs/{run}/publish", {})
    until(lambda: person.watch(run)["message"] == f"{reason}\nno access")
    assert person.watch(run)["published"] == "s3://b/run"  # the first one is there still
