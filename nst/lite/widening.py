"""Widening of the weights of a narrower lite to the current widths."""

from __future__ import annotations

import torch
from torch import Tensor

from nst.errors import NstError
from nst.lite.student import prefixes
from nst.settings import convolutions


def widened(state: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Exported kernels and biases widened to lite's current channels, float32, without maps.

    The given channels come first and keep their values: their kernels' weights for new channels are 0. New channels get
    random kernels (He et al., arXiv:1502.01852). They are active, so those zeros receive gradients from the first step.
    Raises NstError where keys are missing, or the weights are wider than lite.
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
