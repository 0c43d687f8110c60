"""The work folder: whose it is, and what is left when a process is killed."""

from __future__ import annotations

import pytest
from filelock import FileLock

from nst.io import work_folder
from nst.layout import CHECKPOINT, MARK, RUN
from nst.pair import stylize as pair


def names(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


def work(root, name, *files):
    """A work folder, as a process that was killed leaves it, with its lock."""
    folder = root / name
    folder.mkdir(parents=True)
    for file in (MARK, *files):
        (folder / file).touch()
    work_folder.lock_file(folder).touch()
    return folder


@pytest.mark.parametrize("order", [("a", "a.lock"), ("a.lock", "a"), ("a", "a.gone"), ("a.gone", "a")])
def test_no_name_of_a_pair_is_that_of_a_lock(job, order):
    for name in order:
        pair.stylize_pair(job(name))
    assert all((job(name).record / "run.json").exists() for name in order)
    assert names(job("a").work.parent) == []


def test_what_killed_processes_left_is_swept(tmp_path):
    root = tmp_path / ".work"
    work(root, "c/s/useless")
    work(root, "c/s/resumable", CHECKPOINT)
    work(root, "c/s/finished", RUN)
    work(root, "c/s/removed").rename(root / "c/s/.removed.gone")
    (root / "c/s/.forgotten.lock").touch()
    held = work(root, "c/s/held")
    for name in ("c/s/notes.txt", "c/s/mine/file", ".gallery/a/b/.x.lock"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    foreign = [".gallery/a/b/.x.lock", "c/s/mine/file", "c/s/notes.txt"]
    kept = [f"c/s/resumable/{MARK}", f"c/s/resumable/{CHECKPOINT}", f"c/s/finished/{MARK}", f"c/s/finished/{RUN}"]
    with FileLock(work_folder.lock_file(held)):
        work_folder.sweep(root)
        assert names(root) == sorted([*foreign, *kept, "c/s/.held.lock", f"c/s/held/{MARK}"])
    work_folder.sweep(root)
    assert names(root) == sorted([*foreign, *kept])
    work_folder.sweep(tmp_path / "nowhere")


def test_a_folder_whose_removal_was_cut_off_is_removed_by_its_pair(job):
    gone = job("a").work.with_name(".a.gone")
    (gone / "snapshots").mkdir(parents=True)
    (gone / "snapshots/half").touch()
    pair.stylize_pair(job("a"))
    assert names(job("a").work.parent) == []
    assert not gone.exists()
