"""The style loss `sliced`: sliced Wasserstein distance (Heitz, Vanhoey, Chambon & Belcour, arXiv:2006.07229)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses.functional import positive, wide
from nst.losses.hypercolumns import blended
from nst.losses.sampled import Sample, SampledLoss
from nst.losses.samples import directions, sliced_wasserstein
from nst.settings import Settings

#: Positions and directions of a layer that are drawn at each evaluation, at most. The paper sorts all positions on as
#: many directions as there are channels, which takes longer than the network.
POSITIONS, DIRECTIONS = 4096, 128


class Sliced(SampledLoss):
    """Compares the features' distributions at each layer, relative to the style's mean square."""

    def __init__(self, settings: Settings, content: Sample, styles: Sequence[Sample]):
        self.layers, self.region, self.styles = [*settings.style_layers], content, styles
        total = sum(style.share for style in styles)
        self.scales = {
            layer: sum(
                style.share / total * wide(style.features[layer]).square().mean() for style in styles
            )
            for layer in self.layers
        }  # fmt: skip

    def parts(self, image: Sample, generator: torch.Generator) -> dict[str, Tensor]:
        return {layer: self._part(layer, image._replace(mask=self.region.mask), generator) for layer in self.layers}

    def _part(self, layer: str, image: Sample, generator: torch.Generator) -> Tensor:
        vectors = drawn(image, layer, POSITIONS, generator)
        counts = blended(self.styles, len(vectors))
        style = torch.cat([drawn(s, layer, n, generator) for s, n in zip(self.styles, counts, strict=True)])
        channels = vectors.shape[1]
        slices = directions(min(channels, DIRECTIONS), channels, generator).to(vectors)
        # The mean square of a projection is that of one channel.
        return (sliced_wasserstein(slices @ vectors.mT, slices @ style.mT) / positive(self.scales[layer]))[None]


def drawn(image: Sample, layer: str, count: int, generator: torch.Generator) -> Tensor:
    """At most `count` random feature vectors of a layer, (n, channels), in at least 32 bits.

    With a mask they are drawn in proportion to it.
    """
    values = image.features[layer]
    vectors = values[0].permute(1, 2, 0).flatten(0, 1)
    if image.mask is not None:
        weight = F.adaptive_avg_pool2d(image.mask, values.shape[2:]).flatten().cpu()
        at = torch.multinomial(weight, min(count, len(vectors)), replacement=True, generator=generator)
    elif len(vectors) > count:
        at = torch.randint(len(vectors), (count,), generator=generator)
    else:
        return wide(vectors)
    return wide(vectors[at.to(vectors.device)])
