"""The objective of a pair: targets measured once, then value, parts and gradient at any picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst import losses
from nst.networks import FeatureExtractor
from nst.settings import Settings, convolutions

#: Gram matrices (batch, N, N) and, where the style loss wants them, means (batch, N).
Statistics = tuple[Tensor, ...]

#: N of the losses' formulas: lite's channels stand for as many of VGG's, so that any weights suit it as they are.
VGG_WIDTHS = convolutions("vgg19")


@dataclass(frozen=True)
class Evaluation:
    """The objective at a batch of pictures.

    `total` (batch,); `parts` content, style, tv and each layer (`content:conv4_2`), unweighted, (batch,);
    `gradient` like the pictures.
    """

    total: Tensor
    parts: dict[str, Tensor]
    gradient: Tensor


class Objective:
    """content_weight · content + style_weight · style + tv_weight · tv (arXiv:1508.06576, equation 7).

    Layers are averaged by their weights (the paper's w = 1/5 each), except with normalisation `mean` and `sum`, which
    add them.

    Args:
        network: gives the features of every layer of the settings.
        content: (batch, 3, height, width). styles: of each blended style picture (batch or 1, 3, h, w) and its weight.
    """

    def __init__(
        self, network: FeatureExtractor, content: Tensor, styles: Sequence[tuple[Tensor, float]], settings: Settings
    ):  # fmt: skip
        self.network, self.settings = network, settings
        self.content_layers = settings.content_layers if settings.content_weight else {}
        self.style_layers = settings.style_layers if settings.style_weight else {}
        self.content: dict[str, Tensor]
        self.style: dict[str, Statistics]
        with torch.no_grad():
            self.content = self._content_targets(content)
            self.style = self._style_targets(styles)

    def _content_targets(self, content: Tensor) -> dict[str, Tensor]:
        if not self.content_layers:
            return {}
        features = self.network(content)
        return {layer: self.network.project(layer, features[layer]).clone() for layer in self.content_layers}

    def _style_targets(self, styles: Sequence[tuple[Tensor, float]]) -> dict[str, Statistics]:
        """The weighted mean of the styles' statistics: its nearest point is that of the weighted losses."""
        if not self.style_layers:
            return {}
        whole = sum(weight for _, weight in styles)
        targets: dict[str, Statistics] = {}
        for picture, weight in styles:
            features = self.network(picture)
            for layer in self.style_layers:
                share = tuple(value * (weight / whole) for value in self._statistics(layer, features[layer]))
                before = targets.get(layer, (0.0,) * len(share))
                targets[layer] = tuple(a + b for a, b in zip(before, share, strict=True))
        return targets

    def _statistics(self, layer: str, features: Tensor) -> Statistics:
        """What the style loss compares: the Gram matrix, and the channels' means where it wants them."""
        grams = self.network.gram(layer, features)
        return (grams,) if self.settings.style_loss == "gram" else (grams, self.network.means(layer, features))

    def evaluate(self, pictures: Tensor) -> Evaluation:
        """Value, parts and gradient at pictures (batch, 3, height, width) in 0..1: one forward, one backward pass."""
        pictures = pictures.detach().requires_grad_(True)
        with torch.enable_grad():
            parts = self._parts(pictures)
            total = self._total(parts)
            (gradient,) = torch.autograd.grad(total.sum(), pictures)
        return Evaluation(total.detach(), {name: part.detach() for name, part in parts.items()}, gradient)

    def _total(self, parts: dict[str, Tensor]) -> Tensor:
        s = self.settings
        weights = {"content": s.content_weight, "style": s.style_weight, "tv": s.tv_weight}
        total = torch.zeros_like(parts["tv"])
        for name, weight in weights.items():
            if weight:
                total = total + weight * parts[name]
        return total

    def _parts(self, pictures: Tensor) -> dict[str, Tensor]:
        kind = self.settings.normalisation
        features = self.network(pictures)
        content = {
            layer: losses.content_loss(
                self.network.project(layer, features[layer]), self.content[layer], kind, VGG_WIDTHS[layer]
            )
            for layer in self.content_layers
        }
        style = {layer: self._style_loss(layer, features[layer]) for layer in self.style_layers}
        zero = pictures.new_zeros(len(pictures))
        return {
            "content": _mixed(content, self.content_layers, kind) if content else zero,
            "style": _mixed(style, self.style_layers, kind) if style else zero,
            "tv": losses.total_variation(pictures, kind),  # costs nothing, so it is always known
            **{f"content:{layer}": value for layer, value in content.items()},
            **{f"style:{layer}": value for layer, value in style.items()},
        }

    def _style_loss(self, layer: str, features: Tensor) -> Tensor:
        found, wanted = self._statistics(layer, features), self.style[layer]
        if self.settings.style_loss == "covariance":
            return losses.covariance_loss(*found, *wanted)
        if self.settings.style_loss == "wasserstein":
            return losses.wasserstein_loss(*found, *wanted)
        pixels = features[0, 0].numel()
        return losses.style_loss(found[0], wanted[0], self.settings.normalisation, VGG_WIDTHS[layer], pixels)


def _mixed(values: dict[str, Tensor], weights: dict[str, float], kind: losses.Normalisation) -> Tensor:
    scale = 1.0 if kind in ("mean", "sum") else sum(weights.values()) or 1.0
    return torch.stack([values[layer] * (weight / scale) for layer, weight in weights.items()]).sum(0)
