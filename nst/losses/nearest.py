"""The style loss `nearest`: each feature vector's distance to the nearest one of the style, layer by layer.

The last pass of Neural Neighbor Style Transfer (Kolkin et al., arXiv:2203.13215, section 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses.hypercolumns import blended
from nst.losses.sampled import Sample, SampledLoss
from nst.losses.sliced import drawn
from nst.settings import Settings

#: Positions of a layer that are drawn at each evaluation, of the image and of the styles, at most.
POSITIONS = 64**2 // 2


class Nearest(SampledLoss):
    """The mean distance to the nearest feature vector of the style; distances are cosine distances after centering."""

    turns = 3

    def __init__(self, settings: Settings, content: Sample, styles: Sequence[Sample]):
        self.layers, self.region, self.styles = [*settings.style_layers], content, styles

    def parts(self, image: Sample, generator: torch.Generator) -> dict[str, Tensor]:
        image = image._replace(mask=self.region.mask)
        parts = {}
        for layer in self.layers:
            counts = blended(self.styles, POSITIONS)
            styles = [drawn(s, layer, n, generator) for s, n in zip(self.styles, counts, strict=True)]
            parts[layer] = nearest_distance(drawn(image, layer, POSITIONS, generator), torch.cat(styles))[None]
        return parts


def nearest_distance(x: Tensor, y: Tensor) -> Tensor:
    """The mean over vectors x (n, d) of the distance to the nearest of the vectors y (m, d), 0..2.

    The distance is 1 − cos of the angle, after the mean of each set is subtracted from it.
    """
    x, y = centered(x), centered(y)
    with torch.no_grad():
        at = nearest(x, y)
    return 1 - (x * y[at]).sum(1).mean()


def centered(vectors: Tensor) -> Tensor:
    """Vectors (n, d) minus their mean, at unit length."""
    return F.normalize(vectors - vectors.mean(0), dim=1)


def nearest(x: Tensor, y: Tensor) -> Tensor:
    """The index in y (m, d) of the vector with the largest dot product, for each of x (n, d), (n,)."""
    return torch.cat([(part @ y.mT).argmax(1) for part in x.split(1024)])
