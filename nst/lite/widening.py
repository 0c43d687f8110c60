"""Weights of a narrower lite in the present widths."""

from __future__ import annotations

import torch
from torch import Tensor

from nst.errors import NstError
from nst.lite.student import prefixes
from nst.settings import convolutions


def widened(state: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Exported kernels and biases with as many channels as lite has now, float32; its maps are dropped.

    The given channels come first and compute what they did: no kernel of theirs reads a new channel yet. The new ones
    start from random kernels (He et al., arXiv:1502.01852), and as they are active, the zeros that read them receive
    gradients from the first step. Raises NstError where the weights are wider than lite, or none of its kind.
    """
    wide, before = {}, 3
    for name, prefix in prefixes().items():
        try:
            weight, bias = state[f"{prefix}.weight"].float(), state[f"{prefix}.bias"].float()
        except KeyError as error:
            raise NstError(f"the weights to start with lack {error.args[0]}; give a lite.safetensors") from None
        width = convolutions("lite")[name]
        if weight.shape[0] > width or weight.shape[1] > before:
            raise NstError(
                f"the weights to start with have {weight.shape[0]} × {weight.shape[1]} channels at {name}, lite has "
                f"{width} × {before}; only narrower weights can be widened"
            )
        kernel = torch.randn(width, before, 3, 3, generator=generator) * (2 / (9 * before)) ** 0.5
        kernel[: len(weight)] = 0
        kernel[: len(weight), : weight.shape[1]] = weight
        wide[f"{prefix}.weight"] = kernel
        wide[f"{prefix}.bias"] = torch.cat([bias, torch.zeros(width - len(bias))])
        before = width
    return wide
