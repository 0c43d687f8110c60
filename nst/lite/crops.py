"""Random crops of the training images, computed by worker processes in parallel to the training."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Crops(Dataset):
    """An endless series of augmented crops: scaled, flipped, recolored, blended, with noise.

    A crop depends on the seed and its index only, so the series does not depend on the number of worker processes.

    pictures: (3, h, w) uint8 each. side: of the crops, px.
    """

    def __init__(self, pictures: list[Tensor], side: int, seed: int):
        self.pictures, self.side, self.seed = pictures, side, seed

    def __getitem__(self, index: int) -> Tensor:
        """The crop with an index, (3, side, side) in 0..1, in float16 because it is sent between processes."""
        return self._augmented(np.random.default_rng((self.seed, index))).half()

    def _augmented(self, random: np.random.Generator) -> Tensor:
        """A crop, a blend of two, two side by side, or noise; a quarter of them with grain."""
        crop, kind = self._recolored(self._cut(random), random), random.random()
        if kind < 0.12:
            crop = torch.lerp(crop, self._recolored(self._cut(random), random), float(random.uniform(0.1, 0.9)))
        elif kind < 0.2:
            seam = int(random.uniform(0.2, 0.8) * self.side)
            crop[:, :, seam:] = self._cut(random)[:, :, seam:]
        elif kind < 0.23:
            crop = self._noise(random)
        if random.random() < 0.25:
            grain = torch.from_numpy(random.standard_normal(crop.shape, np.float32))
            crop = crop + float(random.uniform(0, 0.2)) * grain
        return crop.clamp(0, 1)

    def _cut(self, random: np.random.Generator) -> Tensor:
        side = self.side
        picture = self.pictures[random.integers(len(self.pictures))]
        height, width = picture.shape[1:]
        cut = int(min(height, width, side * 2 ** random.uniform(-0.7, 1.3)))
        top, left = random.integers(height - cut + 1), random.integers(width - cut + 1)
        crop = picture[:, top : top + cut, left : left + cut].float()[None] / 255
        crop = F.interpolate(crop, size=(side, side), mode="bicubic", antialias=True, align_corners=False)[0]
        if random.random() < 0.5:
            crop = crop.flip(2)
        if random.random() < 0.15:
            crop = crop.transpose(1, 2)
        return crop.contiguous()

    def _recolored(self, crop: Tensor, random: np.random.Generator) -> Tensor:
        if random.random() < 0.5:
            return crop
        if random.random() < 0.25:
            crop = crop[torch.from_numpy(random.permutation(3))]
        if random.random() < 0.05:
            crop = 1 - crop
        gray = crop.mean(0, keepdim=True)
        crop = torch.lerp(gray, crop, float(random.uniform(0, 2)))  # saturation
        middle = crop.mean()
        crop = (crop - middle) * float(random.uniform(0.4, 1.5)) + middle * float(random.uniform(0.6, 1.3))
        return crop.clamp(0, 1) ** float(2 ** random.uniform(-0.5, 0.5))

    def _noise(self, random: np.random.Generator) -> Tensor:
        """Noise with random grain size and contrast around a random color."""
        side = self.side
        grain = max(1, int(side / 2 ** random.uniform(0, 5)))
        noise = torch.from_numpy(random.standard_normal((1, 3, grain, grain), np.float32))
        noise = F.interpolate(noise, size=(side, side), mode="bilinear", align_corners=False)[0]
        color = torch.from_numpy(random.uniform(0, 1, (3, 1, 1)).astype(np.float32))
        return (color + float(random.uniform(0, 0.4)) * noise).clamp(0, 1)


def batches(crops: Crops, count: int, device: torch.device, workers: int = 0) -> Iterator[Tensor]:
    """Batches of crops without end, (count, 3, side, side) float32 on a device, in the order of their index.

    workers: processes that compute crops in advance; 0: this process computes them on demand.
    """
    loader = DataLoader(
        crops,
        batch_size=count,
        sampler=itertools.count(),
        num_workers=workers,
        pin_memory=device.type == "cuda",
        # Forked processes share the images' memory; spawned ones would copy it.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )
    for batch in loader:
        yield batch.to(device, non_blocking=True).float()
