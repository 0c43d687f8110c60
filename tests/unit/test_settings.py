"""Every setting, declared once."""

from __future__ import annotations

import math

import pytest
from gridfiles import PATIENT
from hypothesis import given
from hypothesis import strategies as st
from nst import settings
from nst.errors import Problems
from nst.settings import Layers, Settings

LAYERS = st.dictionaries(st.sampled_from(settings.layer_names("vgg19")), st.floats(0, 1e6, allow_nan=False), min_size=1)


@PATIENT
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_reads_back_as_the_same_number(number: float) -> None:
    assert float(settings.number_text(number)) == number
    assert len(settings.number_text(number)) <= len(repr(number))


@pytest.mark.parametrize(
    ("number", "text"),
    [(1e4, "1e4"), (0.5, "0.5"), (10.0, "10"), (1e-3, "1e-3"), (12345.6, "12345.6"), (0.0, "0")],
)
def test_number_text_is_short(number: float, text: str) -> None:
    assert settings.number_text(number) == text


@PATIENT
@given(LAYERS)
def test_layers_read_back_from_their_text(layers: dict[str, float]) -> None:
    assert Layers.parse(str(Layers(layers))) == layers


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("conv1_1+conv1_1", "conv1_1 is named twice"),
        ("conv1_9", "'conv1_9' is no layer; did you mean conv1_2?"),
        ("conv1_1:x", "the weight 'x' of conv1_1 is not a number of at least 0"),
        ("conv1_1:-1", "the weight '-1' of conv1_1 is not a number of at least 0"),
    ],
)
def test_wrong_layers(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Layers.parse(text)
    assert str(caught.value).startswith(sentence.partition(";")[0])


WRONG = [
    (
        {"pooling": "avrage"},
        "'avrage' is not allowed; expected one of max, average, l2; did you mean average?",
    ),
    ({"size": "1e999"}, "'1e999' is not allowed; expected a whole number from 0 to 16384 (px)"),
    ({"size": "1.5"}, "'1.5' is not allowed; expected a whole number from 0 to 16384 (px)"),
    ({"style_weight": "-1"}, "'-1' is not allowed; expected a number from 0 to 1e15, or auto"),
    ({"style_weight": "nan"}, "'nan' is not allowed; expected a number from 0 to 1e15, or auto"),
    ({"sise": "1"}, "no such setting; did you mean size?"),
    (
        {"style_weight": "0", "content_weight": "0"},
        "content_weight and style_weight are both 0; give one of them a value above 0",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG)
def test_wrong_values(values: dict[str, str], sentence: str) -> None:
    with pytest.raises(Problems) as caught:
        settings.make(values, "here")
    assert caught.value.problems == (f"here: {next(iter(values))}: {sentence}",)


def test_all_mistakes_at_once() -> None:
    with pytest.raises(Problems) as caught:
        settings.make({"size": "x", "pooling": "y", "network": "vgg16"})
    assert len(caught.value.problems) == 2


def test_layers_must_be_of_the_network() -> None:
    with pytest.raises(Problems, match=r"style_layers: vgg16 has no conv3_4; use conv1_1…conv1_2, "):
        settings.make({"network": "vgg16", "style_layers": "conv3_4"})
    with pytest.raises(Problems, match=r"style_layers: lite has no conv1_2; use conv1_1, conv2_1, conv3_1, conv4_1, "):
        settings.make({"network": "lite", "style_layers": "conv1_1+conv1_2"})


def test_overlay_equals_a_full_check() -> None:
    texts = {"size": "1e3", "style_layers": "conv1_1:0.5", "seed": "7"}
    values = {name: settings.value(name, text) for name, text in texts.items()}
    assert settings.overlay(settings.defaults(), values) == settings.make(texts)
    with pytest.raises(Problems, match=r"^style_weight: content_weight and"):
        settings.overlay(settings.defaults(), {"style_weight": 0.0, "content_weight": 0.0})


def test_every_default_is_allowed_and_hashable() -> None:
    everything = {name: settings.text(getattr(Settings(), name)) for name in settings.fields()}
    assert settings.make(everything) == Settings()
    assert hash(settings.make(everything)) == hash(Settings())
    assert all(settings.allowed(name) for name in settings.fields())
    assert not math.isnan(Settings().size)
