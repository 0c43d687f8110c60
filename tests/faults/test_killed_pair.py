"""Kill -9 of one pair, before each change that it makes to folders and files."""

from __future__ import annotations

import dataclasses
import functools
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import forked
from grids import PAIR_SETTINGS, Grid, contents, leftovers, stylize_arguments
from nst.io import work_folder
from nst.pair import stylize as pair
from nst.settings import make

#: More than any run has.
NEVER = 10_000


@pytest.fixture
def make_job(tmp_path):
    """A maker of jobs, each in a folder of its own."""
    grid = Grid(tmp_path / "grid", contents=1, styles=1)

    def make_job(name, kind):
        folder = tmp_path / name
        job = pair.Job(
            str(grid.folder / "content0.png"), ((str(grid.folder / "style0.png"), 1.0),), make(PAIR_SETTINGS),
            folder / "image.png", record=folder, work=folder / "work" / "one", device="cpu", threads=1, id="one",
            unless_done=True,
        )  # fmt: skip
        return {
            "record": job,
            "image": dataclasses.replace(job, record=None, work=None),
            "kept": dataclasses.replace(job, keep_work=True),
        }[kind]

    return make_job


def killed(job, number, tmp_path):
    how = {"kill_before": number, "below": str(job.output.parent), "ledger": tmp_path / "ledger"}
    return forked.run(functools.partial(forked.stylize_pair, **how), job, tmp_path / "said")


def check(job, number, tmp_path, expected):
    """Kill it there; the same command then ends as if nothing had been."""
    (tmp_path / "ledger").unlink(missing_ok=True)
    assert killed(job, number, tmp_path) == -signal.SIGKILL
    assert killed(job, NEVER, tmp_path) == 0, (tmp_path / "said").read_text()
    work_folder.release(job.work_folder)  # as the next run of Snakemake does
    assert contents_of(job) == expected, number
    assert leftovers(job.output.parent) == [], number
    assert list(Counter((tmp_path / "ledger").read_text().split()).values()) == [1], number
    shutil.rmtree(job.output.parent)


def contents_of(job):
    return {name: text.replace(job.output.parent.name, "") for name, text in contents(job.output.parent).items()}


@pytest.mark.parametrize(
    ("kind", "count"),
    [("record", 8), *(pytest.param(kind, NEVER, marks=pytest.mark.slow) for kind in ("record", "image", "kept"))],
)
def test_a_kill_before_any_change(make_job, tmp_path, kind, count):
    job = make_job("undisturbed", kind)
    assert killed(job, NEVER, tmp_path) == 0
    work_folder.release(job.work_folder)
    expected = contents_of(job)
    number = int((tmp_path / "said").read_text().split()[0])
    assert number > 10
    job = make_job("disturbed", kind)
    chosen = random.Random(7).sample(range(1, number + 1), min(count, number))
    for number in sorted(chosen):
        check(job, number, tmp_path, expected)


CALLS = "rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,link,linkat,rmdir"


def traced(grid, *options):
    """The exit status of `nst stylize` under strace, and its system calls that change folders: (thread, name)."""
    trace = grid.folder.parent / "trace"
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={CALLS}", *options]
    command += [sys.executable, "-m", "nst", *stylize_arguments()]
    run = subprocess.run(command, cwd=grid.folder, env=grid.environment, capture_output=True, timeout=300)
    return run.returncode, re.findall(r"^(\d+) +(\w+)\(", trace.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The results of an undisturbed run, and its system calls."""
    trace = ["strace", "-f", "-o", str(tmp_path_factory.mktemp("try") / "trace"), "true"]
    if not shutil.which("strace") or subprocess.run(trace, capture_output=True).returncode:
        pytest.skip("strace is not there, or may not trace")
    for name in ("first", "second"):  # the first one may fill caches
        grid = Grid(tmp_path_factory.mktemp(name) / "grid", contents=1, styles=1)
        status, calls = traced(grid)
        assert status == 0
    return contents(grid.folder / "one"), calls


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_kill_at_any_system_call(undisturbed, tmp_path, seed):
    """As the kernel has it, those of libraries in C among them."""
    expected, calls = undisturbed
    at = random.Random(seed).randrange(len(calls))
    number = calls[: at + 1].count(calls[at])  # strace counts the calls of each thread and name
    grid = Grid(tmp_path / "grid", contents=1, styles=1)
    assert traced(grid, "-e", f"inject={calls[at][1]}:signal=KILL:when={number}")[0] == -signal.SIGKILL
    assert grid.run("nst", *stylize_arguments(), "--unless-done")[0] == 0
    assert contents(grid.folder / "one") == expected
    assert leftovers(grid.folder) == []
    assert Path(grid.folder / "work").exists()
    assert set(grid.completed().values()) == {1}
