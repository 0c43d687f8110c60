"""The layers of the networks, and the type of settings that list layers with coefficients."""

from __future__ import annotations

import functools
from typing import Any

from nst.settings.wording import decimal_point, did_you_mean, number_text

#: Channels of each 3×3 convolution in the five blocks; a pooling follows each block. VGG: Simonyan & Zisserman,
#: arXiv:1409.1556, table 1, columns E and D. lite: nst/lite/train.py.
WIDTHS: dict[str, tuple[tuple[int, ...], ...]] = {
    "vgg19": ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
    "vgg16": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "lite": ((16, 32), (48,) * 2, (96,) * 3, (320,) * 3, (512,)),
}

#: The layers whose features lite was trained to match VGG-19's. Its other layers have no counterpart.
LITE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1")


@functools.cache
def convolutions(network: str) -> dict[str, int]:
    """The convolutions of a network by the paper's names, shallow to deep (conv1_1, conv1_2, …), and their channels."""
    blocks = enumerate(WIDTHS[network], 1)
    return {f"conv{b}_{i}": width for b, widths in blocks for i, width in enumerate(widths, 1)}


def stride(layer: str) -> int:
    """Pixels from one position of a layer's feature map to the next: 1 for conv1_x, 16 for conv5_x."""
    return 2 ** (int(layer[4]) - 1)


@functools.cache
def layer_names(network: str) -> tuple[str, ...]:
    """The layers that losses can use, shallow to deep."""
    return LITE_LAYERS if network == "lite" else tuple(convolutions(network))


#: Largest coefficient of a loss or layer.
LARGEST = 1e15


def layers_text(network: str) -> str:
    """The layers of a network in words."""
    if network == "lite":
        return ", ".join(LITE_LAYERS)
    return ", ".join(f"conv{b}_1…conv{b}_{len(widths)}" for b, widths in enumerate(WIDTHS[network], 1))


#: What `Layers.parse` reads, in words.
EXPECTED = f"layers like conv1_1+conv2_1:0.5, of {layers_text('vgg19')}"


class Layers(dict[str, float]):
    """Layers and their coefficients, e.g. {'conv1_1': 1.0, 'conv2_1': 0.5}; as text `conv1_1+conv2_1:0.5`."""

    @classmethod
    def parse(cls, value: Any) -> Layers:
        """Read `conv1_1+conv2_1:0.5`, or take a mapping.

        Raises ValueError, with what is wrong and what would be right, for an empty list, a layer named twice, a name
        that no network has, or a coefficient that is not a number above 0.
        """
        if isinstance(value, str):
            items = [part.strip().partition(":")[::2] for part in value.split("+")]
        elif isinstance(value, dict):
            items = list(value.items())
        else:
            raise ValueError(f"{str(value)!r} is not allowed; expected {EXPECTED}")
        layers = cls()
        for name, coefficient in items:
            if name in layers:
                raise ValueError(f"{name} is named twice; name it once")
            if name not in layer_names("vgg19"):
                right = did_you_mean(name, layer_names("vgg19")) or f"; expected {EXPECTED}"
                raise ValueError(f"{name!r} is no layer{right}")
            layers[name] = _coefficient(name, coefficient)
        if not layers:
            raise ValueError(f"no layer is named; expected {EXPECTED}")
        return layers

    def __str__(self) -> str:
        return "+".join(name if factor == 1 else f"{name}:{number_text(factor)}" for name, factor in self.items())

    def __deepcopy__(self, memo: object) -> Layers:  # pydantic copies defaults, which is slow for 10,000 pairs
        return self

    def __hash__(self) -> int:  # type: ignore[override]  # never changed once parsed: a frozen Settings holds it
        return hash(tuple(self.items()))


def _coefficient(name: str, given: Any) -> float:
    try:
        number = 1.0 if given == "" else float(given)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number <= LARGEST:
        right = f"; give a number above 0 and at most {number_text(LARGEST)}"
        right = "; leave the layer out" if number == 0 else decimal_point(given) or right
        raise ValueError(f"the coefficient {given!r} of {name} is not allowed{right}")
    return number
