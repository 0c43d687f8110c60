"""The style loss `nnst`: Neural Neighbor Style Transfer (Kolkin et al., arXiv:2203.13215).

The hypercolumn of each position is pulled towards a hypercolumn of the style: the one nearest to a mixture of the
content's and the image's own. The last pass, at full size, is the loss `nearest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses.functional import position_weights, wide
from nst.losses.hypercolumns import count_of, some
from nst.losses.nearest import centered
from nst.losses.sampled import SampledImage, SampledLoss
from nst.settings import Settings

#: Pixels from one hypercolumn to the next.
STRIDE = 4
#: Iterations after which the nearest hypercolumns are searched again.
RENEWED_AFTER = 100
#: Largest number of the styles' hypercolumns: a search takes time in proportion to it.
STYLE_POSITIONS = 2**16


class Hypercolumns(SampledLoss):
    """The mean cosine distance of hypercolumns to the style's hypercolumns that are assigned to them."""

    turns = 3

    def __init__(self, settings: Settings, content: SampledImage, styles: Iterable[SampledImage]):
        self.layers, self.content_share = settings.style_layers, settings.content_match
        size = content.picture.shape[2:]
        self.weight = None if content.mask is None else position_weights(content.mask, grid_size(size)).flatten()
        self.widths = [content.features[layer].shape[1] for layer in self.layers]
        self.content = torch.cat(self._columns(content), 1)
        generator = torch.Generator().manual_seed(settings.seed)
        self.style = torch.cat([self._chosen(style, generator) for style in styles])
        self.iterations, self.assigned = 0, torch.zeros(0, dtype=torch.long)
        self.targets: list[Tensor] = []

    @classmethod
    def coefficients(cls, settings: Settings) -> dict[str, float]:
        return {"nnst": 1.0}

    def parts(self, image: SampledImage, generator: torch.Generator) -> dict[str, Tensor]:
        columns = self._columns(image)
        if self.iterations % RENEWED_AFTER == 0 and (self.content_share < 1 or not self.iterations):
            self._assign(torch.cat([column.detach() for column in columns], 1))
        self.iterations += 1
        kind = torch.promote_types(columns[0].dtype, torch.float32)
        dots = sum((x * y).sum(1, dtype=kind) for x, y in zip(columns, self.targets, strict=True))
        squares = sum(x.square().sum(1, dtype=kind) for x in columns)
        distances = 1 - dots * torch.rsqrt(squares + 1e-12)
        weighted = distances if self.weight is None else distances * self.weight
        return {"nnst": weighted.mean()[None]}

    def _assign(self, columns: Tensor) -> None:
        """Search the nearest hypercolumn of the style for each position."""
        mixed = self.content_share * self.content + (1 - self.content_share) * columns
        self._set_assigned(nearest_centered(mixed, self.style))

    def _set_assigned(self, assigned: Tensor) -> None:
        self.assigned = assigned
        chosen = F.normalize(wide(self.style[assigned]), dim=1).to(self.style.dtype)
        self.targets = [*chosen.split(self.widths, 1)]

    def _columns(self, image: SampledImage) -> list[Tensor]:
        """Hypercolumns of an image by layer, (positions, channels) each, in the network's compute type."""
        size = grid_size(image.picture.shape[2:])
        maps = [(image.features[layer], weight) for layer, weight in self.layers.items()]
        return [resized(features, size) * (weight / features.shape[1]) for features, weight in maps]

    def _chosen(self, style: SampledImage, generator: torch.Generator) -> Tensor:
        """Random hypercolumns of a style, of the part that its mask shows, (n, channels)."""
        columns = torch.cat(self._columns(style), 1)
        if style.mask is not None:
            weight = F.adaptive_avg_pool2d(style.mask, grid_size(style.picture.shape[2:])).flatten()
            columns = columns[weight >= weight.max() / 2]
        return some(columns, count_of(style, STYLE_POSITIONS), generator)

    def state(self) -> dict[str, Tensor]:
        return {"evaluations": torch.tensor(self.iterations), "assigned": self.assigned.cpu()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.iterations = int(state["evaluations"])
        if self.iterations:
            self._set_assigned(state["assigned"].to(self.style.device))


def grid_size(size: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of the hypercolumns of an image of (rows, columns) px."""
    return max(1, size[0] // STRIDE), max(1, size[1] // STRIDE)


def resized(features: Tensor, size: tuple[int, int]) -> Tensor:
    """A feature map (1, channels, h, w) at another size: means of the positions, or interpolated where it is larger.

    Returns (positions, channels). By matrix products, whose gradients keep the memory format of the network: those of
    torch's pooling and interpolation do not, and converting took longer than the convolutions in 16 bits.
    """
    x = features.squeeze(0).permute(1, 2, 0)
    if x.shape[0] != size[0]:
        x = (_weights(x.shape[0], size[0], x.dtype, x.device) @ x.flatten(1)).unflatten(1, x.shape[1:])
    if x.shape[1] != size[1]:
        x = _weights(x.shape[1], size[1], x.dtype, x.device) @ x
    return x.flatten(0, 1)


@lru_cache(maxsize=64)
def _weights(length: int, wanted: int, kind: torch.dtype, device: torch.device) -> Tensor:
    """The weights of a row's positions in each position of a shorter or longer row, (wanted, length).

    Means over equal parts, as `adaptive_avg_pool2d` has them, or bilinear interpolation.
    """
    at, columns = torch.arange(wanted)[:, None], torch.arange(length)
    if wanted < length:
        inside = (columns >= at * length // wanted) & (columns < -(-(at + 1) * length // wanted))
        weights = inside / inside.sum(1, keepdim=True, dtype=torch.float64)
    else:
        centers = ((at.double() + 0.5) * (length / wanted) - 0.5).clamp(0, length - 1)
        weights = (1 - (columns - centers).abs()).clamp_min(0)
    return weights.to(device, kind)


def nearest_centered(x: Tensor, y: Tensor) -> Tensor:
    """The index in y (m, d) of the vector with the least cosine distance to each of x (n, d), (n,), after centering.

    In at least 32 bits, because the nearest are often closer to each other than 16 bits can tell. In parts, because the
    distances of all would not fit into memory.
    """
    x = centered(wide(x))
    middle = y.mean(0, dtype=x.dtype)
    best, found = x.new_full((len(x),), -torch.inf), torch.zeros(len(x), dtype=torch.long, device=x.device)
    for start in range(0, len(y), 8192):
        part = F.normalize(wide(y[start : start + 8192]) - middle, dim=1)
        for rows in torch.arange(len(x), device=x.device).split(4096):
            similarity, at = (x[rows] @ part.mT).max(1)
            better = similarity > best[rows]
            best[rows] = torch.where(better, similarity, best[rows])
            found[rows] = torch.where(better, at + start, found[rows])
    return found
