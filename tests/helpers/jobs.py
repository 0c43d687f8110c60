"""Helpers of the tests of one pair: small settings, interruptions, and what a pair leaves."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from nst.images import write_picture
from nst.pair import recording
from nst.pair import stylize as pair
from nst.settings import make

SMALL = {"size": 40, "iterations": 6, "content_layers": "conv2_1", "style_layers": "conv1_1", "precision": "fp32"}


class Jobs:
    """Makes jobs in a folder, all of one content and one style."""

    def __init__(self, folder: Path, scene, stripes):
        self.folder, self.content, self.style = folder, folder / "scene.png", folder / "stripes.png"
        write_picture(self.content, scene)
        write_picture(self.style, stripes)

    def __call__(self, name: str, **values):
        folder = self.folder / name
        return pair.Job(
            str(self.content),
            ((str(self.style), 1.0),),
            make(SMALL | values),
            folder / "image.png",
            record=folder,
            work=self.folder / "work" / name,
            device="cpu",
            threads=1,
            id=name,
        )


def with_checkpoints(monkeypatch) -> None:
    """One after each iteration."""
    monkeypatch.setattr(recording, "CHECKPOINT_EVERY", 0)
    monkeypatch.setattr(recording, "CHECKPOINT_SPACING", 0)


def losses(job):
    with (job.record / "losses.csv").open() as file:
        return [{name: row[name] for name in row if name != "seconds"} for row in csv.DictReader(file)]


def interrupted(job, after):
    def stop(event):
        if event.iteration == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pair.stylize_pair(job, stop)


def left(job):
    """What a pair has left, but for the times in it."""
    files = {path.relative_to(job.record).as_posix(): path for path in job.record.rglob("*") if path.is_file()}
    return losses(job), {name: path.read_bytes() for name, path in files.items() if path.suffix in (".jpg", ".gif")}
