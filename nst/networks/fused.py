"""A network on an NVIDIA GPU, with each convolution, bias and ReLU fused into one operation, forward and backward.

Apart from large matrix products, memory bandwidth is the limit: the time depends on how often a feature map is read and
written. cuDNN adds the bias and applies the ReLU while it writes a convolution's result. `nst.kernels` has the first
convolution, the pooling and the backward passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nst.networks.split import SplitConv2d


class FusedNetwork:
    """Computes the feature maps of a `FeatureExtractor` in bf16, on a GPU with Triton kernels.

    Args:
        steps: its modules: `SplitConv2d` first, then convolutions, ReLUs and maximum pools.
        names: the layer of each module. layers: the layers to return, after the ReLU.
        mean, std: (1, 3, 1, 1), of the normalization of the images.
    """

    def __init__(
        self, steps: Iterable[nn.Module], names: Iterable[str], layers: frozenset[str], mean: Tensor, std: Tensor
    ):
        self.stages: list[_Stage] = []
        for step, name in zip(steps, names, strict=True):
            if isinstance(step, nn.Conv2d):
                self.stages.append(_ConvReLU(step) if self.stages else _FirstConv(step, mean, std))
                self.stages[-1].layer = name if name in layers else None
            elif isinstance(step, nn.MaxPool2d):
                before = self.stages[-1]
                before.is_masked = before.layer is None
                self.stages.append(_Pool())

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """As `FeatureExtractor.forward`."""
        x, features = pictures, {}
        for stage in self.stages:
            x, result = stage(x)
            if stage.layer is not None:
                features[stage.layer] = result
        return features


class _Stage(ABC):
    """Maps x to its feature map, returned twice: for the next stage and for the losses.

    As two results of one function, both gradients reach its backward pass, which adds them.
    """

    layer: str | None = None  # the layer whose feature map is returned; None: no loss uses it
    is_masked = False  # whether the gradient is 0 already wherever the feature map is 0

    @abstractmethod
    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]: ...


class _ConvReLU(_Stage):
    def __init__(self, step: nn.Conv2d):
        assert step.bias is not None
        self.weight, self.bias = step.weight.detach(), step.bias.detach()
        # The gradient in x is the gradient in y, convolved with this. It is no slower and need not store x.
        self.flipped = self.weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _ConvReLUFunction.apply(x, self)  # type: ignore[no-any-return, no-untyped-call]


class _ConvReLUFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stage: _ConvReLU) -> tuple[Tensor, Tensor]:
        y = _conv_relu(x, stage.weight, stage.bias)
        ctx.stage = stage
        ctx.save_for_backward(*([] if stage.is_masked else [y]))
        ctx.set_materialize_grads(False)
        return y, y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None]:
        gradients = _channels_last(grads)
        gradient = gradients[0] if ctx.stage.is_masked else _kernels().relu_backward(ctx.saved_tensors[0], *gradients)
        return F.conv2d(gradient, ctx.stage.flipped, padding=1), None


class _Pool(_Stage):
    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled = _PoolFunction.apply(x)  # type: ignore[no-untyped-call]
        return pooled, pooled


class _PoolFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out, code = _kernels().max_pool(x)
        ctx.save_for_backward(code)
        ctx.side = x.shape[2:]
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _kernels().max_pool_backward(*_channels_last(grads), ctx.saved_tensors[0], *ctx.side)


class _FirstConv(_Stage):
    """The normalization of the image and the first convolution."""

    def __init__(self, step: nn.Conv2d, mean: Tensor, std: Tensor):
        assert isinstance(step, SplitConv2d)
        assert step.bias is not None
        high, _, low = step.weight.detach().permute(1, 2, 3, 0).flatten(0, 2).chunk(3)
        self.high, self.low = (F.pad(rows, (0, 0, 0, 32 - len(rows))).contiguous() for rows in (high, low))
        self.transposed, self.bias = self.high.T.contiguous(), step.bias.detach()
        self.mean, self.std = mean.flatten(), std.flatten()

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _FirstConvFunction.apply(x, self)  # type: ignore[no-any-return, no-untyped-call]


class _FirstConvFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pictures: Tensor, stage: _FirstConv) -> tuple[Tensor, Tensor]:
        y = _kernels().first_conv(pictures.contiguous(), stage.high, stage.low, stage.bias, stage.mean, stage.std)
        ctx.stage = stage
        ctx.save_for_backward(y)
        ctx.set_materialize_grads(False)
        return y, y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None]:
        stage, gradients = ctx.stage, _channels_last(grads)
        return _kernels().first_conv_backward(ctx.saved_tensors[0], stage.transposed, stage.std, *gradients), None


def _conv_relu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if not x.is_cuda or torch.are_deterministic_algorithms_enabled():  # cuDNN's choice below varies
        return F.relu(F.conv2d(x, weight, bias, padding=1))
    ones = [1, 1]  # stride, padding, dilation
    return torch.cudnn_convolution_relu(x, weight, bias, ones, ones, ones, 1)


def _channels_last(grads: Iterable[Tensor | None]) -> list[Tensor]:
    """The gradients that are not None, channels-last in memory."""
    return [grad.contiguous(memory_format=torch.channels_last) for grad in grads if grad is not None]


def _kernels() -> Any:
    from nst.kernels import gpu as kernels

    return kernels
