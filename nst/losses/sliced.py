"""The style loss `sliced`: sliced Wasserstein distance (Heitz, Vanhoey, Chambon & Belcour, arXiv:2006.07229)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nst.losses.functional import positive, wide
from nst.losses.hypercolumns import Positions, pooled, sampled, some
from nst.losses.sampled import SampledImage, SampledLoss
from nst.losses.samples import directions, sliced_wasserstein
from nst.settings import Settings

#: Positions and directions of a layer that are sampled in each iteration, at most. The paper sorts all positions on as
#: many directions as there are channels, which takes longer than the network.
POSITIONS, DIRECTIONS = 4096, 128


class Sliced(SampledLoss):
    """Compares the features' distributions at each layer, relative to the style's mean square."""

    def __init__(self, settings: Settings, content: SampledImage, styles: Iterable[SampledImage]):
        self.positions = Positions(content)
        self.style = pooled(styles, [*settings.style_layers], torch.Generator().manual_seed(settings.seed))
        self.scales = {layer: positive(wide(vectors).square().mean()) for layer, vectors in self.style.items()}

    def parts(self, image: SampledImage, generator: torch.Generator) -> dict[str, Tensor]:
        return {layer: self._part(layer, image.features[layer], generator)[None] for layer in self.style}

    def _part(self, layer: str, features: Tensor, generator: torch.Generator) -> Tensor:
        [vectors] = map(wide, sampled(self.positions, POSITIONS, generator, features))
        style = wide(some(self.style[layer], len(vectors), generator))
        channels = vectors.shape[1]
        slices = directions(min(channels, DIRECTIONS), channels, generator).to(vectors)
        # The mean square of a projection is that of one channel.
        return sliced_wasserstein(slices @ vectors.mT, slices @ style.mT) / self.scales[layer]
