"""Feature vectors at positions of an image: of one layer, or hypercolumns of several layers with the colors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses.sampled import SampledImage

#: Feature vectors of a layer that are kept of the styles, at most: of these, each evaluation draws some.
POOL = 2**15


def positions(image: SampledImage, count: int, generator: torch.Generator) -> Tensor:
    """Random positions (rows, columns) in px, (count, 2), uniform or in proportion to the image's mask."""
    height, width = image.picture.shape[2:]
    within = torch.rand(count, 2, generator=generator)
    if image.mask is None:
        return within * torch.tensor([height, width])
    pixels = _in_proportion(image.mask, count, generator)
    return torch.stack([pixels // width, pixels % width], 1) + within


def _in_proportion(weight: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Random indices (count,) of a flattened map in proportion to its entries; `torch.multinomial` takes only 2^24."""
    sums = weight.flatten().cpu().double().cumsum(0)
    at = torch.searchsorted(sums, torch.rand(count, generator=generator, dtype=torch.float64) * sums[-1], right=True)
    return at.clamp_max(len(sums) - 1)


def at_positions(image: SampledImage, places: Tensor, layers: dict[str, float]) -> Tensor:
    """Hypercolumns (n, 3 + channels), in at least 32 bits: RGB, and each layer's features times its coefficient.

    places: (n, 2), (rows, columns) in px. Between the positions of a feature map, features are interpolated.
    """
    maps = [(image.picture, 1.0), *((image.features[layer], weight) for layer, weight in layers.items())]
    places, size = places.to(image.picture), image.picture.shape[2:]
    return torch.cat([_interpolated(values, places, size) * weight for values, weight in maps], 1)


def vectors_of(features: Tensor) -> Tensor:
    """The feature vectors (h · w, channels) of a map (1, channels, h, w): a view if its memory is channels-last.

    Then its gradient is channels-last, too, as the convolutions need it; that of `features[0]` would have to be copied.
    """
    return features.squeeze(0).permute(1, 2, 0).flatten(0, 1)


def layer_scales(vectors: Tensor, image: SampledImage, layers: dict[str, float]) -> Tensor:
    """Factors (3 + channels,) for the hypercolumns of an image that give each layer's features a mean square of 1.

    The magnitude of features depends on the weights: the original VGG's are 60 times those of torchvision's. RGB keeps
    its values, and each layer its coefficient.
    """
    factors, start = [vectors.new_ones(3)], 3
    for layer, weight in layers.items():
        width = image.features[layer].shape[1]
        part = vectors[:, start : start + width]
        factors.append((weight / part.square().mean().sqrt().clamp_min(1e-12)).expand(width))
        start += width
    return torch.cat(factors)


def _interpolated(values: Tensor, places: Tensor, size: Sequence[int]) -> Tensor:
    """Feature vectors (n, channels) of a map (1, channels, h, w) of an image of (rows, columns) px, bilinear."""
    shape = torch.tensor(values.shape[2:], device=places.device)
    last = shape - 1
    scaled = places * (shape / torch.tensor([*size], device=places.device)) - 0.5
    at = torch.minimum(scaled.clamp_min(0), last)
    low = at.floor().long()
    high, part = torch.minimum(low + 1, last), at - low
    rows, columns = [[at[:, axis] for at in (low, high)] for axis in (0, 1)]
    down, across = [[1 - part[:, axis], part[:, axis]] for axis in (0, 1)]
    corners = torch.stack([row * values.shape[3] + column for row in rows for column in columns])
    shares = torch.stack([row * column for row in down for column in across])
    # All corners by one index, because each has a gradient of the size of the map.
    vectors = vectors_of(values)[corners.flatten()].to(part.dtype).unflatten(0, corners.shape)
    return (vectors * shares[..., None]).sum(0)


def count_of(style: SampledImage, total: int) -> int:
    """How many of `total` vectors a style of a blend gives, in proportion to its share; at least one."""
    return max(1, round(total * style.share))


def drawn(
    features: Tensor, count: int, generator: torch.Generator, mask: Tensor | None = None, *others: Tensor
) -> list[Tensor]:
    """At most `count` random feature vectors (n, channels) of a map (1, channels, h, w), and of others there.

    mask: (1, 1, height, width), to draw in proportion to it; None: uniformly.
    """
    maps = [vectors_of(values) for values in (features, *others)]
    available = len(maps[0])
    if mask is not None:
        weight = F.adaptive_avg_pool2d(mask, features.shape[2:])
        at = _in_proportion(weight, min(count, available), generator)
    elif available > count:
        at = torch.randint(available, (count,), generator=generator)
    else:
        return maps
    return [vectors[at.to(vectors.device)] for vectors in maps]


def some(vectors: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """At most `count` of vectors (n, d), at random."""
    if len(vectors) <= count:
        return vectors
    return vectors[torch.randint(len(vectors), (count,), generator=generator).to(vectors.device)]


def pooled(styles: Iterable[SampledImage], layers: Sequence[str], generator: torch.Generator) -> dict[str, Tensor]:
    """Random feature vectors of a blend by layer, (n, channels), at most about POOL, in proportion to the shares."""
    parts: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for style in styles:  # one after the other, because the features of many styles would not fit into memory
        for layer, vectors in parts.items():
            vectors += drawn(style.features[layer], count_of(style, POOL), generator, style.mask)
    return {layer: torch.cat(vectors) for layer, vectors in parts.items()}
