"""Forty spoiled manifests, configurations and images: one clear message each, exit status 1, nothing touched."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst.cli import main

HEAD = "content,style,style_weight,size,iterations,pooling,style_layers,init\n"


def row(**cells):
    columns = HEAD.strip().split(",")
    return HEAD + ",".join(
        {"content": "a.png", "style": "b.png"}.get(c, "") if c not in cells else cells[c] for c in columns
    )


# What is spoiled, its manifest, and what the message must say.
MANIFESTS = {
    "no such manifest": (None, ["grid.csv", "no such manifest"]),
    "empty file": ("", ["grid.csv", "empty"]),
    "only comments": ("# nothing\n", ["grid.csv"]),
    "header alone": (HEAD, ["grid.csv"]),
    "no style column": ("content\na.png\n", ["style"]),
    "no content column": ("style\na.png\n", ["content"]),
    "near miss of a column": ("content,style,style_wieght\na.png,b.png,1\n", ["style_wieght", "style_weight"]),
    "column twice": ("content,style,size,size\na.png,b.png,1,2\n", ["size"]),
    "too many cells": ("content,style\na.png,b.png,c.png\n", [":2:"]),
    "unclosed quote": ('content,style\n"a.png,b.png\n', ["grid.csv"]),
    "empty content": (row(content=""), [":2:", "content"]),
    "empty style": (row(style=""), [":2:", "style"]),
    "missing content": (row(content="gone.png"), [":2: content", "gone.png"]),
    "missing style": (row(style="gone.png"), [":2: style", "gone.png"]),
    "a folder as content": (row(content="folder"), [":2: content", "folder"]),
    "glob of nothing": (row(content="*.bmp"), [":2: content", "*.bmp"]),
    "missing in a list": (row(style="b.png|gone.png"), [":2: style", "gone.png"]),
    "blend with a bad weight": (row(style="b.png:x+a.png:1"), [":2: style"]),
    "blend with a negative weight": (row(style="b.png:-1+a.png:1"), [":2: style"]),
    "text as a number": (row(style_weight="lots"), [":2: style_weight", "lots", "from 0"]),
    "negative weight": (row(style_weight="-1"), [":2: style_weight", "from 0"]),
    "infinite weight": (row(style_weight="inf"), [":2: style_weight"]),
    "nan weight": (row(style_weight="nan"), [":2: style_weight"]),
    "half a pixel": (row(size="12.5"), [":2: size", "whole number"]),
    "no iterations": (row(iterations="0"), [":2: iterations", "from 1"]),
    "near miss of a value": (row(pooling="averge"), [":2: pooling", "did you mean average?"]),
    "a layer that is none": (row(style_layers="conv9_9"), [":2: style_layers", "conv9_9"]),
    "a layer twice": (row(style_layers="conv1_1+conv1_1"), [":2: style_layers", "twice"]),
    "a layer's weight": (row(style_layers="conv1_1:much"), [":2: style_layers", "much"]),
    "an init that is no file": (row(init="gone.png"), [":2: init", "gone.png"]),
    "not an image": (row(content="text.png"), [":2: content", "text.png"]),
    "an empty image": (row(content="empty.png"), [":2: content", "empty.png"]),
    "one name for two settings": (
        "content,style,name,size\na.png,b.png,x,64\na.png,b.png,x,65\n", ["grid.csv:3", "x"]),
    "not UTF-8": (b"content,style\n\xff\xfe\xfa,b.png\n", ["grid.csv", "UTF-8"]),
}  # fmt: skip

CONFIGS = {
    "broken YAML": ("settings: [1,\n", ["config.yaml"]),
    "an unknown key": ("manifst: a.csv\n", ["config.yaml: manifst", "manifest"]),
    "a setting in the wrong place": ("size: 64\n", ["config.yaml: size", "settings"]),
    "a bad default": ("settings: {size: big}\n", ["config.yaml: settings.size", "big"]),
    "an unknown preset": ("settings: {preset: nonesuch}\n", ["nonesuch"]),
    "an unknown device": ("device: gpu\n", ["config.yaml: device", "cuda"]),
    "no mapping": ("- a\n- b\n", ["config.yaml"]),
}

PICTURES = {
    "cut JPEG": ("cut.jpg", ["cut.jpg"]),
    "a text with an image's name": ("text.png", ["text.png"]),
    "an empty file": ("empty.png", ["empty.png"]),
    "a folder": ("folder", ["folder"]),
    "nothing": ("gone.png", ["gone.png"]),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "whole.jpg"):
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(name)
    whole = Path("whole.jpg").read_bytes()
    Path("cut.jpg").write_bytes(whole[: len(whole) // 2])
    Path("text.png").write_text("hello")
    Path("empty.png").touch()
    Path("folder").mkdir()
    Path("out.png").write_bytes(b"earlier result")
    return tmp_path


def spoiled(capsys, arguments, expected):
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert told.startswith("nst: ")
    for part in expected:
        assert part in told
    assert len(told.strip().splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_spoiled_manifest(case, place, capsys):
    text, expected = MANIFESTS[case]
    if text is not None:
        Path("grid.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    spoiled(capsys, ["grid", "grid.csv"], expected)


@pytest.mark.parametrize("case", CONFIGS)
def test_a_spoiled_config(case, place, capsys):
    text, expected = CONFIGS[case]
    Path("grid.csv").write_text("content,style\na.png,b.png\n")
    Path("config").mkdir()
    Path("config/config.yaml").write_text(text)
    spoiled(capsys, ["grid", "grid.csv"], expected)


@pytest.mark.parametrize("case", PICTURES)
@pytest.mark.parametrize("role", ["content", "style"])
def test_a_spoiled_picture(case, role, place, capsys):
    name, expected = PICTURES[case]
    pair = [name, "b.png"] if role == "content" else ["a.png", name]
    spoiled(capsys, ["stylize", *pair, "-o", "out.png", "--size", "16", "--device", "cpu"], expected)


def test_all_mistakes_of_a_manifest_at_once(place, capsys):
    Path("grid.csv").write_text(
        "content,style,size\na.png,b.png,big\ngone.png,b.png,64\n\n# a comment\na.png,lost.png,-3\n"
    )
    assert main(["grid", "grid.csv"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert sorted(line.split(": ")[1:3] for line in told) == [
        ["grid.csv:2", "size"], ["grid.csv:3", "content"], ["grid.csv:6", "size"], ["grid.csv:6", "style"],
    ]  # fmt: skip


def test_the_shares_of_a_blend_reach_the_engine(place, monkeypatch):
    import nst.pair.stylize

    jobs = []
    monkeypatch.setattr(nst.pair.stylize, "stylize_pair", lambda job, _, **__: jobs.append(job) or {"output": {}})
    monkeypatch.setattr("nst.commands.stylize.summary", lambda record: "stylized")
    assert main(["stylize", "a.png", "b.png:0.7", "whole.jpg:0.3", "-o", "new.png"]) == 0
    assert jobs[0].styles == (("b.png", 0.7), ("whole.jpg", 0.3))
