"""What a style loss is, and where each is found by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from typing import ClassVar, NamedTuple

from torch import Tensor

from nst.losses.functional import Normalization
from nst.networks.extractor import FeatureExtractor
from nst.settings import STYLE_LOSSES

#: What of a feature map is compared, each (batch, …).
Statistics = tuple[Tensor, ...]


class Scale(NamedTuple):
    """How a squared distance becomes a loss: see `nst.losses.functional`."""

    normalization: Normalization
    channels: int
    """N: VGG-19's number of channels at the layer."""
    pixels: int
    """M: the places of the whole feature map."""


class StyleLoss(ABC):
    """Compares statistics of feature maps with those of the style.

    A new one is a subclass in a module of its own, and a line in `nst.settings.STYLE_LOSSES`. Masks, tiles, blends and
    batches need nothing else, because statistics are means over places: those of the parts of a feature map, each times
    its share of the places, add up to those of the whole; and those of blended styles mix in the same way.
    """

    #: Whether an iteration can be recorded as a CUDA graph: not where the CPU must wait for an intermediate result.
    recordable: ClassVar[bool] = True

    @abstractmethod
    def statistics(
        self, network: FeatureExtractor, layer: str, features: Tensor, weight: Tensor | None = None
    ) -> Statistics:
        """The means over places of what is compared.

        Args:
            features: (batch, channels, height, width) of the layer, before `network.project`.
            weight: (1, 1, height, width), how much each place counts; 1 if None.
        """

    def target(self, statistics: Statistics) -> Statistics:
        """What `distance` needs of the style's statistics: computed once."""
        return statistics

    @abstractmethod
    def distance(self, found: Statistics, target: Statistics, scale: Scale) -> Tensor:
        """The loss (batch,) of statistics: 0 where they are the target's; differentiable in `found`."""

    def shortcut(self, target: Statistics, scale: Scale) -> Callable[[Tensor], Tensor] | None:
        """A function of features that need no mask and no projection: their loss (batch,), in fewer steps.

        None, as here, where there is none.
        """
        return None


def style_loss(name: str) -> StyleLoss:
    """The style loss of a name in the settings."""
    module, _, kind = STYLE_LOSSES[name].home.partition(":")
    made = getattr(import_module(module), kind)()
    assert isinstance(made, StyleLoss)
    return made
