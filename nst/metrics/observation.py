"""What the metrics need of an image's features in the reference network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst.losses.covariance import Covariance
from nst.losses.functional import position_weights, weighted
from nst.metrics.gaussians import Moments, moments
from nst.metrics.reference import ReferenceNetwork
from nst.metrics.samples import MAX_POSITIONS, Samples, pooled, sampled, share_of
from nst.metrics.structure import Pixels
from nst.networks.extractor import FeatureExtractor, to_tensor

CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = tuple(f"conv{block}_1" for block in range(1, 6))
#: Layers that no default objective uses. lite has no counterparts of them.
SAMPLED_LAYERS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")


@dataclass(frozen=True)
class Observed:
    """Gram matrices (1, N, N) and means (1, N) of STYLE_LAYERS, samples of SAMPLED_LAYERS (with lite, none)."""

    grams: dict[str, Tensor]
    means: dict[str, Tensor]
    samples: dict[str, Samples]

    def moments(self) -> list[Moments]:
        """Means and covariances of STYLE_LAYERS."""
        return [moments(self.grams[layer], self.means[layer]) for layer in STYLE_LAYERS]


class Observer:
    """Computes an image's features and keeps little of them, so that one image's features bound the memory."""

    def __init__(self, by: ReferenceNetwork, device: torch.device):
        self._sampled = SAMPLED_LAYERS if by.network != "lite" else ()
        layers = [*STYLE_LAYERS, CONTENT_LAYER, *self._sampled]
        self._network = FeatureExtractor(by.network, by.state, layers).convert(device, torch.float32)
        self._device = device

    def image(self, pixels: Pixels, visible: Tensor | None = None) -> tuple[Tensor, Observed]:
        """The features of CONTENT_LAYER (1, N, h, w) of an image (H, W, 3) in 0..1, weighted, and what is observed.

        visible: (1, 1, H, W) in 0..1, weight of each pixel.
        """
        features = self._network(to_tensor(pixels, channels_last=True).to(self._device))
        weight = {
            layer: None if visible is None else position_weights(visible, values.shape[2:])
            for layer, values in features.items()
        }
        content = self._network.project(CONTENT_LAYER, weighted(features[CONTENT_LAYER], weight[CONTENT_LAYER]))
        return content, self._observed(features, weight, MAX_POSITIONS)

    def style(self, pixels: Pixels, share: float) -> Observed:
        """What is observed of a style (H, W, 3) in 0..1 with this share of the blend."""
        features = self._network(to_tensor(pixels, channels_last=True).to(self._device))
        return self._observed(features, dict.fromkeys(features), share_of(share))

    def _observed(self, features: dict[str, Tensor], weight: Mapping[str, Tensor | None], most: int) -> Observed:
        statistics = {
            layer: Covariance().statistics(self._network, layer, features[layer], weight[layer])
            for layer in STYLE_LAYERS
        }
        return Observed(
            {layer: grams for layer, (grams, _) in statistics.items()},
            {layer: means for layer, (_, means) in statistics.items()},
            {layer: sampled(features[layer], weight[layer], most) for layer in self._sampled},
        )


def blended(styles: Sequence[Observed], shares: Sequence[float]) -> Observed:
    """The styles of a blend as one; the shares sum to 1.

    Gram matrices and means are weighted means, which are those of the pooled features. Samples are pooled.
    """
    first = styles[0]

    def mean(parts: Sequence[Tensor]) -> Tensor:
        return sum((float(share) * part for part, share in zip(parts, shares, strict=True)), torch.zeros(()))

    return Observed(
        {layer: mean([style.grams[layer] for style in styles]) for layer in first.grams},
        {layer: mean([style.means[layer] for style in styles]) for layer in first.means},
        {layer: pooled([style.samples[layer].vectors for style in styles], shares) for layer in first.samples},
    )
