"""The studio with the real Snakemake: what it makes, and what happens when something goes wrong."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from nst.images import read_picture
from nst.studio.quotas import Quotas
from nst.studio.runs import StudioRun
from nst.studio.studio import Options, Studio
from nst.studio.supervisor import Launch
from studios import Browser, browser, damage, png, until
from user_folder import UserFolder

#: Seconds that a run may take on a busy machine.
LONG = 180


@pytest.fixture
def open_studio(tmp_path: Path) -> Iterator[Callable[[], tuple[Studio, Browser]]]:
    """Opens a studio whose supervisor has not started. At the end it is stopped, and no process of it is left."""
    opened: list[Studio] = []

    def open_studio() -> tuple[Studio, Browser]:
        launch = Launch(cores=os.cpu_count() or 1)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which background jobs of a shell ignore
        opened.append(Studio(Options(tmp_path / "studio", launch, quotas=Quotas(free_bytes=0))))
        return opened[-1], browser(opened[-1])

    yield open_studio
    for studio in opened:
        studio.supervisor.stop()
    assert not processes_in(tmp_path)


def test_a_run_outlives_a_killed_job_and_its_recipe_makes_the_same_images(open_studio, tmp_path):
    studio, person = open_studio()
    studio.supervisor.start()
    name = person.start(contents=2)
    run = studio.runs.get(None, name)
    kill_a_job(run)
    until(lambda: person.watch(name)["state"] not in ("queued", "running"), LONG)
    known = person.watch(name)
    assert (known["state"], known["done"], known["message"]) == ("done", 2, ""), log_of(run)
    assert log_of(run).count("\nretry     ") == 1
    assert b"<html" in person.get(known["gallery"]).data

    with zipfile.ZipFile(io.BytesIO(person.get(f"/runs/{name}/recipe.zip").data)) as recipe:
        recipe.extractall(tmp_path)
    elsewhere = UserFolder(tmp_path / f"nst-{name}")
    command = shlex.split(known["commands"][1])
    again = subprocess.run(command, cwd=elsewhere.folder, env=elsewhere.environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    for pair in run.pairs.values():
        image = pair.image("results", "png")
        assert (read_picture(elsewhere.folder / image).pixels == read_picture(run.folder / image).pixels).all()


def test_a_failed_image_is_told_the_other_is_shown_and_a_retry_makes_what_is_missing(open_studio):
    studio, person = open_studio()
    request = person.request()
    request["contents"].append(person.upload("content", "street.png", png()))
    name = person.post("/api/runs", request).json["id"]
    run = studio.runs.get(None, name)
    good, bad = run.pairs
    file = run.folder / run.pairs[bad].content
    whole = damage(file)
    studio.supervisor.start()
    until(lambda: person.watch(name)["state"] not in ("queued", "running"), LONG)
    known = person.watch(name)
    assert (known["state"], known["done"], known["failed"]) == ("failed", 1, 1), log_of(run)
    assert known["message"].startswith("1 of 2 images could not be made: images/street.png: "), known["message"]
    shown, missing = known["pairs"]
    assert (shown["state"], missing["state"]) == ("done", "failed")
    assert known["message"].endswith(missing["error"])
    assert person.get(shown["image"]).status_code == 200
    assert person.get(shown["whole"]).mimetype == "image/png"
    assert b"<html" in person.get(known["gallery"]).data
    made = (run.folder / run.pairs[good].image("results", "png")).stat().st_mtime_ns

    file.write_bytes(whole)
    assert person.post(f"/api/runs/{name}/retry").status_code == 204
    until(lambda: person.watch(name)["state"] not in ("queued", "running"), LONG)
    known = person.watch(name)
    assert (known["state"], known["done"], known["message"]) == ("done", 2, ""), log_of(run)
    assert (run.folder / run.pairs[good].image("results", "png")).stat().st_mtime_ns == made


def test_a_canceled_run_leaves_no_process_and_its_retry_resumes(open_studio):
    studio, person = open_studio()
    studio.supervisor.start()
    name = person.start(iterations=["10000"])
    run = studio.runs.get(None, name)
    [pair] = run.pairs.values()
    log = run.results / "logs/stylize" / f"{pair.id}.log"
    until(lambda: person.watch(name)["pairs"][0]["iteration"] >= 10, LONG)
    time.sleep(5.5)  # work of less than five seconds is not kept
    person.post(f"/api/runs/{name}/cancel")
    until(lambda: not processes_in(run.folder), LONG)
    assert person.watch(name)["state"] == "canceled"
    person.post(f"/api/runs/{name}/retry")
    until(lambda: log.exists() and "resuming an interrupted run after iteration" in log.read_text(), LONG)
    assert person.watch(name)["state"] == "running"


_ON_A_FULL_DISK = """
import os, pathlib, sys
from nst.studio.quotas import Quotas
from nst.studio.studio import Options, Studio
from nst.studio.supervisor import Launch
from studios import browser, until
disk, spare = pathlib.Path(sys.argv[1]), int(sys.argv[2])
studio = Studio(Options(disk / "studio", Launch(cores=2), quotas=Quotas(free_bytes=0)))
person = browser(studio)
run = person.start(contents=2, iterations=["20"])
(disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * 4096 - spare))
studio.supervisor.start()
until(lambda: person.watch(run)["state"] not in ("queued", "running"), 180)
known = person.watch(run)
print(known["state"], known["message"], person.get("/health").json["status"], person.get("/").status_code, sep="\\n")
studio.supervisor.stop()
"""


@pytest.mark.parametrize("spare", [0, pytest.param(60_000, marks=pytest.mark.slow)])
def test_a_full_disk_is_told_and_the_studio_answers(tmp_path, spare):
    """Neither Snakemake nor the database can write more, or a job cannot."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    mount = 'mount -t tmpfs -o size=8m none "$0" && exec "$@"'
    program = [sys.executable, "-c", _ON_A_FULL_DISK, tmp_path, str(spare)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        ["unshare", "-rm", "bash", "-c", mount, tmp_path, *program], env=environment, capture_output=True, text=True
    )
    assert run.stdout.splitlines() == ["failed", "2 of 2 images could not be made: the disk is full", "ok", "200"], run


def log_of(run: StudioRun) -> str:
    return (run.folder / "snakemake.log").read_text()


def kill_a_job(run: StudioRun) -> None:
    """Kill a process of `nst stylize` in a run's folder, as soon as there is one."""

    def killed() -> bool:
        for job in processes_in(run.folder, "stylize"):
            with contextlib.suppress(psutil.NoSuchProcess):
                job.kill()
                return True
        return False

    until(killed, LONG)


def processes_in(folder: Path, argument: str = "") -> list[psutil.Process]:
    """The processes that work in a folder or below it, or those of them with an argument."""
    found = []
    for process in psutil.process_iter():
        try:
            here = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder.resolve())
            if here and (not argument or argument in process.cmdline()):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
