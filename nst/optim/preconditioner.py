"""The preconditioner of L-BFGS: it smooths the gradient of the pixels."""

from __future__ import annotations

import math

import torch
from scipy import fft
from torch import Tensor

from nst.machine import runtime

#: Power of the spatial frequency that smoothing divides by. 0 would be the gradient itself, 2 an inverse Laplacian (the
#: Sobolev gradient). The losses fall fastest at this value; 0.5 to 1 are about as good.
POWER = 0.7
#: In cycles per pixel: the gain of all waves longer than 1/FLOOR is about the same.
FLOOR = 0.005


class Smoothing:
    """The symmetric positive definite map that divides each spatial frequency f of an image by |f|^POWER.

    The gradient of the losses consists mostly of high frequencies and changes low ones slowly. Dividing by a power of
    the frequency lets both change at a similar speed. The frequencies are those of the orthonormal DCT-II: its mirrored
    edges keep opposite sides of an image apart. A CPU computes the fast transform, a GPU matrix products in TF32, so
    there the map is linear and symmetric up to 11 bits.

    shape: (batch, channels, height, width) of the images. differentiable: whether autograd must follow the map.
    """

    def __init__(self, shape: tuple[int, ...], device: torch.device, *, differentiable: bool = False):
        self.shape = shape
        f_rows, f_columns = (torch.arange(side) / (2 * side) for side in shape[2:])
        gain = (f_rows[:, None] ** 2 + f_columns**2 + FLOOR**2) ** (-POWER / 2)
        self.gain = (gain / gain.mean()).to(device)
        by_matrices = differentiable or device.type != "cpu"
        self._cosines = [_cosines(side).to(device) for side in shape[2:]] if by_matrices else []

    def __call__(self, x: Tensor) -> Tensor:
        """P·x for x (batch, n), float32."""
        pictures = x.view(self.shape)
        smoothed = _by_matrices(pictures, self.gain, *self._cosines) if self._cosines else _by_fft(pictures, self.gain)
        return smoothed.reshape(x.shape)


def _by_fft(pictures: Tensor, gain: Tensor) -> Tensor:
    along, workers = (2, 3), torch.get_num_threads()
    waves = fft.dctn(pictures.numpy(), axes=along, norm="ortho", workers=workers)
    waves *= gain.numpy()
    return torch.from_numpy(fft.idctn(waves, axes=along, norm="ortho", workers=workers, overwrite_x=True))


def _by_matrices(pictures: Tensor, gain: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    with runtime.tf32_products(pictures.device):
        waves = rows @ pictures @ columns.mT
        return rows.mT @ (waves * gain) @ columns


def _cosines(side: int) -> Tensor:
    """The matrix of the orthonormal DCT-II, (frequencies, positions) = (side, side), float32."""
    index = torch.arange(side, dtype=torch.float64)
    waves = torch.cos(index[:, None] * (index + 0.5) * math.pi / side)
    waves[0] /= math.sqrt(2)
    return (waves * math.sqrt(2 / side)).float()
