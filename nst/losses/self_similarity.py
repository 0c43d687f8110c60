"""The content loss `self-similarity` of STROTSS."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nst.losses.hypercolumns import Positions, at_positions, layer_scales
from nst.losses.sampled import SampledImage, SampledLoss
from nst.losses.samples import self_similarity_distance
from nst.settings import Settings

#: Positions that are compared in each iteration; the authors' code has 1024, which takes four times as long.
POSITIONS = 512


class SelfSimilarity(SampledLoss):
    """How much similarities between parts of the image differ from those of the content (arXiv:1904.12785, eq. 4)."""

    def __init__(self, settings: Settings, content: SampledImage, styles: Iterable[SampledImage]):
        self.layers, self.positions = settings.content_layers, Positions(content)
        self.content = content._replace(features={layer: content.features[layer] for layer in self.layers})
        places = self.positions.of_image(POSITIONS, torch.Generator().manual_seed(settings.seed))
        self.scales = layer_scales(at_positions(content, places, self.layers), content, self.layers)

    @classmethod
    def coefficients(cls, settings: Settings) -> dict[str, float]:
        return {"self-similarity": 1.0}

    def parts(self, image: SampledImage, generator: torch.Generator) -> dict[str, Tensor]:
        places = self.positions.of_image(POSITIONS, generator)
        of_image, of_content = (at_positions(each, places, self.layers) * self.scales for each in (image, self.content))
        return {"self-similarity": self_similarity_distance(of_image, of_content)[None]}
