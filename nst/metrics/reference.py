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
    def load(cls, network: str = "vgg19", weights_path: str | None = None) -> ReferenceNetwork:
        """A network with its weights; None: the original ones of VGG-19, `auto` for others.

        Raises NstError where they are missing or unusable.
        """
        state, _, digest = weights.load(network, weights_path or ("oxford" if network == "vgg19" else "auto"))
        return cls(network, state, digest)

    @property
    def name(self) -> str:
        return f"{self.network}:{self.digest[:8]}"
