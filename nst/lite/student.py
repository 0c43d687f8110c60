"""The network in training, and its parameters in the form of an exported file."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nst.settings import convolutions


class Student(nn.Module):
    """lite with its kernels as matrices, which Muon needs, and at each tap a linear map to the teacher's channels.

    Args:
        channels: of the teacher at each tap.
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
        """Normalized pictures (batch, 3, h, w) to the features at each tap, in the pictures' type."""
        x, taps, block = pictures, {}, "1"
        for name, kernel, bias in zip(convolutions("lite"), self.kernels, self.biases, strict=True):
            if name[4] != block:
                x, block = F.max_pool2d(x, 2), name[4]
            weight = kernel.view(len(bias), -1, 3, 3).to(x.dtype, memory_format=torch.channels_last)
            x = F.relu(F.conv2d(x, weight, bias.to(x.dtype), padding=1))
            if name in self.maps:
                taps[name] = x
        return taps

    def load_kernels(self, state: dict[str, Tensor]) -> None:
        """Take kernels and biases from an exported state dict of the same widths."""
        with torch.no_grad():
            for i, prefix in enumerate(prefixes().values()):
                self.kernels[i].copy_(state[f"{prefix}.weight"].flatten(1))
                self.biases[i].copy_(state[f"{prefix}.bias"])


def prefixes() -> dict[str, str]:
    """The keys' prefix of each convolution by torchvision's numbering: `features.N`."""
    found, number, block = {}, 0, "1"
    for name in convolutions("lite"):
        if name[4] != block:
            number, block = number + 1, name[4]  # the pooling
        found[name] = f"features.{number}"
        number += 2  # the convolution and its ReLU
    return found


def exported(parameters: dict[str, Tensor], scales: dict[str, float]) -> dict[str, Tensor]:
    """The student's parameters as `FeatureExtractor` takes them: torchvision's keys, and a triangle per map.

    Only lengths matter to the losses, and ‖Mx‖ = ‖Rx‖ where M = QR. The maps give features divided by the scales.
    """
    state = {}
    for i, (name, prefix) in enumerate(prefixes().items()):
        bias = parameters[f"biases.{i}"]
        state[f"{prefix}.weight"] = parameters[f"kernels.{i}"].view(len(bias), -1, 3, 3)
        state[f"{prefix}.bias"] = bias
        if f"maps.{name}" in parameters:
            state[f"maps.{name}"] = scales[name] * torch.linalg.qr(parameters[f"maps.{name}"], mode="r").R
    return {key: value.detach().clone().contiguous() for key, value in state.items()}
