"""The objective of a pair: its targets are computed once; then it gives value, parts and gradient at any image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.losses import functional, matting
from nst.losses.functional import Normalization, position_weights, weighted
from nst.losses.style import Normalizer, Statistics, style_loss
from nst.networks.extractor import FeatureExtractor
from nst.settings import Settings, convolutions

#: N in the losses' formulas, also for lite, so that settings mean the same for both networks.
VGG_WIDTHS = convolutions("vgg19")


class Part(NamedTuple):
    """The part of the image that takes a style, or a blend."""

    mask: Tensor | None  # (1, 1, height, width) in 0..1; None: the whole image
    share: float  # factor of its loss in the style loss
    styles: Sequence[tuple[Tensor, float]]  # images (1, 3, h, w) and weights


class Region(NamedTuple):
    """The region of one style, or of the blend of all."""

    mask: Tensor | None  # (1, 1, height, width) in 0..1; None: the whole image
    share: float  # factor of the region's loss in the style loss
    targets: dict[str, Statistics]  # the style's statistics by layer


@dataclass(frozen=True)
class ObjectiveValue:
    """The objective at a batch of images.

    `total`: (batch,). `parts`: `content`, `style`, `tv`, with a photo_weight `photo`, and each layer, such as
    `content:conv4_2`, all without their weights, (batch,) each. `gradient`: shaped like the images.
    """

    total: Tensor
    parts: dict[str, Tensor]
    gradient: Tensor


class Objective:
    """content_weight · content + style_weight · style + tv_weight · tv (arXiv:1508.06576, equation 7) + photo_weight ·
    photo (`matting`).

    Content and style are weighted means over their layers (the paper's w = 1/5 each); with normalization `mean` and
    `sum`, weighted sums.

    Args:
        network: must return the features of all layers of the settings.
        content: (batch, 3, height, width).
        styles: pairs of a style image (batch or 1, 3, h, w) and its weight in the blend.
        regions: (styles, 1, height, width) in 0..1, the region of each style; None: their blend applies everywhere.
        style_mask: (1, 1, h, w) in 0..1, the part of the only style to match; None: all of it.
        visible: (1, 1, height, width) in 0..1, opacity of the content, the weight of its pixels; None: equal weights.
            Regions must be multiplied by it already.
        protection: (1, 1, height, width) in 0..1, where the content is kept; None: nowhere. Where it is 1, the content
            loss counts `protect_weight` times as much, and the style loss 1 / `protect_weight` as much.
    """

    #: Whether its values at different images are comparable. False where it changes from one evaluation to the next.
    comparable: ClassVar[bool] = True

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
        protection: Tensor | None = None,
    ):
        self.network, self.settings, self.visible, self.protection = network, settings, visible, protection
        self.content_layers = settings.content_layers if settings.content_weight else {}
        self.style_layers = settings.style_layers if settings.style_weight else {}
        self._cache: dict[object, Any] = {}  # constants of all iterations; computing them may block on the GPU
        self.content: dict[str, Tensor] = {}
        self.style: list[Region] = []
        with torch.no_grad():
            self._set_content(content)
            self.windows = matting.windows(content, visible) if settings.photo_weight else None
            if self.style_layers:
                self._set_style(content, self._divided(regions, styles), style_mask)

    @property
    def recordable(self) -> bool:
        """Whether a CUDA graph can record an evaluation."""
        return not self.style or self.style_loss.recordable

    def _set_content(self, content: Tensor) -> None:
        """Compute the targets of the content loss."""
        self.content = self._content_targets(content)

    def _set_style(self, content: Tensor, regions: Sequence[Part], style_mask: Tensor | None) -> None:
        """Compute the targets of the style loss."""
        self.style_loss = style_loss(self.settings.style_loss)
        self.style = [Region(mask, share, self._style_targets(styles, style_mask)) for mask, share, styles in regions]

    def content_features(self, picture: Tensor) -> dict[str, Tensor]:
        """The projected features of an image (batch, 3, height, width) at the content layers."""
        features = self.network(picture)
        return {layer: self.network.project(layer, features[layer]).clone() for layer in self.content_layers}

    def style_statistics(self, picture: Tensor, mask: Tensor | None) -> dict[str, Statistics]:
        """The statistics of an image at the style layers, weighted by a mask (1, 1, height, width) if given."""
        features = self.network(picture)
        return {layer: self._masked(layer, features[layer], mask) for layer in self.style_layers}

    def _content_targets(self, content: Tensor) -> dict[str, Tensor]:
        targets = self.content_features(content) if self.content_layers else {}
        if self.protection is not None:
            for layer, target in targets.items():  # of the unprotected target: the rest of the image keeps its weight
                self._content_factor(layer, weighted(target, self.visibility(target)))
        return {layer: weighted(target, self.position_weight(target)) for layer, target in targets.items()}

    def visibility(self, features: Tensor) -> Tensor | None:
        """Weight of each position of a feature map by its opacity, (1, 1, h, w), mean 1; None: equal weights."""
        return None if self.visible is None else position_weights(self.visible, features.shape[2:])

    def position_weight(self, features: Tensor) -> Tensor | None:
        """Weight of each position of a feature map in the content loss, (1, 1, h, w); None: equal weights.

        The visibility; where the content is protected, up to `protect_weight` times as much.
        """
        if self.protection is None:
            return self.visibility(features)
        share = F.adaptive_avg_pool2d(self.protection, features.shape[2:])
        return _product(self.visibility(features), 1 + (self.settings.protect_weight - 1) * share)

    def _divided(self, masks: Tensor | None, styles: Sequence[tuple[Tensor, float]]) -> list[Part]:
        """One part of the image for each style, or one for their blend.

        A part's share is proportional to its style's weight and to its area: with equal weights the style loss is
        equally strong per pixel. Protected pixels count less: a higher content loss alone leaves strokes across eyes.
        """
        rest = None
        if self.protection is not None:
            rest = 1 - (1 - 1 / self.settings.protect_weight) * self.protection
        if masks is None:
            return [Part(_product(self.visible, rest), 1.0, styles)]
        masks = masks if rest is None else masks * rest
        shares = [weight * mask.mean().item() for mask, (_, weight) in zip(masks, styles, strict=True)]
        total = sum(shares)
        return [
            Part(mask[None], share / total, [style])
            for mask, share, style in zip(masks, shares, styles, strict=True)
            if share
        ]

    def _style_targets(self, styles: Sequence[tuple[Tensor, float]], mask: Tensor | None) -> dict[str, Statistics]:
        """The weighted mean of the styles' statistics: matching it minimizes the weighted sum of the styles' losses."""
        total = sum(weight for _, weight in styles)
        means: dict[str, Statistics] = {}
        for picture, weight in styles:
            for layer, statistics in self.style_statistics(picture, mask).items():
                share = tuple(value * (weight / total) for value in statistics)
                before = means.get(layer, (0.0,) * len(share))
                means[layer] = tuple(a + b for a, b in zip(before, share, strict=True))
        return {layer: self.style_loss.target(mean) for layer, mean in means.items()}

    def _masked(self, layer: str, features: Tensor, mask: Tensor | None) -> Statistics:
        """The statistics of features, each position weighted by the mask's mean over its pixels."""
        if mask is None:
            return self.style_loss.statistics(self.network, layer, features)
        weight = F.adaptive_avg_pool2d(mask, features.shape[2:])
        area = functional.positive(weight.mean())
        return tuple(value / area for value in self.style_loss.statistics(self.network, layer, features, weight))

    def evaluate(self, pictures: Tensor) -> ObjectiveValue:
        """Value, parts and gradient at images (batch, 3, height, width) in 0..1, by one forward and backward pass."""
        pictures = pictures.detach().requires_grad_(True)
        with torch.enable_grad():
            total, parts = self._parts(pictures)
            (gradient,) = torch.autograd.grad(total.sum(), pictures)
        return ObjectiveValue(total.detach(), {name: part.detach() for name, part in parts.items()}, gradient)

    def _parts(self, pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        features = self.network(pictures)
        return self.combined(pictures, self._content_parts(pictures, features), self._style_parts(pictures, features))

    def _content_parts(self, pictures: Tensor, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The content loss by layer, (batch,) each."""
        parts = {}
        for layer in self.content:
            scaled = self._gradient_scaled(features[layer], self.settings.content_weight, self.content_layers, layer)
            parts[layer] = self.content_loss(layer, scaled)
        return parts

    def _style_parts(self, pictures: Tensor, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The style loss by layer, (batch,) each."""
        parts = {}
        for layer in self.style_layers:
            scaled = self._gradient_scaled(features[layer], self.settings.style_weight, self.style_layers, layer)
            parts[layer] = self._style(layer, scaled)
        return parts

    def content_coefficients(self) -> dict[str, float]:
        """The coefficients of the parts of the content loss."""
        scale = scale_of(self.content_layers, self.settings.normalization)
        return {layer: weight / scale for layer, weight in self.content_layers.items()}

    def style_coefficients(self) -> dict[str, float]:
        """The coefficients of the parts of the style loss."""
        scale = scale_of(self.style_layers, self.settings.normalization)
        return {layer: weight / scale for layer, weight in self.style_layers.items()}

    def state(self) -> dict[str, Any]:
        """What a resumed run needs of the objective besides its inputs."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""

    def continue_draws(self, state: dict[str, Any]) -> None:
        """Continue the random draws of an objective of another precision; what its features determined is not kept."""

    def _style(self, layer: str, features: Tensor) -> Tensor:
        """The style loss at a layer's features, (batch,)."""
        pixels, first = features[0, 0].numel(), self.style[0]
        if first.mask is None and layer not in self.network.maps:
            target, normalizer = first.targets[layer], self._normalizer(layer, pixels)
            loss_of = self._cached((layer, pixels), lambda: self.style_loss.shortcut(target, normalizer))
            if loss_of is not None:
                return loss_of(features)  # type: ignore[no-any-return]
        return self.style_distance(layer, [self._masked(layer, features, r.mask) for r in self.style], pixels)

    def _normalizer(self, layer: str, pixels: int) -> Normalizer:
        return Normalizer(self.settings.normalization, VGG_WIDTHS[layer], pixels)

    def _cached(self, name: object, compute: Callable[[], Any]) -> Any:
        if name not in self._cache:
            self._cache[name] = compute()
        return self._cache[name]

    def _gradient_scaled(self, features: Tensor, weight: float, layers: dict[str, float], layer: str) -> Tensor:
        """The features unchanged. With `normalize_gradients` their gradient is scaled to the layer's weight."""
        if self.settings.normalize_gradients == "no":
            return features
        size = weight * layers[layer] / scale_of(layers, self.settings.normalization)
        return _GradientOfSize.apply(features, size)  # type: ignore[no-any-return, no-untyped-call]

    def combined(
        self, pictures: Tensor, content: dict[str, Tensor], style: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective (batch,) and all its parts, from the losses of the layers."""
        # Total variation is cheap, so it is recorded even if its weight is 0.
        measured = pictures if self.settings.tv_weight else pictures.detach()
        tv = functional.total_variation(measured, self.settings.normalization, self.visible)
        of_pixels = {"tv": tv}
        if self.windows is not None:
            of_pixels["photo"] = matting.photo_loss(pictures, self.windows, self.settings.normalization)
        terms = torch.stack([*content.values(), *style.values(), *of_pixels.values()], 1)
        names = ["content", "style", *(f"content:{layer}" for layer in content), *(f"style:{layer}" for layer in style)]
        sums = terms @ self._mixture(list(content), list(style), terms)  # content, style and the objective
        parts = dict(zip([*names, *of_pixels], torch.cat([sums[:, :2], terms], 1).unbind(1), strict=True))
        return sums[:, 2], parts

    def _mixture(self, content: list[str], style: list[str], terms: Tensor) -> Tensor:
        """The matrix from the parts of the losses, tv and photo to content, style and objective, (losses, 3)."""
        s = self.settings

        def compute() -> Tensor:
            of_content, of_style = self.content_coefficients(), self.style_coefficients()
            rows = [(of_content[name], 0.0, s.content_weight * of_content[name]) for name in content]
            rows += [(0.0, of_style[name], s.style_weight * of_style[name]) for name in style]
            rows += [(0.0, 0.0, s.tv_weight)]
            rows += [] if self.windows is None else [(0.0, 0.0, s.photo_weight)]
            return terms.new_tensor(rows)

        return self._cached((s.content_weight, s.style_weight, s.tv_weight), compute)  # type: ignore[no-any-return]

    def content_loss(
        self, layer: str, features: Tensor, part: Callable[[Tensor], Tensor] = lambda features: features
    ) -> Tensor:
        """The content loss (batch,) of a layer's features before projection.

        part: where the features are a part of the map, selects the same part of a whole map. The losses of disjoint
        parts add up to that of the whole.
        """
        target = self.content[layer]
        weight = self._cached(("weight", layer), lambda: self.position_weight(target))
        projected = weighted(self.network.project(layer, features), None if weight is None else part(weight))
        return functional.content_distance(projected, part(target), self._content_factor(layer, target))

    def _content_factor(self, layer: str, target: Tensor) -> Tensor:
        """The factor of a layer's squared distance in the content loss, (batch,), by the target of the first call."""
        kind, channels = self.settings.normalization, VGG_WIDTHS[layer]
        factor: Tensor = self._cached(layer, lambda: functional.content_factor(target, kind, channels))
        return factor

    def style_distance(self, layer: str, by_region: Sequence[Statistics], pixels: int) -> Tensor:
        """The style loss (batch,) of a layer's statistics in each region; pixels: those of the whole feature map."""
        normalizer = self._normalizer(layer, pixels)
        of_regions = [
            region.share * self.style_loss.distance(statistics, region.targets[layer], normalizer)
            for region, statistics in zip(self.style, by_region, strict=True)
        ]
        return torch.stack(of_regions).sum(0)


def used_layers(settings: Settings) -> list[str]:
    """The layers of the losses whose weights are not 0."""
    of_content = settings.content_layers if settings.content_weight else ()
    return [*of_content, *(settings.style_layers if settings.style_weight else ())]


def joined(objectives: Sequence[Objective]) -> Objective:
    """The objective of a batch, from those of its images, which may differ in their targets only."""
    if len(objectives) == 1:
        return objectives[0]
    first = copy(objectives[0])
    first._cache = {}
    first.content = {layer: torch.cat([o.content[layer] for o in objectives]) for layer in first.content}
    if first.windows is not None:
        first.windows = matting.joined([o.windows for o in objectives if o.windows is not None])
    regions = zip(*(o.style for o in objectives), strict=True)
    first.style = [Region(of[0].mask, of[0].share, _stacked([region.targets for region in of])) for of in regions]
    return first


def _product(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """The product of two weights, of which None is 1 everywhere."""
    if one is None or other is None:
        return other if one is None else one
    return one * other


def _stacked(targets: Sequence[dict[str, Statistics]]) -> dict[str, Statistics]:
    """Concatenate the statistics of single images to those of a batch."""
    return {
        layer: tuple(map(torch.cat, zip(*(target[layer] for target in targets), strict=True))) for layer in targets[0]
    }


def scale_of(weights: dict[str, float], kind: Normalization) -> float:
    """The divisor of the layers' weights: their sum, 1 with normalization `mean` and `sum`."""
    return 1.0 if kind in ("mean", "sum") else sum(weights.values()) or 1.0


class _GradientOfSize(torch.autograd.Function):
    """The identity; its gradient is scaled so that its absolute values sum to `size` for each image."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, size: float) -> Tensor:
        ctx.size = size
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        total = grads[0].abs().sum((1, 2, 3), keepdim=True, dtype=torch.float32)
        return (grads[0] * (ctx.size / (total + 1e-8))).to(grads[0].dtype), None
