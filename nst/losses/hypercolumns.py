"""Hypercolumns: the features of several layers, and the colors, at positions of an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst.losses.sampled import Sample


def positions(image: Sample, count: int, generator: torch.Generator) -> Tensor:
    """Random positions (rows, columns) in px, (count, 2), uniform or in proportion to the image's mask."""
    height, width = image.picture.shape[2:]
    within = torch.rand(count, 2, generator=generator)
    if image.mask is None:
        return within * torch.tensor([height, width])
    pixels = torch.multinomial(image.mask.flatten().cpu(), count, replacement=True, generator=generator)
    return torch.stack([pixels // width, pixels % width], 1) + within


def at_positions(image: Sample, places: Tensor, layers: dict[str, float]) -> Tensor:
    """Hypercolumns (n, 3 + channels), in at least 32 bits: RGB, and each layer's features times its coefficient.

    places: (n, 2), (rows, columns) in px. Between the positions of a feature map, features are interpolated.
    """
    maps = [image.picture, *(image.features[layer] * weight for layer, weight in layers.items())]
    places = places.to(image.picture)
    return torch.cat([_interpolated(values, places, image.picture.shape[2:]) for values in maps], 1)


def _interpolated(values: Tensor, places: Tensor, size: Sequence[int]) -> Tensor:
    """Feature vectors (n, channels) of a map (1, channels, h, w) of an image of (rows, columns) px, bilinear."""
    shape = torch.tensor(values.shape[2:], device=places.device)
    last = shape - 1
    scaled = places * (shape / torch.tensor([*size], device=places.device)) - 0.5
    at = torch.minimum(scaled.clamp_min(0), last)
    low = at.floor().long()
    high, part = torch.minimum(low + 1, last), at - low
    vectors = values[0].permute(1, 2, 0).flatten(0, 1)  # (h · w, channels): a view when the memory is channels-last
    total: Tensor | float = 0.0
    for rows, row_share in ((low[:, 0], 1 - part[:, 0]), (high[:, 0], part[:, 0])):
        for columns, share in ((low[:, 1], 1 - part[:, 1]), (high[:, 1], part[:, 1])):
            corner = vectors[rows * values.shape[3] + columns].to(part.dtype)
            total = total + corner * (row_share * share)[:, None]
    assert isinstance(total, Tensor)
    return total


def blended(styles: Sequence[Sample], count: int) -> list[int]:
    """How many of `count` vectors each style of a blend gives, in proportion to its weight; at least one."""
    total = sum(style.share for style in styles)
    return [max(1, round(count * style.share / total)) for style in styles]
