"""What happens on a cluster, done to a grid on purpose: nothing is lost, nothing is stylized twice without need."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from project import finished

pytestmark = pytest.mark.slow

#: Four images in one bundle, a few seconds each.
LONG = "content,style,iterations,size\ncontent/*.png,style/s0.png,200,128\n"
THREE = ("content/c0.png", "content/c1.jpg", "content/c2.png")
ONE = ("--config", "device=cpu", "bundle=30", "manifest=long.csv")


@pytest.fixture
def long(project):
    project.write("long.csv", LONG)
    return project


def started(project, cluster, pictures=1, *arguments):
    """Snakemake with a bundle of which so many images are stylized."""
    run = project.on_cluster(*arguments, "--", "pairs", config=ONE)
    try:
        cluster.wait(lambda: len(project.pictures()) >= pictures or run.poll() is not None, 120, "picture")
        assert run.poll() is None, run.communicate()[0]
    except BaseException:
        run.kill()
        raise
    return run


def bundle(cluster):
    """The processes of `nst bundle`."""
    return [process for process in cluster.processes("nst bundle") if b"bash" not in _command(process)]


def _command(process):
    with open(f"/proc/{process}/cmdline", "rb") as file:  # noqa: PTH123
        return file.read().split(b"\0")[0]


def untouched(before, after):
    """Whether what was stylized is still what it was."""
    return {name: after[name] for name in before} == before


def test_a_failed_pair_does_not_affect_the_others_of_its_bundle(project):
    png, broken = project.folder / "content/c1.png", project.folder / "content/c1.jpg"
    whole = png.read_bytes()
    data = whole.index(b"IDAT") + 6
    broken.write_bytes(whole[:data] + b"\xff" * 9 + whole[data + 9 :])  # seen when it is decoded
    project.write(
        "jpg.csv",
        "content,style\ncontent/c0.png|content/c1.jpg|content/c2.png,style/s0.png|style/s1.png|style/s2.png\n",
    )
    asked = ("--config", "device=cpu", "bundle=30", "manifest=jpg.csv")
    run = project.on_cluster("--retries", "1", "--", "pairs", config=asked)
    said = finished(run)
    assert run.returncode != 0
    assert ": 3 of 9 pairs failed; the others are stylized" in said
    assert re.search(r"^          c1/s0/\S+: content/c1.jpg: ", said, re.MULTILINE), said
    assert "Traceback" not in said
    good = project.stylized_at()
    assert len(good) == 6
    assert not any(name.startswith("c1/") for name in good)

    broken.write_bytes(whole)
    run = project.on_cluster("--", "pairs", config=asked)
    said = finished(run)
    assert run.returncode == 0, said
    assert len(project.pictures()) == 9
    assert untouched(good, project.stylized_at())


def test_a_killed_job_is_retried_and_resumes(long, cluster):
    run = started(long, cluster)
    before = long.stylized_at()
    for process in bundle(cluster):
        os.kill(process, signal.SIGKILL)
    said = finished(run)
    assert run.returncode == 0, said
    assert "\nretry     " in said
    assert len(long.pictures()) == 4
    assert untouched(before, long.stylized_at())


def test_a_killed_worker_costs_no_more_than_its_image(long, cluster):
    run = started(long, cluster)
    before = long.stylized_at()
    workers = cluster.processes("nst worker run")
    assert workers
    for process in workers:
        os.kill(process, signal.SIGKILL)
    said = finished(run)
    assert run.returncode == 0, said
    assert "\nretry     " not in said  # the client has tried again
    assert len(long.pictures()) == 4
    assert untouched(before, long.stylized_at())


def test_a_job_out_of_memory_is_retried_with_more(long):
    run = long.on_cluster("--set-resources", "bundle:mem_mb=500*attempt*attempt", "--", "pairs", config=ONE)
    said = finished(run)
    assert run.returncode == 0, said
    assert "\nretry     " in said
    assert len(long.pictures()) == 4


def test_a_job_out_of_time_is_retried_and_resumes(long):
    trial = [sys.executable, "-m", "nst", "stylize", "content/c0.png", "style/s0.png", "-o", "trial.png"]
    small = ["--network", "lite", "--size", "160", "--threads", "1", "--device", "cpu", "--frame-interval", "0"]
    subprocess.run([*trial, "--record", "trial", *small, "--iterations", "100"], cwd=long.folder, check=True)
    record = json.loads((long.folder / "trial/run.json").read_text())
    iterations = round(120 / record["seconds"]["optimize"] * 100)  # two minutes; the first try has one
    long.write(
        "long.csv", f"content,style,iterations,size,frame_interval\ncontent/c0.png,style/s0.png,{iterations},160,0\n"
    )
    run = long.on_cluster("--set-resources", "bundle:runtime=attempt", "--", "pairs", config=ONE)
    said = finished(run, 400)
    assert run.returncode == 0, said
    assert "\nretry     " in said
    [pair] = long.pictures()
    log = (long.folder / f"results/logs/stylize/{pair}.log").read_text()
    assert re.search(r"resuming an interrupted run after iteration \d+ ", log), log


def test_a_cancelled_job_is_retried(long, cluster):
    run = started(long, cluster)
    before = long.stylized_at()
    jobs = cluster.jobs("RUNNING")
    assert jobs
    subprocess.run(["scancel", *jobs], check=True)
    said = finished(run)
    assert run.returncode == 0, said
    assert "\nretry     " in said
    assert len(long.pictures()) == 4
    assert untouched(before, long.stylized_at())


def test_a_lost_node_loses_nothing_that_was_stylized(long, cluster):
    run = started(long, cluster)
    before = long.stylized_at()
    [job] = cluster.jobs("RUNNING")
    where = subprocess.run(["squeue", "-h", "-j", job, "-o", "%N"], capture_output=True, text=True).stdout.strip()
    number = int(where.removeprefix("n"))
    cluster.lose_node(number)
    try:
        said = finished(run)
    finally:
        cluster.start_node(number)
    assert run.returncode == 0, said
    assert len(long.pictures()) == 4
    assert untouched(before, long.stylized_at())


def test_a_run_survives_an_absence_of_the_controller(long, cluster):
    run = started(long, cluster)
    cluster.stop_controller()
    time.sleep(30)
    cluster.start_controller()
    said = finished(run)
    assert run.returncode == 0, said
    assert len(long.pictures()) == 4
    assert "\nretry     " not in said


def test_a_second_driver_after_the_first_was_killed_stylizes_nothing_twice(long, cluster):
    run = started(long, cluster)
    before = long.stylized_at()
    run.kill()
    run.communicate()
    assert cluster.jobs("RUNNING")  # they go on without it
    assert finished(long.on_cluster("--unlock", config=ONE)) is not None
    second = long.on_cluster("--", "pairs", config=ONE)
    said = finished(second)
    assert second.returncode == 0, said
    cluster.wait(lambda: not cluster.jobs(), 60, "end of the first driver's job")
    assert len(long.pictures()) == 4
    assert untouched(before, long.stylized_at())
    runs = [json.loads(path.read_text()) for path in long.folder.glob("results/pairs/*/*/*/run.json")]
    assert all(run["iterations_run"] == 200 for run in runs)
    logs = [path.read_text() for path in long.folder.glob("results/logs/stylize/*/*/*.log")]
    assert len(logs) == 4


def test_ctrl_c_cancels_the_jobs_and_the_next_run_resumes(long, cluster):
    run = started(long, cluster)
    before = long.stylized_at()
    run.send_signal(signal.SIGINT)
    finished(run)
    cluster.wait(lambda: not cluster.jobs(), 30, "end of the jobs")
    cluster.wait(lambda: not cluster.processes("nst"), 10, "end of the jobs' processes")
    run = long.on_cluster("--", "pairs", config=ONE)
    said = finished(run)
    assert run.returncode == 0, said
    assert len(long.pictures()) == 4
    assert untouched(before, long.stylized_at())
