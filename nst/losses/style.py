"""The interface of the style losses, and the lookup by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from nst.losses.functional import Normalization
from nst.networks.extractor import FeatureExtractor
from nst.settings import STYLE_LOSSES

#: Statistics of a feature map, tensors (batch, …).
Statistics = tuple[Tensor, ...]


class Normalizer(NamedTuple):
    """Parameters of a loss's normalization: see `nst.losses.functional`."""

    normalization: Normalization
    channels: int  # N: VGG-19's number of channels at the layer
    pixels: int  # M: the positions of the whole feature map


class StyleLoss(ABC):
    """Compares statistics of feature maps with those of the style.

    To add one, write a subclass in a module of its own and add a line to `nst.settings.STYLE_LOSSES`. Statistics must
    be means over positions. Then those of a whole feature map are the weighted mean of those of its parts, and those of
    a blend the weighted mean of those of its styles, so masks, tiles, blends and batches need no further code. For a
    loss without such statistics see `nst.losses.sampled`.
    """

    #: Whether a CUDA graph can record an iteration. False where the CPU waits for an intermediate result.
    recordable: ClassVar[bool] = True

    @abstractmethod
    def statistics(
        self, network: FeatureExtractor, layer: str, features: Tensor, weight: Tensor | None = None
    ) -> Statistics:
        """Means over the positions of a feature map, tensors (batch, …).

        Args:
            features: (batch, channels, height, width), before `network.project`.
            weight: (1, 1, height, width), of each position; None: 1.
        """

    def target(self, statistics: Statistics) -> Statistics:
        """The style's statistics as `distance` takes them, possibly extended; computed once per style."""
        return statistics

    @abstractmethod
    def distance(self, statistics: Statistics, target: Statistics, normalizer: Normalizer) -> Tensor:
        """The loss of statistics, (batch,); 0 where they equal the target's. Differentiable in `statistics`."""

    def shortcut(self, target: Statistics, normalizer: Normalizer) -> Callable[[Tensor], Tensor] | None:
        """A faster function from features without mask and projection to their loss (batch,); None: there is none."""
        return None


def style_loss(name: str) -> StyleLoss:
    """The style loss with a name from `STYLE_LOSSES`, of those with statistics."""
    loss = implementation(name)()
    assert isinstance(loss, StyleLoss)
    return loss


def implementation(name: str) -> Any:
    """The class of a style loss."""
    module, _, kind = STYLE_LOSSES[name].implementation.partition(":")
    return getattr(import_module(module), kind)
