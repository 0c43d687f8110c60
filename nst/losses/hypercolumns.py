"""Feature vectors at positions of an image: of one layer, or hypercolumns of several layers with the colors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses.sampled import SampledImage

#: Feature vectors of a layer that are kept of the styles, at most: of these, each iteration samples some.
POOL = 2**15


class Positions:
    """Random positions of an image and of its feature maps, uniform or in proportion to the image's mask."""

    def __init__(self, image: SampledImage):
        self.size, self._mask = image.picture.shape[2:], image.mask
        self._sums: dict[torch.Size, Tensor] = {}  # of the mask at each size, which is the same in each iteration

    def of_image(self, count: int, generator: torch.Generator) -> Tensor:
        """Positions (rows, columns) in px, (count, 2)."""
        height, width = self.size
        within = torch.rand(count, 2, generator=generator)
        if self._mask is None:
            return within * torch.tensor([height, width])
        pixels = self._in_proportion(self.size, count, generator)
        return torch.stack([pixels // width, pixels % width], 1) + within

    def of_map(self, size: torch.Size, count: int, generator: torch.Generator) -> Tensor | None:
        """At most `count` indices of a flattened map of (rows, columns), (n,); None for all, each once."""
        available = size[0] * size[1]
        if self._mask is not None:
            return self._in_proportion(size, min(count, available), generator)
        return torch.randint(available, (count,), generator=generator) if available > count else None

    def _in_proportion(self, size: torch.Size, count: int, generator: torch.Generator) -> Tensor:
        """Indices (count,) in proportion to the mask at this size. `torch.multinomial` takes only 2^24 entries."""
        if size not in self._sums:
            assert self._mask is not None
            weight = self._mask if size == self.size else F.adaptive_avg_pool2d(self._mask, size)
            self._sums[size] = weight.flatten().cpu().double().cumsum(0)
        sums = self._sums[size]
        shares = torch.rand(count, generator=generator, dtype=torch.float64)
        return torch.searchsorted(sums, shares * sums[-1], right=True).clamp_max(len(sums) - 1)


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
    rows, down = _neighbors(places[:, 0], size[0], values.shape[2])
    columns, across = _neighbors(places[:, 1], size[1], values.shape[3])
    corners = torch.stack([row * values.shape[3] + column for row in rows for column in columns])
    shares = torch.stack([row * column for row in down for column in across])
    # All corners by one index, because each has a gradient of the size of the map.
    vectors = vectors_of(values)[corners.flatten()].to(shares.dtype).unflatten(0, corners.shape)
    return (vectors * shares[..., None]).sum(0)


def _neighbors(places: Tensor, length: int, count: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The two of `count` positions around each place of 0..length, and their shares in its value, (n,) each."""
    at = (places * (count / length) - 0.5).clamp(0, count - 1)
    low = at.floor().long()
    part = at - low
    return (low, (low + 1).clamp_max(count - 1)), (1 - part, part)


def count_of(style: SampledImage, total: int) -> int:
    """How many of `total` vectors a style of a blend gives, in proportion to its share; at least one."""
    return max(1, round(total * style.share))


def sampled(places: Positions, count: int, generator: torch.Generator, *maps: Tensor) -> list[Tensor]:
    """At most `count` feature vectors (n, channels) of each map (1, channels, h, w), at the same random positions."""
    at = places.of_map(maps[0].shape[2:], count, generator)
    vectors = map(vectors_of, maps)
    return [*vectors] if at is None else [each[at.to(each.device)] for each in vectors]


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
            vectors += sampled(Positions(style), count_of(style, POOL), generator, style.features[layer])
    return {layer: torch.cat(vectors) for layer, vectors in parts.items()}
