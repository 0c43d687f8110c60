"""Covariances and means of the channels: Gram matrices that do not mix the two."""

from __future__ import annotations

import torch
from torch import Tensor

from nst.losses.functional import positive
from nst.losses.gram import gram_of
from nst.losses.style import Scale, Statistics, StyleLoss
from nst.networks.extractor import FeatureExtractor


class Covariance(StyleLoss):
    """The Gram matrix over pixel count (batch, N, N) and the channels' means (batch, N)."""

    def statistics(
        self, network: FeatureExtractor, layer: str, features: Tensor, weight: Tensor | None = None
    ) -> Statistics:
        grams = gram_of(network, layer, features, weight)
        weighted = features if weight is None else features * weight.to(features.dtype)
        return grams, means_of(network, layer, weighted)

    def distance(self, found: Statistics, target: Statistics, scale: Scale) -> Tensor:
        return covariance_loss(*found, *target)


def means_of(network: FeatureExtractor, layer: str, features: Tensor) -> Tensor:
    """Means of projected features over places, (batch, N), at least 32 bits wide."""
    found = features.mean((2, 3), dtype=torch.promote_types(features.dtype, torch.float32))
    return found @ network.maps[layer].to(found.dtype).mT if layer in network.maps else found


def covariance_loss(grams: Tensor, means: Tensor, target: Tensor, target_means: Tensor) -> Tensor:
    """Squared distances of the channels' covariances and of their means, each relative to the target's, averaged.

    Args:
        grams, target: (batch, N, N) as `gram` gives them. means, target_means: (batch, N) of the same features.
    Returns:
        (batch,): 0 is a perfect match, 1 the loss of an empty picture.
    """
    wanted = covariance(target, target_means)
    spread = (covariance(grams, means) - wanted).square().sum((1, 2)) / positive(wanted.square().sum((1, 2)))
    shift = (means - target_means).square().sum(1) / positive(target_means.square().sum(1))
    return (spread + shift) / 2


def covariance(grams: Tensor, means: Tensor) -> Tensor:
    """Covariances (batch, N, N) of Gram matrices over pixel count and means (batch, N)."""
    return grams - means[:, :, None] * means[:, None, :]
