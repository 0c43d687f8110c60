"""The objective of an image that is too large for memory, evaluated tile by tile with the same result.

Statistics and content losses are sums over positions, so they add up over tiles. A first pass, without gradients, sums
the statistics of the whole image. They give the gradient of the style loss in each statistic. A second pass
backpropagates this gradient to the pixels, again tile by tile. The network's input is each tile with a halo wide enough
that the tile's features equal those of the whole image, so there are no seams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from nst.losses.functional import position_weights
from nst.losses.objective import Objective, ObjectiveValue, scale_of, used_layers
from nst.losses.style import Statistics
from nst.settings import Settings, convolutions, stride

#: Tiles start at multiples of this, the stride of conv5_x, so that their pooling windows are those of the whole image.
GRID = 16


class Tile(NamedTuple):
    """Rows and columns of a tile (start, end) in px, and those of its window: the tile with its halo."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    window_rows: tuple[int, int]
    window_columns: tuple[int, int]

    def window(self, picture: Tensor) -> Tensor:
        """The window's part of an image (batch, channels, height, width)."""
        return picture[:, :, slice(*self.window_rows), slice(*self.window_columns)]

    def of_window(self, features: Tensor, layer: str) -> Tensor:
        """The tile's part of the window's feature map."""
        step = stride(layer)
        rows = _slice_in_window(self.rows, self.window_rows, step)
        columns = _slice_in_window(self.columns, self.window_columns, step)
        return features[:, :, rows, columns]

    def of_image(self, features: Tensor, layer: str) -> Tensor:
        """The tile's part of the whole image's feature map."""
        step, (height, width) = stride(layer), features.shape[2:]
        return features[:, :, _slice_in_image(self.rows, step, height), _slice_in_image(self.columns, step, width)]


class TiledObjective(Objective):
    """`Objective` that divides its images into tiles of at most about `settings.tile` px per side.

    It takes two passes, and the memory of one tile with its halo.
    """

    recordable = False  # the kernels of a tile take longer than their launches, so they gain nothing from a graph

    @cached_property
    def halo(self) -> int:
        """Width of the halo in px."""
        return halo(self.settings)

    def content_features(self, picture: Tensor) -> dict[str, Tensor]:
        whole: dict[str, Tensor] = {}
        for tile in self._tiles(picture):
            features = self.network(tile.window(picture))
            for layer in self.content_layers:
                projected = self.network.project(layer, features[layer])
                if layer not in whole:
                    whole[layer] = projected.new_empty(*projected.shape[:2], *_size(picture, layer))
                tile.of_image(whole[layer], layer).copy_(tile.of_window(projected, layer))
        return whole

    def style_statistics(self, picture: Tensor, mask: Tensor | None) -> dict[str, Statistics]:
        totals: dict[str, Statistics] = {}
        weights = {layer: _weights(picture, mask, layer) for layer in self.style_layers}
        for tile in self._tiles(picture):
            features = self.network(tile.window(picture))
            for layer, weight in weights.items():
                totals[layer] = _added(totals.get(layer), self._share(tile, layer, features[layer], weight))
        return totals

    def _share(self, tile: Tile, layer: str, features: Tensor, weight: Tensor) -> Statistics:
        """A tile's contribution to the statistics; weight: of each position, (1, 1, height, width), mean 1."""
        inner, part = tile.of_window(features, layer), tile.of_image(weight, layer)
        share = part.numel() / weight.numel()
        return tuple(value * share for value in self.style_loss.statistics(self.network, layer, inner, part))

    def evaluate(self, pictures: Tensor) -> ObjectiveValue:
        """As `Objective.evaluate`, in two passes over the tiles."""
        pictures = pictures.detach()
        weights = [
            {layer: _weights(pictures, region.mask, layer) for layer in self.style_layers} for region in self.style
        ]
        content, sums = self._first_pass(pictures, weights)
        statistics = [value.requires_grad_(True) for of in sums for values in of.values() for value in values]
        inputs = pictures.clone().requires_grad_(True)
        with torch.enable_grad():
            style = {
                layer: self.style_distance(layer, [of[layer] for of in sums], weights[0][layer].numel())
                for layer in self.style_layers
            }
            total, parts = self.combined(inputs, content, style)
            total = total + 0 * inputs.sum()  # else without style and tv the total would not depend on the pixels
            gradients = torch.autograd.grad(
                total.sum(), [inputs, *statistics], allow_unused=True, materialize_grads=True
            )
        gradient = gradients[0].clone()
        self._second_pass(pictures, weights, gradients[1:], gradient)
        return ObjectiveValue(total.detach(), {name: part.detach() for name, part in parts.items()}, gradient)

    def _first_pass(
        self, pictures: Tensor, weights: list[dict[str, Tensor]]
    ) -> tuple[dict[str, Tensor], list[dict[str, Statistics]]]:
        """Content losses by layer, and for each region the statistics by layer, of the whole image."""
        content = {layer: pictures.new_zeros(len(pictures), dtype=torch.float32) for layer in self.content}
        sums: list[dict[str, Statistics]] = [{} for _ in self.style]
        with torch.no_grad():
            for tile in self._tiles(pictures):
                features = self.network(tile.window(pictures))
                for layer in content:
                    content[layer] = content[layer] + self._content_share(tile, layer, features[layer])
                for total, weight in zip(sums, weights, strict=True):
                    for layer in self.style_layers:
                        total[layer] = _added(
                            total.get(layer), self._share(tile, layer, features[layer], weight[layer])
                        )
        return content, sums

    def _second_pass(
        self, pictures: Tensor, weights: list[dict[str, Tensor]], gradients: Sequence[Tensor], gradient: Tensor
    ) -> None:
        """Add the gradient through the network to `gradient`; gradients: in each statistic."""
        s = self.settings
        scale = scale_of(self.content_layers, s.normalization)
        for tile in self._tiles(pictures):
            window = tile.window(pictures).clone().requires_grad_(True)
            with torch.enable_grad():
                features = self.network(window)
                surrogate = sum(
                    self._content_share(tile, layer, features[layer]).sum() * (s.content_weight * weight / scale)
                    for layer, weight in self.content_layers.items()
                )
                rest = iter(gradients)
                for of in weights:
                    for layer in self.style_layers:
                        for value in self._share(tile, layer, features[layer], of[layer]):
                            surrogate = surrogate + (value * next(rest)).sum()
                assert isinstance(surrogate, Tensor)
                (of_window,) = torch.autograd.grad(surrogate, window)
            tile.window(gradient).add_(of_window)

    def _content_share(self, tile: Tile, layer: str, features: Tensor) -> Tensor:
        """A tile's contribution to a layer's content loss, (batch,)."""
        return self.content_loss(
            layer, tile.of_window(features, layer), lambda features: tile.of_image(features, layer)
        )

    def _tiles(self, picture: Tensor) -> Iterator[Tile]:
        height, width = picture.shape[2:]
        for rows in _spans(height, self.settings.tile):
            for columns in _spans(width, self.settings.tile):
                yield Tile(rows, columns, _wider(rows, self.halo, height), _wider(columns, self.halo, width))


def halo(settings: Settings) -> int:
    """Radius in px of the receptive field of the deepest layer that is used, rounded up to GRID."""
    used = used_layers(settings)
    reach, step, widest = 0, 1, 0
    for name in convolutions(settings.network):
        if stride(name) != step:  # a pooling
            reach, step = reach + step, stride(name)
        reach += step
        if name in used:
            widest = reach
    return -(-widest // GRID) * GRID


def _spans(length: int, side: int) -> list[tuple[int, int]]:
    """Divide 0..length into spans of about equal length, at most `side` + GRID / 2, that start at multiples of GRID.

    A `side` below 2 · GRID px counts as that, because the last span could be too short for the deepest layer.
    """
    count = -(-length // max(side, 2 * GRID))
    starts = sorted({round(length * i / count / GRID) * GRID for i in range(count)})
    return list(zip(starts, [*starts[1:], length], strict=True))


def _wider(span: tuple[int, int], halo: int, length: int) -> tuple[int, int]:
    return max(0, span[0] - halo), min(length, span[1] + halo)


def _size(picture: Tensor, layer: str) -> tuple[int, int]:
    return picture.shape[2] // stride(layer), picture.shape[3] // stride(layer)


def _slice_in_window(span: tuple[int, int], window: tuple[int, int], step: int) -> slice:
    return slice((span[0] - window[0]) // step, (span[1] - window[0]) // step)


def _slice_in_image(span: tuple[int, int], step: int, length: int) -> slice:
    return slice(span[0] // step, min(length, span[1] // step))


def _weights(picture: Tensor, mask: Tensor | None, layer: str) -> Tensor:
    """Weight of each position of a layer's feature map, (1, 1, height, width), mean 1."""
    size = _size(picture, layer)
    return picture.new_ones(1, 1, *size) if mask is None else position_weights(mask, size)


def _added(total: Statistics | None, share: Statistics) -> Statistics:
    return share if total is None else tuple(a + b for a, b in zip(total, share, strict=True))
