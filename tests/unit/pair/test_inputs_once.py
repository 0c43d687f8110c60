"""Inputs that vanish or change while a pair is stylized: its record names the bytes that were read, and no others."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nst
from nst.cli import main
from nst.errors import NstError
from nst.images import read_metadata, write_picture
from nst.pair import job as jobs
from nst.pair import stylize as pair

#: How the style is used: as it is; and so that the metrics need it at another size.
USES = [{}, {"style_scale": 0.5}, {"style_fit": "stretch"}]


def sha256(path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def when_they_are_read(monkeypatch, happen) -> None:
    """Have something happen once the images of a pair are read, before anything else of it is done."""
    last = jobs._tiny_output

    def then(content):
        happen()
        return last(content)

    monkeypatch.setattr(jobs, "_tiny_output", then)


@pytest.fixture
def others(tmp_path):
    """Replaces an image by another one."""

    def replace(*paths) -> None:
        for path in map(Path, paths):
            write_picture(path, np.full((30, 30, 3), 0.25, np.float32))

    return replace


@pytest.mark.parametrize("values", USES)
def test_inputs_that_are_replaced(job, values, others, monkeypatch):
    undisturbed = pair.stylize_pair(job("whole", **values))
    it = job("replaced", **values)
    hashes = [sha256(path) for path in it.pictures]
    when_they_are_read(monkeypatch, lambda: others(*it.pictures))
    record = pair.stylize_pair(it)
    assert [record["content"]["sha256"], record["style"][0]["sha256"]] == hashes
    assert read_metadata(it.output)["content"]["sha256"] == hashes[0]
    assert (record["key"], record["metrics"]) == (undisturbed["key"], undisturbed["metrics"])


@pytest.mark.parametrize("values", USES)
def test_inputs_that_vanish(job, values, monkeypatch):
    it = job("vanished", **values)
    hashes = [sha256(path) for path in it.pictures]
    when_they_are_read(monkeypatch, lambda: [Path(path).unlink() for path in it.pictures])
    record = pair.stylize_pair(it)
    assert [record["content"]["sha256"], record["style"][0]["sha256"]] == hashes


def test_masks_and_init_too(job, others, tmp_path, monkeypatch):
    given = {name: str(tmp_path / f"{name}.png") for name in ("init", "content_mask", "style_mask")}
    for path, size in zip(given.values(), ((9, 9), (48, 40), (44, 36)), strict=True):
        Image.new("RGB", size, "white").save(path)
    it = job("masked", **given)
    hashes = [sha256(path) for path in given.values()]
    when_they_are_read(monkeypatch, lambda: others(*given.values()))
    assert [picture["sha256"] for picture in pair.stylize_pair(it)["pictures"]] == hashes


def test_a_file_is_opened_once(job, monkeypatch):
    opened = []
    real = open

    def counting(path, *arguments, **options):
        opened.append(str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr("nst.images.source.open", counting, raising=False)
    it = job("counted", style_scale=0.5, size=0)
    inputs = pair.read_inputs(dataclasses.replace(it, content=it.styles[0][0]))
    assert opened == [it.styles[0][0]]
    assert inputs.hashes == {it.styles[0][0]: sha256(it.styles[0][0])}


@pytest.mark.parametrize("which", ["content", "style"])
@pytest.mark.parametrize("unless_done", [False, True])
def test_an_input_that_is_gone_is_what_the_message_is_about(job, which, unless_done):
    it = job("reproduce")
    pair.stylize_pair(it)
    before = json.loads((it.record / "run.json").read_text())
    path = it.content if which == "content" else it.styles[0][0]
    Path(path).unlink()
    with pytest.raises(NstError) as caught:
        pair.stylize_pair(dataclasses.replace(it, unless_done=unless_done))
    assert str(caught.value) == f"{path}: there is no such file; check the path"
    assert json.loads((it.record / "run.json").read_text()) == before


def test_what_the_system_says_of_an_input(job, monkeypatch):
    def refuse(path, flags):
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr("os.open", refuse)
    it = job("unreadable")
    with pytest.raises(NstError) as caught:
        pair.read_inputs(it)
    assert str(caught.value) == (
        f"{it.content}: cannot be read (Input/output error); check the path and its permissions"
    )


def test_in_memory_too(job, others, monkeypatch):
    it = job("memory")
    hashes = [sha256(path) for path in it.pictures]
    when_they_are_read(monkeypatch, lambda: others(*it.pictures))
    metadata = nst.stylize(*it.pictures, it.settings, device="cpu", threads=1).metadata
    assert [metadata["content"]["sha256"], metadata["style"][0]["sha256"]] == hashes


def test_the_digests_of_a_grid(tmp_path):
    from nst.grid.inputs import Files

    files, path = Files(), tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    assert files.exists(str(path))
    path.unlink()
    assert files.digest(str(path)) == ""


def test_a_command_names_the_input(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 30)).save("a.png")
    Image.new("RGB", (40, 30)).save("b.png")
    real = jobs.mask_problems

    def vanishing(*arguments):
        Path("b.png").unlink()
        return real(*arguments)

    monkeypatch.setattr(jobs, "mask_problems", vanishing)
    command = ["stylize", "a.png", "b.png", "-o", "c.png", "--network", "lite", "--size", "16", "--iterations", "1"]
    assert main([*command, "--device", "cpu"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "nst: b.png: there is no such file; check the path"
