"""Batches of style transfers for the student to learn from, some of which it optimizes itself.

Optimized on the student's features, a picture moves to wherever they are wrong, so there it is taught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nst.lite.losses import STYLE_LAYERS
from nst.lite.schedule import Stage
from nst.losses.objective import Objective
from nst.networks.extractor import FeatureExtractor
from nst.optim.lbfgs import LBFGS
from nst.optim.preconditioner import Smoothing
from nst.settings import LITE_LAYERS, make

#: Iterations of a turn after which the pictures are shown to the student.
MARKS = (5, 20)
#: Turns of a running batch before another is started in its place, on average.
TURNS = 8
#: Batches that are running.
RUNNING = 8


@dataclass
class Stylization:
    """A batch of style transfers, (batch, 3, side, side) each.

    `coefficients` (batch, 6): of the content and of each style layer, in its loss and in the gradient that is taught.
    """

    pictures: Tensor
    contents: Tensor
    styles: Tensor
    coefficients: Tensor

    @classmethod
    def start(cls, crops: Iterator[Tensor], random: np.random.Generator) -> Stylization:
        """From the content, noise, the style, or a blend of the content with one of these."""
        contents, styles = next(crops), next(crops)
        other = styles if random.integers(2) else torch.rand_like(contents)
        pictures = torch.lerp(contents, other, float(max(0, random.uniform(-1, 1))))
        # All layers alike, as they are used, or mostly a few: a deep layer's gradient is small beside the others'.
        shares = np.full(5, 0.2) if random.random() < 0.5 else random.dirichlet(np.full(5, 0.3)) + 1e-3
        style = 10 ** random.uniform(0.3, 1.5) * shares
        coefficients = torch.tensor([float(random.random() > 0.1), *style], dtype=torch.float32)
        return cls(pictures, contents, styles, coefficients.expand(len(contents), -1).to(contents.device))

    def take_turn(self, state: dict[str, Tensor]) -> Iterator[Stylization]:
        """Optimize the pictures on an exported student; yields itself at each of the MARKS."""
        device, shape = self.pictures.device, self.pictures.shape
        network = FeatureExtractor("lite", state, LITE_LAYERS).convert(device, torch.bfloat16)
        content_weight, *shares = self.coefficients[0].tolist()
        settings = make({
            "network": "lite",
            "content_weight": content_weight,
            "style_weight": sum(shares),
            "style_layers": dict(zip(STYLE_LAYERS, shares, strict=True)),
        })  # fmt: skip
        objective = Objective(network, self.contents, [(self.styles, 1.0)], settings)
        x = self.pictures.flatten(1)
        optimizer = LBFGS(x, precondition=Smoothing(tuple(shape), device), memory=10, first_step=0.02, longest_step=0.1)
        for iteration in range(1, max(MARKS) + 1):
            x = optimizer.ask().clamp(0, 1)
            found = objective.evaluate(x.view(shape))
            optimizer.tell(x, found.total, found.gradient.flatten(1))
            if iteration in MARKS:
                self.pictures = optimizer.x.view(shape).clone()
                yield self


def stylizations(
    crops: Iterator[Tensor], student: Callable[[], dict[str, Tensor]], stage: Stage, seed: int
) -> Iterator[Stylization]:
    """Batches without end: just started, or optimized on the student as it is then.

    Args:
        student: gives its exported state.
    """
    random = np.random.default_rng(seed)
    running: list[Stylization] = []
    often = stage.stylized / (len(MARKS) - stage.stylized * (len(MARKS) - 1))  # a turn yields a batch per mark
    while True:
        if random.random() >= often:
            yield Stylization.start(crops, random)
            continue
        place = random.integers(RUNNING * TURNS)
        if place < RUNNING or len(running) < RUNNING:
            running = [*running[-RUNNING + 1 :], Stylization.start(crops, random)]
        yield from running[place % len(running)].take_turn(student())
