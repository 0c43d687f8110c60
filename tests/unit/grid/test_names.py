"""Names of folders."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridfiles import PATIENT
from nst.grid.names import MAX_NAME, Slugs, blend_name, settings_name, slug, stem
from nst.settings import Settings, defaults, make

SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@PATIENT
@given(st.text())
def test_slugs_are_safe(wish: str) -> None:
    name = slug(wish)
    assert SAFE.fullmatch(name)
    assert len(name) <= MAX_NAME
    assert slug(name) == name or name.startswith("_")


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("still life (2)", "still-life-2"),
        ("Große Welle æøł", "Grosse-Welle-aeol"),
        ("Café", "Cafe"),
        ("..", "5ec1f7"),
        ("日本", "4a6c2d"),
        (".hidden-", "hidden"),
        ("a--b", "a-b"),
        ("con", "_con"),
        ("NUL.old", "_NUL.old"),
        ("IMG_2041", "IMG_2041"),
    ],
)
def test_slugs_are_readable(wish: str, name: str) -> None:
    if re.fullmatch(r"[0-9a-f]{6}", name):
        assert re.fullmatch(r"[0-9a-f]{6}", slug(wish))
    else:
        assert slug(wish) == name


@PATIENT
@given(st.lists(st.text(max_size=4), unique=True), st.data())
def test_appending_never_renames_and_names_never_collide(keys: list[str], data: st.DataObject) -> None:
    known = data.draw(st.integers(0, len(keys)))
    before, after = Slugs(), Slugs()
    first = [before(key, key[:1]) for key in keys[:known]]
    names = [after(key, key[:1]) for key in keys]
    assert names[:known] == first
    assert len({name.casefold() for name in names}) == len(keys)


def test_a_shared_stem_stays_with_the_first() -> None:
    slugs = Slugs()
    assert slugs("a/lake.jpg", "lake") == "lake"
    assert re.fullmatch(r"Lake-[0-9a-f]{6}", slugs("b/Lake.jpg", "Lake"))
    assert slugs("a/lake.jpg", "lake") == "lake"


def test_stems_of_paths_and_urls() -> None:
    assert stem("a/b.c/lake.old.jpg") == "lake.old"
    assert stem("https://host/a/my%20lake.jpg?raw=1") == "my lake"


def test_blends_are_named_by_their_parts() -> None:
    assert blend_name((("a/wave.jpg", 1.0),)) == "wave"
    assert slug(blend_name((("a/wave.jpg", 0.7), ("b/scream.png", 0.3)))) == "wave-0.7-scream-0.3"


def test_blends_of_many_are_named_by_their_number_and_folder() -> None:
    def name(paths: list[str], weights: list[float]) -> str:
        return re.sub("-[0-9a-f]{6}$", "", blend_name(tuple(zip(paths, weights, strict=True))))

    works = [f"art/monet/{folder}/{number}.jpg" for folder in ("early", "late") for number in range(5)]
    assert name(works, [0.1] * 10) == "mean of 10 in monet"
    assert name(works[:5], [0.2] * 5) == "0-0.2-1-0.2-2-0.2-3-0.2-4-0.2"
    assert name([*works, "scream.jpg"], [0.07] * 10 + [0.3]) == "mean of 10 in monet-0.7-scream-0.3"
    assert name(works, [0.06] * 5 + [0.14] * 5) == "mean of 5 in early-0.3-mean of 5 in late-0.7"
    assert name(works, [number / 55 for number in range(1, 11)]) == "blend of 10 in monet"
    assert name([*works[1:], "/tmp/a.jpg"], [0.1] * 10) == "mean of 10"
    assert name([f"../{number}.jpg" for number in range(9)], [1 / 9] * 9) == "mean of 9"
    assert name([f"https://host/art/{number}.jpg" for number in range(9)], [1 / 9] * 9) == "mean of 9"
    shares = ([1 / 9] * 9, [0.2] + [0.1] * 8)
    assert len({blend_name(tuple(zip(works, share, strict=False))) for share in shares}) == 2
    assert len({blend_name(tuple((path, 1 / 9) for path in paths)) for paths in (works[:9], works[1:])}) == 2


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "default"),
        ({"style_weight": "1e4", "size": "256"}, "style_weight=1e4+size=256"),
        ({"style_layers": "conv1_1+conv2_1:0.5"}, "style_layers=conv1_1-conv2_1-0.5"),
        ({"init": "content+noise"}, "init=content-noise"),
        ({"init": "some/where/my lake.jpg"}, "init=my-lake"),
        ({"frame_interval": "5", "snapshot_interval": "9", "weights": "w.pth"}, "default"),
    ],
)
def test_settings_are_named_by_what_differs(values: dict[str, str], name: str) -> None:
    assert settings_name(make(values), defaults()) == name


def test_presets_lead_and_own_names_are_followed_by_lists() -> None:
    basis = make({"preset": "draft", "size": "256"})
    settings = make({"preset": "draft", "size": "256", "style_weight": "5"})
    assert settings_name(basis, basis) == "draft"
    assert settings_name(settings, basis) == "draft+style_weight=5"
    assert settings_name(settings, basis, name="My fig. 3") == "My-fig.-3"
    assert settings_name(settings, basis, name="x", lists=("preset", "size", "frame_interval")) == "x+draft+size=256"


def test_long_names_end_in_a_hash() -> None:
    every = make({"style_layers": "+".join(f"conv{b}_{i}:0.{i}" for b in range(1, 6) for i in (1, 2))})
    name = settings_name(every, defaults())
    assert len(name) <= MAX_NAME
    assert re.fullmatch(r"style_layers=conv1_1-0\.1-.*-[0-9a-f]{8}", name)
    other = settings_name(every.model_copy(update={"size": 1}), defaults())
    assert other != name
    assert isinstance(every, Settings)
