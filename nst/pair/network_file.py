"""Files of networks trained by `parameters: network`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nst.engine.transformation import Transformation
from nst.errors import NstError
from nst.io.files import is_file, replacing


def save(parameters: Mapping[str, Tensor], path: Path) -> None:
    """Write the parameters of a trained network, for `load`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in parameters.items()}, temporary)


def load(path: str | Path) -> Transformation:
    """Read a trained network. Raises NstError for any other file."""
    network = Transformation()
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError):
        what = "is not a network trained by `parameters: network`" if is_file(path) else "there is no such file"
        raise NstError(f"{path}: {what}; give the snapshots/network.safetensors of a pair") from None
    return network.requires_grad_(False)
