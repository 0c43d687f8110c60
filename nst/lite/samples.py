"""Training samples: stylizations with the teacher's features and gradients, and a buffer to reuse them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nst.lite.losses import transfer_loss
from nst.lite.stylizations import Stylization
from nst.losses.functional import gram
from nst.networks.extractor import FeatureExtractor


@dataclass
class Sample:
    """A batch of stylizations with the teacher's features, in its type, and the gradient of its loss in the images.

    Attributes:
        pictures: (batch, 3, 3, side, side): image, content, style. coefficients: see `Stylization`.
        features: by layer, (3 · batch, N, h, w), in the order of `pictures`. gradients: (batch, 3, side, side).
    """

    pictures: Tensor
    coefficients: Tensor
    features: dict[str, Tensor]
    gradients: Tensor

    @classmethod
    def of(
        cls, teacher: FeatureExtractor, scales: dict[str, float], stylization: Stylization, gradient: bool
    ) -> Sample:
        """Evaluate the teacher; without `gradient` the gradients are 0. scales: divisors of the features by layer."""
        pictures = stylization.pictures.clone().requires_grad_(gradient)
        triples = torch.stack([pictures, stylization.contents, stylization.styles], 1)
        features = {name: f / scales[name] for name, f in teacher(triples.flatten(0, 1)).items()}
        gradients = torch.zeros_like(pictures)
        if gradient:
            grams = {name: gram(f) for name, f in features.items()}
            loss = transfer_loss(grams, features["conv4_2"].float(), stylization.coefficients)
            (gradients,) = torch.autograd.grad(loss.sum(), pictures)
        features = {name: f.detach() for name, f in features.items()}
        return cls(triples.detach(), stylization.coefficients, features, gradients)

    def tensors(self) -> Iterator[tuple[Tensor, int]]:
        """All tensors, each with its number of rows per triple."""
        yield from ((self.pictures, 1), (self.coefficients, 1), (self.gradients, 1))
        yield from ((f, 3) for f in self.features.values())


class Buffer:
    """A ring buffer of the latest samples: each is used for several steps, because the teacher is expensive.

    size: capacity in triples.
    """

    def __init__(self, size: int):
        self.size, self.slot, self.filled = size, 0, 0
        self.samples: Sample | None = None

    def put(self, sample: Sample) -> None:
        """Store a sample in place of the oldest triples."""
        if self.samples is None:
            self.samples = self._empty(sample)
        rows = (self.slot + torch.arange(len(sample.pictures))) % self.size
        for (stored, each), (new, _) in zip(self.samples.tensors(), sample.tensors(), strict=True):
            stored[_rows(rows, each)] = new
        self.slot = int(rows[-1] + 1) % self.size
        self.filled = min(self.size, self.filled + len(rows))

    def draw(self, count: int) -> Sample:
        """`count` random triples, or all if there are fewer."""
        stored, rows = self.samples, torch.randperm(self.filled)[:count]
        assert stored is not None
        features = {name: f[_rows(rows, 3)] for name, f in stored.features.items()}
        return Sample(stored.pictures[rows], stored.coefficients[rows], features, stored.gradients[rows])

    def _empty(self, sample: Sample) -> Sample:
        empty = copy.copy(sample)
        empty.pictures, empty.coefficients, empty.gradients = (
            t.new_empty(self.size, *t.shape[1:]) for t in (sample.pictures, sample.coefficients, sample.gradients)
        )
        empty.features = {
            name: f.new_empty(3 * self.size, *f.shape[1:]).to(memory_format=torch.channels_last)
            for name, f in sample.features.items()
        }
        return empty


def _rows(rows: Tensor, each: int) -> Tensor:
    return (rows[:, None] * each + torch.arange(each)).flatten()
