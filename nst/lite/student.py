"""The network in training, and the export of its parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nst.settings import convolutions, stride


class Student(nn.Module):
    """lite with its kernels as matrices, as Muon requires, and for each layer a linear map to the teacher's channels.

    channels: the teacher's channels by layer. generator: of the initial values.
    """

    def __init__(self, channels: dict[str, int], generator: torch.Generator):
        super().__init__()
        self.kernels, self.biases, self.maps = nn.ParameterList(), nn.ParameterList(), nn.ParameterDict()
        before = 3
        for name, width in convolutions("lite").items():
            kernel = torch.randn(width, 9 * before, generator=generator) * (2 / (9 * before)) ** 0.5  # He et al. 2015
            self.kernels.append(kernel)
            self.biases.append(torch.zeros(width))
            if name in channels:
                self.maps[name] = torch.randn(channels[name], width, generator=generator) * 0.1 / width**0.5
            before = width

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Features by layer, (batch, N, h / stride, w / stride), of normalized images (batch, 3, h, w)."""
        x, features, step = pictures, {}, 1
        for name, kernel, bias in zip(convolutions("lite"), self.kernels, self.biases, strict=True):
            if stride(name) != step:
                x, step = F.max_pool2d(x, 2), stride(name)
            weight = kernel.view(len(bias), -1, 3, 3).to(x.dtype, memory_format=torch.channels_last)
            x = F.relu(F.conv2d(x, weight, bias.to(x.dtype), padding=1))
            if name in self.maps:
                features[name] = x
        return features

    def load_kernels(self, state: dict[str, Tensor]) -> None:
        """Copy kernels and biases from an exported state dict of the same widths."""
        with torch.no_grad():
            for i, prefix in enumerate(prefixes().values()):
                self.kernels[i].copy_(state[f"{prefix}.weight"].flatten(1))
                self.biases[i].copy_(state[f"{prefix}.bias"])


def prefixes() -> dict[str, str]:
    """The prefix of each convolution's keys by torchvision's numbering: `features.N`."""
    keys, number, step = {}, 0, 1
    for name in convolutions("lite"):
        if stride(name) != step:
            number, step = number + 1, stride(name)  # the pooling
        keys[name] = f"features.{number}"
        number += 2  # the convolution and its ReLU
    return keys


def exported(parameters: dict[str, Tensor], scales: dict[str, float]) -> dict[str, Tensor]:
    """The state dict of a `FeatureExtractor`: torchvision's keys, and for each map M the matrix R of M = QR.

    The losses depend on norms only, and ‖Mx‖ = ‖Rx‖. Student maps lead to features divided by the scales, so R is
    multiplied by them.
    """
    state = {}
    for i, (name, prefix) in enumerate(prefixes().items()):
        bias = parameters[f"biases.{i}"]
        state[f"{prefix}.weight"] = parameters[f"kernels.{i}"].view(len(bias), -1, 3, 3)
        state[f"{prefix}.bias"] = bias
        if f"maps.{name}" in parameters:
            state[f"maps.{name}"] = scales[name] * torch.linalg.qr(parameters[f"maps.{name}"], mode="r").R
    return {key: value.detach().clone().contiguous() for key, value in state.items()}
