"""Weights of networks that nobody has trained."""

from __future__ import annotations

import torch

from nst.settings import WIDTHS


def random_state(network: str) -> dict:
    """Tensors by name, as the files of trained weights have them; with `lite` also the maps of its features."""
    generator = torch.Generator().manual_seed(1)
    state, before, index = {}, 3, 0
    for block, widths in enumerate(WIDTHS[network], 1):
        for place, width in enumerate(widths, 1):
            std = (2 / (9 * before)) ** 0.5
            state[f"features.{index}.weight"] = std * torch.randn(width, before, 3, 3, generator=generator)
            state[f"features.{index}.bias"] = 0.1 * torch.randn(width, generator=generator)
            if network == "lite":
                state[f"maps.conv{block}_{place}"] = torch.randn(width, width, generator=generator).triu()
            before, index = width, index + 2
        index += 1  # the pooling
    return state
