"""Every setting of a picture, declared once.

The manifest's columns, the flags of `nst stylize`, the JSON schema and the reference page are made from `Settings`.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo

from nst.errors import Problems

#: Channels of each 3×3 convolution in the five blocks; a pooling follows each block. VGG: Simonyan & Zisserman,
#: arXiv:1409.1556, table 1, columns E and D. lite: nst/lite/train.py.
WIDTHS: dict[str, tuple[tuple[int, ...], ...]] = {
    "vgg19": ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
    "vgg16": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "lite": ((16, 32), (48,) * 2, (96,) * 3, (320,) * 3, (512,)),
}

#: The layers at which lite was trained to see what VGG-19 sees; at its others it sees something of its own.
LITE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1")


@functools.cache
def convolutions(network: str) -> dict[str, int]:
    """The convolutions of a network by the paper's names, shallow to deep (conv1_1, conv1_2, …), and their channels."""
    blocks = enumerate(WIDTHS[network], 1)
    return {f"conv{b}_{i}": width for b, widths in blocks for i, width in enumerate(widths, 1)}


@functools.cache
def layer_names(network: str) -> tuple[str, ...]:
    """The layers that content and style can be matched at, shallow to deep."""
    return LITE_LAYERS if network == "lite" else tuple(convolutions(network))


class Layers(dict[str, float]):
    """Layers and their weights, e.g. {'conv1_1': 1.0, 'conv2_1': 0.5}; its text is `conv1_1+conv2_1:0.5`."""

    @classmethod
    def parse(cls, value: Any) -> Layers:
        """Read `conv1_1+conv2_1:0.5`, or take a mapping.

        Raises ValueError for an empty list, a layer named twice, a name that no network has, or a weight that is not
        a number above 0.
        """
        if isinstance(value, str):
            items = [part.strip().partition(":")[::2] for part in value.split("+")]
        elif isinstance(value, dict):
            items = list(value.items())
        else:
            raise ValueError("expected layers like conv1_1+conv2_1:0.5")
        layers = cls()
        for name, weight in items:
            if name in layers:
                raise ValueError(f"{name} is named twice")
            if name not in layer_names("vgg19"):
                raise ValueError(f"{name!r} is no layer{did_you_mean(name, layer_names('vgg19'))}")
            layers[name] = _layer_weight(name, weight)
        return layers

    def __str__(self) -> str:
        return "+".join(name if weight == 1 else f"{name}:{number_text(weight)}" for name, weight in self.items())

    def __deepcopy__(self, memo: object) -> Layers:  # pydantic copies defaults: at 10,000 pairs that shows
        return self

    def __hash__(self) -> int:  # type: ignore[override]  # never changed once parsed: a frozen Settings holds it
        return hash(tuple(self.items()))


def _layer_weight(name: str, weight: Any) -> float:
    try:
        number = 1.0 if weight == "" else float(weight)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number <= _HEAVIEST:
        told = "leave the layer out" if number == 0 else f"give a number above 0 and at most {number_text(_HEAVIEST)}"
        raise ValueError(f"the weight {weight!r} of {name} is not allowed; {told}{decimal_point(weight)}")
    return number


def decimal_point(given: Any) -> str:
    """What to write for a number with a decimal comma, ready to append: '; write 0.5'; empty for anything else."""
    is_decimal = isinstance(given, str) and re.fullmatch(r"\s*\d+,\d+\s*", given)
    return f"; write {given.strip().replace(',', '.')}" if is_decimal else ""


#: The groups in which settings are listed, by what follows `_` in their declarations, and their titles.
GROUPS = {
    "common": "Most used",
    "losses": "Losses",
    "optimization": "Optimization",
    "output": "Output",
    "machine": "Machine",
}


def _option(group: str, default: Any, help: str, *, unit: str = "", **limits: Any) -> Any:
    extra: Any = {"group": group, **({"unit": unit} if unit else {})}
    return Field(default, description=help, json_schema_extra=extra, **limits)


_common, _losses, _optimization, _output, _machine = (functools.partial(_option, group) for group in GROUPS)


def _whole(value: Any) -> Any:
    """Let 1e3 and 300.0 stand for whole numbers, as people write them."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*", value):
        number = float(value)
        return int(number) if math.isfinite(number) and number == int(number) else value
    return value


def _style_weight(value: Any) -> Any:
    """A number of at least 0, or auto."""
    if isinstance(value, str) and value.strip() == "auto":
        return "auto"
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= _HEAVIEST:
        raise ValueError(f"{str(value)!r} is not allowed")
    return number


class StyleLossEntry(NamedTuple):
    """Where a style loss is implemented, as `module:class`, and whether `normalization` applies to it."""

    home: str
    any_normalization: bool = False


#: What of the style can be matched. A new one is a line here and its module (`nst.losses.style`).
STYLE_LOSSES = {
    "gram": StyleLossEntry("nst.losses.gram:Gram", any_normalization=True),
    "covariance": StyleLossEntry("nst.losses.covariance:Covariance"),
    "wasserstein": StyleLossEntry("nst.losses.wasserstein:Wasserstein"),
}


def _style_loss(value: Any) -> Any:
    if value not in STYLE_LOSSES:
        raise ValueError("no such style loss")
    return value


_HEAVIEST = 1e15
_LAYER = r"conv\d_\d(:[^+]*)?"
_LAYERS_SCHEMA = WithJsonSchema({"type": "string", "pattern": rf"^{_LAYER}(\+{_LAYER})*$"})
LayersField = Annotated[Layers, BeforeValidator(Layers.parse), PlainSerializer(str, return_type=str), _LAYERS_SCHEMA]
Whole = Annotated[int, BeforeValidator(_whole)]
_NUMBER_OR_AUTO = {"anyOf": [{"type": "number", "minimum": 0, "maximum": _HEAVIEST}, {"const": "auto"}]}
StyleLossField = Annotated[
    str, BeforeValidator(_style_loss), WithJsonSchema({"type": "string", "enum": list(STYLE_LOSSES)})
]
StyleWeight = Annotated[Any, BeforeValidator(_style_weight), WithJsonSchema(_NUMBER_OR_AUTO)]


class Values(BaseModel):
    """Every setting, each checked alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)

    preset: str = _common(
        "", "named group of values that the other columns then override", pattern=r"^[A-Za-z0-9_.-]*$"
    )
    method: Literal["pixels", "network"] = _optimization(
        "pixels",
        "what is optimized: the pixels of the picture, or a small network that makes it from the content and that "
        "`nst apply` can run on other pictures",
    )
    network: Literal["vgg19", "vgg16", "lite"] = _common(
        "vgg19", "network whose features are matched; lite is several times faster and coarser, for drafts"
    )
    weights: str = _losses(
        "auto",
        "the network's weights: auto (vgg19: oxford; vgg16: torchvision; lite: its own), oxford (the original VGG-19, "
        "which comes with the installation), torchvision (downloaded once) or the path of a state dict",
    )
    pooling: Literal["max", "average", "l2"] = _losses("max", "pooling between the blocks of the network")
    padding: Literal["zeros", "replicate"] = _losses("zeros", "what the first convolution sees beyond the border")
    layer_output: Literal["relu", "conv"] = _losses("relu", "take features after (relu) or before (conv) the ReLU")
    content_layers: LayersField = _losses(Layers(conv4_2=1.0), "layers that hold the content, with optional weights")
    style_layers: LayersField = _losses(
        Layers({f"conv{b}_1": 1.0 for b in range(1, 6)}), "layers that hold the style, with optional weights"
    )
    content_weight: float = _losses(1.0, "weight of the content loss", ge=0, le=1e15)
    style_weight: StyleWeight = _common(
        16.0, "weight of the style loss; auto finds the one that reaches target_style_loss"
    )
    target_style_loss: float = _losses(0.05, "style loss that style_weight auto reaches", gt=0, le=1)
    tv_weight: float = _losses(0.0, "weight of the total variation, which smooths", ge=0, le=1e15)
    style_loss: StyleLossField = _losses(
        "gram",
        "what of the style is matched: Gram matrices, covariances and means, or the normal distribution that has them "
        "(by its 2-Wasserstein distance)",
    )
    normalization: Literal["relative", "paper", "mean", "sum"] = _losses(
        "relative",
        "scale of the losses: relative to the target (the same weights suit every network and size), the paper's "
        "sums, means over all entries, or means of Gram matrices that are sums over pixels",
    )
    init: str = _optimization(
        "content",
        "what the optimization begins from: content, style, noise (around gray), black+noise, content+noise or the "
        "path of a picture",
        min_length=1,
    )
    noise: float = _optimization(0.1, "standard deviation of the noise of init", unit="of the range 0..1", ge=0, le=10)
    seed: Whole = _optimization(0, "seed of the noise, and of the network with method network", ge=0, le=2**31 - 1)
    optimizer: Literal["lbfgs", "adam"] = _optimization("lbfgs", "optimizer of the pixels")
    learning_rate: float = _optimization(
        0.0, "step size; 0 is the optimizer's own (lbfgs 1, adam 0.02, with method network 0.005)", ge=0, le=1e6
    )  # fmt: skip
    learning_rate_decay: float = _optimization(
        1.0, "what is left of adam's step size after every 200 iterations", gt=0, le=1
    )
    normalize_gradients: Literal["no", "yes"] = _optimization(
        "no",
        "give the gradient of each layer's loss the same size, the layer's weight, where it enters the network; the "
        "losses are still those of the weights",
    )
    ema_decay: float = _optimization(
        0.0, "share that adam's running average of pictures keeps at each iteration; 0 takes the best picture instead",
        ge=0, lt=1,
    )  # fmt: skip
    iterations: Whole = _common(300, "iterations: one forward and one backward pass each", ge=1, le=10**6)
    size: Whole = _common(512, "long side of the picture; 0 keeps the content's", unit="px", ge=0, le=16384)
    scales: Whole = _optimization(
        1, "coarse to fine: sizes that share the iterations, each √2 times the one before", ge=1, le=12
    )
    fit: Literal["keep", "square"] = _output("keep", "keep the content's aspect or stretch it to a square")
    style_fit: Literal["keep", "stretch"] = _losses(
        "keep", "keep the style's aspect or stretch it to the content's shape"
    )
    style_scale: float = _common(1.0, "long side of the style over that of the picture", ge=0.05, le=10)
    color: Literal["style", "luminance", "histogram"] = _common(
        "style",
        "colors of the style, those of the content by stylizing the luminance only, or those of the content by giving "
        "its mean and covariance of colors to the style beforehand",
    )
    content_mask: str = _losses(
        "",
        "picture, bright where the style is applied; with two blended styles bright for the first and dark for the "
        "second, with three red, green and blue for one each; without, everywhere",
    )
    style_mask: str = _losses("", "picture, bright where the style is taken from; without, everywhere")
    pixel_range: Literal["clip", "clamp", "rescale"] = _optimization(
        "clamp", "keep pixels in range: clip at the end, or clamp or rescale at each iteration"
    )
    snapshot_interval: Whole = _output(0, "keep a full picture every so many iterations; 0 keeps none", ge=0, le=10**6)
    frame_interval: Whole = _output(
        10,
        "iterations from one frame of the animation to the next at most: in the beginning, where the picture changes "
        "most, frames are denser; 0 keeps only the finished picture",
        ge=0,
        le=10**6,
    )
    frame_rate: float = _output(12.5, "frames of the animation a second", unit="1/s", ge=0.01, le=50)
    end_pause: float = _output(1.0, "how long the animation's first and last frame stand", unit="s", ge=0, le=60)
    tile: Whole = _machine(
        0, "side of the tiles that a picture too large for memory is evaluated in, seamlessly; 0 is the whole at once",
        unit="px", ge=0, le=16384,
    )  # fmt: skip
    precision: Literal["auto", "fp32", "bf16"] = _machine(
        "auto", "activations in bf16 where the hardware multiplies bf16 matrices, else in fp32"
    )
    deterministic: Literal["auto", "yes", "no"] = _machine(
        "auto", "same bytes from the same settings and threads; auto is yes on a CPU and no on a GPU"
    )


class Settings(Values):
    """How one pair is stylized.

    Frozen, hashable; unknown names, values out of range, and values that cannot be combined raise a SettingsError.
    """

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        check_consistent(self)
        return self

    if not TYPE_CHECKING:  # type checkers and editors see the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise SettingsError(_wrong(error)) from None


_BRACES = re.compile(r"{(\w+)}")


class Wrong(NamedTuple):
    """What is wrong with a setting and what would be right."""

    setting: str
    message: str
    conflict: bool = False
    """With another setting: the message begins with a verb and has the names of other settings in braces."""

    def as_column(self) -> tuple[str, str]:
        """The setting and the message, as a manifest, a config and Python spell them."""
        return self.setting, _BRACES.sub(r"\1", self.message) if self.conflict else self.message

    def as_flag(self) -> str:
        """The same as the command line spells it: --ema-decay requires --optimizer adam."""
        if not self.conflict:
            return f"{flag(self.setting)}: {self.message}"
        return f"{flag(self.setting)} {_BRACES.sub(lambda name: flag(name[1]), self.message)}"


class SettingsError(Problems, ValueError):
    """Settings that are not allowed: a line `NAME: …` for each."""

    def __init__(self, wrong: list[Wrong]):
        self.wrong = wrong
        super().__init__(": ".join(item.as_column()) for item in wrong)


def flag(name: str) -> str:
    """The flag of a setting: --style-weight."""
    return f"--{name.replace('_', '-')}"


def check_consistent(settings: Settings) -> None:
    """Raise SettingsError for values that cannot be combined."""
    if found := [Wrong(name, message, conflict=True) for name, message in _conflicts(settings)]:
        raise SettingsError(found)


def _conflicts(s: Settings) -> Iterator[tuple[str, str]]:
    """(setting, message) for each rule that is broken, as `Wrong` has them."""
    for column in ("content_layers", "style_layers"):
        missing = [layer for layer in getattr(s, column) if layer not in layer_names(s.network)]
        if missing:
            has = f"which {s.network} does not have; use {_layers_text(s.network)}"
            yield column, f"names {', '.join(missing)}, {has}"
    if s.weights == "oxford" and s.network != "vgg19":
        yield "weights", "oxford requires {network} vgg19; use auto or the path of a state dict"
    if s.weights == "torchvision" and s.network == "lite":
        yield "weights", "torchvision requires {network} vgg19 or vgg16; use auto or the path of a state dict"
    if s.optimizer != "adam":
        for column in ("ema_decay", "learning_rate_decay", "normalize_gradients"):
            if getattr(s, column) != fields()[column].default:
                yield column, "requires {optimizer} adam"
        if s.method == "network":
            yield "method", "network requires {optimizer} adam"
    if s.method == "network":
        if s.init != "content":
            yield "init", "cannot be combined with {method} network, which starts from the content"
        if s.tile:
            yield "tile", "cannot be combined with {method} network; reduce {size} instead"
        if s.color == "luminance":
            yield "color", "luminance cannot be combined with {method} network; use {color} histogram"
    if s.normalize_gradients == "yes" and s.tile:
        yield "normalize_gradients", "cannot be combined with {tile}"
    if s.style_weight == "auto" and (s.normalization != "relative" or not s.content_weight):
        yield "style_weight", "auto requires {normalization} relative and a {content_weight} above 0"
    if s.style_weight != "auto" and s.target_style_loss != fields()["target_style_loss"].default:
        yield "target_style_loss", "requires {style_weight} auto"
    if not STYLE_LOSSES[s.style_loss].any_normalization and s.normalization != "relative":
        yield "style_loss", f"{s.style_loss} requires {{normalization}} relative"
    if s.iterations < s.scales:
        yield "iterations", f"must be at least {{scales}} ({s.scales})"
    if s.content_weight == 0 and s.style_weight == 0:
        yield "style_weight", "must be above 0 where {content_weight} is 0"


def mask_problem(styles: int, settings: Settings) -> str:
    """What is wrong with masks for so many blended styles, and what would be right; '' if nothing is."""
    if settings.content_mask and styles > 3:
        return f"content_mask: can separate at most three styles, and {styles} are blended; blend fewer"
    if settings.style_mask and styles > 1:
        return f"style_mask: requires a single style, and {styles} are blended"
    return ""


#: What changes no pixel that was asked for (or is a path of this machine): no part of a pair's name.
UNNAMED = frozenset({"preset", "weights", "snapshot_interval", "frame_interval", "frame_rate", "end_pause", "tile"})

#: Settings that may name a file, and the values of theirs that name none.
PATHS = {
    "weights": frozenset({"auto", "oxford", "torchvision"}),
    "init": frozenset({"content", "noise", "style", "content+noise", "black+noise"}),
    "content_mask": frozenset({""}),
    "style_mask": frozenset({""}),
}

#: Those of them that name pictures, which decide what is stylized.
PICTURES = ("init", "content_mask", "style_mask")


def pictures(settings: Settings) -> dict[str, str]:
    """The pictures that settings name, each by its setting."""
    return {name: path for name in PICTURES if (path := getattr(settings, name)) not in PATHS[name]}


def fields() -> dict[str, FieldInfo]:
    """Every setting by name, in the order of declaration."""
    return Settings.model_fields


def grouped() -> dict[str, list[str]]:
    """The settings of each group, by its title, in the order of declaration."""
    return {title: [name for name in fields() if _extra(name)["group"] == group] for group, title in GROUPS.items()}


def _extra(name: str) -> dict[str, Any]:
    extra = fields()[name].json_schema_extra
    assert isinstance(extra, dict)
    return extra


@functools.cache
def defaults() -> Settings:
    """The package's defaults."""
    return Settings()


def text(value: Any) -> str:
    """A value as it is written in a manifest, on the command line and in names: the shortest exact form."""
    return number_text(value) if isinstance(value, float) else str(value)


@functools.lru_cache(maxsize=4096)
def number_text(number: float) -> str:
    """The shortest text that reads back as the same number: 10000.0 is 1e4, 0.5 is 0.5."""
    number = float(number)
    plain = repr(number).removesuffix(".0")
    exact = next(t for p in range(17) if float(t := f"{number:.{p}e}") == number)
    mantissa, _, exponent = exact.partition("e")
    scientific = f"{mantissa}e{int(exponent)}"
    return min(plain, scientific, key=len)


def differing(settings: Settings, reference: Settings) -> dict[str, Any]:
    """The values of `settings` that are not those of `reference`, by name, in the order of declaration."""
    return {name: value for name in fields() if (value := getattr(settings, name)) != getattr(reference, name)}


def choices(name: str) -> tuple[str, ...]:
    """The values of a setting that has a few named ones; none for any other."""
    info = fields()[name]
    if name == "style_loss":
        return tuple(STYLE_LOSSES)
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()


def allowed(name: str) -> str:
    """What is right for a setting, in words: 'one of max, average, l2', 'a whole number from 1 to 1e6'."""
    info = fields()[name]
    if options := choices(name):
        return "one of " + ", ".join(options)
    if info.annotation is Layers:
        return f"layers like conv1_1+conv2_1:0.5, of {_layers_text('vgg19')}"
    if name == "init":
        return f"{', '.join(sorted(PATHS['init']))} or the path of a picture"
    if name == "preset":
        return "the name of a preset"
    if name == "style_weight":
        return f"a number from 0 to {number_text(_HEAVIEST)}, or auto"
    if name in PICTURES:
        return "the path of a picture"
    if info.annotation is str:
        return "a text"
    kind = "a whole number" if info.annotation is int else "a number"
    unit = f" ({_extra(name)['unit']})" if "unit" in _extra(name) else ""
    limits = {key: getattr(m, key) for m in info.metadata for key in ("ge", "gt", "le", "lt") if hasattr(m, key)}
    low = f"above {number_text(limits['gt'])}" if "gt" in limits else f"from {number_text(limits['ge'])}"
    high = f"below {number_text(limits['lt'])}" if "lt" in limits else number_text(limits["le"])
    return f"{kind} {low} to {high}{unit}"


def did_you_mean(word: str, known: Any) -> str:
    """A suggestion for a near miss, ready to append: '; did you mean average?'; empty when nothing is near."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one, whatever their case; '' when none is near."""
    folded = {name.casefold(): name for name in known}
    wanted = str(word).strip().casefold()
    near = [wanted] if wanted in folded else difflib.get_close_matches(wanted, folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else ""


def problems(error: ValidationError) -> list[tuple[str, str]]:
    """(setting, what is wrong and what would be right) for each problem that pydantic found."""
    return [item.as_column() for item in _wrong(error)]


def _wrong(error: ValidationError) -> list[Wrong]:
    return [item for problem in error.errors(include_url=False) for item in _found(problem)]


def _found(problem: Any) -> list[Wrong]:
    if not problem["loc"]:  # raised by _consistent
        found: list[Wrong] = problem["ctx"]["error"].wrong
        return found
    name, given = str(problem["loc"][0]), problem.get("input")
    if problem["type"] == "extra_forbidden":
        return [Wrong(name, f"no such setting{did_you_mean(name, fields())}")]
    if near := _without_commas(name, given):
        return [Wrong(name, f"{given!r} is not a number; write {near}")]
    options = choices(name)
    if problem["type"] == "value_error" and not options:
        return [Wrong(name, f"{problem['msg'].removeprefix('Value error, ')}; expected {allowed(name)}")]
    near = did_you_mean(str(given), options)
    return [Wrong(name, f"{str(given)!r} is not allowed; expected {allowed(name)}{near}")]


def _without_commas(name: str, given: Any) -> str:
    """What a number with commas may stand for, as far as the setting allows it: 1,5 is 1.5; 1,024 may be 1024."""
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


def make(values: dict[str, Any], where: str = "settings") -> Settings:
    """Settings from texts or values; raises Problems with a line `where: NAME: …` for each that is wrong."""
    try:
        return Settings(**values)
    except SettingsError as error:
        raise Problems(f"{where}: {line}" for line in error.problems) from None


def value(name: str, given: Any) -> Any:
    """The value of one setting, checked alone; raises ValueError: what is wrong and what would be right."""
    try:
        return getattr(Values.model_validate({name: given}), name)
    except ValidationError as error:
        raise ValueError(problems(error)[0][1]) from None


def overlay(base: Settings, values: dict[str, Any]) -> Settings:
    """`base` with other values, each from `value`: much faster than to check all of them again.

    Raises SettingsError where the values cannot be combined.
    """
    settings = base.model_copy(update=values)
    check_consistent(settings)
    return settings


def schema() -> dict[str, Any]:
    """JSON schema of the settings."""
    return Settings.model_json_schema()


def _layers_text(network: str) -> str:
    if network == "lite":
        return ", ".join(LITE_LAYERS)
    return ", ".join(f"conv{b}_1…conv{b}_{len(widths)}" for b, widths in enumerate(WIDTHS[network], 1))
