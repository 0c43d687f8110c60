"""The network that computes the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nst import weights


@dataclass(frozen=True)
class ReferenceNetwork:
    """A network for the metrics; its name contains the first digits of its weights' SHA-256."""

    network: str
    state: dict[str, Tensor]
    digest: str

    @classmethod
    def load(cls, network: str = "vgg19", weights_path: str = "oxford") -> ReferenceNetwork:
        """A network with its weights, by default the original VGG-19. NstError where they are missing or unusable."""
        state, _, digest = weights.load(network, weights_path)
        return cls(network, state, digest)

    @property
    def name(self) -> str:
        return f"{self.network}:{self.digest[:8]}"
