"""A grid whose inputs, clock, workers or folder others change while it runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from grids import Grid, check, contents, leftovers, stylize_arguments, three, undisturbed, wait_for


def begun(grid):
    """Whether a pair is being stylized."""
    return list(grid.folder.glob("results/.work/*/*/*/snapshots/frames/*.jpg"))


def test_two_drivers_in_one_folder(tmp_path):
    """The second one is refused by Snakemake, and disturbs nothing."""
    grid = three(tmp_path)
    with grid.start("snakemake", "pairs") as first:
        wait_for(lambda: begun(grid))
        code, said = grid.run("snakemake", "pairs")
        assert (code, "lock" in said.lower()) == (1, True), said
        first.wait()
    assert first.returncode == 0, first.said()
    check(grid)


@pytest.mark.slow
def test_two_drivers_of_one_results_folder(tmp_path):
    """Snakemake does not see it, for they run in two folders: a lock on each pair keeps two from stylizing one."""
    grid, other = three(tmp_path / "one"), three(tmp_path / "two")
    shutil.rmtree(other.folder / "config")
    shutil.copytree(grid.folder / "config", other.folder / "config")
    (grid.folder / "results").mkdir()
    (other.folder / "results").symlink_to(grid.folder / "results")
    ledger = {"FAULTS_LEDGER": str(grid.ledger)}
    with grid.start("snakemake", "pairs", **ledger) as first, other.start("snakemake", "pairs", **ledger) as second:
        codes = [first.wait(), second.wait()]
    assert 0 in codes, first.said() + second.said()
    grid.snakemake()
    assert contents(grid.folder / "results") == undisturbed()
    assert leftovers(grid.folder / "results") == []
    completed = Counter(Path(line).relative_to(Path(line).parents[3]) for line in grid.ledger.read_text().split())
    assert Counter(completed.values()) == {1: 3}


@pytest.mark.slow
def test_a_clock_that_is_set_back(tmp_path):
    """Snakemake refuses results that are older than their inputs; once the clock is right they are restored."""
    grid = three(tmp_path)
    tomorrow = time.time() + 86400
    for path in tmp_path.glob("*.png"):
        os.utime(path, (tomorrow, tomorrow))
    code, said = grid.run("snakemake", "pairs")
    assert (code, "older modification time" in said) == (1, True), said
    for path in tmp_path.glob("*.png"):
        os.utime(path)
    grid.snakemake()
    check(grid)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["replaced", "emptied", "gone"])
def test_an_input_that_changes_while_it_is_stylized(tmp_path, how):
    """What is made is of what was read, and says so; the next run sees that the file has changed."""
    grid = Grid(tmp_path, contents=1, styles=1, iterations=150)
    whole = Grid(tmp_path / "whole", contents=1, styles=1, iterations=150)
    whole.snakemake()
    content = tmp_path / "content0.png"
    kept = content.read_bytes()
    with grid.start("snakemake", "pairs") as process:
        wait_for(lambda: begun(grid))
        if how == "replaced":
            shutil.copy(tmp_path / "style0.png", tmp_path / "new.png")
            (tmp_path / "new.png").replace(content)
        elif how == "emptied":
            content.write_bytes(b"")
        else:
            content.unlink()
        process.wait()
    assert process.returncode == 0, process.said()
    for record in map(json.loads, (path.read_bytes() for path in tmp_path.glob("results/pairs/*/*/*/run.json"))):
        assert record["content"]["sha256"] == hashlib.sha256(kept).hexdigest()
    content.write_bytes(kept)
    grid.snakemake()
    assert contents(tmp_path / "results") == contents(whole.folder / "results")
    assert leftovers(tmp_path / "results") == []


@pytest.mark.slow
def test_weights_that_are_replaced_while_they_are_used(tmp_path):
    from nst import weights

    grid, whole = (Grid(tmp_path / name, contents=1, styles=1) for name in ("grid", "whole"))
    for it in (grid, whole):
        shutil.copy(weights.find("lite", "auto"), it.folder / "mine.safetensors")
    arguments = [*stylize_arguments(iterations=150), "--weights", "mine.safetensors"]
    assert whole.run("nst", *arguments)[0] == 0
    with grid.start("nst", *arguments) as process:
        wait_for(lambda: list(grid.folder.glob("work/one/snapshots/frames/*.jpg")))
        (grid.folder / "new").write_bytes(b"")
        (grid.folder / "new").replace(grid.folder / "mine.safetensors")
        process.wait()
    assert process.returncode == 0, process.said()
    made, expected = contents(grid.folder / "one"), contents(whole.folder / "one")
    assert made.keys() == expected.keys()
    assert all(made[name] == expected[name] for name in made if name != "run.json")  # which names the weights' file
    assert leftovers(grid.folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 4])
def test_a_worker_that_is_lost(tmp_path, kills):
    """A pair survives one lost worker; after more the command is repeated."""
    grid = three(tmp_path)
    private = tempfile.mkdtemp(prefix="w", dir="/tmp")  # a socket's path is short
    grid.environment |= {"TMPDIR": private, "NST_WORKER": "yes"}
    (tmp_path / "config/config.yaml").write_text((tmp_path / "config/config.yaml").read_text() + "worker: 'yes'\n")
    try:
        killed: set[int] = set()
        with grid.start("snakemake", "pairs") as process:
            wait_for(lambda: begun(grid))
            for _ in range(kills):
                found = wait_for(lambda: set(workers(private)) - killed)
                for worker in found:
                    os.kill(worker, signal.SIGKILL)
                killed.update(found)
            process.wait()
        if kills == 1:
            assert process.returncode == 0, process.said()
        grid.snakemake()
        check(grid)
    finally:
        for worker in workers(private):
            os.kill(worker, signal.SIGKILL)
        shutil.rmtree(private)


def workers(private):
    """The processes of workers in a private folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            mine = f"TMPDIR={private}".encode() in path.read_bytes().split(b"\0")
            command = (path.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mine and command[3:5] == [b"worker", b"run"]:
            found.append(int(path.parent.name))
    return found
