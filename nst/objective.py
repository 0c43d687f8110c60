"""The objective of a pair: targets measured once, then value, parts and gradient at any picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from nst import losses
from nst.networks import FeatureExtractor
from nst.settings import Settings, convolutions

#: Gram matrices (batch, N, N); where the style loss wants them, means (batch, N); of targets also `covariance_root`.
Statistics = tuple[Tensor, ...]

#: N of the losses' formulas: lite's channels stand for as many of VGG's, so that any weights suit it as they are.
VGG_WIDTHS = convolutions("vgg19")


class Region(NamedTuple):
    """Where a style is painted, (1, 1, height, width) in 0..1 or everywhere, how much it counts, and its targets."""

    mask: Tensor | None
    share: float
    targets: dict[str, Statistics]


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
        regions: (styles, 1, height, width) in 0..1, where each style is painted; they are mixed everywhere if None.
        style_mask: (1, 1, h, w) in 0..1, where the one style is taken from; everywhere if None.
        visible: (1, 1, height, width) in 0..1, how much the content's pixels count; all alike if None. Regions are
            within it.
    """

    def __init__(
        self,
        network: FeatureExtractor,
        content: Tensor,
        styles: Sequence[tuple[Tensor, float]],
        settings: Settings,
        *,
        regions: Tensor | None = None,
        style_mask: Tensor | None = None,
        visible: Tensor | None = None,
    ):
        self.network, self.settings = network, settings
        self.content_layers = settings.content_layers if settings.content_weight else {}
        self.style_layers = settings.style_layers if settings.style_weight else {}
        self.content: dict[str, Tensor]
        self.style: list[Region]
        self.visible = visible
        self._known: dict[object, Tensor] = {}  # what no evaluation changes; to make it may need the host
        with torch.no_grad():
            self.content = self._content_targets(content)
            if not self.style_layers:
                self.style = []
            elif regions is None:
                self.style = [Region(visible, 1.0, self._style_targets(styles, style_mask))]
            else:
                self.style = self._regions(regions, styles, style_mask)

    def _content_targets(self, content: Tensor) -> dict[str, Tensor]:
        found = self._projected(content) if self.content_layers else {}
        return {layer: self._seen(target, self._places(target)) for layer, target in found.items()}

    def _projected(self, picture: Tensor) -> dict[str, Tensor]:
        """The features of a picture at the content layers."""
        features = self.network(picture)
        return {layer: self.network.project(layer, features[layer]).clone() for layer in self.content_layers}

    def _places(self, features: Tensor) -> Tensor | None:
        """How much each place of a feature map counts in the content loss, (1, 1, h, w), mean 1; None: all alike."""
        if self.visible is None:
            return None
        weight = F.adaptive_avg_pool2d(self.visible, features.shape[2:])
        return weight / weight.mean().clamp_min(1e-6)

    @staticmethod
    def _seen(features: Tensor, places: Tensor | None) -> Tensor:
        """Features whose squared differences count as their places do."""
        return features if places is None else features * places.sqrt().to(features.dtype)

    def _regions(
        self, masks: Tensor, styles: Sequence[tuple[Tensor, float]], style_mask: Tensor | None
    ) -> list[Region]:
        """A region a style; each counts by its weight and its area, so that all are painted equally strongly."""
        shares = [weight * mask.mean().item() for mask, (_, weight) in zip(masks, styles, strict=True)]
        whole = sum(shares)
        return [
            Region(mask[None], share / whole, self._style_targets([style], style_mask))
            for mask, share, style in zip(masks, shares, styles, strict=True)
            if share
        ]

    def _style_targets(self, styles: Sequence[tuple[Tensor, float]], mask: Tensor | None) -> dict[str, Statistics]:
        """The weighted mean of the styles' statistics: its nearest point is that of the weighted losses."""
        whole = sum(weight for _, weight in styles)
        targets: dict[str, Statistics] = {}
        for picture, weight in styles:
            for layer, measured in self._measured(picture, mask).items():
                share = tuple(value * (weight / whole) for value in measured)
                before = targets.get(layer, (0.0,) * len(share))
                targets[layer] = tuple(a + b for a, b in zip(before, share, strict=True))
        if self.settings.style_loss == "wasserstein":
            return {layer: (*target, losses.covariance_root(*target)) for layer, target in targets.items()}
        return targets

    def _measured(self, picture: Tensor, mask: Tensor | None) -> dict[str, Statistics]:
        """The statistics of a picture at the style layers."""
        features = self.network(picture)
        return {layer: self._masked(layer, features[layer], mask) for layer in self.style_layers}

    def _masked(self, layer: str, features: Tensor, mask: Tensor | None) -> Statistics:
        """The statistics of the features that a mask shows.

        Each place counts by the mask's mean over what it stands for (guided Gram matrices, arXiv:1611.07865,
        equation 3).
        """
        if mask is None:
            return self.statistics(layer, features, None)
        weight = F.adaptive_avg_pool2d(mask, features.shape[2:])
        area = weight.mean().clamp_min(1e-6)
        return tuple(value / area for value in self.statistics(layer, features, weight))

    def statistics(self, layer: str, features: Tensor, weight: Tensor | None) -> Statistics:
        """What the style loss compares: the Gram matrix, and the channels' means where it wants them.

        Args:
            weight: (1, 1, height, width) of the features' places; 1 if None.
        """
        weighted = features if weight is None else features * weight.sqrt().to(features.dtype)
        grams = self.network.gram(layer, weighted)
        if self.settings.style_loss == "gram":
            return (grams,)
        weighted = features if weight is None else features * weight.to(features.dtype)
        return grams, self.network.means(layer, weighted)

    def evaluate(self, pictures: Tensor) -> Evaluation:
        """Value, parts and gradient at pictures (batch, 3, height, width) in 0..1: one forward, one backward pass."""
        pictures = pictures.detach().requires_grad_(True)
        with torch.enable_grad():
            total, parts = self._parts(pictures)
            (gradient,) = torch.autograd.grad(total.sum(), pictures)
        return Evaluation(total.detach(), {name: part.detach() for name, part in parts.items()}, gradient)

    def _parts(self, pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        features = self.network(pictures)
        content, style = {}, {}
        for layer, target in self.content.items():
            entering = self._evened(features[layer], self.settings.content_weight, self.content_layers, layer)
            factor = self._kept(layer, losses.content_factor, target, VGG_WIDTHS[layer])
            content[layer] = self.content_loss(layer, entering, target, factor, places=self._places(target))
        for layer in self.style_layers:
            entering = self._evened(features[layer], self.settings.style_weight, self.style_layers, layer)
            style[layer] = self._style(layer, entering)
        return self.combined(pictures, content, style)

    def _style(self, layer: str, features: Tensor) -> Tensor:
        """The style loss at a layer's features, (batch,)."""
        pixels, first = features[0, 0].numel(), self.style[0]
        if self.settings.style_loss == "gram" and first.mask is None and layer not in self.network.maps:
            [target] = first.targets[layer]
            factor = self._kept((layer, pixels), losses.style_factor, target, VGG_WIDTHS[layer], pixels)
            return losses.gram_distance(features, target, factor)
        return self.style_loss(layer, [self._masked(layer, features, region.mask) for region in self.style], pixels)

    def _kept(self, name: object, factor: Callable[..., Tensor], target: Tensor, *shape: int) -> Tensor:
        """A factor of the losses, which depends on targets only."""
        if name not in self._known:
            self._known[name] = factor(target, self.settings.normalisation, *shape)
        return self._known[name]

    def _evened(self, features: Tensor, weight: float, layers: dict[str, float], layer: str) -> Tensor:
        """The features; the gradient that goes back through them has its layer's weight for its size, if asked for."""
        if self.settings.gradient_normalisation == "no":
            return features
        size = weight * layers[layer] / scale_of(layers, self.settings.normalisation)
        return _Evened.apply(features, size)  # type: ignore[no-any-return, no-untyped-call]

    def combined(
        self, pictures: Tensor, content: dict[str, Tensor], style: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective (batch,) and every part of it, from the losses of the layers."""
        seen = pictures if self.settings.tv_weight else pictures.detach()
        tv = losses.total_variation(seen, self.settings.normalisation)  # costs little, so it is always known
        terms = torch.stack([*content.values(), *style.values(), tv], 1)
        names = ["content", "style", *(f"content:{layer}" for layer in content), *(f"style:{layer}" for layer in style)]
        whole = terms @ self._mixture(list(content), list(style), terms)
        parts = dict(zip([*names, "tv"], torch.cat([whole[:, :2], terms], 1).unbind(1), strict=True))
        return whole[:, 2], parts

    def _mixture(self, content: list[str], style: list[str], terms: Tensor) -> Tensor:
        """What content, style and the objective are of the layers' losses and tv, (losses, 3)."""
        s = self.settings
        name = (s.content_weight, s.style_weight, s.tv_weight)
        if name not in self._known:
            of_content = [
                self.content_layers[layer] / scale_of(self.content_layers, s.normalisation) for layer in content
            ]
            of_style = [self.style_layers[layer] / scale_of(self.style_layers, s.normalisation) for layer in style]
            rows = [(weight, 0.0, s.content_weight * weight) for weight in of_content]
            rows += [(0.0, weight, s.style_weight * weight) for weight in of_style]
            self._known[name] = terms.new_tensor([*rows, (0, 0, s.tv_weight)])
        return self._known[name]

    def content_loss(
        self,
        layer: str,
        features: Tensor,
        target: Tensor,
        factor: Tensor | None = None,
        places: Tensor | None = None,
    ) -> Tensor:
        """Of a layer's features, not yet projected, whose places count as the target's, (batch,)."""
        projected = self._seen(self.network.project(layer, features), places)
        return losses.content_loss(projected, target, self.settings.normalisation, VGG_WIDTHS[layer], factor)

    def style_loss(self, layer: str, found: Sequence[Statistics], pixels: int) -> Tensor:
        """Of a layer's statistics in each region, (batch,); pixels: of its whole feature map."""
        of_regions = [
            region.share * self._region_loss(layer, statistics, region.targets[layer], pixels)
            for region, statistics in zip(self.style, found, strict=True)
        ]
        return torch.stack(of_regions).sum(0)

    def _region_loss(self, layer: str, found: Statistics, wanted: Statistics, pixels: int) -> Tensor:
        if self.settings.style_loss == "covariance":
            return losses.covariance_loss(*found, *wanted)
        if self.settings.style_loss == "wasserstein":
            return losses.wasserstein_loss(*found, *wanted)
        return losses.style_loss(found[0], wanted[0], self.settings.normalisation, VGG_WIDTHS[layer], pixels)


def joined(objectives: Sequence[Objective]) -> Objective:
    """One objective of a batch of pictures from those of each, which differ in their targets only."""
    if len(objectives) == 1:
        return objectives[0]
    first = copy(objectives[0])
    first._known = {}
    first.content = {layer: torch.cat([o.content[layer] for o in objectives]) for layer in first.content}
    regions = zip(*(o.style for o in objectives), strict=True)
    first.style = [Region(of[0].mask, of[0].share, _stacked([region.targets for region in of])) for of in regions]
    return first


def _stacked(targets: Sequence[dict[str, Statistics]]) -> dict[str, Statistics]:
    """Statistics of one picture each as those of a batch."""
    return {
        layer: tuple(map(torch.cat, zip(*(target[layer] for target in targets), strict=True))) for layer in targets[0]
    }


def scale_of(weights: dict[str, float], kind: losses.Normalisation) -> float:
    """What the layers' weights are divided by."""
    return 1.0 if kind in ("mean", "sum") else sum(weights.values()) or 1.0


class _Evened(torch.autograd.Function):
    """The identity; the absolute values of its gradient sum up to `size` a picture (-normalize_gradients elsewhere)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, size: float) -> Tensor:
        ctx.size = size
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        whole = grads[0].abs().sum((1, 2, 3), keepdim=True, dtype=torch.float32)
        return (grads[0] * (ctx.size / (whole + 1e-8))).to(grads[0].dtype), None
