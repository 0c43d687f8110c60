"""What is optimized: the pixels themselves, or the parameters of a network that outputs the image."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.func import functional_call

from nst.engine.transformation import Transformation
from nst.machine import runtime


class Canvas(Protocol):
    """Maps the optimizer's parameters (batch, n) to images, and the images' gradient to that of the parameters."""

    def into_range(self, x: Tensor) -> Tensor:
        """The parameters that the optimizer proposes, projected into the allowed range, (batch, n)."""

    def picture(self, x: Tensor, *, differentiable: bool = False) -> Tensor:
        """The images of parameters, (batch, 3, height, width). differentiable: `gradient` is called next."""

    def gradient(self, x: Tensor, picture_gradient: Tensor) -> Tensor:
        """The gradient in the parameters, (batch, n), from that in the images, (batch, 3, height, width)."""


class PixelCanvas:
    """The parameters are the pixels.

    Args:
        shape: (batch, channels, height, width); with one channel the images are gray.
        kind: the setting `pixel_range`, how pixels are kept in 0..1.
    """

    def __init__(self, shape: tuple[int, ...], kind: str):
        self.shape, self.kind = shape, kind

    def parameters(self, picture: Tensor) -> Tensor:
        """The parameters (batch, n) of images (batch, 3, height, width), made gray if there is one channel."""
        return (picture.mean(1) if self.shape[1] == 1 else picture).reshape(len(picture), -1)

    def into_range(self, x: Tensor) -> Tensor:
        """By `kind`: clamp to 0..1, or rescale images that exceed it. With `clip`, unchanged until the end."""
        if self.kind == "clamp":
            return x.clamp(0, 1)
        if self.kind == "rescale":
            low, high = x.amin(1, keepdim=True).clamp_max(0), x.amax(1, keepdim=True).clamp_min(1)
            return (x - low) / (high - low)
        return x

    def picture(self, x: Tensor, *, differentiable: bool = False) -> Tensor:
        return x.view(-1, *self.shape[1:]).expand(-1, 3, -1, -1)

    def gradient(self, x: Tensor, picture_gradient: Tensor) -> Tensor:
        if self.shape[1] == 1:
            picture_gradient = picture_gradient.sum(1)
        return picture_gradient.reshape(x.shape)


class NetworkCanvas:
    """The parameters are those of a `Transformation`, whose input is the content.

    content: (1, 3, height, width). seed: of the initial parameters.
    """

    def __init__(self, content: Tensor, seed: int):
        self.content = content
        self.network = Transformation(seed).to(content.device)
        self._last: tuple[Tensor, Tensor] | None = None

    def start(self) -> Tensor:
        """The initial parameters, (1, n)."""
        return torch.cat([p.detach().flatten() for p in self.network.parameters()])[None]

    def named_parameters(self, x: Tensor) -> dict[str, Tensor]:
        """The state dict of the `Transformation` with the parameters x (1, n)."""
        sizes = [p.numel() for p in self.network.parameters()]
        named = zip(self.network.named_parameters(), x[0].split(sizes), strict=True)
        return {name: part.view(p.shape) for (name, p), part in named}

    def into_range(self, x: Tensor) -> Tensor:
        return x

    def picture(self, x: Tensor, *, differentiable: bool = False) -> Tensor:
        x = x.detach().requires_grad_(differentiable)
        with runtime.gpu_lock(x.device), torch.set_grad_enabled(differentiable):
            output = functional_call(self.network, self.named_parameters(x), (self.content,))
        if differentiable:
            self._last = x, output
        return output.detach()

    def gradient(self, x: Tensor, picture_gradient: Tensor) -> Tensor:
        """As `Canvas.gradient`, for the last image that was `differentiable`."""
        assert self._last is not None
        parameters, output = self._last
        (gradient,) = torch.autograd.grad(output, parameters, picture_gradient)
        self._last = None
        return gradient
