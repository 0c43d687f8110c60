"""The style loss `gram`: Gram matrices (Gatys, Ecker & Bethge, arXiv:1508.06576, equations 3 to 5)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from nst.losses.functional import gram, gram_distance, gram_factor, gram_loss, weighted
from nst.losses.style import Normalizer, Statistics, StyleLoss
from nst.networks.extractor import FeatureExtractor


class Gram(StyleLoss):
    """Compares Gram matrices. Statistics: Gram matrices over pixel count, (batch, N, N)."""

    def statistics(
        self, network: FeatureExtractor, layer: str, features: Tensor, weight: Tensor | None = None
    ) -> Statistics:
        return (gram_of(network, layer, features, weight),)

    def distance(self, statistics: Statistics, target: Statistics, normalizer: Normalizer) -> Tensor:
        return gram_loss(statistics[0], target[0], *normalizer)

    def shortcut(self, target: Statistics, normalizer: Normalizer) -> Callable[[Tensor], Tensor]:
        factor = gram_factor(target[0], *normalizer)
        return lambda features: gram_distance(features, target[0], factor)


def gram_of(network: FeatureExtractor, layer: str, features: Tensor, weight: Tensor | None = None) -> Tensor:
    """The Gram matrix of projected features over pixel count, (batch, N, N).

    weight: (1, 1, height, width), of each position in the sum (guided Gram matrices: arXiv:1611.07865, equation 3).
    """
    features = weighted(features, weight)
    channels, pixels = features.shape[1], features[0, 0].numel()
    if layer not in network.maps or pixels <= channels:
        return gram(network.project(layer, features))
    grams = gram(features)  # R·G·Rᵀ is equal, and cheaper with more pixels than channels
    triangle = network.maps[layer].to(grams.dtype)
    return triangle @ grams @ triangle.mT
