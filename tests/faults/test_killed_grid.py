"""Kill -9 of Snakemake, its jobs and workers: nothing is lost and nothing is stylized twice."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from grids import Grid, check, leftovers, three, wait_for


def images(grid):
    return sorted((grid.folder / "results/pairs").glob("*/*/*/run.json"))


def test_what_orphans_finish_is_not_stylized_again(tmp_path):
    """Snakemake deletes it, for its jobs were running when it was killed; links in the work folder outlive that."""
    grid = three(tmp_path)
    with grid.start("snakemake", "pairs") as process:
        wait_for(
            lambda: list((grid.folder / "results/.work").glob("*/*/*/snapshots/frames/000001.jpg")) or images(grid)
        )
        process.kill()
        process.wait()
        wait_for(lambda: not process.session())
    done = len(images(grid))
    assert 1 <= done < 3
    said = grid.again("pairs")
    check(grid)
    assert "up to date" in "".join(path.read_text() for path in (tmp_path / "results/logs").rglob("*.log")), said


def test_who_forces_a_pair_gets_it_stylized_again(tmp_path):
    grid = Grid(tmp_path, contents=1, styles=1)
    grid.snakemake()
    assert leftovers(grid.folder / "results") == []
    grid.snakemake("--forcerun", "stylize", "--", "pairs")
    assert list(grid.completed().values()) == [2]
    assert leftovers(grid.folder / "results") == []


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 21))])
def test_random_kills(tmp_path, seed):
    """Five kills of Snakemake alone, of one job, or of all of them, at moments that nobody chose."""
    chance, grid = random.Random(seed), three(tmp_path)
    kills = tries = 0
    while kills == 0 or (kills < (2 if seed == 1 else 5) and len(grid.completed()) < 3):
        tries += 1
        assert tries < 20, "no kill was in time"
        grid.run("snakemake", "--unlock")
        with grid.start("snakemake", "pairs") as process:
            wait_for(lambda process=process: process.poll() is not None or len(process.session()) > 1)
            time.sleep(chance.uniform(0.0, 4.0))
            whom = chance.choice(["snakemake", "job", "all"])
            for victim in victims(process, whom, chance):
                try:
                    os.kill(victim, signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    continue
            if whom == "job":
                process.wait()
            if chance.random() < 0.5 or whom == "job":  # orphans come to their end, or meet those of the next run
                wait_for(lambda process=process: not process.session())
    grid.again("pairs")
    check(grid)
    print(f"{kills} kills")


def victims(process, whom, chance):
    """The processes to kill: Snakemake is the leader of its session."""
    session = process.session()
    jobs = [number for number in session if b"stylize" in command(number)]
    leader = [number for number in session if number == process.pid]
    return {"snakemake": leader, "all": session, "job": jobs and [chance.choice(jobs)]}[whom]


def command(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
