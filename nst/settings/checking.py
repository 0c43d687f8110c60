"""Checks of settings, and the messages about wrong ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from nst.errors import Problems
from nst.settings import scales
from nst.settings.layers import EXPECTED, LARGEST, Layers, layer_names, layers_text
from nst.settings.style_losses import STYLE_LOSSES
from nst.settings.values import LARGEST_SIDE, Values, extra, fields
from nst.settings.wording import did_you_mean, flag, number_text, text

#: Settings that may be paths, and their values that are not paths.
PATHS = {
    "weights": frozenset({"auto", "oxford", "torchvision"}),
    "init": frozenset({"content", "blurred", "mean+detail", "noise", "style", "content+noise", "black+noise"}),
    "content_mask": frozenset({""}),
    "style_mask": frozenset({""}),
    "protect": frozenset({"", "faces"}),
}

#: Those of them that are paths of images.
PICTURES = ("init", "content_mask", "style_mask", "protect")


_BRACES = re.compile(r"{(\w+)}")


class Wrong(NamedTuple):
    """A problem of one setting, and what would be right."""

    setting: str
    message: str
    conflict: bool = False
    """A conflict with other settings. The message begins with a verb and has their names in braces."""

    def as_column(self) -> tuple[str, str]:
        """The setting and the message with names as in a manifest, the configuration and Python."""
        return self.setting, _BRACES.sub(r"\1", self.message) if self.conflict else self.message

    def as_flag(self) -> str:
        """The message with names as on the command line: --ema-decay requires --optimizer adam or rmsprop."""
        if not self.conflict:
            return f"{flag(self.setting)}: {self.message}"
        return f"{flag(self.setting)} {_BRACES.sub(lambda name: flag(name[1]), self.message)}"

    def inherited(self, given: Collection[str], basis: Mapping[str, Any], source: str) -> str:
        """Where values come from that the user did not give, to append: '; the preset nnst has content_weight 0'."""
        involved = dict.fromkeys([self.setting, *_BRACES.findall(self.message)])
        values = [f"{name} {text(basis[name])}" for name in involved if name in basis and name not in given]
        return f"; {source} has {' and '.join(values)}" if values else ""


class SettingsError(Problems, ValueError):
    """Wrong settings: a line `NAME: …` for each problem."""

    def __init__(self, wrong: list[Wrong]):
        self.wrong = wrong
        super().__init__(": ".join(item.as_column()) for item in wrong)


def check_consistent(settings: Values) -> None:
    """Raise SettingsError for values that cannot be combined."""
    if wrong := [Wrong(name, message, conflict=True) for name, message in _conflicts(settings)]:
        raise SettingsError(wrong)


def _conflicts(s: Values) -> Iterator[tuple[str, str]]:
    """(setting, message) for each conflict, in the form of `Wrong.conflict`."""
    for column in ("content_layers", "style_layers"):
        missing = [layer for layer in getattr(s, column) if layer not in layer_names(s.network)]
        if missing:
            has = f"which {s.network} does not have; use {layers_text(s.network)}"
            yield column, f"names {', '.join(missing)}, {has}"
    if s.weights == "oxford" and s.network != "vgg19":
        yield "weights", "oxford requires {network} vgg19; use auto or the path of a state dict"
    if s.weights == "torchvision" and s.network == "lite":
        yield "weights", "torchvision requires {network} vgg19 or vgg16; use auto or the path of a state dict"
    if s.optimizer == "lbfgs":
        for column in ("ema_decay", "learning_rate_decay", "normalize_gradients"):
            if getattr(s, column) != fields()[column].default:
                yield column, "requires {optimizer} adam or rmsprop"
        if s.parameters == "network":
            yield "parameters", "network requires {optimizer} adam or rmsprop"
    if s.parameters == "network":
        if s.init != "content":
            yield "init", "cannot be combined with {parameters} network, which starts from the content"
        if s.tile:
            yield "tile", "cannot be combined with {parameters} network; reduce {size} instead"
        if s.color == "luminance":
            yield "color", "luminance cannot be combined with {parameters} network; use {color} histogram"
        if s.pixel_range == "rescale":
            yield "pixel_range", "rescale cannot be combined with {parameters} network; use {pixel_range} clip"
    if s.normalize_gradients == "yes" and s.tile:
        yield "normalize_gradients", "cannot be combined with {tile}"
    yield from _conflicts_of_samples(s)
    if s.coarsest and s.scales == 1:
        yield "coarsest", "requires {scales} above 1, the largest number of scales"
    if s.style_weight == "auto" and (s.normalization != "relative" or not s.content_weight):
        yield "style_weight", "auto requires {normalization} relative and a {content_weight} above 0"
    if s.tolerance and s.style_weight == "auto":
        yield "tolerance", "cannot be combined with {style_weight} auto, which changes the loss; give a number"
    if s.style_weight != "auto" and s.target_style_loss != fields()["target_style_loss"].default:
        yield "target_style_loss", "requires {style_weight} auto"
    if not STYLE_LOSSES[s.style_loss].has_normalization and s.normalization != "relative":
        yield "style_loss", f"{s.style_loss} requires {{normalization}} relative"
    if s.iterations < (passes := scales.passes(s, s.size or LARGEST_SIDE)):
        yield "iterations", f"must be at least {passes}, one for each of the {{scales}}"
    if s.protect and not s.content_weight:
        yield "protect", "requires a {content_weight} above 0: it raises the weight of the content loss"
    elif s.protect and s.content_loss != "features":
        yield "protect", "requires {content_loss} features, which has a weight at each position"
    if not s.protect and s.protect_weight != fields()["protect_weight"].default:
        yield "protect_weight", "requires {protect}"
    if s.content_weight == 0 and s.style_weight == 0:
        yield "style_weight", "must be above 0 where {content_weight} is 0"


def is_sampled(s: Values) -> bool:
    """Whether a loss compares sets of feature vectors of whole feature maps."""
    return s.content_loss != "features" or not STYLE_LOSSES[s.style_loss].has_statistics


def uses_seed(s: Values) -> bool:
    """Whether the image depends on the setting `seed`."""
    return "noise" in s.init.split("+") or s.parameters == "network" or is_sampled(s)


def _conflicts_of_samples(s: Values) -> Iterator[tuple[str, str]]:
    if s.style_loss not in ("nnst", "nearest") and s.content_match != fields()["content_match"].default:
        yield "content_match", "requires {style_loss} nnst or nearest"
    if not is_sampled(s):
        return
    name, value = ("style_loss", s.style_loss) if s.content_loss == "features" else ("content_loss", s.content_loss)
    if s.tile:
        yield name, f"{value} cannot be combined with {{tile}}: it compares the whole image; reduce {{size}} instead"
    if s.normalize_gradients == "yes":
        yield name, f"{value} cannot be combined with {{normalize_gradients}}"
    if s.style_weight == "auto":
        yield name, f"{value} cannot be combined with {{style_weight}} auto; give a number"
    if s.tolerance:
        yield name, f"{value} cannot be combined with {{tolerance}}: its losses vary with the samples"
    if s.normalization != "relative" and STYLE_LOSSES[s.style_loss].has_normalization:
        yield name, f"{value} requires {{normalization}} relative"


def mask_problem(styles: int, settings: Values) -> Wrong | None:
    """The problem of masks with this number of blended styles; None without a problem."""
    if settings.content_mask and styles > 3:
        return Wrong("content_mask", f"can separate at most three styles, and {styles} are blended; blend fewer")
    if settings.style_mask and styles > 1:
        return Wrong("style_mask", f"requires a single style, and {styles} are blended")
    return None


def choices(name: str) -> tuple[str, ...]:
    """The values of a setting that is an enumeration; () for other settings."""
    if name == "style_loss":
        return tuple(STYLE_LOSSES)
    annotation = fields()[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def allowed(name: str) -> str:
    """The accepted values of a setting in words: 'one of max, average, l2', 'a whole number from 1 to 1e6'."""
    info = fields()[name]
    if options := choices(name):
        return "one of " + ", ".join(options)
    if info.annotation is Layers:
        return EXPECTED
    if name in PATHS:
        words, file = ", ".join(sorted(PATHS[name] - {""})), "an image" if name in PICTURES else "a state dict"
        return f"{words} or the path of {file}" if words else f"the path of {file}"
    if name == "preset":
        return "the name of a preset"
    if name == "style_weight":
        return f"a number from 0 to {number_text(LARGEST)}, or auto"
    return bounds(info) + (f" ({extra(name)['unit']})" if "unit" in extra(name) else "")


def bounds(info: FieldInfo) -> str:
    """The accepted values of a field that is a number, in words: 'a number above 0 to 1'."""
    kind = "a whole number" if info.annotation is int else "a number"
    limits = {key: getattr(m, key) for m in info.metadata for key in ("ge", "gt", "le", "lt") if hasattr(m, key)}
    low = f"above {number_text(limits['gt'])}" if "gt" in limits else f"from {number_text(limits['ge'])}"
    high = f"below {number_text(limits['lt'])}" if "lt" in limits else number_text(limits["le"])
    return f"{kind} {low} to {high}"


def problems(error: ValidationError) -> list[tuple[str, str]]:
    """(setting, what is wrong and what would be right) for each problem that pydantic found."""
    return [item.as_column() for item in wrong_settings(error)]


def wrong_settings(error: ValidationError) -> list[Wrong]:
    """The problems that pydantic found."""
    return [item for problem in error.errors(include_url=False) for item in _wrong_settings(problem)]


def _wrong_settings(problem: Any) -> list[Wrong]:
    if not problem["loc"]:  # raised by _consistent
        wrong: list[Wrong] = problem["ctx"]["error"].wrong
        return wrong
    name, given = str(problem["loc"][0]), problem.get("input")
    if problem["type"] == "extra_forbidden":
        return [Wrong(name, f"no such setting{did_you_mean(name, fields())}")]
    if near := _without_commas(name, given):
        return [Wrong(name, f"{given!r} is not a number; write {near}")]
    options = choices(name)
    if problem["type"] == "value_error" and fields()[name].annotation is Layers:
        return [Wrong(name, problem["msg"].removeprefix("Value error, "))]
    near = did_you_mean(str(given), options)
    return [Wrong(name, f"{str(given)!r} is not allowed; expected {allowed(name)}{near}")]


def _without_commas(name: str, given: Any) -> str:
    """The numbers that a text with commas may mean, if the setting accepts them: 1,5 is 1.5; 1,024 may be 1024."""
    if not isinstance(given, str) or not re.fullmatch(r"\s*[+-]?\d+(,\d+)+([eE][+-]?\d+)?\s*", given):
        return ""
    texts = [given.strip().replace(",", ".")] if given.count(",") == 1 else []
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+", given.strip()):
        texts.append(given.strip().replace(",", ""))
    return " or ".join(text for text in texts if _is_allowed(name, text))


def _is_allowed(name: str, given: Any) -> bool:
    try:
        Values.model_validate({name: given})
    except ValidationError:
        return False
    return True
