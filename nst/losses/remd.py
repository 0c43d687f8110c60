"""The style loss `remd` of STROTSS (Kolkin, Salavon & Shakhnarovich, arXiv:1904.12785)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses.hypercolumns import Positions, at_positions, count_of, layer_scales
from nst.losses.sampled import SampledImage, SampledLoss
from nst.losses.samples import CovarianceDistance, cosine_distances, relaxed_emd, relaxed_emd_of_units
from nst.settings import Settings

#: Positions of the image, sampled in each iteration, and of the styles, sampled once. The authors' code has 1024 and
#: 5000; then the distances take longer than the network at all sizes up to 512 px.
POSITIONS, STYLE_POSITIONS = 512, 2048
#: From RGB to YUV (ITU-R BT.601), rows.
YUV = ((0.299, 0.587, 0.114), (-0.14713, -0.28886, 0.436), (0.615, -0.51499, -0.10001))


class RelaxedEMD(SampledLoss):
    """Relaxed earth mover's distances of hypercolumns and of colors, and the distance of the hypercolumns' moments."""

    def __init__(self, settings: Settings, content: SampledImage, styles: Iterable[SampledImage]):
        generator = torch.Generator().manual_seed(settings.seed)
        self.layers, self.positions = settings.style_layers, Positions(content)
        style = torch.cat([
            at_positions(style, Positions(style).of_image(count_of(style, STYLE_POSITIONS), generator), self.layers)
            for style in styles
        ])  # fmt: skip
        self.scales = layer_scales(style, content, self.layers)
        style = style * self.scales
        self.yuv = style.new_tensor(YUV).mT
        self.units, self.colors = F.normalize(style, dim=1), style[:, :3] @ self.yuv
        self.mean = style.mean(0)
        centered = style - self.mean
        self.covariance = centered.mT @ centered / len(style)

    @classmethod
    def coefficients(cls, settings: Settings) -> dict[str, float]:
        """Colors count less where the content counts more (section 2.4)."""
        return {"remd": 1.0, "moments": 1.0, "color": 1 / max(settings.content_weight, 1.0)}

    def parts(self, image: SampledImage, generator: torch.Generator) -> dict[str, Tensor]:
        vectors = at_positions(image, self.positions.of_image(POSITIONS, generator), self.layers) * self.scales
        losses = {
            "remd": relaxed_emd_of_units(F.normalize(vectors, dim=1), self.units),
            "moments": moment_distance(vectors, self.mean, self.covariance),
            "color": relaxed_emd(color_distances(vectors[:, :3] @ self.yuv, self.colors)),
        }
        return {name: loss[None] for name, loss in losses.items()}


def moment_distance(vectors: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """The mean absolute differences of the mean (d,) and covariance (d, d) of vectors (n, d) from these, added."""
    own = vectors.mean(0)
    distance = CovarianceDistance.apply(vectors - own, covariance)
    assert isinstance(distance, Tensor)
    return (own - mean).abs().mean() + distance


def color_distances(x: Tensor, y: Tensor) -> Tensor:
    """Cosine plus Euclidean distance of every pair of colors (n, 3) and (m, 3) in YUV, (n, m)."""
    return cosine_distances(x, y) + torch.cdist(x, y)
