"""Feature extractors: VGG and lite, truncated after the deepest layer that is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from nst.errors import NstError
from nst.kernels import available
from nst.networks import fused, winograd
from nst.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD
from nst.networks.split import SplitConv2d
from nst.settings import convolutions, stride

Convolution = nn.Conv2d | winograd.WinogradConv2d
Pooling = Literal["max", "average", "l2"]


class FeatureExtractor(nn.Module):
    """Maps images to the feature maps of named layers, with frozen weights.

    Args:
        network: vgg19, vgg16 or lite.
        state: `features.N.weight` and `features.N.bias` by torchvision's numbering; tensors beyond the deepest layer
            are ignored. For lite also `maps.LAYER`, an upper triangular matrix R: ‖R·x‖ is the norm of a feature x in
            VGG-19's channels.
        layers: names such as conv4_2. pooling: of 2×2 windows. layer_output: features after or before the ReLU.
        padding: of the image; feature maps are always padded with zeros.
    Raises:
        NstError: a tensor is missing or has another shape.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: str,
        state: dict[str, Tensor],
        layers: Iterable[str],
        *,
        pooling: Pooling = "max",
        layer_output: Literal["relu", "conv"] = "relu",
        padding: Literal["zeros", "replicate"] = "zeros",
    ):
        super().__init__()
        self.layers = frozenset(layers)
        self.pooling, self.layer_output = pooling, layer_output
        self.fused: fused.FusedNetwork | None = None
        self.steps, self.names = _truncated(network, self.layers)
        # A maximum commutes with the ReLU, which then has a quarter of the entries. Not where the layer is returned.
        pooled = {name for step, name in zip(self.steps, self.names, strict=True) if isinstance(step, nn.MaxPool2d)}
        self.relu_after_pool = pooled - self.layers if pooling == "max" else frozenset()
        self.steps.load_state_dict(self._needed(network, state, "features", self.steps.state_dict()), assign=True)
        widths = convolutions(network)
        squares = {layer: torch.empty(widths[layer], widths[layer]) for layer in self.layers}
        self.maps = self._needed(network, state, "maps", squares) if network == "lite" else {}
        if padding == "replicate":  # the image only: the weights were trained with zeros around feature maps
            first = next(self.steps.children())
            assert isinstance(first, nn.Conv2d)
            first.padding_mode = "replicate"
            first._reversed_padding_repeated_twice = [1, 1, 1, 1]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @staticmethod
    def _needed(network: str, state: dict[str, Tensor], group: str, like: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors `group.KEY` of the state for the keys of `like`, in float32. NstError where shapes differ."""
        for key, tensor in like.items():
            name = f"{group}.{key}"
            if name not in state:
                raise NstError(
                    f"the weights lack {name}; {network} needs the keys features.N.weight and features.N.bias"
                    f"{' and maps.LAYER' if network == 'lite' else ''}"
                )
            if state[name].shape != tensor.shape:
                raise NstError(
                    f"the weights' {name} has shape {tuple(state[name].shape)}; {network} needs {tuple(tensor.shape)}"
                )
        return {key: state[f"{group}.{key}"].float() for key in like}

    def convert(self, device: torch.device, dtype: torch.dtype) -> FeatureExtractor:
        """Move the network to a device and compute type, channels-last. To be called once. Returns self."""
        if dtype == torch.bfloat16:
            first = self.steps[0]
            assert isinstance(first, nn.Conv2d)
            assert not isinstance(first, SplitConv2d)
            self.steps[0] = SplitConv2d(first, dtype)
        self.steps.to(device=device, dtype=dtype, memory_format=torch.channels_last)
        self.mean, self.std = self.mean.to(device), self.std.to(device)
        self.maps = {layer: triangle.to(device) for layer, triangle in self.maps.items()}
        return self

    def optimize_for_inference(self) -> FeatureExtractor:
        """Switch to the device's fastest implementations of the layers. To be called after `convert`. Returns self."""
        first = next(self.steps.children())
        assert isinstance(first, nn.Conv2d)
        is_standard = self.pooling == "max" and self.layer_output == "relu" and first.padding_mode == "zeros"
        if is_standard and first.weight.dtype == torch.bfloat16 and available.kernels_for(first.weight.device):
            self.fused = fused.FusedNetwork(self.steps, self.names, self.layers, self.mean, self.std)
        for at, step in enumerate(self.steps):
            if isinstance(step, nn.Conv2d) and winograd.is_faster(step):
                self.steps[at] = winograd.WinogradConv2d(step)
        return self

    def project(self, layer: str, features: Tensor) -> Tensor:
        """Features in VGG-19's metric, (batch, channels, height, width): R·x for lite, unchanged for VGG."""
        if layer not in self.maps:
            return features
        return F.conv2d(features, self.maps[layer].to(features.dtype)[:, :, None, None])

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Feature maps of RGB images in 0..1.

        Args:
            pictures: (batch, 3, height, width), each side at least `smallest_side` of the layers.
        Returns:
            layer name -> (batch, channels, height / stride, width / stride) by the layer's `stride`, rounded down, in
            the network's compute type.
        """
        if self.fused is not None:
            return self.fused(pictures)
        x = (pictures - self.mean) / self.std
        kind = x.dtype if isinstance(self.steps[0], SplitConv2d) else next(self.steps.parameters()).dtype
        x = x.to(dtype=kind, memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for step, name in zip(self.steps, self.names, strict=True):
            if isinstance(step, nn.ReLU) and name in self.relu_after_pool:
                continue
            if isinstance(step, nn.ReLU):
                # Not in place where the convolution's output is returned itself.
                x = F.relu(x, inplace=not (self.layer_output == "conv" and name in self.layers))
            elif isinstance(step, nn.MaxPool2d):
                x = pool(x, self.pooling)
                x = F.relu(x, inplace=True) if name in self.relu_after_pool else x
            else:
                x = step(x)
            if name in self.layers and isinstance(step, Convolution if self.layer_output == "conv" else nn.ReLU):
                features[name] = x
        return features


def pool(x: Tensor, kind: Pooling) -> Tensor:
    """Halve height and width by 2×2 maximum, mean, or root of the mean square (l2)."""
    if kind == "max":
        return F.max_pool2d(x, 2)
    if kind == "average":
        return F.avg_pool2d(x, 2)
    return F.avg_pool2d(x * x, 2).add(1e-12).sqrt()  # 1e-12 because the root's gradient is infinite at 0


def smallest_side(layers: Iterable[str]) -> int:
    """The smallest side in px at which every layer has an entry: 16 for conv5_x."""
    return max(map(stride, layers))


def _truncated(network: str, layers: frozenset[str]) -> tuple[nn.Sequential, list[str]]:
    """The network's modules down to the deepest layer that is used, and for each the name of its convolution.

    In torchvision's order: convolutions, each with its ReLU, and a pooling after each block.
    """
    widths = convolutions(network)
    names = list(widths)
    steps: list[nn.Module] = []
    convolution_names: list[str] = []
    channels = 3
    with torch.device("meta"):  # the weights are replaced at once, so none are allocated
        for name in names[: max(names.index(layer) for layer in layers) + 1]:
            if convolution_names and name.endswith("_1"):  # the first of a block
                steps.append(nn.MaxPool2d(2))
                convolution_names.append(convolution_names[-1])
            steps += nn.Conv2d(channels, widths[name], 3, padding=1), nn.ReLU()
            convolution_names += name, name
            channels = widths[name]
    return nn.Sequential(*steps), convolution_names


def to_tensor(pixels: NDArray[np.float32], *, channels_last: bool = False) -> Tensor:
    """An image (H, W, 3) as a tensor (1, 3, H, W); in the memory format channels_last it shares the array's memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32)).permute(2, 0, 1)[None]
    return tensor if channels_last else tensor.contiguous()
