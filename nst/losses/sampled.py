"""The interface of losses that compare sets of feature vectors.

They have no statistics that add up over positions, so they need whole feature maps: no tiles, no batches. In each
iteration they may sample other positions or directions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from nst.settings import Settings


class SampledImage(NamedTuple):
    """An image as a loss sees it."""

    picture: Tensor  # (1, 3, height, width) in 0..1
    features: dict[str, Tensor]  # by layer, projected, (1, channels, h, w)
    mask: Tensor | None = None  # (1, 1, height, width) in 0..1, weights of its pixels; None: equal
    share: float = 1.0  # its weight in a blend; the shares of all add up to 1


class SampledLoss(ABC):
    """A loss of an image, or of a part of it, relative to its content and styles. It may have a state.

    To add one, write a subclass in a module of its own and add a line to `nst.settings.STYLE_LOSSES`.

    Args:
        content: the content; its mask is the part of the image that counts. styles: one, or those of a blend,
            to be read once.
    """

    #: Quarter turns of each style that are used besides the style itself.
    turns: ClassVar[int] = 0

    @abstractmethod
    def __init__(self, settings: Settings, content: SampledImage, styles: Iterable[SampledImage]): ...

    @abstractmethod
    def parts(self, image: SampledImage, generator: torch.Generator) -> dict[str, Tensor]:
        """The parts of the loss by name, (1,) each, differentiable in the image's features and pixels.

        generator: on the CPU, the source of all that is sampled.
        """

    @classmethod
    def coefficients(cls, settings: Settings) -> dict[str, float]:
        """The coefficients of the parts, by name; here a weighted mean over the style layers."""
        total = sum(settings.style_layers.values())
        return {layer: weight / total for layer, weight in settings.style_layers.items()}

    def state(self) -> dict[str, Tensor]:
        """What a resumed run needs besides the inputs."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:  # noqa: B027  # most losses have none
        """Restore a `state`, whose tensors may be on another device."""
