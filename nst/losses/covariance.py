"""The style loss `covariance`: covariances and means of the channels, which a Gram matrix combines."""

from __future__ import annotations

import torch
from torch import Tensor

from nst.losses.functional import positive
from nst.losses.gram import gram_of
from nst.losses.style import Normalizer, Statistics, StyleLoss
from nst.networks.extractor import FeatureExtractor


class Covariance(StyleLoss):
    """Compares covariances and means. Statistics: Gram matrices over pixel count (batch, N, N) and means (batch, N)."""

    def statistics(
        self, network: FeatureExtractor, layer: str, features: Tensor, weight: Tensor | None = None
    ) -> Statistics:
        grams = gram_of(network, layer, features, weight)
        weighted = features if weight is None else features * weight.to(features.dtype)
        return grams, means_of(network, layer, weighted)

    def distance(self, statistics: Statistics, target: Statistics, normalizer: Normalizer) -> Tensor:
        return covariance_loss(*statistics, *target)


def means_of(network: FeatureExtractor, layer: str, features: Tensor) -> Tensor:
    """Spatial means of projected features, (batch, N), in at least 32 bits."""
    means = features.mean((2, 3), dtype=torch.promote_types(features.dtype, torch.float32))
    return means @ network.maps[layer].to(means.dtype).mT if layer in network.maps else means


def covariance_loss(grams: Tensor, means: Tensor, target: Tensor, target_means: Tensor) -> Tensor:
    """The mean of two relative squared distances, that of the channels' covariances and that of their means.

    Args:
        grams, target: (batch, N, N), from `gram`. means, target_means: (batch, N), of the same features.
    Returns:
        (batch,): 0 is a perfect match, 1 the loss of an empty image.
    """
    goal = covariance(target, target_means)
    of_covariances = (covariance(grams, means) - goal).square().sum((1, 2)) / positive(goal.square().sum((1, 2)))
    of_means = (means - target_means).square().sum(1) / positive(target_means.square().sum(1))
    return (of_covariances + of_means) / 2


def covariance(grams: Tensor, means: Tensor) -> Tensor:
    """Covariances (batch, N, N), from Gram matrices over pixel count (batch, N, N) and means (batch, N)."""
    return grams - means[:, :, None] * means[:, None, :]
