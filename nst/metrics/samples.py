"""Feature vectors at fixed positions of a feature map: what the metrics of sets and of neighborhoods compare.

A random subset bounds time and memory at every size. The positions depend only on the number of positions of the map,
so two images of one shape are compared at the same places, and equal images have equal samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

#: Maximum number of positions of a layer that are compared.
MAX_POSITIONS = 4096

_SEED = 20191228


class Samples(NamedTuple):
    """Feature vectors (n, channels), and their weights (n,), which sum to 1."""

    vectors: Tensor
    weights: Tensor

    @property
    def uniform(self) -> bool:
        """Whether all weights are equal."""
        return bool((self.weights == self.weights[0]).all())


def sampled(features: Tensor, visible: Tensor | None = None, most: int = MAX_POSITIONS) -> Samples:
    """Feature vectors at `most` positions at most, the same ones for maps of the same shape.

    features: (1, channels, h, w). visible: (1, 1, h, w), weight of each position; positions with weight 0 are left
    out, unless all have it. None: equal weights.
    """
    vectors = features[0].flatten(1).T
    order = np.random.default_rng(_SEED).permutation(len(vectors))
    if visible is not None and (shown := (visible.flatten() > 0).cpu().numpy()).any():
        order = order[shown[order]]
        chosen = torch.from_numpy(order[:most]).to(features.device)
        weights = visible.flatten()[chosen].to(features.dtype)
        return Samples(vectors[chosen], weights / weights.sum())
    chosen = torch.from_numpy(order[:most]).to(features.device)
    return Samples(vectors[chosen], features.new_full((len(chosen),), 1 / len(chosen)))


def pooled(parts: Sequence[Tensor], shares: Sequence[float]) -> Samples:
    """The samples of a blend: those of all its styles, each with its share of the weight.

    parts: (n, channels) each, from `share_of`. shares: above 0, with sum 1.
    """
    weights = [part.new_full((len(part),), share / len(part)) for part, share in zip(parts, shares, strict=True)]
    return Samples(torch.cat([*parts]), torch.cat(weights))


def share_of(share: float) -> int:
    """The number of samples of a style with this share of a blend: in proportion, but enough of each."""
    return max(64, round(MAX_POSITIONS * share))
