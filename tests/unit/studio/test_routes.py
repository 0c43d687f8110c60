"""Routes that ask for a task of the supervisor or add an image, and the commands of tasks and runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nst import layout
from nst.studio.runs import StudioRun
from nst.studio.studio import Studio
from nst.studio.supervisor import Launch
from nst.studio.uploads import samples
from studios import browser, open_studio, png
from user_folder import REPOSITORY


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return open_studio(tmp_path)


def make_gallery(run: StudioRun) -> None:
    page = run.results / layout.GALLERY
    page.parent.mkdir(parents=True)
    page.touch()


def test_stars_ask_for_a_new_gallery_where_there_is_one(studio: Studio) -> None:
    person = browser(studio)
    run = person.start()
    known = studio.runs.get(None, run)
    [key] = known.pairs
    assert person.put(f"/api/runs/{run}/stars", {"pair": key, "stars": 3}).status_code == 204
    assert person.watch(run)["pairs"][0]["stars"] == 3
    assert studio.runs.next_task() is None
    make_gallery(known)
    assert person.put(f"/api/runs/{run}/stars", {"pair": key, "stars": 4}).status_code == 204
    assert studio.runs.next_task()[:2] == (run, "gallery")
    for stars in (6, -1, 2.0, True, "3", None):
        assert person.put(f"/api/runs/{run}/stars", {"pair": key, "stars": stars}).status_code == 400, stars
    assert person.watch(run)["pairs"][0]["stars"] == 4


def test_a_gallery_is_published_where_the_studio_says(studio: Studio) -> None:
    person = browser(studio)
    run = person.start()
    assert person.post(f"/api/runs/{run}/publish").status_code == 400
    object.__setattr__(studio.options.launch, "publish", "s3://bucket")
    assert person.post(f"/api/runs/{run}/publish").status_code == 409
    assert studio.runs.next_task() is None
    make_gallery(studio.runs.get(None, run))
    assert person.post(f"/api/runs/{run}/publish").status_code == 202
    assert studio.runs.next_task()[:2] == (run, "publish")


def test_a_task_stays_in_the_list_until_it_has_ended(studio: Studio) -> None:
    """A studio that is killed meanwhile does not lose it."""
    person = browser(studio)
    first, second = person.start(), person.start()
    studio.runs.ask(first, "gallery")
    studio.runs.ask(second, "gallery")
    task, again = (studio.runs.next_task() for _ in range(2))
    assert task[:2] == again[:2] == (first, "gallery")
    studio.runs.ask(first, "gallery")  # a rating that the task may not have read
    studio.runs.end_task(task)
    for run in (second, first):
        task = studio.runs.next_task()
        assert task[:2] == (run, "gallery")
        studio.runs.end_task(task)
    assert studio.runs.next_task() is None


def test_runs_wait_for_places(studio: Studio) -> None:
    object.__setattr__(studio.options.launch, "at_once", 2)
    person = browser(studio)
    runs = [person.start() for _ in range(4)]

    def texts() -> list[str]:
        queued = [run["text"] for run in person.get("/api/runs").json["runs"] if run["state"] == "queued"]
        assert queued[0] == person.watch(runs[-1])["text"]
        return queued[::-1]

    soon, one, two = "starts in a moment", "waiting for 1 other run", "waiting for 2 other runs"
    assert texts() == [soon, soon, one, two]
    studio.runs.update(runs[0], state="running")
    assert texts() == [soon, one, two]
    studio.runs.update(runs[1], state="running")
    assert texts() == [one, two]


def test_a_sample_becomes_an_image_of_the_session(studio: Studio) -> None:
    person = browser(studio)
    name = next(iter(samples("style")))
    answer = person.post("/api/uploads/sample", {"kind": "style", "name": name})
    assert (answer.status_code, answer.json["kind"], answer.json["name"]) == (201, "style", name)
    assert person.get("/api/uploads").json == {"uploads": [answer.json]}
    assert person.post("/api/uploads/sample", {"kind": "style", "name": "none.jpg"}).status_code == 404


def test_a_mask_belongs_to_an_image_of_the_session(studio: Studio) -> None:
    person, other = browser(studio), browser(studio)
    path = f"/api/uploads/mask?of={person.upload(name='lake.jpg')}"
    answer = person.client.post(path, data=png(), headers=person.headers)
    assert (answer.status_code, answer.json["kind"], answer.json["name"]) == (201, "mask", "Mask of lake.jpg")
    assert other.client.post(path, data=png(), headers=other.headers).status_code == 404


def test_the_commands_of_tasks(studio: Studio, tmp_path: Path) -> None:
    run = studio.runs.get(None, browser(studio).start())
    launch = Launch(cores=1, publish="s3://bucket/folder/", profile=tmp_path)
    assert launch.task(run, "publish")[2:] == ["nst", "publish", "results", f"s3://bucket/folder/{run.id}"]
    (tmp_path / "nst.yaml").write_text("device: cuda\nrank_by: style_error\n")
    command = ["nst", "gallery", "results/grid.csv", "-o", "results/gallery", "--work", "results/.work/.gallery"]
    assert launch.task(run, "gallery")[2:] == [*command, "--rank-by", "style_error"]
    assert Launch(cores=1).task(run, "gallery")[2:] == command


def test_the_command_of_a_run_does_not_depend_on_the_working_directory_of_the_studio(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = studio.runs.get(None, browser(studio).start())
    workflow, end = ["--snakefile", f"{REPOSITORY}/Snakefile"], ["--nolock", "--logger", "nst", "--", "gallery"]
    default = ["--workflow-profile", f"{REPOSITORY}/profiles/default", "--cores", "3"]
    (tmp_path / "profiles/default").mkdir(parents=True)
    (tmp_path / "profiles/default/config.yaml").touch()
    for folder in (REPOSITORY, tmp_path):
        monkeypatch.chdir(folder)
        command = Launch(cores=3).snakemake(run)
        assert command == [sys.executable, "-m", "snakemake", "--configfile", "config.yaml", *workflow, *default, *end]
    (tmp_path / "nst.yaml").touch()
    files = ["--configfile", "config.yaml", f"{tmp_path}/nst.yaml"]
    cluster = ["--workflow-profile", str(tmp_path)]
    assert Launch(cores=3, profile=tmp_path).snakemake(run)[3:] == [*files, *workflow, *cluster, *end]
