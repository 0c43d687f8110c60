"""One pair from files to files: what it leaves, and that an interrupted run is gone on with."""

import csv
import dataclasses
import errno
import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from jobs import SMALL, interrupted, left, losses
from nst import layout
from nst.cli import main
from nst.errors import NstError
from nst.images import read_metadata, write_picture
from nst.io import waiting
from nst.pair import recording
from nst.pair import stylize as pair
from nst.settings import make, presets


def test_what_a_pair_leaves(job):
    whole = job("a", frame_interval=2, snapshot_interval=3)
    record = pair.stylize_pair(whole)
    names = {path.relative_to(whole.record).as_posix() for path in whole.record.rglob("*") if path.is_file()}
    frames = {f"snapshots/frames/{n:06d}.jpg" for n in (0, 2, 3, 4, 5, 6)}
    snapshots = {f"snapshots/{n:06d}.png" for n in (3, 6)}
    assert names == {"image.png", "losses.csv", "run.json", "animation.gif"} | frames | snapshots
    assert json.loads((whole.record / "run.json").read_text()) == json.loads(json.dumps(record))
    assert read_metadata(whole.output)["settings"]["frame_interval"] == 2
    assert not whole.work_folder.exists()


def test_without_frames_the_animation_is_the_finished_picture(job):
    still = job("a", frame_interval=0)
    pair.stylize_pair(still)
    with Image.open(still.record / "animation.gif") as clip:
        assert clip.n_frames == 1


@pytest.mark.parametrize("weight", [0, 100])
def test_the_photo_loss_is_recorded_where_it_has_a_weight(job, weight):
    made = job("a", photo_weight=weight)
    record = pair.stylize_pair(made)
    columns = (made.record / "losses.csv").read_text().splitlines()[0].split(",")
    assert list(record["losses"]) == ["content", "style", "tv", "total"] + ["photo"] * bool(weight)
    assert ("photo" in columns) == bool(weight)


def test_the_losses_of_a_last_pass_have_columns_of_their_own(job):
    made = job("a", style_loss="nnst", content_weight=0, optimizer="adam", iterations=3)
    pair.stylize_pair(made)
    with (made.record / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["style:nnst"]) for row in rows] == [True, True, False]
    assert [bool(row["style:conv1_1"]) for row in rows] == [False, False, True]
    assert pair.stylize_pair(dataclasses.replace(made, unless_done=True))["skipped"]


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(job):
    whole, broken = job("whole"), job("broken")
    pair.stylize_pair(whole)
    interrupted(broken, after=4)
    assert not broken.output.exists()
    seen = []
    pair.stylize_pair(broken, lambda event: seen.append(event.iteration))
    assert seen == [5, 6]
    assert losses(broken) == losses(whole)
    frames = [
        {path.name: path.read_bytes() for path in (it.record / "snapshots/frames").iterdir()} for it in (whole, broken)
    ]
    assert frames[0] == frames[1]
    with Image.open(whole.output) as one, Image.open(broken.output) as other:
        assert one.tobytes() == other.tobytes()


def test_a_picture_without_records_goes_on_too(job):
    alone = dataclasses.replace(job("a"), record=None)
    interrupted(alone, after=4)
    seen = []
    pair.stylize_pair(alone, lambda event: seen.append(event.iteration))
    assert seen == [5, 6]
    assert [path.name for path in alone.output.parent.iterdir()] == ["image.png"]


def test_what_was_done_is_kept_when_a_run_is_stopped(job, monkeypatch):
    monkeypatch.setattr(recording, "CHECKPOINT_EVERY", 1e9)
    monkeypatch.setattr(recording, "MIN_SECONDS_TO_KEEP", 0)
    whole, parts = job("a"), job("b")
    pair.stylize_pair(whole)
    interrupted(parts, 4)
    seen = []
    pair.stylize_pair(parts, lambda event: seen.append(event.iteration))
    assert seen == [5, 6]
    assert losses(parts) == losses(whole)
    assert parts.output.read_bytes()[-1000:] == whole.output.read_bytes()[-1000:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_between_two_iterations(job, monkeypatch, number):
    monkeypatch.setattr(recording, "CHECKPOINT_EVERY", 1e9)
    monkeypatch.setattr(recording, "MIN_SECONDS_TO_KEEP", 0)
    outside = signal.signal(number, signal.default_int_handler)  # whoever runs the tests may ignore it
    seen = []

    def stop(event):
        seen.append(event.iteration)
        if event.iteration == 3:
            os.kill(os.getpid(), number)

    try:
        with pytest.raises(KeyboardInterrupt):
            pair.stylize_pair(job("a"), stop)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, outside)
    assert seen == [1, 2, 3]
    pair.stylize_pair(job("a"), lambda event: seen.append(event.iteration))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_what_is_done_is_left_alone_if_asked_for(job):
    first = job("a")
    record = pair.stylize_pair(first)
    again = dataclasses.replace(first, unless_done=True)
    seen = []
    assert pair.stylize_pair(again, seen.append) == json.loads(json.dumps(record)) | {"skipped": True}
    assert not seen
    assert not first.work_folder.exists()
    pair.stylize_pair(dataclasses.replace(again, settings=make(SMALL | {"style_weight": 3})), seen.append)
    assert len(seen) == 6
    pair.stylize_pair(dataclasses.replace(again, settings=make(SMALL | {"style_weight": 3})), seen.append)
    assert len(seen) == 6
    write_picture(first.content, np.full((40, 48, 3), 0.5, np.float32))
    pair.stylize_pair(dataclasses.replace(again, settings=make(SMALL | {"style_weight": 3})), seen.append)
    assert len(seen) == 12
    first.output.unlink()
    pair.stylize_pair(dataclasses.replace(again, settings=make(SMALL | {"style_weight": 3})), seen.append)
    assert len(seen) == 18


def test_an_animation_that_fails_leaves_the_earlier_files(job, monkeypatch):
    pair.stylize_pair(job("a"))
    before = {path: path.read_bytes() for path in job("a").record.rglob("*") if path.is_file()}

    def fail(*_, **__):
        raise NstError("no")

    monkeypatch.setattr(recording, "animate", fail)
    with pytest.raises(NstError, match=r"^no$"):
        pair.stylize_pair(job("a", style_weight=3))
    assert {path: path.read_bytes() for path in job("a").record.rglob("*") if path.is_file()} == before


def test_a_picture_that_is_no_picture_is_not_done(job):
    done = dataclasses.replace(job("a"), unless_done=True)
    pair.stylize_pair(done)
    done.output.write_bytes(b"")
    seen = []
    pair.stylize_pair(done, seen.append)
    assert len(seen) == 6


def test_a_checkpoint_that_cannot_be_written_costs_no_picture(job, monkeypatch, caplog):
    def full(*_):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    pair.stylize_pair(job("a"))
    assert "the checkpoint could not be written" in caplog.text
    assert not job("a").work_folder.exists()


def test_a_stopped_pair_promises_to_resume_only_from_a_checkpoint(job, monkeypatch, caplog):
    monkeypatch.setattr("nst.pair.recording.MIN_SECONDS_TO_KEEP", 0)
    caplog.set_level("INFO")

    def stop(_):
        raise KeyboardInterrupt

    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(KeyboardInterrupt):
        pair.stylize_pair(job("a"), stop)
    assert caplog.messages[-1] == "stopped after iteration 1; the same command resumes"
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(KeyboardInterrupt):
        pair.stylize_pair(job("b"), stop)
    assert caplog.messages[-1] == "stopped after iteration 1"


def test_after_a_full_disk_a_pair_can_be_stylized_again(job, monkeypatch):
    """What is still to be written when a write fails must not bring the tidied folder back."""
    monkeypatch.setattr(recording, "CHECKPOINT_EVERY", 1e9)
    tried, write, queued = [], recording.write_frame, threading.Event()

    def full(path, *arguments, **how):
        tried.append(path)
        number = len(tried)
        queued.wait(60)
        time.sleep(0.1)  # the run has ended before the queue has
        if number < 3:
            raise NstError(f"{path}: cannot be written (No space left on device); choose a writable folder")
        write(path, *arguments, **how)

    def after(event):
        if event.iteration == 4:  # at the fifth frame, the run waits for the first
            queued.set()

    monkeypatch.setattr(recording, "write_frame", full)
    with pytest.raises(NstError, match="No space left on device"):
        pair.stylize_pair(job("a"), after)
    time.sleep(1)
    assert len(tried) < 5
    assert not job("a").work_folder.exists()
    monkeypatch.setattr(recording, "write_frame", write)
    pair.stylize_pair(job("a"))
    pair.stylize_pair(job("b"))
    assert left(job("a")) == left(job("b"))


def test_no_more_memory_is_told_in_a_sentence(job):
    def greedy(*_, **__):
        torch.empty(1 << 60)

    with pytest.raises(NstError, match=r"image\.png: out of memory; use a smaller size"):
        pair.stylize_pair(job("a"), stylizer=greedy)


def test_a_run_with_another_record_begins_anew(job):
    """It would miss the frames of what has been."""
    interrupted(dataclasses.replace(job("a", frame_interval=2), record=None), after=4)
    pair.stylize_pair(job("a", frame_interval=2))
    pair.stylize_pair(job("b", frame_interval=2))
    assert left(job("a")) == left(job("b"))


def test_a_folder_with_other_files_is_no_place_for_unfinished_work(job):
    mine = job("a").work_folder / "holiday.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    for styles in (job("a").styles, (("nowhere.png", 1.0),)):
        with pytest.raises(NstError, match=r"a: contains other files"):
            pair.stylize_pair(dataclasses.replace(job("a"), styles=styles))
    assert [path.name for path in mine.parent.parent.rglob("*")] == ["a", "holiday.txt"]


@pytest.mark.parametrize("what", ["record", "output"])
def test_results_do_not_lie_among_the_unfinished_work(job, what):
    inside = {"record": job("a").work_folder, "output": job("a").work_folder / "deeper/image.png"}[what]
    with pytest.raises(NstError, match="is within the work folder"):
        pair.stylize_pair(dataclasses.replace(job("a"), **{what: inside}))


def test_who_waits_for_another_at_the_same_output_says_so_and_can_give_up(job, monkeypatch, caplog):
    monkeypatch.setattr(waiting, "SILENCE", 0.05)
    caplog.set_level("INFO")
    place = job("a").work_folder
    place.parent.mkdir(parents=True)

    def enough():
        raise KeyboardInterrupt

    with FileLock(place.with_name(".a.lock")), pytest.raises(KeyboardInterrupt):
        pair.stylize_pair(job("a"), waiting=enough)
    assert caplog.messages == [f"waiting for another nst process that writes {job('a').output}"]


def test_other_settings_begin_anew(job):
    interrupted(job("a"), after=4)
    seen = []
    pair.stylize_pair(job("a", style_weight=3), lambda event: seen.append(event.iteration))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_another_blend_begins_anew(job):
    one = job("a")
    paths = [one.content, one.styles[0][0]]
    blends = (tuple(zip(paths, shares, strict=True)) for shares in ((0.9, 0.1), (0.1, 0.9)))
    first, second = (dataclasses.replace(one, styles=blend) for blend in blends)
    interrupted(first, after=4)
    seen = []
    pair.stylize_pair(second, lambda event: seen.append(event.iteration))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_swapped_weights_of_a_blend_are_another_picture(job):
    """Also where the content is one of the styles: hashes are told apart by what their file is for."""
    one = job("a")
    content, other = one.content, one.styles[0][0]
    blends = [((content, 0.3), (other, 0.7)), ((other, 0.3), (content, 0.7))]
    jobs = [dataclasses.replace(one, styles=blend, unless_done=True) for blend in blends]
    keys = [pair.stylize_pair(it)["key"] for it in jobs]
    assert keys[0] != keys[1]


def test_the_time_of_a_run_counts_what_was_interrupted(job):
    interrupted(job("a"), after=4)
    checkpoint = job("a").work_folder / layout.CHECKPOINT
    saved = torch.load(checkpoint)
    saved["rows"][-1]["seconds"] = 1000.0
    torch.save(saved, checkpoint)
    seconds = pair.stylize_pair(job("a"))["seconds"]
    assert seconds["optimize"] > 1000
    assert seconds["total"] > 1000


def test_a_record_on_another_file_system_is_whole(job, monkeypatch):
    rename = Path.replace

    def across(self, target):
        if "work" in self.parts and "work" not in Path(target).parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", across)
    pair.stylize_pair(job("a", snapshot_interval=3))
    pair.stylize_pair(job("a", snapshot_interval=2))  # over what is there
    names = {path.name for path in job("a").record.iterdir()}
    assert names == {"image.png", "losses.csv", "run.json", "snapshots", "animation.gif"}
    assert sorted(path.name for path in (job("a").record / "snapshots").glob("*.png")) == [
        "000002.png", "000004.png", "000006.png",
    ]  # fmt: skip


@pytest.mark.parametrize("values", [{"style_fit": "stretch"}, {"style_scale": 0.5}, {"style_scale": 2}])
def test_the_metrics_are_those_of_nst_judge(job, values, capsys):
    it = job("a", **values)
    measured = pair.stylize_pair(it)["metrics"]
    (style, _), *_ = it.styles
    assert (
        main(["evaluate", str(it.output), "--content", it.content, "--style", style, "--device", "cpu", "--json"]) == 0
    )
    judged = json.loads(capsys.readouterr().out)
    assert measured["style_error"] == pytest.approx(judged["style_error"], rel=0.02)  # of an image rounded to 8 bits


@pytest.mark.parametrize("name", [name for name in presets.names() if name])
def test_every_preset_stylizes(job, name):
    chosen = presets.load(name).values | {"network": "vgg19", "size": 40, "iterations": 2}
    record = pair.stylize_pair(dataclasses.replace(job("a"), settings=make(chosen)))
    assert record["iterations_run"] == 2
    assert record["losses"]["total"] > 0


@pytest.mark.parametrize(("size", "side"), [(0, 48), (32, 32)])
def test_a_square_is_of_the_size_asked_for_or_the_contents_own(job, size, side):
    pair.stylize_pair(job("a", fit="square", size=size))
    with Image.open(job("a").output) as image:
        assert image.size == (side, side)


def test_a_transparent_mask_is_dark(job, tmp_path):
    clear = np.full((40, 48, 4), 255, np.uint8)
    clear[:, 24:, 3] = 0
    for side in (1, 2):
        Image.fromarray(clear).resize((48 * side, 40 * side)).save(tmp_path / "mask.png")
        inputs = pair.read_inputs(job("a", content_mask=str(tmp_path / "mask.png")))
        mask = inputs.content_mask.pixels
        assert mask[:, :18].min() > 0.85
        assert mask[:, -16:].max() < 0.1


@pytest.mark.parametrize("color", [0, 1])
def test_a_transparent_style_lies_on_white(job, tmp_path, color):
    """Whatever color hides there, at its own size and resized, for the stylization and for the judge."""
    hidden, seen = np.full((40, 40, 3), color, np.float32), np.ones((40, 40, 3), np.float32)
    hidden[10:20] = seen[10:20] = (0.8, 0.1, 0.3)
    alpha = np.zeros((40, 40), np.float32)
    alpha[10:20] = 1
    write_picture(tmp_path / "hidden.png", hidden, alpha=alpha)
    write_picture(tmp_path / "seen.png", seen)
    for values in ({"style_fit": "stretch"}, {"style_scale": 0.5}, {"size": 20}):
        one, other = (
            pair.stylize_pair(dataclasses.replace(job(name, **values), styles=((str(tmp_path / f"{name}.png"), 1.0),)))
            for name in ("hidden", "seen")
        )
        assert one["metrics"]["style_error"] == pytest.approx(other["metrics"]["style_error"], rel=0.1)
        left, right = (np.asarray(Image.open(job(name).output), float) for name in ("hidden", "seen"))
        assert np.abs(left - right).mean() < 2


def test_snapshots_need_a_record(job, tmp_path, capsys):
    it = job("a")
    words = ["stylize", it.content, it.styles[0][0], "-o", str(tmp_path / "b.png"), "--snapshot-interval", "3"]
    assert main(words) == 1
    assert "--snapshot-interval requires --record FOLDER" in capsys.readouterr().err


def test_a_failed_run_leaves_the_earlier_picture(job):
    pair.stylize_pair(job("a"))
    before = job("a").output.read_bytes()
    interrupted(job("a", style_weight=3), after=4)
    assert job("a").output.read_bytes() == before


def test_a_picture_can_be_made_again_from_what_it_carries(job, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what an image names is read in the current folder
    first = job("a")
    pair.stylize_pair(first)
    again = ["reproduce", str(first.output), "--device", "cpu", "--threads", "1", "-o"]
    assert main([*again, str(tmp_path / "b.png")]) == 0
    assert (np.asarray(Image.open(tmp_path / "b.png")) == np.asarray(Image.open(first.output))).all()
    assert main([*again, str(tmp_path / "c.png"), "--style-weight", "0.1", "--size", "48"]) == 0
    carried = read_metadata(tmp_path / "c.png")
    assert (carried["settings"]["style_weight"], carried["settings"]["size"]) == (0.1, 48)
    assert main([*again, str(tmp_path / "c.png"), "--preset", "none-such"]) == 1
    assert "there is no preset 'none-such'" in capsys.readouterr().err
    capsys.readouterr()
    (tmp_path / "scene.png").write_bytes((tmp_path / "stripes.png").read_bytes())
    (tmp_path / "stripes.png").unlink()
    assert main([*again, str(tmp_path / "d.png")]) == 1
    changed, gone = capsys.readouterr().err.splitlines()
    assert (
        "scene.png has changed since: the SHA-256 differs; name the original with --content FILE, or run nst stylize"
        in changed
    )
    assert "stripes.png was not found; name the file with --style FILE, or run" in gone
    assert not (tmp_path / "d.png").exists()


def test_a_snapshot_can_be_made_again(job, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what an image names is read in the current folder
    pair.stylize_pair(job("a", snapshot_interval=3))
    snapshot = job("a").record / "snapshots/000003.png"
    again = ["--device", "cpu", "--threads", "1", "-o", str(tmp_path / "b.png")]
    assert main(["reproduce", str(snapshot), *again]) == 0
    assert (np.asarray(Image.open(tmp_path / "b.png")) == np.asarray(Image.open(snapshot))).all()
    pair.stylize_pair(job("c", snapshot_interval=3, scales=2))
    assert main(["reproduce", str(job("c").record / "snapshots/000003.png"), *again]) == 1
    assert "give the finished image" in capsys.readouterr().err


def test_again_tells_of_other_weights(job, tmp_path, monkeypatch, untrained, caplog):
    monkeypatch.chdir(tmp_path)
    pair.stylize_pair(job("a"))
    again = ["reproduce", str(job("a").output), "--device", "cpu", "-o", str(tmp_path / "b.png")]
    assert main(again) == 0
    assert "other weights" not in caplog.text
    torch.save({key: 1.01 * value for key, value in untrained.items()}, tmp_path / "vgg19.pth")
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    assert main(again) == 0
    assert f"other weights than {tmp_path / 'vgg19.pth'}" in caplog.text


def test_a_picture_of_others_cannot_be_made_again(tmp_path, capsys, scene):
    write_picture(tmp_path / "plain.png", scene)
    assert main(["reproduce", str(tmp_path / "plain.png"), "-o", str(tmp_path / "out.png")]) == 1
    assert "has no metadata of nst" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (15, 40), (40, 15)])
@pytest.mark.parametrize("what", ["content", "style"])
def test_a_tiny_picture_is_enlarged_with_a_warning(job, tmp_path, caplog, what, shape):
    write_picture(tmp_path / "tiny.png", np.random.default_rng(1).random((*shape, 3), np.float32))
    tiny = str(tmp_path / "tiny.png")
    it = job("a", iterations=1)
    it = dataclasses.replace(it, **{"content": tiny} if what == "content" else {"styles": ((tiny, 1.0),)})
    used = pair.read_inputs(it)
    picture = used.content if what == "content" else used.styles[0]
    sizes = [f"{width}×{height} px" for height, width in (shape, picture.pixels.shape[:2])]
    expected = f"the {what} {tiny} has {sizes[0]} and is used at {sizes[1]}: below 16 px per side"
    record = pair.stylize_pair(it)
    [warning] = [warning for warning in record["warnings"] if "the output has" not in warning]
    assert warning.startswith(expected)
    assert caplog.text.count(expected) == 1


def test_a_picture_of_sixteen_pixels_needs_no_warning(job, tmp_path):
    write_picture(tmp_path / "small.png", np.random.default_rng(1).random((16, 20, 3), np.float32))
    small = str(tmp_path / "small.png")
    it = dataclasses.replace(job("a"), content=small, styles=((small, 1.0),))
    assert pair.read_inputs(it).warnings == ()
    [warning] = pair.read_inputs(dataclasses.replace(it, settings=make(SMALL | {"size": 12}))).warnings
    assert warning == "the output has 12×10 px: its metrics are computed after enlarging it to 16 px per side"


@pytest.mark.parametrize("shape", [(15, 15), (3, 40)])
def test_a_picture_too_small_for_its_layers_is_refused(job, tmp_path, shape):
    write_picture(tmp_path / "tiny.png", np.random.default_rng(1).random((*shape, 3), np.float32))
    it = dataclasses.replace(job("a", content_layers="conv5_1", size=0), content=str(tmp_path / "tiny.png"))
    with pytest.raises(NstError, match=rf"the content image is {shape[1]}×{shape[0]} px .* at least 16 px per side"):
        pair.stylize_pair(it)
