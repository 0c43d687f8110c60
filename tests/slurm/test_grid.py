"""A grid on the cluster as the shipped profile has it; its images compared with those that this machine stylizes."""

from __future__ import annotations

import functools
import http.server
import json
import re
import subprocess
import sys
import threading

import pytest

from project import BUNDLE, finished

pytestmark = pytest.mark.slow


def test_a_grid_on_the_cluster_is_the_grid_on_this_machine(project, cluster):
    run = project.on_cluster()
    said = finished(run)
    assert run.returncode == 0, said
    here = project.local("--config", "results=here", "worker=yes", "--", "pairs")
    said_here = finished(here)
    assert here.returncode == 0, said_here
    assert len(project.pictures()) == 24
    assert project.pictures() == project.pictures("here")

    grid = project.grid()
    bundles = grid.groupby("bundle")["id"].agg(set)
    assert 3 <= len(bundles) <= 8
    for name, ids in bundles.items():
        marker = json.loads((project.folder / f"results/bundles/{name}.json").read_text())
        assert set(marker["pairs"]) == ids
        log = (project.folder / f"results/logs/bundles/{name}.log").read_text()
        assert re.search(r"job \d+, GPU [01]$", log, re.MULTILINE), log  # one of two stand-ins each
    runs = [json.loads((project.folder / folder / "run.json").read_text()) for folder in grid["folder"]]
    assert len({record["process"]["pid"] for record in runs}) == len(bundles)  # one warm worker a job
    for place in ("tables/comparison.csv", "gallery/index.html", "plots/errors.png"):
        assert (project.folder / "results" / place).exists()
    assert not cluster.jobs()

    again = project.on_cluster("--dry-run")
    assert "Nothing to be done" in finished(again)


def test_a_deleted_image_is_stylized_by_itself_and_a_new_style_with_its_own(project):
    few = (*BUNDLE, "manifest=few.csv")
    project.write("few.csv", "content,style\ncontent/c0.png,style/s0.png|style/s1.png\n")
    run = project.on_cluster("--", "pairs", config=few)
    said = finished(run)
    assert run.returncode == 0, said
    before = project.stylized_at()
    [gone, kept] = sorted(before)
    (project.folder / "results/pairs" / gone / "image.png").unlink()
    finished(project.on_cluster("--", "pairs", config=few))
    jobs = project.log()
    assert "rule stylize:" in jobs
    assert "rule bundle:" not in jobs
    after = project.stylized_at()
    assert set(after) == set(before)
    assert after[kept] == before[kept]

    project.write("few.csv", "content,style\ncontent/c0.png,style/s0.png|style/s1.png|style/s2.png\n")
    run = project.on_cluster("--", "pairs", config=few)
    said = finished(run)
    assert run.returncode == 0, said
    third = project.stylized_at()
    assert len(third) == 3
    assert {name: third[name] for name in after} == after


def test_urls_are_downloaded_once_and_the_nodes_need_no_internet(project, cluster, monkeypatch):
    monkeypatch.setenv("NST_ALLOW_PRIVATE", "1")
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=project.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        project.write("far.csv", f"content,style\n{address}/content/c0.png,{address}/style/s0.png|style/s1.png\n")
        asked = (*BUNDLE, "manifest=far.csv")
        run = project.on_cluster("--", "pairs", config=asked)
        cluster.wait(lambda: cluster.jobs() or run.poll() is not None, 60, "job")
        server.shutdown()
    said = finished(run)
    assert run.returncode == 0, said
    assert len(project.pictures()) == 2
    assert "Nothing to be done" in finished(project.on_cluster("--dry-run", "--", "pairs", config=asked))


def test_the_plan_lists_what_is_submitted(project):
    plan = [sys.executable, "-m", "nst", "grid", "--cluster"]
    told = subprocess.run(plan, cwd=project.folder, capture_output=True, text=True, check=True).stdout
    assert "24 pairs" in told
    assert "1 job of 24 pairs" in told
    assert "GPU hours" in told
