"""Batches of style transfers to train on, some of them optimized on the student's own features.

Such an optimization leads to images where the student's features are wrong, and there it is trained.
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
from nst.machine import runtime
from nst.networks.extractor import FeatureExtractor
from nst.optim.lbfgs import LBFGS
from nst.optim.preconditioner import Smoothing
from nst.settings import LITE_LAYERS, make

#: Iterations of an optimization after which its images become a sample.
SAMPLED_ITERATIONS = (5, 20)
#: Mean number of optimizations of a running batch before another replaces it.
OPTIMIZATIONS = 8
#: Batches that are running at a time.
RUNNING = 8


@dataclass
class Stylization:
    """A batch of style transfers, (batch, 3, side, side) each.

    `coefficients`: (batch, 6), of the content loss and of each style layer's loss in `transfer_loss`.
    """

    pictures: Tensor
    contents: Tensor
    styles: Tensor
    coefficients: Tensor

    @classmethod
    def start(cls, crops: Iterator[Tensor], random: np.random.Generator) -> Stylization:
        """A new batch, started from the content, or from its blend with noise or the style."""
        contents, styles = next(crops), next(crops)
        other = styles if random.integers(2) else torch.rand_like(contents)
        pictures = torch.lerp(contents, other, float(max(0, random.uniform(-1, 1))))
        # Equal shares, as in use, or mostly a few layers: at equal shares a deep layer's gradient is relatively small.
        shares = np.full(5, 0.2) if random.random() < 0.5 else random.dirichlet(np.full(5, 0.3)) + 1e-3
        style = 10 ** random.uniform(0.3, 1.5) * shares
        coefficients = torch.tensor([float(random.random() > 0.1), *style], dtype=torch.float32)
        return cls(pictures, contents, styles, coefficients.expand(len(contents), -1).to(contents.device))

    def optimize(self, state: dict[str, Tensor]) -> Iterator[Stylization]:
        """Optimize the images on an exported student. Yields itself at each of the SAMPLED_ITERATIONS."""
        device, shape = self.pictures.device, self.pictures.shape
        network = FeatureExtractor("lite", state, LITE_LAYERS).convert(device, runtime.compute_type("auto", device))
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
        for iteration in range(1, max(SAMPLED_ITERATIONS) + 1):
            x = optimizer.ask().clamp(0, 1)
            value = objective.evaluate(x.view(shape))
            optimizer.tell(x, value.total, value.gradient.flatten(1))
            if iteration in SAMPLED_ITERATIONS:
                self.pictures = optimizer.x.view(shape).clone()
                yield self


def stylizations(
    crops: Iterator[Tensor], student: Callable[[], dict[str, Tensor]], stage: Stage, seed: int
) -> Iterator[Stylization]:
    """Batches without end: newly started ones, and ones optimized on the current student.

    student: returns the student's exported state dict.
    """
    random = np.random.default_rng(seed)
    running: list[Stylization] = []
    each = len(SAMPLED_ITERATIONS)  # batches that an optimization yields
    probability = stage.stylized / (each - stage.stylized * (each - 1))
    while True:
        if random.random() >= probability:
            yield Stylization.start(crops, random)
            continue
        index = random.integers(RUNNING * OPTIMIZATIONS)
        if index < RUNNING or len(running) < RUNNING:
            running = [*running[-RUNNING + 1 :], Stylization.start(crops, random)]
        yield from running[index % len(running)].optimize(student())
