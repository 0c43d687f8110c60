"""The form: fields from the settings' declaration, checks as in a manifest, and the manifest itself."""

from __future__ import annotations

import csv
import io
import json

import pytest

from nst.errors import NstError
from nst.grid.estimate import estimate
from nst.settings import defaults, fields
from nst.studio import form

A, B, C, M = (letter * 16 for letter in "abcd")
SIZES = {A: (600, 400), B: (600, 400), C: (300, 300)}


def request(**more: object) -> form.GridRequest:
    return form.parse({"contents": [A], "styles": [[{"id": C}]], **more})


def test_every_setting_is_a_field_a_card_or_a_canvas() -> None:
    names = [field["name"] for group in form.field_groups() for field in group["fields"]]
    assert sorted([*names, *form.NO_FIELD]) == sorted(fields())
    assert set(form.BASIC) <= set(names)
    json.dumps(form.field_groups())


def test_fields_follow_the_declaration() -> None:
    known = {field["name"]: field for group in form.field_groups() for field in group["fields"]}
    assert known["size"] == {
        "name": "size", "help": "long side of the image; 0 keeps the content's", "kind": "whole", "choices": [],
        "default": "512", "unit": "px", "allowed": "a whole number from 0 to 16384 (px)",
    }  # fmt: skip
    assert known["network"]["choices"] == ["vgg19", "vgg16", "lite"]
    assert known["protect"]["choices"] == ["faces"]
    assert known["weights"]["choices"] == ["auto", "oxford", "torchvision"]  # never a path


def test_presets_have_their_values() -> None:
    cards = {card["name"]: card for card in form.preset_cards()}
    assert cards["draft"]["values"] == {"network": "lite", "size": "256", "iterations": "60"}
    assert all(card["description"] for card in cards.values())


def test_a_forecast_counts_the_grid() -> None:
    known = form.forecast(request(contents=[A, B], settings={"style_weight": ["4", "16", "64"]}), SIZES, 2, 200)
    assert (known.images, known.problems) == (6, [])
    assert known.text.startswith("2 contents × 1 style × 3 settings = 6 images, about ")
    single = form.forecast(request(), SIZES, 2, 200)
    assert known.seconds == pytest.approx(6 * single.seconds)


def test_a_forecast_counts_the_styles_of_a_blend() -> None:
    sizes = SIZES | {B: (800, 800)}
    found = form.forecast(request(contents=[A, B], styles=[[{"id": C}], [{"id": C}, {"id": M}]]), sizes, 2, 200)
    expected = sum(estimate(defaults(), sizes[id], 2, styles=styles)[0] for id in (A, B) for styles in (1, 2))
    assert found.seconds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("size", ["-1"], "'-1' is not allowed; expected a whole number from 0 to 16384 (px)"),
        ("weights", ["/etc/passwd"], "'/etc/passwd' is not allowed; use one of auto, oxford, torchvision"),
        ("init", ["../secret.png"], "is not allowed; use one of black+noise, blurred"),
        ("content_mask", ["a.png"], "there is no such setting"),
        ("seed", [str(seed) for seed in range(51)], "has 51 values; give at most 50"),
        ("content_layers", ["conv1_1+" * 30], "a value has 240 characters; give at most 200"),
        ("protect", ["a.png"], "'a.png' is not allowed; use one of faces"),
        ("style_mask", ["a.png"], "there is no such setting"),
        ("no_such", ["1"], "there is no such setting"),
        ("style_loss", ["gram|wasserstein"], "give the values one by one"),
        ("preset", ["draft"], "there is no such setting"),
        ("ema_decay", ["0.9"], "requires optimizer adam or rmsprop"),
    ],
)
def test_wrong_settings_are_named_as_in_a_manifest(name: str, values: list[str], message: str) -> None:
    [(field, given)] = form.forecast(request(settings={name: values}), SIZES, 2, 200).problems
    assert field == name
    assert message in given


def test_too_many_images_are_refused_before_they_are_counted_out() -> None:
    values = {
        name: [str(n) for n in range(1, 51)] for name in ("seed", "iterations", "snapshot_interval", "frame_interval")
    }
    [(field, message)] = form.forecast(request(settings=values), SIZES, 2, 200).problems
    assert (field, message) == ("", "this makes 6,250,000 images, and a run has at most 200; give fewer values")


def test_a_manifest_has_a_row_for_each_mask() -> None:
    asked = request(
        contents=[A, B], styles=[[{"id": C}], [{"id": C, "weight": 0.7}, {"id": B, "weight": 0.3}]],
        settings={"size": ["256", "512"], "color": []}, masks={B: M},
    )  # fmt: skip
    names = {A: "images/a.jpg", B: "images/b.jpg", C: "images/c.jpg", M: "images/m.png"}
    rows = list(csv.DictReader(io.StringIO(form.manifest(asked, names, form.given(asked)))))
    styles = "images/c.jpg|images/c.jpg:0.7+images/b.jpg:0.3"
    assert rows == [
        {"content": "images/a.jpg", "style": styles, "size": "256|512", "content_mask": ""},
        {"content": "images/b.jpg", "style": styles, "size": "256|512", "content_mask": "images/m.png"},
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        None, [], "text", {}, {"contents": [A]},
        {"contents": ["../../etc"], "styles": [[{"id": C}]]},
        {"contents": [A], "styles": [[{"id": C, "weight": -1}]]},
        {"contents": [A], "styles": [[{"id": C, "weight": float("nan")}]]},
        {"contents": [A], "styles": [[{"id": C}]], "settings": {"size": [1]}},
        {"contents": [A], "styles": [[{"id": C}]], "settings": {"size": ["1"] * 5001}},
        {"contents": [A], "styles": [[{"id": C}]], "path": "/"},
    ],
)  # fmt: skip
def test_what_no_page_sends_is_refused_in_one_sentence(wrong: object) -> None:
    with pytest.raises(NstError) as error:
        form.parse(wrong)
    assert "\n" not in str(error.value)


def test_an_image_is_once_in_a_blend() -> None:
    [(field, message)] = form.forecast(request(styles=[[{"id": C}, {"id": C, "weight": 2}]]), SIZES, 2, 200).problems
    assert (field, message) == ("styles", "an image is twice in one blend; give it once, with one weight")


def test_missing_images_have_their_own_message() -> None:
    asked = form.parse({"contents": [], "styles": []})
    assert form.forecast(asked, {}, 2, 200).problems == [
        ("contents", "add a content image"),
        ("styles", "add a style image"),
    ]
