"""What counts as done: each file that a record promises is there to its end."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from nst.images import read_metadata, write_picture
from nst.pair import stylize as pair

DAMAGED = {
    "image.png": ("cut", "gone", "empty", "other"),
    "losses.csv": ("cut", "gone", "empty"),
    "animation.gif": ("cut", "gone", "empty"),
    "run.json": ("cut", "gone", "empty"),
    "snapshots/000003.png": ("cut", "gone", "empty"),
    "snapshots/frames/000003.jpg": ("cut", "gone", "empty"),
    "snapshots/frames/000006.jpg": ("cut", "gone", "empty"),
}
CASES = [(name, damage) for name, damages in DAMAGED.items() for damage in damages]


def stylize_pair(job):
    seen = []
    pair.stylize_pair(dataclasses.replace(job, unless_done=True), lambda event: seen.append(event.iteration))
    return seen


def spoil(path, damage):
    whole = path.read_bytes()
    path.unlink()
    if damage == "other":
        write_picture(path, np.zeros((20, 20, 3), np.float32), metadata={"key": "x"})
    elif damage != "gone":
        path.write_bytes(whole[: len(whole) * 3 // 4] if damage == "cut" else b"")


@pytest.fixture
def done(job):
    whole = job("a", frame_interval=2, snapshot_interval=3)
    assert stylize_pair(whole) == [1, 2, 3, 4, 5, 6]
    assert stylize_pair(whole) == []
    return whole


@pytest.mark.parametrize(("name", "damage"), CASES)
def test_a_damaged_result_is_stylized_again(done, name, damage):
    spoil(done.record / name, damage)
    assert stylize_pair(done) == [1, 2, 3, 4, 5, 6]
    assert stylize_pair(done) == []


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("kept", [0.999, 0.5])
def test_a_truncated_image_without_a_record_is_stylized_again(job, suffix, kept):
    alone = dataclasses.replace(job("a"), record=None, output=job("a").output.with_suffix(suffix))
    stylize_pair(alone)
    assert stylize_pair(alone) == []
    whole = alone.output.read_bytes()
    alone.output.write_bytes(whole[: int(len(whole) * kept)])
    assert stylize_pair(alone) == [1, 2, 3, 4, 5, 6]


def test_a_row_of_losses_that_is_missing_is_seen(done):
    path = done.record / "losses.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert stylize_pair(done) == [1, 2, 3, 4, 5, 6]


def test_one_that_ended_early_is_complete(job):
    early = job("a", iterations=60, tolerance=0.5, frame_interval=10, snapshot_interval=10)
    seen = stylize_pair(early)
    assert 20 <= len(seen) < 60
    assert stylize_pair(early) == []
    frames = sorted(early.record.glob("snapshots/frames/*.jpg"))
    assert frames[-1].stem == f"{len(seen):06}"
    rows = (early.record / "losses.csv").read_text()
    (early.record / "losses.csv").write_text(rows[: rows.rindex("\n", 0, -1) + 1])
    assert len(stylize_pair(early)) == len(seen)


def test_a_network_is_part_of_its_record(job):
    it = job("a", parameters="network", optimizer="adam", size=64)
    assert stylize_pair(it) == [1, 2, 3, 4, 5, 6]
    assert stylize_pair(it) == []
    network = it.record / "snapshots/network.safetensors"
    network.write_bytes(network.read_bytes()[:-100])
    assert stylize_pair(it) == [1, 2, 3, 4, 5, 6]


def test_a_snapshot_in_the_place_of_the_image_is_no_result(done):
    alone = dataclasses.replace(done, record=None)
    shutil.copy(done.record / "snapshots/000003.png", done.output)
    assert read_metadata(done.output)["iteration"] == 3
    assert stylize_pair(alone) == [1, 2, 3, 4, 5, 6]


def test_a_record_of_another_size_is_not_that_of_the_image(done):
    with Image.open(done.output) as image:
        carried = image.size
    record = json.loads((done.record / "run.json").read_text())
    assert (record["output"]["width"], record["output"]["height"]) == carried
    record["output"]["width"] += 1
    (done.record / "run.json").write_text(json.dumps(record))
    assert stylize_pair(done) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["snapshots/000003.png", "snapshots/frames/000003.jpg"])
def test_a_run_whose_frames_were_lost_begins_from_scratch(job, name):
    """As after the machine's failure, which may leave a checkpoint without them."""
    it = job("a", frame_interval=2, snapshot_interval=3)

    def stop(event):
        if event.iteration == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pair.stylize_pair(it, stop)
    (it.work_folder / name).write_bytes(b"")
    (it.work_folder / "snapshots/frames/.half.jpg.part").touch()
    assert stylize_pair(it) == [1, 2, 3, 4, 5, 6]


def test_half_a_frame_of_a_killed_run_is_not_published(job):
    it = job("a", frame_interval=2)

    def stop(event):
        if event.iteration == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pair.stylize_pair(it, stop)
    (it.work_folder / "snapshots/frames/.half.jpg.part").touch()
    assert stylize_pair(it) == [5, 6]
    assert not list(it.record.rglob(".*"))
