"""Every setting, declared once."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nst
from gridfiles import PATIENT
from nst import settings
from nst.errors import Problems
from nst.settings import Layers, Settings
from nst.settings.wording import duration_text

WEIGHTS = st.floats(0, 1e6, exclude_min=True)
LAYERS = st.dictionaries(st.sampled_from(settings.layer_names("vgg19")), WEIGHTS, min_size=1)
LIKE = (
    "expected layers like conv1_1+conv2_1:0.5, of conv1_1…conv1_2, conv2_1…conv2_2, conv3_1…conv3_4, conv4_1…conv4_4, "
    "conv5_1…conv5_4"
)


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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h"), (12000, "3 h 20 min"), (187200, "2 days 4 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@PATIENT
@given(LAYERS)
def test_layers_read_back_from_their_text(layers: dict[str, float]) -> None:
    assert Layers.parse(str(Layers(layers))) == layers


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("conv1_1+conv1_1", "conv1_1 is named twice; name it once"),
        ("conv1_9", "'conv1_9' is no layer; did you mean conv1_2?"),
        ("deep", f"'deep' is no layer; {LIKE}"),
        ("conv1_1:x", "the coefficient 'x' of conv1_1 is not allowed; give a number above 0 and at most 1e15"),
        ("conv1_1:-1", "the coefficient '-1' of conv1_1 is not allowed; give a number above 0 and at most 1e15"),
        ("conv1_1:1e300", "the coefficient '1e300' of conv1_1 is not allowed; give a number above 0 and at most 1e15"),
        ("conv1_1:0", "the coefficient '0' of conv1_1 is not allowed; leave the layer out"),
        ("conv1_1:0,5", "the coefficient '0,5' of conv1_1 is not allowed; write 0.5"),
        ({}, f"no layer is named; {LIKE}"),
        (3, f"'3' is not allowed; {LIKE}"),
    ],
)
def test_wrong_layers(text: object, sentence: str) -> None:
    """Each message has one piece of advice."""
    with pytest.raises(ValueError, match=r".") as caught:
        settings.value("style_layers", text)
    assert str(caught.value) == sentence


WRONG = [
    (
        {"pooling": "avrage"},
        "'avrage' is not allowed; expected one of max, average, l2; did you mean average?",
    ),
    ({"size": "1e999"}, "'1e999' is not allowed; expected a whole number from 0 to 16384 (px)"),
    ({"size": "1.5"}, "'1.5' is not allowed; expected a whole number from 0 to 16384 (px)"),
    ({"style_weight": "-1"}, "'-1' is not allowed; expected a number from 0 to 1e15, or auto"),
    ({"target_style_loss": "0"}, "'0' is not allowed; expected a number above 0 to 1"),
    ({"style_weight": "nan"}, "'nan' is not allowed; expected a number from 0 to 1e15, or auto"),
    ({"sise": "1"}, "no such setting; did you mean size?"),
    ({"weights": ""}, "'' is not allowed; expected auto, oxford, torchvision or the path of a state dict"),
    ({"weights": 3}, "'3' is not allowed; expected auto, oxford, torchvision or the path of a state dict"),
    ({"style_mask": 3}, "'3' is not allowed; expected the path of an image"),
    ({"protect": 3}, "'3' is not allowed; expected faces or the path of an image"),
    (
        {"style_weight": "0", "content_weight": "0"},
        "must be above 0 where content_weight is 0",
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


@pytest.mark.parametrize(
    ("name", "given", "right"),
    [
        ("style_weight", "1,5", "write 1.5"),
        ("noise", " 0,25 ", "write 0.25"),
        ("size", "1,024", "write 1024"),
        ("content_weight", "1,000", "write 1.000 or 1000"),
        ("size", "1,5", "expected a whole number from 0 to 16384 (px)"),
        ("pooling", "1,5", "expected one of max, average, l2"),
    ],
)
def test_a_decimal_comma_is_recognized(name: str, given: str, right: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        settings.value(name, given)
    assert right in str(caught.value)


def test_settings_in_python_name_every_mistake_and_suggest_the_right_name() -> None:
    with pytest.raises(nst.NstError) as caught:
        nst.Settings(style_wieght=3, size="x")
    assert isinstance(caught.value, ValueError)
    assert sorted(str(caught.value).splitlines()) == [
        "size: 'x' is not allowed; expected a whole number from 0 to 16384 (px)",
        "style_wieght: no such setting; did you mean style_weight?",
    ]
    with pytest.raises(
        nst.NstError, match=r"^ema_decay: requires optimizer adam or rmsprop\niterations: must be at least 4, one"
    ):
        nst.Settings(ema_decay=0.5, iterations=2, scales=4)


def test_the_package_lists_what_it_offers_and_nothing_else() -> None:
    assert set(nst.__all__) == set(dir(nst))


def test_a_message_gives_a_terminal_no_orders() -> None:
    for error in (nst.NstError("a\x1b[2J.jpg: \x07ü×\r"), Problems(["a\x1b[2J.jpg: \x07ü×\r"])):
        assert str(error) == r"a\x1b[2J.jpg: \x07ü×\r"


#: Values that cannot be combined, and how the command line reports it.
CONFLICTS = [
    ({"network": "lite", "content_layers": "conv1_2"}, "--content-layers names conv1_2, which lite does not have; use"),
    ({"network": "vgg16", "weights": "oxford"}, "--weights oxford requires --network vgg19; use auto or"),
    ({"network": "lite", "weights": "torchvision"}, "--weights torchvision requires --network vgg19 or vgg16; use"),
    ({"ema_decay": "0.9"}, "--ema-decay requires --optimizer adam or rmsprop"),
    ({"normalize_gradients": "yes", "optimizer": "adam", "tile": "512"}, "--normalize-gradients cannot be"),
    ({"parameters": "network"}, "--parameters network requires --optimizer adam or rmsprop"),
    (
        {"parameters": "network", "optimizer": "adam", "init": "noise"},
        "--init cannot be combined with --parameters",
    ),
    (
        {"parameters": "network", "optimizer": "adam", "tile": "64"},
        "--tile cannot be combined with --parameters",
    ),
    (
        {"parameters": "network", "optimizer": "adam", "pixel_range": "rescale"},
        "--pixel-range rescale cannot be combined with --parameters network; use --pixel-range clip",
    ),
    (
        {"parameters": "network", "optimizer": "adam", "color": "luminance"},
        "--color luminance cannot be combined with --parameters",
    ),
    ({"style_weight": "auto", "normalization": "sum"}, "--style-weight auto requires --normalization relative and a"),
    ({"style_weight": "auto", "tolerance": "0.01"}, "--tolerance cannot be combined with --style-weight auto, which"),
    ({"style_loss": "sliced", "tolerance": "0.01"}, "--style-loss sliced cannot be combined with --tolerance: its"),
    (
        {"style_loss": "sliced", "normalize_gradients": "yes", "optimizer": "adam"},
        "--style-loss sliced cannot be combined with --normalize-gradients",
    ),
    (
        {"content_loss": "self-similarity", "normalization": "paper"},
        "--content-loss self-similarity requires --normalization relative",
    ),
    ({"target_style_loss": "0.1"}, "--target-style-loss requires --style-weight auto"),
    ({"style_loss": "covariance", "normalization": "sum"}, "--style-loss covariance requires --normalization relative"),
    ({"scales": "4", "iterations": "3"}, "--iterations must be at least 4, one for each of the --scales"),
    ({"protect": "faces", "content_weight": "0"}, "--protect requires a --content-weight above 0: it"),
    (
        {"protect": "faces", "content_loss": "self-similarity"},
        "--protect requires --content-loss features, which",
    ),
    ({"protect_weight": "5"}, "--protect-weight requires --protect"),
    ({"style_weight": "0", "content_weight": "0"}, "--style-weight must be above 0 where --content-weight is 0"),
]


@pytest.mark.parametrize(("values", "line"), CONFLICTS)
def test_conflicts_name_flags_or_columns(values: dict[str, str], line: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        Settings(**values)
    [wrong] = caught.value.wrong
    assert wrong.as_flag().startswith(line)
    column, message = wrong.as_column()
    assert f"{column} {message}".startswith(re.sub(r"--([a-z-]+)", lambda flag: flag[1].replace("-", "_"), line))


def test_layers_must_be_of_the_network() -> None:
    with pytest.raises(Problems, match=r"style_layers: names conv3_4, which vgg16 does not have; use conv1_1…"):
        settings.make({"network": "vgg16", "style_layers": "conv3_4"})
    with pytest.raises(Problems, match=r"style_layers: names conv1_2, which lite does not have; use conv1_1, "):
        settings.make({"network": "lite", "style_layers": "conv1_1+conv1_2"})


def test_overlay_equals_a_full_check() -> None:
    texts = {"size": "1e3", "style_layers": "conv1_1:0.5", "seed": "7"}
    values = {name: settings.value(name, text) for name, text in texts.items()}
    assert settings.overlay(settings.defaults(), values) == settings.make(texts)
    with pytest.raises(Problems, match=r"^style_weight: must be above 0"):
        settings.overlay(settings.defaults(), {"style_weight": 0.0, "content_weight": 0.0})


def test_every_default_is_allowed_and_hashable() -> None:
    everything = {name: settings.text(getattr(Settings(), name)) for name in settings.fields()}
    assert settings.make(everything) == Settings()
    assert hash(settings.make(everything)) == hash(Settings())
    assert all(settings.allowed(name) for name in settings.fields())


def test_a_change_of_the_settings_decides_about_earlier_results() -> None:
    """A new setting needs a line in ADDED, and another default, name or order another ALGORITHM; then change this."""
    known = hashlib.sha256(settings.identity(Settings()).encode()).hexdigest()[:16]
    assert (nst.ALGORITHM, known) == (13, "0415a436b6e9459b")


def test_a_setting_that_was_added_does_not_change_the_identity_of_earlier_results(monkeypatch) -> None:
    full = json.loads(settings.identity(Settings()))
    monkeypatch.setitem(settings.ADDED, "tolerance", 0.0)
    assert json.loads(settings.identity(Settings())) == {n: v for n, v in full.items() if n != "tolerance"}
    assert json.loads(settings.identity(Settings(tolerance=0.1)))["tolerance"] == 0.1
