"""What the teacher sees in a batch of stylizations, and a buffer of it: the teacher is expensive."""

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
    """Stylizations with the teacher's features in bf16 and its loss's gradient in the pictures.

    `pictures` (batch, 3, 3, side, side): picture, content, style; `features` (3 · batch, …) in the same order.
    """

    pictures: Tensor
    coefficients: Tensor
    features: dict[str, Tensor]
    gradients: Tensor

    @classmethod
    def of(
        cls, teacher: FeatureExtractor, scales: dict[str, float], stylization: Stylization, gradient: bool
    ) -> Sample:
        """The teacher's view of stylizations; its gradient only where that is wanted, 0 elsewhere."""
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
        """Each of the tensors, and how many of its rows belong to a picture."""
        yield from ((self.pictures, 1), (self.coefficients, 1), (self.gradients, 1))
        yield from ((f, 3) for f in self.features.values())


class Buffer:
    """The latest samples, each of which is used for several steps.

    Args:
        size: how many triples it holds.
    """

    def __init__(self, size: int):
        self.size, self.slot, self.filled = size, 0, 0
        self.kept: Sample | None = None

    def put(self, sample: Sample) -> None:
        """Replace the oldest."""
        if self.kept is None:
            self.kept = self._empty(sample)
        rows = (self.slot + torch.arange(len(sample.pictures))) % self.size
        for (kept, each), (new, _) in zip(self.kept.tensors(), sample.tensors(), strict=True):
            kept[_rows(rows, each)] = new
        self.slot = int(rows[-1] + 1) % self.size
        self.filled = min(self.size, self.filled + len(rows))

    def draw(self, count: int) -> Sample:
        """Some of them at random."""
        kept, rows = self.kept, torch.randperm(self.filled)[:count]
        assert kept is not None
        features = {name: f[_rows(rows, 3)] for name, f in kept.features.items()}
        return Sample(kept.pictures[rows], kept.coefficients[rows], features, kept.gradients[rows])

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
