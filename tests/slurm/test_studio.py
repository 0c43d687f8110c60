"""The studio with the profile of a cluster: its runs are Slurm's jobs, and end with them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from studios import damage, png, until
from user_folder import REPOSITORY

pytestmark = pytest.mark.slow

#: What makes the shipped profile quick enough for tests, and fit for nodes whose GPUs are none.
QUICK = {
    "slurm-init-seconds-before-status-checks": 2,
    "latency-wait": 5,
    "set-threads": {"bundle": 1, "stylize": 1, "gallery": 1},
}


class Person:
    """A browser of a studio."""

    def __init__(self, url: str):
        self.url, self.session = url, requests.Session()
        page = self.session.get(url).text
        self.session.headers["X-CSRFToken"] = re.search(r'name="csrf-token" content="([^"]+)"', page)[1]

    def post(self, path: str, **what) -> dict:
        answer = self.session.post(self.url + path, **what)
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def start(self, iterations: int) -> str:
        """Start a run of two images."""
        lake, street, wave = (
            self.post(f"/api/uploads?kind={kind}&name={name}.png", data=png(seed))["id"]
            for seed, (kind, name) in enumerate((("content", "lake"), ("content", "street"), ("style", "wave")))
        )
        settings = {"network": ["lite"], "size": ["40"], "iterations": [str(iterations)]}
        request = {"contents": [lake, street], "styles": [[{"id": wave}]], "settings": settings}
        return self.post("/api/runs", json=request)["id"]

    def watch(self, run: str) -> dict:
        return self.session.get(f"{self.url}/api/runs/{run}").json()


@pytest.fixture
def person(tmp_path: Path, project, cluster) -> Iterator[Person]:
    """A browser of `nst studio --profile`, whose end leaves no job."""
    profile, shipped = tmp_path / "profile", REPOSITORY / "profiles/slurm"
    profile.mkdir()
    settings = yaml.safe_load((shipped / "profile.v9+.yaml").read_text()) | QUICK
    (profile / "profile.v9+.yaml").write_text(yaml.safe_dump(settings))
    (profile / "nst.yaml").write_text("bundle: 30\ndevice: cpu\n")
    in_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # as a shell starts `nst studio &`
    command = [*in_background, sys.executable, "-m", "nst", "studio", "--port", "0"]
    with (tmp_path / "said").open("w") as said:
        studio = subprocess.Popen(
            [*command, "--profile", str(profile)],
            cwd=tmp_path,
            env=project.environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        link = until(lambda: re.search(r"studio +(http\S+[^/\s])", (tmp_path / "said").read_text()))
        yield Person(link[1])
    finally:
        studio.terminate()
        studio.wait(120)
    cluster.wait(lambda: not cluster.jobs(), 30, "end of the jobs")


def test_a_run_goes_through_slurm(person, cluster, tmp_path):
    run = person.start(iterations=12)
    until(cluster.jobs, 60)
    until(lambda: person.watch(run)["state"] not in ("queued", "running"), 240)
    known = person.watch(run)
    log = (tmp_path / f"studio/runs/{run}/snakemake.log").read_text()
    assert (known["state"], known["done"], known["message"]) == ("done", 2, ""), log
    assert person.session.get(person.url + known["gallery"]).ok
    [bundle] = (tmp_path / f"studio/runs/{run}/results/logs/bundles").glob("*.log")
    assert re.search(r"job \d+, GPU [01]$", bundle.read_text(), re.MULTILINE)


def test_a_failed_image_of_a_job_is_told(person, tmp_path):
    run = person.start(iterations=12)
    damage(tmp_path / f"studio/runs/{run}/images/street.png")
    until(lambda: person.watch(run)["state"] not in ("queued", "running"), 240)
    known = person.watch(run)
    assert (known["state"], known["done"], known["failed"]) == ("failed", 1, 1)
    assert known["message"].startswith("1 of 2 images could not be made: images/street.png: ")
    assert [pair["state"] for pair in known["pairs"]] == ["done", "failed"]
    assert known["message"].endswith(known["pairs"][1]["error"])


def test_a_canceled_run_cancels_its_jobs(person, cluster):
    run = person.start(iterations=10_000)
    until(lambda: any(pair["iteration"] for pair in person.watch(run)["pairs"]), 120)
    person.post(f"/api/runs/{run}/cancel")
    cluster.wait(lambda: not cluster.jobs(), 30, "end of the jobs")
    cluster.wait(lambda: not cluster.processes("nst"), 15, "end of the jobs' processes")
    assert person.watch(run)["state"] == "canceled"
