"""What the optimizer's numbers are: the pixels themselves, or the parameters of a network that makes the picture."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.func import functional_call

from nst.engine.transformation import Transformation
from nst.machine import runtime


class Canvas(Protocol):
    """From parameters (batch, n), which an optimizer moves, to pictures, and from their gradient back to theirs."""

    def into_range(self, x: Tensor) -> Tensor:
        """The parameters that are evaluated in place of those that the optimizer asks for."""

    def picture(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width)."""

    def gradient(self, x: Tensor, of_picture: Tensor) -> Tensor:
        """The gradient in the parameters, (batch, n), that follows from that in the picture."""


class PixelCanvas:
    """The parameters are the pixels.

    Args:
        shape: (batch, channels, height, width); one channel makes gray pictures. kind: `pixel_range`, what keeps their
            pixels in 0..1.
    """

    def __init__(self, shape: tuple[int, ...], kind: str):
        self.shape, self.kind = shape, kind

    def parameters(self, picture: Tensor) -> Tensor:
        """Those that make pictures (batch, 3, height, width), gray if there is one channel, (batch, n)."""
        return (picture.mean(1) if self.shape[1] == 1 else picture).reshape(len(picture), -1)

    def into_range(self, x: Tensor) -> Tensor:
        """Clamp, or rescale what has left 0..1; clip waits for the end."""
        if self.kind == "clamp":
            return x.clamp(0, 1)
        if self.kind == "rescale":
            low, high = x.amin(1, keepdim=True).clamp_max(0), x.amax(1, keepdim=True).clamp_min(1)
            return (x - low) / (high - low)
        return x

    def picture(self, x: Tensor) -> Tensor:
        return x.view(-1, *self.shape[1:]).expand(-1, 3, -1, -1)

    def gradient(self, x: Tensor, of_picture: Tensor) -> Tensor:
        if self.shape[1] == 1:
            of_picture = of_picture.sum(1)
        return of_picture.reshape(x.shape)


class NetworkCanvas:
    """The parameters are those of a `Transformation` that is shown the content.

    Args:
        content: (1, 3, height, width). seed: of the first parameters.
    """

    def __init__(self, content: Tensor, seed: int):
        self.content = content
        self.network = Transformation(seed).to(content.device)
        self._seen: tuple[Tensor, Tensor] | None = None

    def start(self) -> Tensor:
        """The first parameters, (1, n)."""
        return torch.cat([p.detach().flatten() for p in self.network.parameters()])[None]

    def state(self, x: Tensor) -> dict[str, Tensor]:
        """The parameters by name, as `Transformation.load_state_dict` takes them."""
        sizes = [p.numel() for p in self.network.parameters()]
        named = zip(self.network.named_parameters(), x[0].split(sizes), strict=True)
        return {name: part.view(p.shape) for (name, p), part in named}

    def into_range(self, x: Tensor) -> Tensor:
        return x

    def picture(self, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_(True)
        with runtime.turn(x.device), torch.enable_grad():
            made = functional_call(self.network, self.state(x), (self.content,))
        self._seen = x, made
        return made.detach()

    def gradient(self, x: Tensor, of_picture: Tensor) -> Tensor:
        """Of the last picture that was made."""
        assert self._seen is not None
        parameters, made = self._seen
        (gradient,) = torch.autograd.grad(made, parameters, of_picture)
        self._seen = None
        return gradient
