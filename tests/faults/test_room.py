"""No room: a full disk, no inodes, a disk that can only be read, files and memory that are limited.

Each ends in one message, and the same command makes the image once there is room.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

import forked
from grids import PAIR_SETTINGS, Grid, contents, leftovers, stylize_arguments
from nst.pair import stylize as pair
from nst.settings import make

#: In a file system of its own of so many bytes and inodes: the command, with more room once more, and what is there.
SCRIPT = """
mount -t tmpfs -o {limit} none room && cp *.png room && cd room || exit 77
trap 'cd .. && cp -a room/. seen && umount room' EXIT
{fill}
python -m nst {command} > ../first.txt 2>&1; echo $? >> ../first.txt
{free}
python -m nst {command} > ../second.txt 2>&1; echo $? >> ../second.txt
"""
FREE = "mount -o remount,size=64m,nr_inodes=10k none . ; rm -f filler"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    grid = Grid(tmp_path_factory.mktemp("whole"), contents=1, styles=1)
    assert grid.run("nst", *stylize_arguments())[0] == 0
    return contents(grid.folder / "one")


def tried(tmp_path, whole, limit, fill=":", free=FREE):
    """What the first command says where there is no room; the second one must end well."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    grid = Grid(tmp_path / "grid", contents=1, styles=1)
    for name in ("room", "seen"):
        (grid.folder / name).mkdir()
    script = SCRIPT.format(limit=limit, fill=fill, free=free, command=" ".join(stylize_arguments()))
    run = subprocess.run(["unshare", "-rm", "bash", "-c", script], cwd=grid.folder, env=grid.environment, timeout=300)
    if run.returncode == 77:
        pytest.skip("no file system can be mounted here")
    *said, code = (grid.folder / "first.txt").read_text().splitlines()
    last = (grid.folder / "second.txt").read_text().splitlines()
    assert last[-1] == "0", last
    assert contents(grid.folder / "seen/one") == whole
    assert leftovers(grid.folder / "seen") == []
    return "\n".join(said), int(code)


# The images take 8 kB, the results 100: the disk is full at the lock, a frame, the losses, the animation, the links.
SIZES = [60, 20, 28, 36, 44, 52, 68, 76, 84, 92, 100, 108, 116, 124, 132]
INODES = [6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28]


@pytest.mark.parametrize("size", [SIZES[0], *(pytest.param(size, marks=pytest.mark.slow) for size in SIZES[1:])])
def test_a_full_disk(tmp_path, whole, size):
    said, code = tried(tmp_path, whole, f"size={size}k")
    assert "Traceback" not in said
    assert code in (0, 1)
    assert code == 0 or "No space left on device" in said


@pytest.mark.slow
@pytest.mark.parametrize("inodes", INODES)
def test_no_inodes(tmp_path, whole, inodes):
    said, code = tried(tmp_path, whole, f"nr_inodes={inodes}")
    assert "Traceback" not in said
    assert code in (0, 1)
    assert code == 0 or "No space left on device" in said


@pytest.mark.slow
def test_a_disk_that_can_only_be_read(tmp_path, whole):
    said, code = tried(
        tmp_path, whole, "size=64m", fill="mount -o remount,ro none .", free="mount -o remount,rw none ."
    )
    assert (code, "Read-only file system" in said, "Traceback" in said) == (1, True, False)


@pytest.fixture
def make_job(tmp_path):
    """A maker of jobs in folders of their own."""
    grid = Grid(tmp_path / "grid", contents=1, styles=1)

    def make_job(name, **values):
        folder = tmp_path / name
        return pair.Job(
            str(grid.folder / "content0.png"), ((str(grid.folder / "style0.png"), 1.0),), make(PAIR_SETTINGS | values),
            folder / "image.png", record=folder, work=folder / "work" / "one", device="cpu", threads=1, id="one",
        )  # fmt: skip

    return make_job


def check(job, undisturbed, tmp_path):
    """Without limits it ends as one that had none from the beginning."""
    said = tmp_path / "said"
    assert leftovers(job.output.parent) == []
    for it in (job, undisturbed):
        assert forked.run(forked.stylize_pair, it, said) == 0, said.read_text()
    found = [contents(it.record) for it in (job, undisturbed)]
    assert found[0].keys() == found[1].keys()
    assert all(found[0][name] == found[1][name] for name in found[0] if name != "run.json")
    assert leftovers(job.output.parent) == []


@pytest.mark.parametrize("size", [3000, *(pytest.param(size, marks=pytest.mark.slow) for size in (500, 6000))])
def test_files_that_may_not_be_larger(make_job, tmp_path, size):
    """Of a quota, or `ulimit -f`."""
    job, said = make_job("limited"), tmp_path / "said"
    assert forked.run(forked.limited, job, said, {resource.RLIMIT_FSIZE: size}) == 1
    assert re.search(r"cannot be written \(File too large\)", said.read_text()), said.read_text()
    check(job, make_job("whole"), tmp_path)


@pytest.mark.parametrize("megabytes", [24, pytest.param(48, marks=pytest.mark.slow)])
def test_memory_that_is_not_there(make_job, tmp_path, megabytes):
    """`ulimit -v`, beyond what the process has after its imports."""
    job, said = make_job("limited", size=400), tmp_path / "said"
    assert forked.run(forked.limited, job, said, {resource.RLIMIT_AS: megabytes << 20}) == 1
    assert "memory" in said.read_text(), said.read_text()
    check(job, make_job("whole", size=400), tmp_path)


@pytest.mark.parametrize("gone", ["both", *(pytest.param(name, marks=pytest.mark.slow) for name in ("TMPDIR", "HOME"))])
def test_a_temporary_folder_or_a_home_that_is_gone(tmp_path, whole, gone):
    grid = Grid(tmp_path, contents=1, styles=1)
    names = ("TMPDIR", "HOME") if gone == "both" else (gone,)
    environment = dict.fromkeys(names, str(tmp_path / "gone"))
    environment |= {"NST_CACHE": "", "XDG_CACHE_HOME": ""} if "HOME" in names else {}
    code, said = grid.run("nst", *stylize_arguments(), **environment)
    assert (code, "Traceback" in said) == (0, False), said
    assert contents(tmp_path / "one") == whole
    assert leftovers(tmp_path) == []
    assert not Path(tmp_path / "gone").exists() or gone != "TMPDIR"
    assert os.environ.get("HOME") != str(tmp_path / "gone")
