"""A finished stylization takes its names: whoever fails or is stopped on the way, nothing is optimized again."""

from __future__ import annotations

import dataclasses
import errno
import os

import pytest

from jobs import SMALL, left
from nst.errors import NstError
from nst.images import write_picture
from nst.pair import publication
from nst.pair import stylize as pair
from nst.settings import make


def stylize_pair(job):
    """The iterations that it took."""
    seen = []
    pair.stylize_pair(job, lambda event: seen.append(event.iteration))
    return seen


def failing(monkeypatch, after):
    """Let moves fail after so many."""
    really, done = publication.move, []

    def full(*paths):
        if len(done) == after:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(really(*paths))

    monkeypatch.setattr(publication, "move", full)


def no_links(*_, **__):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("moves", range(6))
def test_a_run_that_ends_amid_its_moves_is_whole_afterwards(job, monkeypatch, moves, links):
    """The snapshots of before, then snapshots, animation, losses, image and record take their names."""
    whole = job("a", frame_interval=2)
    pair.stylize_pair(dataclasses.replace(whole, settings=make(SMALL | {"style_weight": 3})))
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with monkeypatch.context() as patch:
        failing(patch, moves)
        with pytest.raises(NstError, match=r"image\.png: cannot be written \(No space left on device\)"):
            pair.stylize_pair(whole)
    # Without hard links what has taken its name already is missed in the work folder.
    assert stylize_pair(whole) == ([] if links or moves < 2 else [1, 2, 3, 4, 5, 6])
    pair.stylize_pair(job("b", frame_interval=2))
    assert left(whole) == left(job("b"))
    assert not whole.work_folder.exists()


def test_a_picture_without_a_record_is_not_stylized_again_either(job, monkeypatch):
    alone = dataclasses.replace(job("a"), record=None)
    with monkeypatch.context() as patch:
        failing(patch, 0)
        with pytest.raises(NstError, match="No space left"):
            pair.stylize_pair(alone)
    assert stylize_pair(alone) == []
    assert [path.name for path in alone.output.parent.iterdir()] == ["image.png"]


@pytest.mark.parametrize("change", ["style_weight", "content", "output"])
def test_what_was_finished_for_another_pair_is_not_published(job, monkeypatch, scene, change):
    with monkeypatch.context() as patch:
        failing(patch, 1)
        with pytest.raises(NstError, match="No space left"):
            pair.stylize_pair(job("a"))
    if change == "content":
        write_picture(job("a").content, scene[::-1])
    other = {
        "style_weight": {"settings": make(SMALL | {"style_weight": 3})},
        "content": {},
        "output": {"output": job("b").output, "record": job("b").record},
    }[change]
    assert stylize_pair(dataclasses.replace(job("a"), **other)) == [1, 2, 3, 4, 5, 6]


def test_the_disk_has_every_file_before_the_record_takes_its_name(job, monkeypatch):
    synced, named = set(), []
    fsync, move = os.fsync, publication.move

    def note(descriptor):
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def moved(source, destination):
        named.append(destination.name)
        if destination.name == "run.json":
            files = [path for path in job("a").record.rglob("*") if path.is_file()] + [source]
            assert len(files) == 4 + 6 + 2
            assert [path.name for path in files if path.stat().st_ino not in synced] == []
            assert destination.parent.stat().st_ino in synced
        move(source, destination)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(publication, "move", moved)
    pair.stylize_pair(job("a", frame_interval=2, snapshot_interval=3))
    assert named[-1] == "run.json"
