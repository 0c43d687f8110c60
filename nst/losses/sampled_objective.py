"""The objective with losses that compare sets of feature vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from nst.losses.objective import Objective, Part
from nst.losses.sampled import SampledImage, SampledLoss
from nst.losses.self_similarity import SelfSimilarity
from nst.losses.style import implementation
from nst.settings import STYLE_LOSSES

#: The seed's factor in that of an iteration: no two runs of an ordinary length share their samples.
ITERATIONS = 1_000_003


class SampledObjective(Objective):
    """`Objective` of one image, with a `SampledLoss` as its style loss, its content loss or both."""

    comparable = False
    recordable = False

    def _set_content(self, content: Tensor) -> None:
        self._iterations = 0
        self._losses: list[tuple[float, SampledLoss]] = []  # of each part of the image, with its share
        self._similarity: SampledLoss | None = None
        if self.settings.content_loss == "features":
            super()._set_content(content)
        elif self.content_layers:
            self._similarity = SelfSimilarity(self.settings, self._sample(content, self.visible), [])

    def _set_style(self, content: Tensor, regions: Sequence[Part], style_mask: Tensor | None) -> None:
        if STYLE_LOSSES[self.settings.style_loss].has_statistics:
            super()._set_style(content, regions, style_mask)
            return
        kind = implementation(self.settings.style_loss)
        sample = self._sample(content)
        for mask, share, styles in regions:
            samples = self._styles(styles, style_mask, kind.turns)
            self._losses.append((share, kind(self.settings, sample._replace(mask=mask), samples)))

    def _styles(
        self, styles: Sequence[tuple[Tensor, float]], mask: Tensor | None, turns: int
    ) -> Iterator[SampledImage]:
        """The styles, each also turned, one at a time."""
        total = sum(weight for _, weight in styles) * (1 + turns)
        for style, weight in styles:
            for turn in range(1 + turns):
                yield self._sample(turned(style, turn), None if mask is None else turned(mask, turn), weight / total)

    def _sample(self, picture: Tensor, mask: Tensor | None = None, share: float = 1.0) -> SampledImage:
        return self._sample_of(picture, self.network(picture), mask, share)

    def _sample_of(
        self, picture: Tensor, features: dict[str, Tensor], mask: Tensor | None = None, share: float = 1.0
    ) -> SampledImage:
        projected = {layer: self.network.project(layer, values) for layer, values in features.items()}
        return SampledImage(picture, projected, mask, share)

    def _parts(self, pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        seed = self.settings.seed * ITERATIONS + self._iterations
        self._generator = torch.Generator().manual_seed(seed)  # on the CPU: the same draws on every device
        self._iterations += 1
        return super()._parts(pictures)

    def _content_parts(self, pictures: Tensor, features: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._similarity is None:
            return super()._content_parts(pictures, features)
        return self._similarity.parts(self._sample_of(pictures, features), self._generator)

    def _style_parts(self, pictures: Tensor, features: dict[str, Tensor]) -> dict[str, Tensor]:
        if not self._losses:
            return super()._style_parts(pictures, features)
        image = self._sample_of(pictures, features)
        of_regions = [(share, loss.parts(image, self._generator)) for share, loss in self._losses]
        return {name: sum(share * parts[name] for share, parts in of_regions) for name in of_regions[0][1]}  # type: ignore[misc]

    def content_coefficients(self) -> dict[str, float]:
        if self._similarity is None:
            return super().content_coefficients()
        return self._similarity.coefficients(self.settings)

    def style_coefficients(self) -> dict[str, float]:
        if not self._losses:
            return super().style_coefficients()
        return self._losses[0][1].coefficients(self.settings)

    def state(self) -> dict[str, Any]:
        return {"evaluations": self._iterations, "losses": [loss.state() for _, loss in self._losses]}

    def continue_draws(self, state: dict[str, Any]) -> None:
        self._iterations = state["evaluations"]

    def load_state(self, state: dict[str, Any]) -> None:
        self.continue_draws(state)
        for (_, loss), saved in zip(self._losses, state["losses"], strict=True):
            loss.load_state(saved)


def turned(picture: Tensor, turns: int) -> Tensor:
    """Images (batch, channels, height, width), turned by 90° so many times."""
    return picture.rot90(turns, (2, 3))
