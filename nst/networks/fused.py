"""A network's convolutions on an NVIDIA GPU: each with its bias and ReLU in one pass, forth and back.

Away from large matrix products a GPU waits for its memory, so what counts is how often a feature map is read and
written. cuDNN adds the bias and applies the ReLU as it writes a convolution's result; `nst.kernels` does the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nst.kernels import available
from nst.networks.split import SplitConv2d


def able(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether feature maps of a type are computed here on a device."""
    return dtype == torch.bfloat16 and available.kernels_for(device) is not None


class FusedNetwork:
    """The feature maps of a `FeatureExtractor`, layer for layer.

    Args:
        steps: its convolutions, the first one split, ReLUs and maximum pools, on a GPU in bf16. names: the layer of
            each of these. layers: whose feature maps, after the ReLU, are wanted.
        mean, std: (1, 3, 1, 1), what the picture is freed of.
    """

    def __init__(
        self, steps: Iterable[nn.Module], names: Iterable[str], layers: frozenset[str], mean: Tensor, std: Tensor
    ):
        self.stages: list[_Stage] = []
        for step, name in zip(steps, names, strict=True):
            if isinstance(step, nn.Conv2d):
                self.stages.append(_ConvReLU(step) if self.stages else _First(step, mean, std))
                self.stages[-1].tap = name if name in layers else None
            elif isinstance(step, nn.MaxPool2d):
                before = self.stages[-1]
                before.gated = before.tap is None
                self.stages.append(_Pool())

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """As `FeatureExtractor.forward`."""
        x, taps = pictures, {}
        for stage in self.stages:
            x, tapped = stage(x)
            if stage.tap is not None:
                taps[stage.tap] = tapped
        return taps


class _Stage(ABC):
    """Maps x to the feature map, twice: what the next stage gets, and the layer's, whose gradients meet here again."""

    tap: str | None = None
    gated = False
    """Whether gradients arrive with zeros where the feature map is 0."""

    @abstractmethod
    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]: ...


class _ConvReLU(_Stage):
    def __init__(self, step: nn.Conv2d):
        assert step.bias is not None
        self.weight, self.bias = step.weight.detach(), step.bias.detach()
        # The gradient in x is the convolution of that in y with this; so it is no slower, and keeps nothing of x.
        self.turned = self.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _ConvReLUFunction.apply(x, self)  # type: ignore[no-any-return, no-untyped-call]


class _ConvReLUFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stage: _ConvReLU) -> tuple[Tensor, Tensor]:
        y = _conv_relu(x, stage.weight, stage.bias)
        ctx.stage = stage
        ctx.save_for_backward(*([] if stage.gated else [y]))
        ctx.set_materialize_grads(False)
        return y, y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None]:
        slopes = _laid(grads)
        slope = slopes[0] if ctx.stage.gated else _kernels().gate(ctx.saved_tensors[0], *slopes)
        return F.conv2d(slope, ctx.stage.turned, padding=1), None


class _Pool(_Stage):
    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled = _PoolFunction.apply(x)  # type: ignore[no-untyped-call]
        return pooled, pooled


class _PoolFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out, code = _kernels().pool(x)
        ctx.save_for_backward(code)
        ctx.side = x.shape[2:]
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _kernels().spread(*_laid(grads), ctx.saved_tensors[0], *ctx.side)


class _First(_Stage):
    """The convolution of the picture itself, which is freed of mean and standard deviation on the way."""

    def __init__(self, step: nn.Conv2d, mean: Tensor, std: Tensor):
        assert isinstance(step, SplitConv2d)
        assert step.bias is not None
        high, _, low = step.weight.detach().permute(1, 2, 3, 0).flatten(0, 2).chunk(3)
        self.high, self.low = (F.pad(rows, (0, 0, 0, 32 - len(rows))).contiguous() for rows in (high, low))
        self.turned, self.bias = self.high.T.contiguous(), step.bias.detach()
        self.mean, self.std = mean.flatten(), std.flatten()

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _FirstFunction.apply(x, self)  # type: ignore[no-any-return, no-untyped-call]


class _FirstFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pictures: Tensor, stage: _First) -> tuple[Tensor, Tensor]:
        y = _kernels().enter(pictures.contiguous(), stage.high, stage.low, stage.bias, stage.mean, stage.std)
        ctx.stage = stage
        ctx.save_for_backward(y)
        ctx.set_materialize_grads(False)
        return y, y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None]:
        return _kernels().leave(ctx.saved_tensors[0], ctx.stage.turned, ctx.stage.std, *_laid(grads)), None


def _conv_relu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if not x.is_cuda or torch.are_deterministic_algorithms_enabled():  # the other remembers what was fastest before
        return F.relu(F.conv2d(x, weight, bias, padding=1))
    one = [1, 1]
    return torch.cudnn_convolution_relu(x, weight, bias, one, one, one, 1)


def _laid(grads: Iterable[Tensor | None]) -> list[Tensor]:
    """The gradients that there are, as kernels want them in memory."""
    return [grad.contiguous(memory_format=torch.channels_last) for grad in grads if grad is not None]


def _kernels() -> Any:
    from nst.kernels import gpu as kernels

    return kernels
