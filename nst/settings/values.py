"""Every setting of a stylization: name, type, default, range, unit and help, each declared once."""

from __future__ import annotations

import functools
import math
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo

from nst.settings.layers import LARGEST, Layers
from nst.settings.style_losses import STYLE_LOSSES

#: Largest size in px.
LARGEST_SIDE = 16384

#: The groups of settings and their titles. A setting's declaration names its group: `_common(…)`.
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
    """Accept 1e3 and 300.0 as whole numbers."""
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
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{str(value)!r} is not allowed")
    return number


def _style_loss(value: Any) -> Any:
    if value not in STYLE_LOSSES:
        raise ValueError("no such style loss")
    return value


_LAYER = r"conv\d_\d(:[^+]*)?"
_LAYERS_SCHEMA = WithJsonSchema({"type": "string", "pattern": rf"^{_LAYER}(\+{_LAYER})*$"})
LayersField = Annotated[Layers, BeforeValidator(Layers.parse), PlainSerializer(str, return_type=str), _LAYERS_SCHEMA]
Whole = Annotated[int, BeforeValidator(_whole)]
_NUMBER_OR_AUTO = {"anyOf": [{"type": "number", "minimum": 0, "maximum": LARGEST}, {"const": "auto"}]}
StyleLossField = Annotated[
    str, BeforeValidator(_style_loss), WithJsonSchema({"type": "string", "enum": list(STYLE_LOSSES)})
]
StyleWeight = Annotated[Any, BeforeValidator(_style_weight), WithJsonSchema(_NUMBER_OR_AUTO)]


class Values(BaseModel):
    """Every setting. Validation checks each value separately; `Settings` also checks their combination."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)

    preset: str = _common("", "named group of values, which other given values override", pattern=r"^[A-Za-z0-9_.-]*$")
    parameters: Literal["pixels", "pyramid", "network"] = _optimization(
        "pixels",
        "what is optimized: the pixels of the image, its Laplacian pyramid, or a small network that makes it from the "
        "content and that `nst apply` can run on other images",
    )
    network: Literal["vgg19", "vgg16", "lite"] = _common(
        "vgg19", "network whose features are compared; lite is several times faster and coarser, for drafts"
    )
    weights: str = _losses(
        "auto",
        "the network's weights: auto (vgg19: oxford; vgg16: torchvision; lite: its own), oxford (the original VGG-19, "
        "which comes with the installation), torchvision (downloaded once) or the path of a state dict",
        min_length=1,
    )
    pooling: Literal["max", "average", "l2"] = _losses("max", "pooling between the blocks of the network")
    padding: Literal["zeros", "replicate"] = _losses("zeros", "how the image is padded for the first convolution")
    layer_output: Literal["relu", "conv"] = _losses(
        "relu", "features after the ReLU of a layer (relu) or before it (conv)"
    )
    content_loss: Literal["features", "self-similarity"] = _losses(
        "features",
        "what the content keeps: its features, or (self-similarity) which of its parts resemble each other",
    )
    content_layers: LayersField = _losses(Layers(conv4_2=1.0), "layers of the content loss, with optional coefficients")
    style_layers: LayersField = _losses(
        Layers({f"conv{b}_1": 1.0 for b in range(1, 6)}), "layers of the style loss, with optional coefficients"
    )
    content_weight: float = _losses(1.0, "weight of the content loss", ge=0, le=LARGEST)
    finer_content: float = _losses(1.0, "factor on content_weight for each finer scale", ge=0.1, le=1)
    style_weight: StyleWeight = _common(
        16.0, "weight of the style loss; auto finds the one that reaches target_style_loss"
    )
    target_style_loss: float = _losses(0.05, "style loss that style_weight auto reaches", gt=0, le=1)
    tv_weight: float = _losses(0.0, "weight of the total variation loss, which smooths", ge=0, le=LARGEST)
    photo_weight: float = _losses(
        0.0,
        "weight of the photorealism loss, which is 0 where the image's colors are locally an affine function of the "
        "content's, so that edges and surfaces stay those of the photograph",
        ge=0,
        le=LARGEST,
    )
    style_loss: StyleLossField = _losses(
        "gram",
        "what is compared: Gram matrices (gram), also with means and standard deviations (moments); means and "
        "covariances, or (wasserstein) the normal distributions with these; the features' distributions by sorting "
        "projections (sliced) or by the nearest features (remd, as STROTSS; nnst)",
    )
    content_match: float = _losses(
        0.5,
        "share of the content in the features for which style_loss nnst or nearest finds the nearest style features, "
        "the rest is the image's own; more keeps more of the content. In nnst's last pass half of it",
        ge=0,
        le=1,
    )
    normalization: Literal["relative", "paper", "mean", "sum"] = _losses(
        "relative",
        "scale of the losses: relative to the target (the same weights suit every network and size), the paper's sums, "
        "means over all entries, or means of Gram matrices that are sums over pixels",
    )
    init: str = _optimization(
        "content",
        "initial image: content, blurred (the content without details), mean+detail (the style's mean color with the "
        "content's details), style, noise (around gray), black+noise, content+noise or the path of an image",
        min_length=1,
    )
    noise: float = _optimization(0.1, "standard deviation of the initial noise", unit="of the range 0..1", ge=0, le=10)
    seed: Whole = _optimization(
        0, "seed of noise in init, of random samples, and of the network with parameters network", ge=0, le=2**31 - 1
    )
    optimizer: Literal["lbfgs", "adam", "rmsprop"] = _optimization("lbfgs", "optimizer")
    learning_rate: float = _optimization(
        0.0,
        "step size; 0 is the optimizer's default (lbfgs 1, adam and rmsprop 0.02, with parameters network 0.005)",
        ge=0,
        le=1e6,
    )
    learning_rate_decay: float = _optimization(
        1.0, "factor on the step size of adam and rmsprop after every 200 iterations", gt=0, le=1
    )
    normalize_gradients: Literal["no", "yes"] = _optimization(
        "no",
        "scale the gradient of each layer's loss to the layer's coefficient, where it enters the network; "
        "the reported losses do not change",
    )
    ema_decay: float = _optimization(
        0.0, "decay per iteration of adam's or rmsprop's moving average of images, then the result; 0: the best image",
        ge=0, lt=1,
    )  # fmt: skip
    iterations: Whole = _common(300, "iterations; each is one forward and one backward pass", ge=1, le=10**6)
    tolerance: float = _optimization(
        0.0,
        "stop when the remaining iterations are predicted to lower the loss by less than this part of it; at several "
        "scales only at the last one. 0: never",
        ge=0,
        le=0.5,
    )
    size: Whole = _common(512, "long side of the image; 0 keeps the content's", unit="px", ge=0, le=LARGEST_SIDE)
    scales: Whole = _optimization(
        1, "number of sizes, coarse to fine, that share the iterations; with coarsest the largest number", ge=1, le=12
    )
    scale_factor: float = _optimization(1.414, "size of each scale relative to the coarser one before", ge=1.1, le=4)
    scale_iterations: float = _optimization(
        1.0, "iterations of each scale relative to the coarser one before", ge=0.1, le=10
    )
    coarsest: Whole = _optimization(
        0,
        "shortest long side of a scale: there are as many scales as fit, at most scales; 0: always scales",
        unit="px",
        ge=0,
        le=LARGEST_SIDE,
    )
    fit: Literal["keep", "square"] = _output("keep", "keep the content's aspect or stretch it to a square")
    style_fit: Literal["keep", "stretch"] = _losses(
        "keep", "keep the style's aspect or stretch it to the content's shape"
    )
    style_scale: float = _common(1.0, "long side of the style relative to that of the image", ge=0.05, le=10)
    color: Literal["style", "luminance", "histogram"] = _common(
        "style",
        "colors of the style; or those of the content, by stylizing its luminance only, or by giving (histogram) "
        "the style the mean and covariance of the content's colors first",
    )
    content_mask: str = _losses(
        "",
        "image that is bright where the style is applied; with two blended styles, bright for the first and dark for "
        "the second; with three, red, green and blue for one each; empty is everywhere",
    )
    style_mask: str = _losses("", "image that is bright where the style is taken from; empty is everywhere")
    protect: str = _losses(
        "",
        "where the content is kept: faces finds them (it requires OpenCV), or an image that is bright there; empty is "
        "nowhere",
    )
    protect_weight: float = _losses(
        4.0,
        "factor on the content loss, and divisor of the style loss, where `protect` keeps the content",
        ge=1,
        le=1e6,
    )
    pixel_range: Literal["clip", "clamp", "rescale"] = _optimization(
        "clamp", "how pixels are kept in 0..1: clip at the end, or clamp or rescale at each iteration"
    )
    snapshot_interval: Whole = _output(
        0, "iterations from one full-size snapshot to the next; 0 keeps none", ge=0, le=10**6
    )
    frame_interval: Whole = _output(
        10,
        "most iterations from one frame of the animation to the next; at the start, where the image changes most, "
        "frames are denser; 0 keeps only the finished image",
        ge=0,
        le=10**6,
    )
    frame_rate: float = _output(12.5, "frames per second of the animation", unit="1/s", ge=0.01, le=50)
    end_pause: float = _output(
        1.0, "how long the first and the last frame of the animation are shown", unit="s", ge=0, le=60
    )
    tile: Whole = _machine(
        0, "side of the tiles in which an image too large for memory is evaluated, seamlessly; 0: in one piece",
        unit="px", ge=0, le=LARGEST_SIDE,
    )  # fmt: skip
    precision: Literal["auto", "fp32", "bf16"] = _machine(
        "auto", "precision of activations; auto is bf16 where the hardware multiplies bf16 matrices, else fp32"
    )
    deterministic: Literal["auto", "yes", "no"] = _machine(
        "auto", "same bytes from the same settings and threads; auto is yes on a CPU and no on a GPU"
    )


def fields() -> dict[str, FieldInfo]:
    """Every setting by name, in the order of declaration."""
    return Values.model_fields


def grouped() -> dict[str, list[str]]:
    """The settings of each group, by its title, in the order of declaration."""
    return {title: [name for name in fields() if extra(name)["group"] == group] for group, title in GROUPS.items()}


def extra(name: str) -> dict[str, Any]:
    extra = fields()[name].json_schema_extra
    assert isinstance(extra, dict)
    return extra
