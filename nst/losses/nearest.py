"""The style loss `nearest`: each feature vector is pulled towards the nearest one of the style, layer by layer.

The last pass of Neural Neighbor Style Transfer (Kolkin et al., arXiv:2203.13215, section 3.4). Unlike there, nearest is
measured from a mixture of the content's features and the image's own: from these alone, figures of the style replace
the content within 40 iterations.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses.functional import wide
from nst.losses.hypercolumns import Positions, pooled, sampled, some
from nst.losses.sampled import SampledImage, SampledLoss
from nst.settings import Settings

#: Positions of a layer that are sampled in each iteration, at most, of the image and of the styles.
POSITIONS, STYLE_POSITIONS = 64**2 // 2, 64**2


class Nearest(SampledLoss):
    """The mean cosine distance of feature vectors to the style's nearest, each set centered, by layer."""

    turns = 3

    def __init__(self, settings: Settings, content: SampledImage, styles: Iterable[SampledImage]):
        layers = [*settings.style_layers]
        self.positions, self.content_share = Positions(content), settings.content_match
        self.content = {layer: content.features[layer] for layer in layers}
        self.style = pooled(styles, layers, torch.Generator().manual_seed(settings.seed))

    def parts(self, image: SampledImage, generator: torch.Generator) -> dict[str, Tensor]:
        return {layer: self._part(layer, image, generator)[None] for layer in self.style}

    def _part(self, layer: str, image: SampledImage, generator: torch.Generator) -> Tensor:
        maps = image.features[layer], self.content[layer]
        x, content = map(wide, sampled(self.positions, POSITIONS, generator, *maps))
        style = wide(some(self.style[layer], STYLE_POSITIONS, generator))
        return nearest_distance(x, style, content, self.content_share)


def nearest_distance(x: Tensor, y: Tensor, content: Tensor, content_share: float) -> Tensor:
    """The mean over vectors x (n, d) of the distance to one of the vectors y (m, d), 0..2.

    The distance is 1 − cos of the angle, after the mean of each set is subtracted from it. For each vector of x, the
    one of y is that nearest to content_share · content + (1 − content_share) · x, of vectors of unit length.
    """
    x, y = centered(x), centered(y)
    with torch.no_grad():
        sought = content_share * centered(content) + (1 - content_share) * x
        at = nearest(sought, y)
    return 1 - (x * y[at]).sum(1).mean()


def centered(vectors: Tensor) -> Tensor:
    """Vectors (n, d) minus their mean, at unit length."""
    return F.normalize(vectors - vectors.mean(0), dim=1)


def nearest(x: Tensor, y: Tensor) -> Tensor:
    """The index in y (m, d) of the vector with the largest dot product, for each of x (n, d), (n,)."""
    return torch.cat([(part @ y.mT).argmax(1) for part in x.split(1024)])
