"""What `nst --version` and `nst doctor` print. Does not import torch, which takes seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata

from nst.errors import NstError
from nst.io import weight_files
from nst.machine import gpus
from nst.version import __version__


def lines() -> Iterator[str]:
    """The versions of nst and torch, the device, and the weights of each network."""
    yield f"nst      {__version__}"
    yield f"torch    {version('torch') or 'not installed'}"
    found = len(gpus.available())
    several = "s" * (found > 1)
    yield f"device   {f'cuda, {found} NVIDIA GPU{several}' if found else f'cpu, {os.cpu_count()} cores'}"
    for network in dict.fromkeys(("vgg19", *weight_files.TORCHVISION, *weight_files.EMBEDDED)):
        yield f"{network:<8} {weights(network)}"


def weights(network: str) -> str:
    """The path of a network's weights, or how to get them."""
    try:
        path = weight_files.find(network)
    except NstError as error:
        return str(error)
    return f"weights {path}" if path.is_file() else f"no weights; `nst weights {network}` downloads them"


def version(package: str) -> str:
    """The version of an installed package; '' if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
