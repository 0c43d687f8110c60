"""Presets: named groups of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst.cli import main
from nst.errors import NstError
from nst.settings import defaults, make, presets


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path(presets.FOLDER).mkdir(parents=True)
    return Path(presets.FOLDER)


def test_every_shipped_preset_is_valid_and_says_what_it_is_for() -> None:
    for name in presets.names():
        assert presets.load(name).description
        assert presets.load(name).values
    assert presets.load("draft").values == {"network": "lite", "size": 256, "iterations": 60}


def test_the_plain_presets_go_from_little_style_to_much() -> None:
    subtle, medium, strong = (presets.load(name).values["style_weight"] for name in ("subtle", "medium", "strong"))
    assert subtle < medium < strong
    assert medium == defaults().style_weight
    assert presets.load("keep-colors").values["color"] == "luminance"
    portrait = make(presets.load("portrait").values)
    assert portrait.style_weight < defaults().style_weight
    assert portrait.style_layers["conv5_1"] < portrait.style_layers["conv4_1"] < portrait.style_layers["conv1_1"]


def test_the_presets_are_listed_with_what_they_are_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.yaml").write_text("description: of my own\nsettings: {size: 100}\n")
    assert main(["settings", "preset"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "mine of my own" in lines
    for name in presets.names():
        assert f"{name} {presets.load(name).description}" in lines


def test_ones_own_come_first(folder: Path) -> None:
    (folder / "draft.yaml").write_text("description: mine\nsettings: {size: 1e2, deterministic: yes, seed: }\n")
    assert presets.load("draft").values == {"size": 100, "deterministic": "yes"}
    assert presets.load("draft").description == "mine"


def test_the_empty_preset_gives_nothing() -> None:
    assert presets.load("").values == {}


def test_unknown() -> None:
    with pytest.raises(NstError) as caught:
        presets.load("drafts")
    assert str(caught.value) == "there is no preset 'drafts'; did you mean draft?"
    with pytest.raises(NstError) as caught:
        presets.load("xyz")
    known = ", ".join(presets.names())
    assert str(caught.value) == (
        f"there is no preset 'xyz'; the presets are {known}, and config/presets/xyz.yaml would add it"
    )


WRONG = [
    (
        "setings: {}",
        "mine.yaml: setings: no such key; did you mean settings?; a preset has a description and settings",
    ),
    ("settings: [1]", "mine.yaml: settings: is not a mapping; write a `setting: value` line for each"),
    ("settings: {sise: 1}", "mine.yaml: settings.sise: no such setting; did you mean size?"),
    (
        "settings: {preset: draft}",
        "mine.yaml: settings.preset: a preset cannot build on another; write its settings out",
    ),
    ("- a", "mine.yaml: is not a mapping; write it as `key: value` lines"),
    (
        "settings:\n  size: 1\n  size: 2\n",
        "mine.yaml:3: is not valid YAML (size appears twice); write it as `key: value` lines",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_wrong_files(folder: Path, text: str, sentence: str) -> None:
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(NstError) as caught:
        presets.load("mine")
    assert str(caught.value) == f"config/presets/{sentence}"
